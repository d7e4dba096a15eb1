"""How each fictitious vendor names and writes the items of its interfaces: the vendor's own house rules.

The simulated systems and the examples use these rules; the adapters do not know them and work by their declarations.
So a wrong line in a declaration shows as a difference. All vendors and their rules are invented.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from adapters.simulators.kana_forms import full, half, hira, kata
from schemas.model import CodeTable, Item, RecordType, Unit

_ERAS: Final = (
    ("5", 2019, "2019-05-01"),
    ("4", 1989, "1989-01-08"),
    ("3", 1926, "1926-12-25"),
    ("2", 1912, "1912-07-30"),
)
_OPEN: Final = MappingProxyType({"0000-01-01": "0000000", "9999-12-31": "9999999"})
_OPEN_BACK: Final = MappingProxyType({text: day for day, text in _OPEN.items()})
SHIFTS: Final = 2
"""Bytes of the shift codes around full-width text in a field of vendor A."""

FLAG: Final = "umu"
"""The code table of yes and no."""


@dataclass(frozen=True, slots=True)
class Column:
    """One item of a vendor's interface: its name and place there, and how a value is written.

    ``form`` is copy, code, flag, wareki, slash, digits (dates), month, time, half, hira (kana), postal or pension.
    ``bytes`` is the width in a fixed-length record of vendor A.
    """

    name: str
    item: Item
    form: str
    path: tuple[str, ...] = ()
    bytes: int = 0

    @property
    def packed(self) -> bool:
        """Whether vendor A writes the number in packed decimal."""
        return self.form == "copy" and self.item.type in {"9", "S9"}


def form_of(vendor: str, item: Item) -> str:  # noqa: PLR0911 (one kind of item, one line)
    """How the vendor writes the values of an item."""
    if item.code == FLAG and vendor == "a":
        return "flag"
    if item.code:
        return "code"
    if item.type == "DATE":
        return {"a": "wareki", "b": "slash"}.get(vendor, "digits")
    if item.type == "TIME":
        return "time"
    if item.format == "nengetsu":
        return "month"
    if vendor == "a" and item.format in {"yubinbango", "kisonenkinbango"}:
        return {"yubinbango": "postal", "kisonenkinbango": "pension"}[item.format]
    if item.type == "N" and item.name.endswith("furigana"):
        return {"a": "half", "b": "hira"}.get(vendor, "copy")
    return "copy"


def name_of(vendor: str, item: Item) -> str:
    """The vendor's name of an item, before names that would be the same are told apart."""
    if vendor == "c":
        return item.name.upper()
    name = re.sub(r"[（(].*?[）)]", "", item.name_ja)
    if vendor == "b":
        return name
    for ours, theirs in (("年月日", "日"), ("番号", "ＮＯ"), ("フラグ", "区分"), ("氏名", "名前"), ("_", "")):
        name = name.replace(ours, theirs)
    return name


def width_of(item: Item, form: str, codes: int) -> int:
    """Bytes of a field of vendor A; ``codes`` is the number of rows of the item's code table."""
    fixed = {"flag": 1, "wareki": 7, "month": 6, "time": 6, "postal": 8, "pension": 11}
    if form in fixed:
        return fixed[form]
    if form == "code":
        return 2 if codes < 100 else 3
    if item.type in {"9", "S9"}:
        return item.digits // 2 + 1
    if form == "half":
        return item.digits * 2
    widths = {"DATETIME": 29, "9V": item.digits + item.scale + 2, "N": item.digits * 2 + SHIFTS}
    return widths.get(item.type, item.digits)


def columns(vendor: str, unit: Unit, record: RecordType) -> tuple[Column, ...]:
    """The vendor's columns of a record, in its order."""
    seen: dict[str, int] = {}
    found: list[Column] = []
    names = [name_of(vendor, item) for item in record.items]
    groups = {name.partition("_")[0] for name in names if "_" in name}
    for item, name in zip(record.items, names, strict=True):
        seen[name] = seen.get(name, 0) + 1
        own = name if seen[name] == 1 else f"{name}{seen[name]}"
        path = tuple(own.split("_", 1)) if vendor == "b" else (own,)
        if vendor == "b" and len(path) == 1 and own in groups:
            path = (own, "値")
        form = form_of(vendor, item)
        width = width_of(item, form, len(unit.codes[item.code].rows) if item.code else 0)
        found.append(Column(".".join(path) if vendor == "b" else own, item, form, path, width))
    return tuple(found)


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


def write(vendor: str, column: Column, unit: Unit, value: str) -> str:
    """A standard value as the vendor writes it; absent values are empty texts."""
    if not value:
        return ""
    if column.form == "code":
        return vendor_codes(vendor, unit.codes[column.item.code])[value]
    return _WRITTEN[column.form](value)


def read(vendor: str, column: Column, unit: Unit, text: str) -> str:
    """The standard value of what the vendor wrote: the inverse of ``write``. KeyError for an unknown code."""
    if not text:
        return ""
    if column.form == "code":
        codes = vendor_codes(vendor, unit.codes[column.item.code])
        return {theirs: ours for ours, theirs in codes.items()}[text]
    return _READ[column.form](text)


def to_vendor(vendor: str, unit: Unit, record: RecordType, values: Mapping[str, str]) -> dict[str, str]:
    """A record of the standard as the vendor's row, every column present."""
    return {one.name: write(vendor, one, unit, values.get(one.item.name, "")) for one in columns(vendor, unit, record)}


def from_vendor(vendor: str, unit: Unit, record: RecordType, row: Mapping[str, str]) -> dict[str, str]:
    """The vendor's row as a record of the standard, absent items left out."""
    values = {one.item.name: read(vendor, one, unit, row.get(one.name, "")) for one in columns(vendor, unit, record)}
    return {name: text for name, text in values.items() if text}


def _to_wareki(day: str) -> str:
    if day in _OPEN:
        return _OPEN[day]
    for code, first, start in _ERAS:
        if day >= start:
            year = int(day[:4]) - first + 1
            return f"{code}{year:02d}{day[5:7]}{day[8:]}"
    return f"1{int(day[:4]) - 1867:02d}{day[5:7]}{day[8:]}"


def _from_wareki(text: str) -> str:
    if text in _OPEN_BACK:
        return _OPEN_BACK[text]
    first = {code: start for code, start, _ in _ERAS}.get(text[0], 1868)
    return f"{first + int(text[1:3]) - 1:04d}-{text[3:5]}-{text[5:]}"


_WRITTEN: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType(
    {
        "copy": str,
        "flag": {"1": "Y", "0": "N"}.__getitem__,
        "wareki": _to_wareki,
        "slash": lambda value: value.replace("-", "/"),
        "digits": lambda value: value.replace("-", ""),
        "month": lambda value: value.replace("-", ""),
        "time": lambda value: value.replace(":", ""),
        "half": half,
        "hira": hira,
        "postal": lambda value: f"{value[:3]}-{value[3:]}",
        "pension": lambda value: f"{value[:4]}-{value[4:]}",
    }
)
_READ: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType(
    {
        "copy": str,
        "flag": {"Y": "1", "N": "0"}.__getitem__,
        "wareki": _from_wareki,
        "slash": lambda text: text.replace("/", "-"),
        "digits": lambda text: f"{text[:4]}-{text[4:6]}-{text[6:]}",
        "month": lambda text: f"{text[:4]}-{text[4:]}",
        "time": lambda text: f"{text[:2]}:{text[2:4]}:{text[4:]}",
        "half": full,
        "hira": kata,
        "postal": lambda text: text.replace("-", ""),
        "pension": lambda text: text.replace("-", ""),
    }
)
