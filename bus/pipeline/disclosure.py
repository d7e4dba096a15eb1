"""The disclosure rules: items that a right withholds are taken out; only then is a message written anew."""

from __future__ import annotations

from lxml import etree

from bus.core.errors import WireError
from bus.core.ports import Consignment
from bus.core.types import Finding
from bus.pipeline.tables import ANSWER_SUFFIX, Tables
from bus.wire import envelope, safe_xml
from bus.wire.attachments.media import is_multipart
from bus.wire.envelope import without_security


def outgoing_body(tables: Tables, consignment: Consignment, raw: bytes, media_type: str = "") -> bytes:
    """The bytes for the consignment's target: ``raw`` itself unless an item has to be withheld from it.

    ``media_type`` is that of ``raw`` where it is no longer the received one.
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
    read = envelope.read(safe_xml.parse(raw, media_type or consignment.content_type))
    return envelope.serialise(read.body) if withhold(read.body, items) else raw


def withhold(payload: etree._Element, items: frozenset[str]) -> bool:
    """Take every element of these local names out of the payload; whether there was any.

    A signature goes with them: over what is left it would not hold.
    """
    found = list(payload.iter(*(f"{{*}}{item}" for item in items)))
    if found:
        without_security(payload.getroottree().getroot())
    for element in found:
        parent = element.getparent()
        if parent is not None and element is not payload:
            parent.remove(element)
    return bool(found)
