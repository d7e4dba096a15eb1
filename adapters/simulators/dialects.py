"""How each fictitious vendor names, groups and writes the items of its interfaces: the vendor's own house rules.

The simulated systems and the examples use these rules; the adapters do not know them and work by their declarations.
So a wrong line in a declaration shows as a difference. All vendors and their rules are invented.

Vendor A: names without their space and with the length of the family name, addresses in two long fields, dates in
packed era digits, repeated items with a count, records with a mark. Vendor B: names, readings and addresses as
objects, repeated items as arrays, ISO dates, numbers as numbers. Vendor C: family and given name apart, town, 丁目,
lot and number apart, dates with the letter of the era, the sign of an amount in a column of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final, Literal

from adapters.simulators import dialect_forms
from adapters.simulators.dialect_forms import Texts
from schemas.model import CodeTable, Item, RecordType, Unit

SHIFTS: Final = 2
"""Bytes of the shift codes around full-width text in a field of vendor A."""

FLAG: Final = "umu"
"""The code table of yes and no."""

MARK, DATA = "データ区分", "2"
"""The first column of the records in vendor A's files, and what it says of a data record."""

NOTICE: Final = "chotei"
"""The record that vendor C writes in two kinds of line: the tax notice, and its instalments behind it."""

ON_NOTICE: Final = (
    "SHIKUCHOSONKODO",
    "ATENABANGO",
    "ZEIMOKU",
    "KAZEINENDO",
    "SOTONENDO",
    "TSUCHISHOBANGO",
    "TOKUBETSUCHOSHUGIMUSHABANGO",
    "NOZEIKANRININ_ATENABANGO",
    "SOFUSAKI_ATENABANGO",
)
"""What stands once on the notice; everything else is said of each instalment."""

OCCURS: Final = 5
"""From how many numbered items on a vendor calls them a repeated item."""

_NUMBERED: Final = re.compile(r"(.+)_\d+(?:gatsu)?\Z")
_DATE_FORMS: Final = MappingProxyType({"a": "wareki", "c": "letters"})
Kind = Literal["text", "packed", "signed", "digits", "number", "mark"]


@dataclass(frozen=True, slots=True)
class Column:
    """One item of a vendor's interface: its name and place there. ``item`` is the standard's that it alone stands for.

    ``kind``: text; packed and signed (packed decimal), digits (packed, zeros on the left kept), mark (the record's
    mark) of vendor A; number (a JSON number) of vendor B. ``bytes`` and ``digits`` are widths of vendor A.
    """

    name: str
    item: Item | None = None
    kind: Kind = "text"
    path: tuple[str, ...] = ()
    bytes: int = 0
    digits: int = 0
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """Columns and items that belong together, and the form between them (see ``dialect_forms``; ``code``).

    ``counted`` are the vendor's names of the repeated items whose number a column says.
    """

    form: str
    columns: tuple[Column, ...]
    items: tuple[Item, ...]
    counted: tuple[str, ...] = ()


def _form_of(vendor: str, item: Item) -> str:  # noqa: PLR0911 (one kind of item, one line)
    """How the vendor writes the values of an item that stands alone."""
    if item.code == FLAG and vendor != "b":
        return {"a": "flag", "c": "arinashi"}[vendor]
    if item.code:
        return "code"
    if item.type == "DATE":
        return _DATE_FORMS.get(vendor, "copy")
    if item.type == "TIME":
        return "time"
    if item.format == "nengetsu":
        return "month"
    if vendor == "a" and item.format in {"yubinbango", "kisonenkinbango"}:
        return {"yubinbango": "postal", "kisonenkinbango": "pension"}[item.format]
    if item.type == "N" and item.name.endswith("furigana"):
        return {"a": "half", "b": "hira"}.get(vendor, "copy")
    return "copy"


def _name_of(vendor: str, item: Item) -> str:
    """The vendor's name of an item, before names that would be the same are told apart."""
    if vendor == "c":
        return item.name.upper()
    name = re.sub(r"[（(].*?[）)]", "", item.name_ja)
    if vendor == "b":
        return name
    for ours, theirs in (("年月日", "日"), ("番号", "ＮＯ"), ("フラグ", "区分"), ("氏名", "名前"), ("_", "")):
        name = name.replace(ours, theirs)
    return name


def _names(vendor: str, items: Sequence[Item]) -> dict[str, str]:
    """The vendor's names by those of the items, each once."""
    seen: dict[str, int] = {}
    found: dict[str, str] = {}
    for item in items:
        name = _name_of(vendor, item)
        seen[name] = seen.get(name, 0) + 1
        found[item.name] = name if seen[name] == 1 else f"{name}{seen[name]}"
    return found


