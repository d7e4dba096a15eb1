"""Compares the ledgers of both tax vendors and the register itself, item by item.

The vendors' items are brought to the standard's by hand here, without the mapping engine, so that an error of the
engine cannot hide. Differences name items and a digest of the 宛名番号, never a value.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.catalog import load_edition
from schemas.model import Protection

VENDORS = Path(__file__).resolve().parents[3] / "adapters" / "vendors"
ERAS = {"M": 1867, "T": 1911, "S": 1925, "H": 1988, "R": 2018}
ERA_CODES = {"M": "1", "T": "2", "S": "3", "H": "4", "R": "5"}
KANJI = "〇一二三四五六七八九"
PRIVATE = re.compile("[\ue000-\ue757]")
SPACE = "\u3000"

Row = Mapping[str, str]
Read = Callable[[Row], str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One item that does not agree; ``person`` is a digest, ``pair`` which sides were compared."""

    person: str
    item: str
    pair: str


@dataclass(slots=True)
class Comparison:
    """What was compared and what differs."""

    residents: int = 0
    values: int = 0
    differences: list[Difference] = field(default_factory=list)

    def note(self, number: str, item: str, pair: str) -> None:
        """Add a difference."""
        self.differences.append(Difference(hashlib.sha256(number.encode()).hexdigest()[:12], item, pair))


