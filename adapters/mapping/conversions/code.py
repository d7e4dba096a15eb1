"""Codes: a two-way table in CSV, vendor code to exactly one standard code, one-way rows marked as such."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from adapters.mapping.conversions.base import Conversion, ConversionError, Scalar, Setup
from adapters.sdk.errors import describe

COLUMNS = ("vendor", "standard", "name_ja")
DIRECTIONS = ("both", "to_standard", "to_vendor", "none")


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One line. ``none`` marks a standard code that the vendor does not have: it is known and refused."""

    vendor: str
    standard: str
    name_ja: str
    direction: str
    line: int


@dataclass(frozen=True, slots=True)
class Code(Scalar):
    """Look-up in the table; CB6004 for a code that is not in it. ``rows`` are kept for the coverage table."""

    rows: tuple[CodeRow, ...] = ()
    table_name: str = ""
    inward: Mapping[str, str] = field(default_factory=dict)
    outward: Mapping[str, str] = field(default_factory=dict)
    absent: str = ""

    @property
    def exact(self) -> bool:
        """When every row leads in both directions: then each direction undoes the other, absent values included."""
        two_way = all(row.direction in ("both", "none") for row in self.rows)
        return two_way and self.absent not in self.inward

    def forward(self, value: str) -> str:
        """The standard's code."""
        try:
            return self.inward[value]
        except KeyError:
            raise ConversionError("CB6004", f"a vendor code of {self.table_name}", describe(value)) from None

    def back(self, value: str) -> str:
        """The vendor's code."""
        try:
            return self.outward[value]
        except KeyError:
            raise ConversionError("CB6004", f"a standard code of {self.table_name}", describe(value)) from None

    @property
    def standard_codes(self) -> frozenset[str]:
        """Every standard code that the table speaks of."""
        return frozenset(row.standard for row in self.rows)


def make_code(setup: Setup) -> Conversion:
    """``code``: ``table`` (CSV below the vendor's folder), ``absent``."""
    name = setup.text("table")
    absent = setup.text("absent")
    if not name:
        setup.problem("options.table", "a CSV file below the vendor's folder")
        return Code()
    path = setup.folder / name
    rows = _read(path, setup)
    _check(path, rows, setup)
    inward = {row.vendor: row.standard for row in rows if row.direction in ("both", "to_standard")}
    outward = {row.standard: row.vendor for row in rows if row.direction in ("both", "to_vendor")}
    return Code(tuple(rows), name, MappingProxyType(inward), MappingProxyType(outward), absent)


def _read(path: Path, setup: Setup) -> list[CodeRow]:
    problems = setup.problems
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        setup.problem("options.table", "a file", str(path))
        return []
    except UnicodeDecodeError as error:
        problems.add(path, "", expected="UTF-8", got=f"byte {error.start}")
        return []
    reader = csv.reader(io.StringIO(text, newline=""))
    header = tuple(next(reader, []))
    if header[:3] != COLUMNS or header[3:] not in ((), ("direction",)):
        problems.add(path, "header", line=1, expected="vendor,standard,name_ja[,direction]", got=",".join(header))
        return []
    rows: list[CodeRow] = []
    for cells in reader:
        if not cells:
            continue
        if len(cells) != len(header):
            problems.add(path, "", line=reader.line_num, expected=f"{len(header)} columns", got=str(len(cells)))
            continue
        direction = (cells[3] if len(cells) > 3 else "") or "both"
        if direction not in DIRECTIONS:
            problems.unknown(path, "direction", direction, DIRECTIONS, line=reader.line_num)
            continue
        rows.append(CodeRow(cells[0], cells[1], cells[2], direction, reader.line_num))
    return rows


def _check(path: Path, rows: list[CodeRow], setup: Setup) -> None:
    problems = setup.problems
    inward: dict[str, int] = {}
    outward: dict[str, int] = {}
    item = setup.items[0] if setup.items else None
    known = setup.codes[item.code].codes if item and item.code in setup.codes else None
    for row in rows:
        if not row.standard or (not row.vendor and row.direction != "none"):
            problems.add(path, "vendor,standard", line=row.line, expected="both codes (vendor empty only for none)")
        if known is not None and row.standard not in known:
            problems.unknown(path, "standard", row.standard, sorted(known), line=row.line)
        if row.direction in ("both", "to_standard"):
            if row.vendor in inward:
                got = f"line {inward[row.vendor]} too"
                problems.add(path, f"vendor {row.vendor}", line=row.line, expected="one standard code", got=got)
            inward.setdefault(row.vendor, row.line)
        if row.direction in ("both", "to_vendor"):
            if row.standard in outward:
                got = f"line {outward[row.standard]} too (mark one to_standard)"
                problems.add(path, f"standard {row.standard}", line=row.line, expected="one vendor code", got=got)
            outward.setdefault(row.standard, row.line)
