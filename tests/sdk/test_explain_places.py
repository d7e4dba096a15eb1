"""``adapter explain``: every byte of a file leads to its items, also where columns repeat and records have kinds."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from adapters.characters.register import EMPTY
from adapters.cli import explain as lineage
from adapters.suite.subject import VENDORS, load_pair
from bus.cli import run
from schemas.catalog import load_edition

pytestmark = pytest.mark.slow
INTERFACES = VENDORS / "c" / "interfaces"
NOTICES = INTERFACES / "samples" / "kokuho.chotei.csv"
HOST = VENDORS / "a" / "interfaces" / "samples" / "kokuho.chotei.dat"
REPEATED = ("CHOTEIGAKU", "NOUKIGEN")
TIMES = 3


@pytest.fixture
def explain(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command with --json; its exit code and document."""

    def do(*arguments: object) -> tuple[int, Any]:
        code = run(["adapter", "explain", *map(str, arguments), "--json"])
        out = capsys.readouterr().out
        return code, json.loads(out) if out else None

    return do


def sources_of(document: Any) -> list[dict[str, Any]]:
    """Every vendor item that a document shows."""
    return [one for record in document["records"] for row in record["items"] for one in row["sources"]]


def test_each_byte_of_a_file_of_several_kinds_leads_to_its_item_or_its_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is shown as raw is what stands there."""
    data = NOTICES.read_bytes()
    pair = load_pair(INTERFACES / "mapping" / "kokuho.chotei.csv.toml", load_edition())
    assert pair is not None
    kinds: set[str] = set()
    for byte in range(0, len(data), 3):
        assert lineage.run(NOTICES, 0, "", pair, EMPTY, byte=byte, json=True) == 0
        document = json.loads(capsys.readouterr().out)
        for one in sources_of(document):
            assert data[one["byte"] : one["byte"] + one["bytes"]].hex(" ").upper() == one["raw"]
            assert data[one["byte"] : one["byte"] + one["bytes"]].decode("cp932") == one["value"]
        here = [one for one in sources_of(document) if one["byte"] <= byte < one["byte"] + one["bytes"]]
        if "structure" in document:
            found = document["structure"]
            assert found["byte"] <= byte < found["byte"] + found["bytes"]
            kinds.add(found["role"])
        else:
            assert here or document["records"][0]["blank"]
            kinds.add("item")
    assert kinds == {"header", "parent", "detail", "trailer", "item"}


def test_a_byte_of_a_notice_is_shown_for_every_instalment(explain: Any) -> None:
    """The last notice has two: both records name the same place in the file, their rule and where the item is from."""
    data = NOTICES.read_bytes()
    byte = data.rindex(b"\r\nT,") + len(b"\r\nT,")
    _, document = explain(NOTICES, "--byte", byte, "--adapter", "c/interfaces")
    assert [one["origin"]["record"] for one in document["records"]] == [3, 4]
    for record in document["records"]:
        (row,) = record["items"]
        assert (row["item"], row["record"]) == ("shikuchosonkodo", record["origin"]["record"])
        assert (row["sources"][0]["byte"], row["sources"][0]["raw"]) == (byte, "39 39 30 30 31 39")
        line = (INTERFACES / row["rule"]["file"]).read_text("utf-8").splitlines()[row["rule"]["line"] - 1]
        assert line.startswith("SHIKUCHOSONKODO,")
        assert row["provenance"]


def test_rules_of_the_toml_and_of_the_table_are_told_apart(explain: Any) -> None:
    """The line is in the file that is named, whether one line of CSV or a block of TOML."""
    _, document = explain(NOTICES, "--record", 2, "--adapter", "c/interfaces")
    for row in document["items"]:
        lines = (INTERFACES / row["rule"]["file"]).read_text("utf-8").splitlines()
        line = lines[row["rule"]["line"] - 1]
        names = {row["item"], *(one["item"] for one in row["sources"])}
        if row["rule"]["file"].endswith(".csv"):
            assert set(line.split(",")[0].split("+")) <= names
        else:
            assert line == "[[item]]"
            assert any(name in "".join(lines[row["rule"]["line"] :][:3]) for name in names)
    assert {Path(row["rule"]["file"]).suffix for row in document["items"]} == {".csv", ".toml"}


@pytest.fixture
def in_columns(tmp_path: Path) -> tuple[Path, Path]:
    """C社's notices with three instalments as columns of one line: a definition, and a file of two lines."""
    folder = Path(shutil.copytree(INTERFACES, tmp_path / "own", ignore=shutil.ignore_patterns("samples", "wsdl")))
    table = list(csv.DictReader((folder / "items" / "kokuho.chotei.csv").read_text("utf-8").splitlines()))
    names = [one["vendor"] for one in table if one["vendor"] not in {*REPEATED, "KIBETSU"}]
    columns = [*names, *(f"{name}{number}" for number in range(1, TIMES + 1) for name in REPEATED)]
    types = {one["vendor"]: one["type"] for one in table}
    items = ", ".join(f'"{name}" = "{name}{{n}}"' for name in REPEATED)
    text = '[layout]\nid = "t.columns"\nkind = "delimited"\nencoding = "cp932"\nline_end = "crlf"\n\n'
    text += f'[group]\ntimes = {TIMES}\nnumber = "KIBETSU"\nitems = {{ {items} }}\nkey = ["ATENABANGO"]\n\n'
    text += "\n".join(f'[[field]]\nname = "{one}"\ntype = "{types.get(one, "X")}"\n' for one in columns)
    (folder / "layout" / "kokuho.chotei.csv.toml").write_text(text, "utf-8")
    plain = {"SHIKUCHOSONKODO": "990019", "ATENABANGO": "000000000000019", "RIREKIBANGO": "1", "ZEIMOKU": "K08"}
    plain |= {"KAZEINENDO": "2026", "SOTONENDO": "2026", "TSUCHISHOBANGO": "9J4", "CHOTEIGAKU_ZOGEN": "増"}
    plain |= {"CHOTEI_JIYU": "K01", "CHOSHU_HOHO": "K1", "CHOTEI_NENGAPPI": "R08.04.01", "KOSEI_RIYU": "架空の理由"}
    due = ("R08.06.30", "", "R08.10.31")
    amounts = ("300", "", "45")
    row = plain | {f"NOUKIGEN{at}": day for at, day in enumerate(due, 1)}
    row |= {f"CHOTEIGAKU{at}": text for at, text in enumerate(amounts, 1)}
    file = tmp_path / "columns.csv"
    file.write_bytes("".join(",".join(row.get(one, "") for one in columns) + "\r\n" for _ in range(2)).encode("cp932"))
    return folder, file


