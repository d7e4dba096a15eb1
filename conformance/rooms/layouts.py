"""Rules about layout files (LAY-101 to LAY-107): encoding, header, items, codes, keys and references."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from conformance.findings import Finding, NotApplicable, Result, when
from conformance.records import Record
from conformance.rooms import characters, data
from conformance.tables import LAYOUT, Layout, Table
from conformance.transfers import key_of

TablePredicate = Callable[[Table], Result]
RowPredicate = Callable[[Record], Result]
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
    found += [
        Finding(f"{line}", f"{table.width} values", str(len(row)))
        for line, row in table.rows
        if len(row) != table.width
    ]
    return tuple(found)


def over_rows(table: Table, *predicates: RowPredicate) -> Result:
    """What predicates on records say about all rows; a place begins with the line of the row."""
    if table.fault:
        return UNREADABLE
    found: list[Finding] = []
    judged = False
    reason = EMPTY
    for line, record in table.records:
        for predicate in predicates:
            result = predicate(record)
            if isinstance(result, tuple):
                judged = True
                found += [replace(one, path=f"{line} {one.path}") for one in result]
            elif isinstance(result, NotApplicable):
                reason = result
    return tuple(found) if judged else reason


def form(table: Table) -> Result:
    """LAY-103: values have the form and the digits of their type."""
    return over_rows(table, *(data.PREDICATES[name] for name in FORM))


def mandatory(table: Table) -> Result:
    """LAY-104: mandatory items have a value."""
    return over_rows(table, data.mandatory)


def codes(table: Table) -> Result:
    """LAY-105: a code is one of its table."""
    return over_rows(table, data.codes)


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
        "LAY-103": form,
        "LAY-104": mandatory,
        "LAY-105": codes,
        "LAY-106": primary,
    }
)
ON_ROWS: Final[Mapping[str, RowPredicate]] = MappingProxyType(
    {
        name: one
        for name, one in {**data.PREDICATES, **characters.PREDICATES}.items()
        if name not in OWN and not name.startswith("PROT-")
    }
)
"""The rules of records that are judged on rows of tables too, under their own ids; those about who is told what are
left out, as a file says nothing of its receiver."""
PREDICATES: Final = (*ON_TABLES, "LAY-107")
