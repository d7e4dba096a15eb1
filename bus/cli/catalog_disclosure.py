"""Who sees which records and items of a unit, for people: the decisions of disclosure.csv."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from bus.cli.catalog_rows import ANYBODY, Selection, catalogue, parts
from schemas.model import Disclosure, Operation, Protection, Unit
from schemas.rows import rows_text

DENIED = "渡しません"
UNDECIDED = "規定なし（渡しません）"
EFFECTS = {"withhold": "渡しません", "priority": "先に届けます", "stop": "送りません", "none": "ありません"}


def rows_of(selection: Selection, unit: Unit) -> list[Disclosure]:
    """The rows about the chosen operations and the chosen consumer."""
    records = {name for one in selection.operations(unit) for _, name in parts(unit, one)}
    return [
        row
        for row in unit.disclosure or ()
        if row.record in records and (not selection.consumer or selection.consumer in row.consumers)
    ]


def guards_of(selection: Selection, unit: Unit) -> list[Protection]:
    """The protections of the records that the chosen operations carry."""
    records = {one.record for one in selection.operations(unit)}
    return [row for row in unit.protections if row.record in records]


def hidden(unit: Unit, row: Disclosure) -> str:
    """The items that a row does not show, by their Japanese names."""
    if not row.items:
        return "すべて"
    names = (item.name_ja for item in unit.records[row.record].items if item.name not in row.items)
    return "、".join(names) or "なし"


def shown(unit: Unit, row: Disclosure) -> str:
    """Which records a row shows."""
    return rows_text(unit, row.record, row.rows) if row.items else DENIED


def decisions(selection: Selection, unit: Unit, operation: Operation) -> Iterator[tuple[str, str, str, str, str]]:
    """For every consumer of an operation: unit, purposes, records, number of items, basis. None is left out."""
    if operation.record not in unit.records or unit.disclosure is None:
        return
    everybody = selection.edition.units
    for consumer in everybody if ANYBODY in operation.consumers else operation.consumers:
        if consumer == operation.provider or selection.consumer not in ("", consumer):
            continue
        rows = [row for row in unit.disclosure if row.record == operation.record and consumer in row.consumers]
        if not rows:
            yield consumer, "-", UNDECIDED, "0", ""
        for row in rows:
            purposes = "、".join(row.purposes) if row.items else "-"
            yield consumer, purposes, shown(unit, row), str(len(row.items)), row.basis_ja


def document(selection: Selection, unit: Unit) -> dict[str, Any]:
    """The same as data: what both sides sign contains who sees what."""
    return {
        "disclosure": [
            {
                "record": row.record,
                "consumers": list(row.consumers),
                "purposes": list(row.purposes),
                "items": sorted(row.items),
                "rows": [{"items": list(one.items), "op": one.op, "values": list(one.values)} for one in row.rows],
                "denied": not row.items,
                "basis_ja": row.basis_ja,
            }
            for row in rows_of(selection, unit)
        ],
        "protection": [
            asdict(row) | {"values": sorted(row.values), "items": sorted(row.items)}
            for row in guards_of(selection, unit)
        ],
    }


def full(selection: Selection) -> dict[str, Any]:
    """The whole catalogue of a choice: operations, items, codes, rules, and who sees what."""
    found = catalogue(selection, items=True)
    for unit, described in zip(selection.units, found["units"], strict=True):
        described.update(document(selection, unit))
    return found


def guard_line(unit: Unit, row: Protection) -> Sequence[str]:
    """A protection for people: record, flag, values, effect, why."""
    record = unit.records[row.record]
    flag = record.item(row.flag).name_ja if row.flag else "－"
    table = unit.codes.get(record.item(row.flag).code) if row.flag else None
    words = {one.code: f"{one.code} {one.name_ja}" for one in table.rows} if table is not None else {}
    values = [words.get(value, value) for value in sorted(row.values)] + (["項目がない"] if row.absent else [])
    return record.title, flag, "・".join(values) or "－", EFFECTS[row.effect], row.text_ja