def test_repeated_columns_are_shown_with_their_own_bytes(explain: Any, in_columns: tuple[Path, Path]) -> None:
    """The second record is the third column's: its own bytes; what all share has the same place in each."""
    folder, file = in_columns
    data = file.read_bytes()
    _, document = explain(file, "--record", 2, "--folder", folder, "--mapping", "kokuho.chotei.csv")
    rows = {row["item"]: row for row in document["items"]}
    (due,) = rows["noukigen"]["sources"]
    assert (due["column"], due["value"], due["byte"]) == ("NOUKIGEN3", "R08.10.31", data.index(b"R08.10.31"))
    assert due["raw"] == b"R08.10.31".hex(" ").upper()
    (number,) = rows["kibetsu"]["sources"]
    assert (number["column"], number["value"], number["bytes"]) == ("3 / 3", "3", 0)
    _, shared = explain(file, "--byte", data.index(b"9J4"), "--folder", folder, "--mapping", "kokuho.chotei.csv")
    assert [one["origin"]["record"] for one in shared["records"]] == [1, 2]
    _, own = explain(file, "--byte", data.index(b"R08.06.30"), "--folder", folder, "--mapping", "kokuho.chotei.csv")
    assert [(one["origin"]["record"], one["items"][0]["item"]) for one in own["records"]] == [(1, "noukigen")]
    second = data.index(b"\r\n") + 2
    _, later = explain(file, "--byte", second, "--folder", folder, "--mapping", "kokuho.chotei.csv")
    assert [one["origin"]["record"] for one in later["records"]] == [3, 4]


def test_packed_numbers_and_kanji_are_shown_as_they_stand_in_the_file(explain: Any) -> None:
    """A社's JEF: the packed amount and the shifted text of every record, behind a header."""
    data = HOST.read_bytes()
    for record in (1, 2, 3):
        _, document = explain(HOST, "--record", record, "--adapter", "a/interfaces")
        for row in document["items"]:
            for one in row["sources"]:
                assert bytes.fromhex(one["raw"]) == data[one["byte"] : one["byte"] + one["bytes"]]
        packed = next(row for row in document["items"] if row["item"] == "choteigaku")["sources"][0]
        assert packed["raw"][-1] in "CDF"
        assert packed["raw"].replace(" ", "").lstrip("0").rstrip("CDF") == packed["value"].lstrip("-")


def test_a_byte_of_a_record_that_is_refused_names_its_problem(explain: Any, tmp_path: Path) -> None:
    """Exit code 1 and the code."""
    data = NOTICES.read_bytes().replace(b",K08,2026,", b",K00,2026,", 1)
    file = tmp_path / "kokuho.chotei.csv"
    file.write_bytes(data)
    code, document = explain(file, "--byte", data.index(b"K00"), "--adapter", "c/interfaces")
    assert (code, document["error"]["code"]) == (1, "CB6004")


@pytest.mark.parametrize("options", [(), ("--record", 1, "--byte", 1), ("--byte", 10_000_000), ("--byte", -1)])
def test_it_is_either_a_record_or_a_byte_of_the_file(explain: Any, options: tuple[object, ...]) -> None:
    """Neither, both, a byte behind the end, a negative one: exit code 2."""
    assert explain(NOTICES, *options, "--adapter", "c/interfaces")[0] == 2


def test_it_speaks_to_a_person_too(capsys: pytest.CaptureFixture[str]) -> None:
    """The rule's place, the column, and the line of a byte without an item."""
    assert run(["adapter", "explain", str(NOTICES), "--byte", "14", "--adapter", "c/interfaces"]) == 0
    assert run(["adapter", "explain", str(NOTICES), "--byte", "0", "--adapter", "c/interfaces"]) == 0
    shown = capsys.readouterr().out
    assert "items/kokuho.chotei.csv:2" in shown
    assert "header" in shown