def code_table(vendor: str, name: str) -> dict[str, str]:
    """Vendor code to standard code."""
    with (VENDORS / vendor / "kojinjuminzei" / "codes" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return {row["vendor"]: row["standard"] for row in csv.DictReader(stream)}


def gaiji_table(path: Path) -> dict[str, str]:
    """Private-use character of a vendor's file to the registered sequence."""
    found: dict[str, str] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if row["ucs"]:
                private = bytes.fromhex(row["code"]).decode("cp932")
                found[private] = "".join(chr(int(one[2:], 16)) for one in row["ucs"].split())
    return found


def from_wareki(text: str) -> str:
    """``S26.01.02`` to ``1951-01-02``; ``W1980.01.02`` is a western year; open dates pass."""
    if not text:
        return ""
    if text[0] in ERAS:
        year, month, day = text[1:].split(".")
        return f"{ERAS[text[0]] + int(year):04d}-{month}-{day}"
    return re.sub(r"^W?(\d{4})\.(\d\d)\.(\d\d)$", r"\1-\2-\3", text)


def from_slash(text: str) -> str:
    """``1951/01/02`` to ``1951-01-02``."""
    return text.replace("/", "-")


def to_katakana(text: str) -> str:
    """Hiragana to katakana, letter by letter."""
    return "".join(chr(ord(one) + 0x60) if "\u3041" <= one <= "\u3096" else one for one in text)


def joined_name(name: str, family: str) -> str:
    """The name with the one full-width space that the vendor keeps as a count of characters."""
    if not family:
        return name
    at, units = 0, 0
    while units < int(family):
        at += 1
        while at < len(name) and "\U000e0100" <= name[at] <= "\U000e01ef":
            at += 1
        units += 1
    return name[:at] + SPACE + name[at:]


def kanji_number(number: int) -> str:
    """1 to 99 in kanji as 丁目 are written."""
    tens, ones = divmod(number, 10)
    return ("" if tens == 0 else ("" if tens == 1 else KANJI[tens]) + "十") + (KANJI[ones] if ones else "")


def with_chome(town: str, chome: str) -> str:
    """町名 and 丁 as one 町字; full-width digits become kanji."""
    if not chome:
        return town
    if re.fullmatch("[０-９]+", chome):
        chome = kanji_number(int(chome))
    return f"{town}{chome}丁目"


def _text(name: str) -> Read:
    return lambda row: row.get(name, "")


def _date(name: str, read: Callable[[str], str]) -> Read:
    return lambda row: read(row.get(name, ""))


def _code(vendor: str, name: str, table: str) -> Read:
    codes = code_table(vendor, table)
    return lambda row: codes[row[name]] if row.get(name) else ""


def _parts(first: str, second: str) -> Read:
    def read(row: Row) -> str:
        family, given = row.get(first, ""), row.get(second, "")
        return to_katakana(f"{family}{SPACE}{given}" if given else family)

    return read


TEXTS = (
    ("shikuchosonkodo", "団体コード", "団体コード"),
    ("rirekibango", "履歴番号", "履歴番号"),
    ("rirekibango_eda", "枝番号", "履歴枝番号"),
    ("setaibango", "世帯番号", "世帯番号"),
    ("kojinbango", "個人番号", "個人番号"),
    ("torikeshi_rirekibango", "取消履歴番号", "異動.取消履歴番号"),
    ("shimei_gaikokujinromaji", "名前（英字）", "氏名.英字"),
    ("shimei_gaikokujinkanji", "名前（外国漢字）", "氏名.外国漢字"),
    ("tsusho", "通称名", "氏名.通称"),
    ("tsusho_furigana", "通称名カナ", "氏名.通称カナ"),
    ("kyuji", "旧氏", "氏名.旧氏"),
    ("kyuji_furigana", "旧氏カナ", "氏名.旧氏カナ"),
    ("tsuzukigara_hyoki", "続柄名", "世帯.続柄名"),
    ("setainushi_shimei", "世帯主名", "世帯.世帯主"),
    ("jusho_shikuchosonkodo", "住所団体コード", "住所.団体コード"),
    ("jusho_choazakodo", "町コード", "住所.町字コード"),
    ("jusho_todofuken", "都道府県", "住所.都道府県"),
    ("jusho_shikugunchosonmei", "市区町村", "住所.市区町村"),
    ("jusho_banchigohyoki", "番地", "住所.住所３"),
    ("jusho_katagaki", "方書", "住所.住所４"),
    ("jusho_yubinbango", "郵便番号", "住所.郵便番号"),
    ("tenshutsusakiyotei_shikuchosonkodo", "転出予定先団体", "転出.予定先団体コード"),
    ("tenshutsusakiyotei_jusho", "転出予定先住所", "転出.予定先住所"),
    ("tenshutsusaki_shikuchosonkodo", "転出先団体", "転出.団体コード"),
    ("tenshutsusaki_todofuken", "転出先県", "転出.都道府県"),
    ("tenshutsusaki_shikugunchosonmei", "転出先市区町村", "転出.市区町村"),
    ("tenshutsusaki_choaza", "転出先町字", "転出.町字"),
    ("tenshutsusaki_banchigohyoki", "転出先番地", "転出.番地"),
    ("tenshutsusaki_katagaki", "転出先方書", "転出.方書"),
    ("tenshutsusaki_yubinbango", "転出先郵便番号", "転出.郵便番号"),
    ("kokumeikodo", "国籍コード", "国籍.コード"),
    ("kokusekimeito", "国籍名", "国籍.名称"),
    ("ido_nengappi_fushohyoki", "異動日不詳文言", "異動.異動日_不詳表記"),
    ("seinengappi_fushohyoki", "生年月日不詳文言", "生年月日_不詳表記"),
    ("jumintonattanengappi_fushohyoki", "住民日不詳文言", "住民.住民となった日_不詳表記"),
    ("gaikokujinjumintonattanengappi_fushohyoki", "外国人住民日不詳文言", "住民.外国人住民となった日_不詳表記"),
    ("jushosadame_nengappi_fushohyoki", "住所定日不詳文言", "住民.住所を定めた日_不詳表記"),
    ("shojo_idonengappi_fushohyoki", "消除日不詳文言", "消除.異動日_不詳表記"),
)
DATES = (
    ("ido_nengappi", "異動日", "異動.異動日"),
    ("ido_todokedenengappi", "異動届出日", "異動.届出日"),
    ("seinengappi", "生年月日", "生年月日.年月日"),
    ("jumintonattanengappi", "住民日", "住民.住民となった日"),
    ("gaikokujinjumintonattanengappi", "外国人住民日", "住民.外国人住民となった日"),
    ("jushosadame_nengappi", "住所定日", "住民.住所を定めた日"),
    ("tenshutsu_yoteinengappi", "転出予定日", "転出.予定日"),
    ("tenshutsu_kakuteinengappi", "転出確定日", "転出.確定日"),
    ("shojo_idonengappi", "消除日", "消除.異動日"),
    ("zairyukikan_manryobi", "在留満了日", "国籍.在留満了日"),
)
CODES = (
    ("saishinfuragu", "最新区分", "最新", "umu"),
    ("juminshubetsu", "住民区分", "住民種別", "juminshubetsu"),
    ("juminjotai", "住民状態", "住民状態", "juminjotai"),
    ("ido_jiyu", "異動コード", "異動.事由", "ido_jiyu"),
    ("ido_kubun", "異動増減", "異動.区分", "ido_kubun"),
    ("seibetsu", "性別", "性別", "seibetsu"),
    ("tsuzukigara_kodo1", "続柄１", "世帯.続柄１", "tsuzukigara"),
    ("tsuzukigara_kodo2", "続柄２", "世帯.続柄２", "tsuzukigara"),
    ("tsuzukigara_kodo3", "続柄３", "世帯.続柄３", "tsuzukigara"),
    ("tsuzukigara_kodo4", "続柄４", "世帯.続柄４", "tsuzukigara"),
    ("setainushi_misetteifuragu", "世帯主未設定", "世帯.世帯主未設定", "umu"),
    ("shojo_jiyu", "消除コード", "消除.事由", "ido_jiyu"),
    ("johyofuragu", "除票", "除票", "umu"),
    ("tagyomusanshofukafuragu", "参照制限", "保護.参照制限", "umu"),
    ("shiensochi_kubun", "支援区分", "保護.支援", "shiensochi"),
    ("hakkoyokushifuragu", "発行抑止", "保護.発行抑止", "umu"),
    ("ido_nengappi_fushofuragu", "異動日不詳", "異動.異動日_不詳", "fusho"),
    ("seinengappi_fushofuragu", "生年月日不詳", "生年月日_不詳", "fusho"),
    ("jumintonattanengappi_fushofuragu", "住民日不詳", "住民.住民となった日_不詳", "fusho"),
    ("gaikokujinjumintonattanengappi_fushofuragu", "外国人住民日不詳", "住民.外国人住民となった日_不詳", "fusho"),
    ("jushosadame_nengappi_fushofuragu", "住所定日不詳", "住民.住所を定めた日_不詳", "fusho"),
    ("shojo_idonengappi_fushofuragu", "消除日不詳", "消除.異動日_不詳", "fusho"),
)


def readers() -> dict[str, tuple[Read, Read]]:
    """For each standard item how it is read from a row of A and from a row of B."""
    found: dict[str, tuple[Read, Read]] = {item: (_text(a), _text(b)) for item, a, b in TEXTS}
    found |= {item: (_date(a, from_wareki), _date(b, from_slash)) for item, a, b in DATES}
    found |= {item: (_code("a", a, table), _code("b", b, table)) for item, a, b, table in CODES}
    found["shimei_furigana"] = (_parts("名前１", "名前２"), _parts("氏名.氏名１", "氏名.氏名２"))
    found["shimei"] = (
        lambda row: joined_name(row["名前（漢字）"], row["氏文字数"]),
        lambda row: joined_name(row.get("氏名.氏名３", ""), row.get("氏名.氏文字数", "")),
    )
    found["jusho_choaza"] = (
        lambda row: with_chome(row["町名"], row["丁"]),
        lambda row: with_chome(row.get("住所.住所１", ""), row.get("住所.住所２", "")),
    )
    eras = code_table("b", "gengo")
    found["seinengappi_gengo"] = (
        lambda row: ERA_CODES.get(row["生年月日"][:1], ""),
        lambda row: eras.get(row.get("生年月日.元号", ""), ""),
    )
    return found


def as_disclosed(person: Row, rows: Iterable[Protection]) -> Row:
    """What the tax may see of a person of the register: not what a flag of the person protects."""
    gone = {item for row in rows if row.holds(person.get(row.flag) or None) for item in row.items}
    return {name: value for name, value in person.items() if name not in gone}


def ungaiji(row: Row, table: Mapping[str, str]) -> dict[str, str]:
    """A row of A with its private-use characters replaced by what the register says they are."""
    return {name: PRIVATE.sub(lambda m: table[m[0]], value) for name, value in row.items()}


def compare(
    truth: Iterable[Row], ledger_a: Iterable[Row] | None, ledger_b: Iterable[Row] | None, gaiji_a: Path
) -> Comparison:
    """Compare what is given: each ledger with the register, and both ledgers with each other."""
    result = Comparison()
    table = gaiji_table(gaiji_a)
    unit = load_edition().units["juki"]
    protections = [row for row in unit.protections if row.record == "jumin" and row.effect == "withhold"]
    known = {row["atenabango"]: as_disclosed(row, protections) for row in truth}
    sides = {
        "a": None if ledger_a is None else {row["宛名番号"]: ungaiji(row, table) for row in ledger_a},
        "b": None if ledger_b is None else {row["宛名番号"]: row for row in ledger_b},
    }
    read = readers()
    for name, rows in sides.items():
        if rows is not None:
            for number in known.keys() ^ rows.keys():
                result.note(number, "atenabango", f"register-{name}")
    for number, person in known.items():
        result.residents += 1
        row_a = sides["a"].get(number) if sides["a"] is not None else None
        row_b = sides["b"].get(number) if sides["b"] is not None else None
        for item, (from_a, from_b) in read.items():
            expected = person.get(item, "")
            value_a = from_a(row_a) if row_a is not None else expected
            value_b = from_b(row_b) if row_b is not None else expected
            result.values += 1
            for pair, left, right in (
                ("register-a", expected, value_a),
                ("register-b", expected, value_b),
                ("a-b", value_a, value_b),
            ):
                if left != right:
                    result.note(number, item, pair)
    return result
