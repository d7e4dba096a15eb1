"""The disclosure rules: items that a right withholds are taken out; only then is a message written anew."""

from __future__ import annotations

from lxml import etree

from bus.core.errors import WireError
from bus.core.ports import Consignment
from bus.core.types import Finding
from bus.pipeline.tables import ANSWER_SUFFIX, Tables
from bus.wire import envelope, safe_xml
from bus.wire.attachments.media import is_multipart


def outgoing_body(tables: Tables, consignment: Consignment, raw: bytes) -> bytes:
    """The bytes for the consignment's target: ``raw`` itself unless an item has to be withheld from it.

    Errors: WireError when ``raw`` cannot be read, which cannot be since it was accepted, and CB1050 for a message with
    attachments, from which nothing can be withheld.
    """
    operation = consignment.operation.removesuffix(ANSWER_SUFFIX)
    items = tables.withheld.get((f"{consignment.municipality}/{consignment.target}", operation))
    if not items:
        return raw
    if is_multipart(consignment.content_type):
        # The rights have changed since it was accepted: what cannot be looked into is not sent.
        raise WireError("CB1050", [Finding("CB1050", path="rights.toml withhold", expected="none")])
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
