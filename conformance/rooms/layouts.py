"""Rules about layout files (LAY-101 to LAY-107): encoding, header, items, codes, keys and references."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from conformance.findings import Finding, NotApplicable, Result, when
from conformance.records import Record
from conformance.rooms import characters, data
from conformance.tables import LAYOUT, Layout, Table
from conformance.transfers import key_of
from conformance.verdicts import HarnessError

TablePredicate = Callable[[Table], Result]
RowPredicate = Callable[[Record], Result]
Ask = Callable[[Callable[[Any], Result], Any], Result | HarnessError]
MAX_FINDINGS: Final = 10_000
UNREADABLE: Final = NotApplicable("ファイルを読めません（LAY-101）", "the file cannot be read (LAY-101)")
EMPTY: Final = NotApplicable("行がありません", "there is no row")
FORM: Final = (*data.TYPES, *data.DIGITS, "DATA-116")
"""The rules of records that LAY-103 stands for."""
OWN: Final = (*FORM, "DATA-121", "DATA-122", "DATA-123", "DATA-124", "DATA-125", "DATA-126")
"""The rules of records that the rows of this room stand for, or that say nothing about a row of a table."""


def readable(table: Table) -> Result:
    """LAY-101: the file is there and can be read in its declared encoding."""
    return when(not table.fault, table.name, "readable as declared", table.fault)


def header(table: Table) -> Result:
    """LAY-102: the header names all items of the record in their order, and a row has a value for each."""
    if table.fault:
        return UNREADABLE
    found: list[Finding] = []
    listed = tuple(item.name for item in table.kind.items)
    if table.heading != "none" and table.columns != listed:
        found += [Finding(f"1 ({place})", "an item of the list", "unknown")
                  for place, name in enumerate(table.columns, 1) if not name]  # fmt: skip
        found += [
            Finding(f"1 {one}", "this item in the header", "absent") for one in listed if one not in table.columns
        ]
        if not found:
            found.append(Finding("1", "the items in the order of the list, each once"))
    if table.heading == "none" and table.header:
        found.append(Finding("1", "no header, as declared", "a header"))
    wide = len(table.columns)
    found += [Finding(f"{line}", f"{wide} values", str(len(row))) for line, row in table.rows if len(row) != wide]
    return tuple(found[:MAX_FINDINGS])


@dataclass(slots=True)
class Swept:
    """What one rule said about the rows so far."""

    found: list[Finding] = field(default_factory=list)
    judged: bool = False
    reason: NotApplicable = EMPTY
    error: HarnessError | None = None

    def take(self, line: int, result: Result | HarnessError) -> None:
        """Add what was said about a row; a place begins with its line. The first ``MAX_FINDINGS`` are listed."""
        if isinstance(result, tuple):
            self.judged = True
            if result and len(self.found) < MAX_FINDINGS:
                self.found += [replace(one, path=f"{line} {one.path}") for one in result]
        elif isinstance(result, NotApplicable):
            self.reason = result
        elif isinstance(result, HarnessError):
            self.error = result

    @property
    def result(self) -> Result | HarnessError:
        """Objections before an error of the suite, an error before a pass."""
        if self.found:
            return tuple(self.found)
        return self.error or (() if self.judged else self.reason)


def sweep(table: Table, ask: Ask) -> Mapping[str, Result | HarnessError]:
    """What the rules on rows say about a table, read once: one row at a time is held as a record."""
    if table.fault:
        return dict.fromkeys(ON_ROWS, UNREADABLE)
    swept = {name: Swept() for name in ON_ROWS}
    for line, record in table.records():
        for name, predicates in ON_ROWS.items():
            for predicate in predicates:
                swept[name].take(line, ask(predicate, record))
    return {name: one.result for name, one in swept.items()}


def primary(table: Table) -> Result:
    """LAY-106: a key (with its history number) occurs once."""
    if table.fault:
        return UNREADABLE
    listed = [(line, key_of(table.kind, values)) for line, values in table.values()]
    seen = Counter(key for _, key in listed)
    return tuple(Finding(f"{line}", "a key that occurs once") for line, key in listed if seen[key] > 1)


def references(layout: Layout, tables: Mapping[str, Table]) -> Result:
    """LAY-107: the rows that the declared references lead to are there; a row without any of the values has none."""
    if not layout.references:
        return NotApplicable(f"{LAYOUT} に参照の宣言がありません", f"{LAYOUT} declares no reference")
    found: list[Finding] = []
    judged = False
    for one in layout.references:
        source, target = tables[one.file], tables[one.to]
        if source.fault or target.fault:
            continue
        judged = True
        there = {tuple(values.get(item, "") for item in one.items) for _, values in target.values()}
        for line, values in source.values():
            wanted = tuple(values.get(item, "") for item in one.items)
            if any(wanted) and wanted not in there:
                found.append(Finding(f"{one.file} {line}", f"a row of {one.to} with the same {', '.join(one.items)}"))
    return tuple(found) if judged else UNREADABLE


ON_TABLES: Final[Mapping[str, TablePredicate]] = MappingProxyType(
    {
        "LAY-101": readable,
        "LAY-102": header,
        "LAY-106": primary,
    }
)
ON_ROWS: Final[Mapping[str, tuple[RowPredicate, ...]]] = MappingProxyType(
    {
        "LAY-103": tuple(data.PREDICATES[name] for name in FORM),
        "LAY-104": (data.mandatory,),
        "LAY-105": (data.codes,),
        **{
            name: (one,)
            for name, one in {**data.PREDICATES, **characters.PREDICATES}.items()
            if name not in OWN and not name.startswith("PROT-")
        },
    }
)
"""The rules of records that are judged on rows: values in the form and the digits of their type, mandatory items,
codes; the others under their own ids. Those about who is told what are left out: a file does not name its receiver."""
PREDICATES: Final = (*ON_TABLES, "LAY-103", "LAY-104", "LAY-105", "LAY-107")