def _column(vendor: str, unit: Unit, item: Item, name: str, form: str) -> Column:
    """The column of an item that stands alone."""
    if vendor == "b":
        return Column(name, item, "number" if item.type in {"9", "S9"} else "text")
    if vendor == "c":
        return Column(name, item, wide=item.type == "N" or form == "arinashi")
    if form == "wareki":
        return Column(name, item, "digits", bytes=4, digits=7)
    if item.type in {"9", "S9"} and form == "copy":
        return Column(name, item, "signed" if item.type == "S9" else "packed", bytes=item.digits // 2 + 1)
    codes = len(unit.codes[item.code].rows) if item.code else 0
    return Column(name, item, bytes=_width(item, form, codes), wide=item.type == "N" and form == "copy")


def _width(item: Item, form: str, codes: int) -> int:
    """Bytes of a text field of vendor A; ``codes`` is the number of rows of the item's code table."""
    fixed = {"flag": 1, "month": 6, "time": 6, "postal": 8, "pension": 11}
    if form in fixed:
        return fixed[form]
    if form == "code":
        return 2 if codes < 100 else 3
    if form == "half":
        return item.digits * 2
    widths = {"DATETIME": 29, "9V": item.digits + item.scale + 2, "N": item.digits * 2 + SHIFTS}
    return widths.get(item.type, item.digits)


def _address(items: Mapping[str, Item], item: Item) -> tuple[Item, ...]:
    """Town, lot and building of the address that an item belongs to; nothing where it is no whole address."""
    for part in ("choaza", "banchigohyoki", "katagaki"):
        if item.name.endswith(f"_{part}"):
            start = item.name.removesuffix(part)
            found = tuple(
                items[name] for one in ("choaza", "banchigohyoki", "katagaki") if (name := start + one) in items
            )
            return found if len(found) > 1 and found[1].name.endswith("banchigohyoki") else ()
    return ()


def _together(vendor: str, items: Mapping[str, Item], item: Item, name: str) -> Rule | None:  # noqa: PLR0911 (one way, one line)
    """The rule of an item that the vendor writes with others, or in several columns."""
    name_of_person = item.format == "shimei"
    kana = item.name.endswith("furigana")
    if vendor == "a" and name_of_person and not kana:
        whole = Column(name, bytes=item.digits * 2 + SHIFTS, wide=True)
        return Rule("counted", (whole, Column(f"{name}姓字数", kind="packed", bytes=2)), (item,))
    if vendor == "a" and (parts := _address(items, item)):
        start = name.removesuffix("町字").removesuffix("番地号表記").removesuffix("方書")
        size = sum(one.digits for one in parts[:2])
        first = Column(f"{start}１", bytes=size * 2 + SHIFTS, wide=True)
        more = tuple(Column(f"{start}２", bytes=one.digits * 2 + SHIFTS, wide=True) for one in parts[2:])
        return Rule("lines", (first, *more), parts)
    if vendor == "b" and name_of_person:
        words = ("せい", "めい") if kana else ("姓", "名")
        return Rule("hira2" if kana else "two", tuple(Column(f"{name}.{word}", wide=True) for word in words), (item,))
    if vendor == "c" and name_of_person:
        return Rule("two", tuple(Column(f"{name}_{word}", wide=True) for word in ("SEI", "MEI")), (item,))
    if vendor == "c" and item.name.endswith("choaza"):
        return Rule("town", (Column(f"{name}_CHOMEI", wide=True), Column(f"{name}_CHOME", wide=True)), (item,))
    if vendor == "c" and item.name.endswith("banchigohyoki"):
        return Rule("lot", (Column(f"{name}_BANCHI", wide=True), Column(f"{name}_GO", wide=True)), (item,))
    if vendor == "c" and item.type == "S9":
        return Rule("sign", (Column(f"{name}_ZOGEN", wide=True), Column(name)), (item,))
    return None


def occurrences(record: RecordType) -> dict[str, tuple[Item, ...]]:
    """The repeated items of a record by the name that they share: five and more numbered ones."""
    found: dict[str, list[Item]] = {}
    for item in record.items:
        if match := _NUMBERED.match(item.name):
            found.setdefault(match[1], []).append(item)
    return {name: tuple(items) for name, items in found.items() if len(items) >= OCCURS}


def _shared(names: Sequence[str]) -> str:
    """The word that numbered names share: what all begin with, else what all end with (第1期期別額: 期別額)."""
    ends = names if _begins(names).strip("第") else [name[::-1] for name in names]
    word = _begins(ends)
    return (word if ends is names else word[::-1].removeprefix("期").removeprefix("_")).rstrip("0123456789_")


def _begins(names: Sequence[str]) -> str:
    first, last = min(names), max(names)
    return first[: next((at for at, char in enumerate(first) if char != last[at : at + 1]), len(first))]


def in_files(unit: Unit, record: RecordType) -> bool:
    """Whether notices or bulk transfers carry the record: then vendor A has it in files with header and trailer."""
    return any(one.record == record.name and one.pattern not in {"inquiry", "late"} for one in unit.operations.values())


def rules(vendor: str, unit: Unit, record: RecordType) -> tuple[Rule, ...]:
    """The vendor's rules of a record, in the order of its columns."""
    items = {item.name: item for item in record.items}
    names = _names(vendor, record.items)
    repeated = {group[0].name: (name, group) for name, group in occurrences(record).items()}
    found: list[Rule] = []
    done: set[str] = set()
    if vendor == "a" and in_files(unit, record):
        found.append(Rule("mark", (Column(MARK, kind="mark", bytes=1),), ()))
    for item in record.items:
        if item.name in done:
            continue
        if vendor == "a" and item.name in repeated:
            group = repeated[item.name][1]
            count = _shared([names[one.name] for one in group]) + "件数"
            mine = tuple(names[one.name] for one in group)
            found.append(Rule("filled", (Column(count, kind="packed", bytes=2),), group, mine))
        rule = _together(vendor, items, item, names[item.name])
        if rule is None:
            form = _form_of(vendor, item)
            rule = Rule(form, (_column(vendor, unit, item, names[item.name], form),), (item,))
        done.update(one.name for one in rule.items)
        found.append(rule)
    return _nested(found, record) if vendor == "b" else tuple(found)


def _nested(found: Sequence[Rule], record: RecordType) -> tuple[Rule, ...]:
    """Vendor B's rules with the places of their columns: objects by the first part of a name, arrays for repeated."""
    names = [one.name for rule in found for one in rule.columns]
    groups = {name.partition("_")[0] for name in names if "_" in name} | {
        name.partition(".")[0] for name in names if "." in name
    }
    arrays = {item.name: (name, at) for name, group in occurrences(record).items() for at, item in enumerate(group)}
    names_ja = {item.name: name for item, name in zip(record.items, _names("b", record.items).values(), strict=True)}
    bases = {name: _shared([names_ja[one.name] for one in group]) for name, group in occurrences(record).items()}
    known = {name.partition("_")[0] for name in names_ja.values()}
    bases = {name: f"{base}一覧" if base in known else base for name, base in bases.items()}
    made: list[Rule] = []
    for rule in found:
        columns = []
        for one in rule.columns:
            path = tuple(step for part in one.name.split(".") for step in part.split("_", 1))
            if one.item is not None and one.item.name in arrays:
                name, at = arrays[one.item.name]
                path = (bases[name], f"#{at}")
            elif len(path) == 1 and one.name in groups:
                path = (one.name, "値")
            columns.append(Column(".".join(path), one.item, one.kind, path, wide=one.wide))
        made.append(Rule(rule.form, tuple(columns), rule.items))
    return tuple(made)


def columns(vendor: str, unit: Unit, record: RecordType) -> tuple[Column, ...]:
    """The vendor's columns of a record, in its order."""
    return tuple(one for rule in rules(vendor, unit, record) for one in rule.columns)


@cache
def _codes(vendor: str, rows: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """Standard code to the vendor's: numbers by position, Japanese names, or the code with a letter."""
    if vendor == "a":
        width = 2 if len(rows) < 100 else 3
        return MappingProxyType({code: f"{number:0{width}d}" for number, (code, _) in enumerate(rows, 1)})
    if vendor == "b":
        names = [name for _, name in rows]
        return MappingProxyType({code: name if names.count(name) == 1 else f"{name}{code}" for code, name in rows})
    return MappingProxyType({code: f"K{code}" for code, _ in rows})


def vendor_codes(vendor: str, table: CodeTable) -> Mapping[str, str]:
    """Standard code to the vendor's code."""
    return _codes(vendor, tuple((row.code, row.name_ja) for row in table.rows))


def _write(vendor: str, rule: Rule, unit: Unit, values: Texts) -> Texts:
    if rule.form == "mark":
        return (DATA,)
    if rule.form == "code":
        return (vendor_codes(vendor, unit.codes[rule.items[0].code])[values[0]] if values[0] else "",)
    return dialect_forms.written(rule.form, values)


def _read(vendor: str, rule: Rule, unit: Unit, texts: Texts) -> Texts:
    if rule.form == "mark":
        return ()
    if rule.form == "code":
        codes = vendor_codes(vendor, unit.codes[rule.items[0].code])
        return ({theirs: ours for ours, theirs in codes.items()}[texts[0]] if texts[0] else "",)
    return dialect_forms.read(rule.form, texts)


def to_vendor(vendor: str, unit: Unit, record: RecordType, values: Mapping[str, str]) -> dict[str, str]:
    """A record of the standard as the vendor's row, every column present."""
    row: dict[str, str] = {}
    for rule in rules(vendor, unit, record):
        texts = _write(vendor, rule, unit, tuple(values.get(item.name, "") for item in rule.items))
        row.update(zip((one.name for one in rule.columns), texts, strict=True))
    return row


def from_vendor(vendor: str, unit: Unit, record: RecordType, row: Mapping[str, str]) -> dict[str, str]:
    """The vendor's row as a record of the standard, absent items left out. KeyError for an unknown code."""
    found: dict[str, str] = {}
    for rule in rules(vendor, unit, record):
        texts = tuple(row.get(one.name, "") for one in rule.columns)
        if rule.form != "filled":
            values = _read(vendor, rule, unit, texts)
            found.update(zip((item.name for item in rule.items), values, strict=True))
    return {item.name: found[item.name] for item in record.items if found.get(item.name)}
