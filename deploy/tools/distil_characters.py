"""Distil MJ, 住基, the degradation map and the IVD from the pinned package @mandel59/mojidata into schemas/characters.

``npm pack @mandel59/mojidata@1.8.1`` gives the archive; ``python deploy/tools/distil_characters.py ARCHIVE.tgz`` checks
its SHA-256 and writes the files anew, byte for byte the same each time, with their manifest.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import lzma
import sqlite3
import sys
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent.parent / "schemas" / "characters"
PACKAGE = "@mandel59/mojidata@1.8.1"
SHA256 = "d51b41cc0164211090757eb2f5e74cd343a1cae82061b14082c4f436891b87b4"
MJ_SOURCE = "MJ文字情報一覧表 006.02, MJ文字情報一覧表 変体仮名編 002.01, MJ縮退マップ 1.2.0"
LICENCES = {"mj.json.xz": "mj", "mj_readings.json.xz": "mj", "mj_degrade.json.xz": "mj", "juki.json.xz": "mj",
            "by_name_only.csv": "mj"}  # fmt: skip
TABLES = (
    "JIS包摂規準UCS統合規則",
    "法務省告示582号別表第四_一",
    "法務省告示582号別表第四_二",
    "戸籍統一文字情報_親字正字",
    "民一2842号通達別表_誤字俗字正字一覧表_無印",
    "民一2842号通達別表_誤字俗字正字一覧表_俗字",
    "民一2842号通達別表_誤字俗字正字一覧表_別字",
    "民二5202号通知別表_正字俗字等対照表",
    "読み字形による類推",
    "辞書類等による関連字",
)


def shown(value: object) -> str:
    """A cell as text."""
    return "" if value is None else str(value)


def plane_row_cell(text: str) -> str:
    """The JIS X 0213:2004 place of a character as ``1-16-02``, by the standard library."""
    raw = text.encode("euc_jis_2004")
    plane = 2 if raw[0] == 0x8F else 1
    return f"{plane}-{raw[-2] - 0xA0:02d}-{raw[-1] - 0xA0:02d}"


def write(name: str, columns: dict[str, Iterable[str]]) -> None:
    """One file: column name to its values joined by line feeds."""
    text = json.dumps({key: "\n".join(values) for key, values in columns.items()}, ensure_ascii=False)
    raw = lzma.compress(text.encode(), format=lzma.FORMAT_XZ, preset=9 | lzma.PRESET_EXTREME)
    (HERE / name).write_bytes(raw)


def glyphs(database: sqlite3.Connection) -> Sequence[sqlite3.Row]:
    """The rows of the MJ list in order of their names."""
    return database.execute('SELECT * FROM mji ORDER BY "MJ文字図形名"').fetchall()


def mj(database: sqlite3.Connection) -> None:
    """mj.json.xz: the list.

    A selector alone in ``ivs`` stands on ``ucs``, ``=`` in ``impl`` repeats ``ucs`` and in ``toki`` 00 + ``koseki``.
    """
    rows = glyphs(database)
    radicals = defaultdict(list)
    for name, radical, strokes in database.execute("SELECT * FROM mji_rsindex ORDER BY 1, 2, 3"):
        radicals[name].append(f"{radical}.{strokes}")

    def column(name: str) -> list[str]:
        return [shown(row[name]) for row in rows]

    hentaigana = database.execute("SELECT * FROM mjih ORDER BY 1").fetchall()
    sounds = defaultdict(list)
    for name, sound in database.execute("SELECT MJ文字図形名, 音価 FROM mjih_phonetic ORDER BY rowid"):
        sounds[name].append(sound)
    write(
        "mj.json.xz",
        {
            "mj": [name[2:] for name in column("MJ文字図形名")],
            "ucs": column("対応するUCS"),
            "impl": [
                "=" if r["実装したUCS"] and r["実装したUCS"] == r["対応するUCS"] else shown(r["実装したUCS"])
                for r in rows
            ],
            "ivs": [
                ivs[1:] if ivs and ivs[0] == ucs else ivs
                for ivs, ucs in zip(column("実装したMoji_JohoコレクションIVS"), column("対応するUCS"), strict=True)
            ],
            "svs": column("実装したSVS"),
            "koseki": column("戸籍統一文字番号"),
            "juki": [code[2:] for code in column("住基ネット統一文字コード")],
            "toki": [
                "=" if toki and toki == f"00{koseki}" else toki
                for toki, koseki in zip(column("登記統一文字番号"), column("戸籍統一文字番号"), strict=True)
            ],
            "x0213": column("X0213"),
            "hosetsu_renban": column("X0213_包摂連番"),
            "hosetsu_kubun": column("X0213_包摂区分"),
            "x0212": column("X0212"),
            "kakusu": column("総画数"),
            "bushu": ["/".join(radicals[row[0]]) for row in rows],
            "daikanwa": column("大漢和"),
            "gokan": column("対応する互換漢字"),
            "hentaigana": [
                "\t".join(
                    (r[0][2:], shown(r["文字"]), shown(r["戸籍統一文字番号"]), shown(r["字母"]), "/".join(sounds[r[0]]))
                )
                for r in hentaigana
            ],
            "futatsu_no_ivs": [
                "\t".join((name[2:], ivs))
                for name, ivs in database.execute("SELECT * FROM mji_duplicated_ivs ORDER BY 1")
            ],
        },
    )


def readings(database: sqlite3.Connection) -> None:
    """mj_readings.json.xz: readings by MJ number, joined by slashes."""
    found = defaultdict(list)
    for name, reading in database.execute("SELECT * FROM mji_reading ORDER BY rowid"):
        found[name].append(reading)
    names = sorted(found)
    write(
        "mj_readings.json.xz", {"mj": [name[2:] for name in names], "yomi": ["/".join(found[name]) for name in names]}
    )


def degrade(database: sqlite3.Connection) -> None:
    """mj_degrade.json.xz: the map, one row per source table; ``x0213`` only where it is not that of the character."""
    rows = []
    for table in TABLES:
        where = f'"mjsm_{table}"'
        extra = next(
            (n for n in ("順位", "ホップ数") if n in {d[1] for d in database.execute(f"PRAGMA table_info({where})")}),
            "",
        )
        select = f'SELECT "MJ文字図形名", "縮退UCS", "縮退X0213", {extra or "NULL"} FROM {where} ORDER BY 1, 4, 3'
        rows += [(str(TABLES.index(table)), *map(shown, row)) for row in database.execute(select)]
    write(
        "mj_degrade.json.xz",
        {
            "tables": TABLES,
            "table": [row[0] for row in rows],
            "mj": [row[1][2:] for row in rows],
            "ucs": [row[2] for row in rows],
            "x0213": ["" if plane_row_cell(row[2]) == row[3] else row[3] for row in rows],
            "rank": [row[4] for row in rows],
        },
    )


def juki(database: sqlite3.Connection) -> None:
    """juki.json.xz: 住基ネット統一文字 codes and the one sequence that stands for each."""
    carried: dict[str, str] = {}
    rows = [row for row in glyphs(database) if row["住基ネット統一文字コード"]]
    for row in rows:
        sequence = row["実装したUCS"] or row["実装したMoji_JohoコレクションIVS"]
        if not sequence:
            raise SystemExit(f"{row[0]}: no carrier")
        carried[row["住基ネット統一文字コード"][2:]] = sequence
    if len(set(carried.values())) != len(carried) or len(carried) != len(rows):
        raise SystemExit("two 住基 codes with one sequence")
    write("juki.json.xz", {"juki": sorted(carried), "text": [carried[code] for code in sorted(carried)]})


def by_name_only(database: sqlite3.Connection) -> None:
    """by_name_only.csv: the glyphs without sequence. A stand-in that was assigned once stays; new ones come behind."""
    path = HERE / "by_name_only.csv"
    known: dict[str, str] = {}
    if path.exists():
        with path.open(encoding="utf-8", newline="") as stream:
            known = {row["mj"]: row["stand_in"] for row in csv.DictReader(stream)}
    following = max((int(code, 16) for code in known.values()), default=0x10FEFF) + 1
    lines = ["mj,stand_in,ucs,koseki,kakusu"]
    for row in glyphs(database):
        if row["実装したUCS"] or row["実装したMoji_JohoコレクションIVS"]:
            continue
        name, ucs = row["MJ文字図形名"], shown(row["対応するUCS"])
        if name not in known:
            known[name], following = f"{following:06X}", following + 1
        point = f"U+{ord(ucs):04X}" if ucs else ""
        lines.append(f"{name},{known[name]},{point},{shown(row['戸籍統一文字番号'])},{shown(row['総画数'])}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def ivd(database: sqlite3.Connection) -> None:
    """ivd.json.xz: every registered pair of the IVD: selector to its bases."""
    bases = defaultdict(set)
    for (sequence,) in database.execute("SELECT DISTINCT IVS FROM ivs"):
        bases[sequence[1]].add(sequence[0])
    selectors = sorted(bases)
    write("ivd.json.xz", {"selector": selectors, "bases": ["".join(sorted(bases[one])) for one in selectors]})


def manifest() -> None:
    """manifest.csv: every data file with its digest, licence and origin."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("path", "sha256", "licence", "origin"))
    for path in sorted(HERE.iterdir()):
        if path.name == "manifest.csv":
            continue
        origin, licence = "ours", "Apache-2.0"
        if path.name in LICENCES:
            origin, licence = f"{MJ_SOURCE}, modified, through npm {PACKAGE}", "CC-BY-SA-2.1-JP"
        elif path.name == "ivd.json.xz":
            origin, licence = f"IVD 2022-09-13, rearranged, through npm {PACKAGE}", "Unicode-3.0"
        elif path.name == "ibm.json.xz":
            origin, licence = "converters of ICU 72.1, rearranged", "Unicode-3.0"
        writer.writerow((path.name, hashlib.sha256(path.read_bytes()).hexdigest(), licence, origin))
    (HERE / "manifest.csv").write_text(out.getvalue(), encoding="utf-8")


def main() -> None:
    """Check the archive and write everything."""
    if len(sys.argv) > 1:
        archive = Path(sys.argv[1])
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        if digest != SHA256:
            raise SystemExit(f"{archive.name}: SHA-256 {digest}, expected {SHA256}")
        with tempfile.TemporaryDirectory() as folder, tarfile.open(archive) as packed:
            packed.extract("package/dist/moji.db", folder, filter="data")
            database = sqlite3.connect(Path(folder) / "package/dist/moji.db")
            database.row_factory = sqlite3.Row
            for step in (mj, by_name_only, readings, degrade, juki, ivd):
                step(database)
            database.close()
    manifest()
    print(sum(path.stat().st_size for path in HERE.glob("*.xz")), "bytes")


main()
