"""The interface catalogue as rows: a choice of provider, operation and consumer; JSON document and CSV of items."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from bus.core.errors import ConfigurationError
from bus.core.types import Finding
from schemas.catalog import nearest
from schemas.model import Edition, Item, Operation, Unit

ANYBODY = "*"
COLUMNS = (
    "provider", "provider_ja", "operation", "operation_ja", "pattern", "consumers", "edition", "part", "record",
    "record_ja", "number", "name", "name_ja", "type", "digits", "scale", "mandatory", "code", "format", "sensitivity",
    "provenance",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for: all units or one, all of its operations or one, those of one consumer or of all."""

    edition: Edition
    units: tuple[Unit, ...]
    unit: Unit | None = None
    operation: Operation | None = None
    consumer: str = ""

    def operations(self, unit: Unit) -> tuple[Operation, ...]:
        """The chosen operations of a unit."""
        found = (self.operation,) if self.operation is not None else tuple(unit.operations.values())
        wanted = {self.consumer, ANYBODY}
        return tuple(one for one in found if not self.consumer or wanted & set(one.consumers))

    @property
    def count(self) -> int:
        """How many operations that is."""
        return sum(len(self.operations(unit)) for unit in self.units)


def select(edition: Edition, name: str = "", consumer: str = "") -> Selection:
    """The units and operations meant. Errors: ``ConfigurationError`` CB7014 with the nearest known name."""
    known = edition.codes["gyomu"].codes if "gyomu" in edition.codes else frozenset(edition.units)
    if consumer and consumer not in known:
        raise _unknown("--consumer", consumer, known)
    key, _, operation = name.partition(".")
    if not name:
        return Selection(edition, tuple(edition.units.values()), consumer=consumer)
    if key not in edition.units:
        raise _unknown(name, key, edition.units)
    unit = edition.units[key]
    if operation and operation not in unit.operations:
        raise _unknown(name, operation, unit.operations)
    return Selection(edition, (unit,), unit, unit.operations.get(operation), consumer)


def catalogue(selection: Selection, *, items: bool) -> dict[str, Any]:
    """The choice as a document; ``items`` adds the items and code tables of what the operations carry."""
    return {
        "edition": selection.edition.version,
        "consumer": selection.consumer or None,
        "units": [_unit(selection, unit, items=items) for unit in selection.units],
    }


def parts(unit: Unit, operation: Operation) -> Iterator[tuple[str, str]]:
    """``(part, record)`` of an operation: what is asked or heads the message (request), and what it carries."""
    for part, name in (("request", operation.request_record), ("record", operation.record)):
        if name in unit.records:
            yield part, name


def size_of(item: Item) -> str:
    """Type and digits as the documents show them: ``9V(3,1)``."""
    return f"{item.type}({item.digits},{item.scale})" if item.scale else f"{item.type}({item.digits})"


def csv_text(selection: Selection) -> str:
    """One line an item, for every part of every chosen operation."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for unit in selection.units:
        for operation in selection.operations(unit):
            head = (
                unit.key, unit.name_ja, operation.name, operation.name_ja, operation.pattern,
                "|".join(operation.consumers), unit.edition,
            )  # fmt: skip
            for part, record in parts(unit, operation):
                for number, item in enumerate(unit.records[record].items, 1):
                    writer.writerow((*head, part, record, unit.records[record].name_ja, number, *_cells(item)))
    return out.getvalue()


def _cells(item: Item) -> tuple[object, ...]:
    return (
        item.name, item.name_ja, item.type, item.digits, item.scale or "", "yes" if item.mandatory else "no", item.code,
        item.format, item.sensitivity, item.provenance,
    )  # fmt: skip


def _unit(selection: Selection, unit: Unit, *, items: bool) -> dict[str, Any]:
    operations = selection.operations(unit)
    document: dict[str, Any] = {
        "key": unit.key,
        "number": unit.number,
        "name_ja": unit.name_ja,
        "name_en": unit.name_en,
        "namespace": unit.namespace,
        "edition": unit.edition,
        "operations": [_operation(one) for one in operations],
    }
    if items:
        names = list(dict.fromkeys(record for one in operations for _, record in parts(unit, one)))
        records = [unit.records[name] for name in names]
        tables = sorted({item.code for record in records for item in record.items} - {""})
        document["records"] = [
            {
                "name": one.name,
                "name_ja": one.name_ja,
                "key": list(one.key),
                "items": [asdict(item) for item in one.items],
            }
            for one in records
        ]
        document["codes"] = [
            {"name": name, "name_ja": unit.codes[name].name_ja, "rows": [asdict(row) for row in unit.codes[name].rows]}
            for name in tables
        ]
        document["rules"] = [
            {"name": rule.name, "record": rule.record, "text_ja": rule.text_ja, "text_en": rule.text_en}
            for rule in unit.rules
            if rule.record in names
        ]
    return document


def _operation(operation: Operation) -> dict[str, Any]:
    fields = (
        "name",
        "name_ja",
        "pattern",
        "record",
        "repeats",
        "request_record",
        "action",
        "reply_action",
        "number_use",
    )
    lists = ("consumers", "ordering", "purposes", "about")
    shown = {field: getattr(operation, field) for field in fields} | {
        field: list(getattr(operation, field)) for field in lists
    }
    return shown | {"input": operation.input, "output": operation.output, "deadline_s": operation.deadline_s}


def _unknown(path: str, got: str, known: Any) -> ConfigurationError:
    near = nearest(got, known).removeprefix("; nearest: ")
    return ConfigurationError("CB7014", [Finding("CB7014", path=path, expected=f"{near}?" if near else "", got=got)])
