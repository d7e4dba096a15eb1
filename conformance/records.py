"""The records that a message carries, beside the item tables of their unit: the subject of the data rooms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from conformance.description import Element
from conformance.documents import children, local, namespace, where
from conformance.glyphs import blocks, ordinary
from conformance.messages import Message
from schemas.model import Edition, Item, Operation, RecordType, Unit


@dataclass(frozen=True, slots=True)
class Field:
    """One item as it stands in a record: its declaration, its element and its text.

    In the text of a message that names glyphs (Mojizukei) an ordinary character stands in the place of each.
    """

    item: Item
    element: Element
    text: str

    @property
    def path(self) -> str:
        """Where it stands."""
        return where(self.element)


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a message. ``others`` are child elements that are no item of it."""

    name: str
    edition: Edition
    unit: Unit
    operation: Operation
    type: RecordType
    element: Element
    fields: tuple[Field, ...]
    others: tuple[Element, ...]

    @property
    def values(self) -> Mapping[str, str]:
        """The values by item; of an item that occurs twice the last."""
        return {one.item.name: one.text for one in self.fields}


def operation_of(message: Message, edition: Edition) -> tuple[Unit, Operation] | None:
    """Unit and operation of a payload, by the Body's child."""
    if len(message.entries) != 1:
        return None
    tag = str(message.entries[0].tag)
    for unit in edition.units.values():
        if tag.startswith(f"{{{unit.namespace}}}"):
            for operation in unit.operations.values():
                if tag in (operation.input, operation.output):
                    return unit, operation
    return None


def records_of(message: Message, edition: Edition) -> Iterator[Record]:
    """The records of a message of the standard; none where it is no such message or a receipt."""
    found = operation_of(message, edition)
    if found is None:
        return
    unit, operation = found
    payload = message.entries[0]
    answer = str(payload.tag) == operation.output
    inquiry = operation.output.endswith("_kaito")
    if answer and not inquiry:
        return
    own = unit.records.get(local(payload) if answer else operation.request_record)
    carried = unit.records.get(operation.record) if answer == inquiry else None
    held = [one for one in children(payload) if carried and one.tag == f"{{{unit.namespace}}}{carried.name}"]
    if own is not None:
        yield _record(message, edition, unit, operation, own, payload, held)
    if carried is None:
        return
    for element in held:
        yield _record(message, edition, unit, operation, carried, element, [])


def _record(
    message: Message, edition: Edition, unit: Unit, operation: Operation, kind: RecordType, element: Element,
    apart: list[Element],
) -> Record:  # fmt: skip
    items = {item.name: item for item in kind.items}
    fields, others = [], []
    named = bool(blocks(message.header_blocks))
    for child in children(element):
        if child in apart:
            continue
        item = items.get(local(child)) if namespace(child) == unit.namespace else None
        if item is None:
            others.append(child)
        else:
            text = child.text or ""
            fields.append(Field(item, child, ordinary(text) if named else text))
    return Record(message.name, edition, unit, operation, kind, element, tuple(fields), tuple(others))
