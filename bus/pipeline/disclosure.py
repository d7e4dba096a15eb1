"""The disclosure rules: items that a right withholds are taken out; only then is a message written anew."""

from __future__ import annotations

from lxml import etree

from bus.core.ports import Consignment
from bus.pipeline.tables import ANSWER_SUFFIX, Tables
from bus.wire import envelope, safe_xml


def outgoing_body(tables: Tables, consignment: Consignment, raw: bytes) -> bytes:
    """The bytes for the consignment's target: ``raw`` itself unless an item has to be withheld from it.

    Errors: WireError when ``raw`` cannot be read, which cannot be since it was accepted.
    """
    operation = consignment.operation.removesuffix(ANSWER_SUFFIX)
    items = tables.withheld.get((f"{consignment.municipality}/{consignment.target}", operation))
    if not items:
        return raw
    read = envelope.read(safe_xml.parse(raw, consignment.content_type))
    return envelope.serialise(read.body) if withhold(read.body, items) else raw


def withhold(payload: etree._Element, items: frozenset[str]) -> bool:
    """Take every element of these local names out of the payload; whether there was any."""
    found = list(payload.iter(*(f"{{*}}{item}" for item in items)))
    for element in found:
        parent = element.getparent()
        if parent is not None and element is not payload:
            parent.remove(element)
    return bool(found)
