"""Write a message of one edition of the standard in another: names of the other namespace, only items that it has.

What both editions have stays as it is, letter for letter. An item that the other edition does not have is left out, as
``chiikibus catalog diff`` announces for receivers; whether the result is a message of that edition is for its contract.
"""

from __future__ import annotations

from typing import Any

from lxml import etree

from bus.wire.addressing import PREFIX as WSA
from bus.wire.context import PREFIX as CONTEXT
from bus.wire.envelope import without_security
from schemas.model import Operation, Unit


def recast(payload: etree._Element, old: tuple[Unit, Operation], new: tuple[Unit, Operation]) -> etree._Element:
    """Replace ``payload`` in its message by what it is in another edition, and the headers that name the edition.

    ``old`` and ``new`` are unit and operation in the two editions; the payload is the input or output of ``old``'s.
    """
    (before, asked), (after, wanted) = old, new
    reply = payload.tag == asked.output
    root = payload.getroottree().getroot()
    made = _root(payload, before, after, wanted.output if reply else wanted.input, wanted)
    parent = payload.getparent()
    if parent is not None:
        made.tail = payload.tail
        parent.replace(payload, made)
    _headers(root, {asked.action: wanted.action, asked.reply_action: wanted.reply_action}, after.edition)
    without_security(root)
    return made


def _root(payload: etree._Element, old: Unit, new: Unit, tag: str, operation: Operation) -> etree._Element:
    """The payload element: its own items in the new order, then the records it carries, in theirs."""
    made = etree.Element(
        tag, {str(name): str(value) for name, value in payload.attrib.items()}, _nsmap(payload, old, new)
    )
    made.text = payload.text
    local = tag.rpartition("}")[2]
    own = new.records.get(local) or new.records.get(operation.request_record if tag == operation.input else "")
    places = {item.name: number for number, item in enumerate(own.items)} if own is not None else {}
    for child in _sorted(payload, old, {**places, operation.record: len(places)} if operation.record else places):
        made.append(_element(child, old, new))
    return made


def _element(element: etree._Element, old: Unit, new: Unit) -> etree._Element:
    """A record with the items of the new edition in its order, or an item."""
    name = etree.QName(element)
    tag = f"{{{new.namespace}}}{name.localname}" if name.namespace == old.namespace else element.tag
    made = etree.Element(tag, {str(key): str(value) for key, value in element.attrib.items()})
    made.text, made.tail = element.text, element.tail
    record = new.records.get(name.localname) if len(element) else None
    places = {item.name: number for number, item in enumerate(record.items)} if record is not None else None
    for child in element if places is None else _sorted(element, old, places):
        made.append(_element(child, old, new))
    return made


def _sorted(element: etree._Element, old: Unit, places: dict[str, int]) -> list[etree._Element]:
    """The children that the new edition has, in its order; what is not the unit's (a receipt's items) stays."""
    kept = []
    for child in element.iterchildren(tag=etree.Element):
        name = etree.QName(child)
        if name.namespace != old.namespace:
            kept.append((len(places), child))
        elif name.localname in places:
            kept.append((places[name.localname], child))
    return [child for _, child in sorted(kept, key=lambda pair: pair[0])]


def _nsmap(payload: etree._Element, old: Unit, new: Unit) -> Any:
    """The prefixes in use, with the new namespace in place of the old."""
    return {prefix: new.namespace if uri == old.namespace else uri for prefix, uri in payload.nsmap.items()}


def _headers(root: etree._Element, actions: dict[str, str], edition: str) -> None:
    """wsa:Action, and what the context says of operation and edition."""
    for block in root[0] if len(root) > 1 else ():
        if block.tag == f"{WSA}Action" and block.text in actions:
            block.text = actions[block.text]
        elif block.tag == f"{CONTEXT}Context":
            for item in block:
                if item.tag == f"{CONTEXT}hansu":
                    item.text = edition
                elif item.text in actions:
                    item.text = actions[item.text]
