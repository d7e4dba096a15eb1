"""WS-Addressing 1.0 (2005/08) message properties: read strictly from header blocks, and written.

Clauses: WS-Addressing 1.0 Core section 3, SOAP Binding section 5.
"""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from bus.core.errors import WireError
from bus.core.types import Addressing, Finding
from bus.wire.safe_xml import line_of

NAMESPACE: Final = "http://www.w3.org/2005/08/addressing"
PREFIX: Final = f"{{{NAMESPACE}}}"
ANONYMOUS: Final = f"{NAMESPACE}/anonymous"
NONE: Final = f"{NAMESPACE}/none"
REPLY: Final = f"{NAMESPACE}/reply"
MAX_IRI: Final = 255
NO_ADDRESSING: Final = Addressing()

_ADDRESS: Final = f"{PREFIX}Address"
_TEXTS: Final = {f"{PREFIX}{name}": name for name in ("MessageID", "Action", "To")}
_REFERENCES: Final = {f"{PREFIX}{name}": name for name in ("ReplyTo", "FaultTo", "From")}
_RELATES_TO: Final = f"{PREFIX}RelatesTo"
_FIELDS: Final = (
    ("MessageID", "message_id"),
    ("RelatesTo", "relates_to"),
    ("To", "to"),
    ("Action", "action"),
    ("ReplyTo", "reply_to"),
    ("FaultTo", "fault_to"),
)
_IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[!#-;=?-\[\]_a-z~]+")
"""A URI: an IRI beyond ASCII cannot travel in an HTTP field or in a receipt's messageid (X)."""


def read_property(found: dict[str, str], block: etree._Element) -> None:
    """Add one header block of the namespace to ``found``; blocks that are no property are passed over.

    Errors: CB1011 for a repeated block, an empty or relative IRI, or a broken endpoint reference.
    """
    tag = block.tag
    name = _TEXTS.get(tag)
    if name is not None:
        value = _iri(block, name)
    elif tag == _RELATES_TO:
        if block.get("RelationshipType", REPLY) != REPLY:
            return
        name, value = "RelatesTo", _iri(block, "RelatesTo")
    else:
        name = _REFERENCES.get(tag, "")
        if not name:
            return
        addresses = [child for child in block if child.tag == _ADDRESS]
        if len(addresses) != 1:
            raise _wrong(name, block, "1 wsa:Address", str(len(addresses)))
        value = _iri(addresses[0], f"{name}/Address")
    if name in found:
        raise _wrong(name, block, "1", "2")
    found[name] = value


def addressing(found: dict[str, str]) -> Addressing:
    """The properties as one value. Errors: CB1011 when there are some, but no Action."""
    if not found:
        return NO_ADDRESSING
    get = found.get
    action = get("Action", "")
    if not action:
        raise WireError("CB1011", [Finding("CB1011", path="wsa:Action", expected="1", got="0")])
    return Addressing(
        get("MessageID", ""), action, get("To", ""), get("RelatesTo", ""), get("ReplyTo", ""), get("FaultTo", "")
    )


def is_iri(text: str) -> bool:
    """Whether ``text`` is an absolute IRI that can travel everywhere."""
    return len(text) <= MAX_IRI and _IRI.fullmatch(text) is not None


def is_addressed(iri: str) -> bool:
    """Whether ``iri`` names a place of its own rather than the back channel, nobody, or nothing."""
    return iri not in {"", ANONYMOUS, NONE}


def write(header: etree._Element, value: Addressing) -> None:
    """Append the header blocks of ``value`` to a soap:Header."""
    for name, attribute in _FIELDS:
        text = getattr(value, attribute)
        if not text:
            continue
        block = etree.SubElement(header, PREFIX + name)
        if name in {"ReplyTo", "FaultTo"}:
            block = etree.SubElement(block, _ADDRESS)
        block.text = text


def _iri(element: etree._Element, name: str) -> str:
    """The absolute IRI that is the text of ``element``. Errors: CB1011."""
    text = (element.text or "").strip()
    if len(element) or len(text) > MAX_IRI or _IRI.fullmatch(text) is None:
        got = "child elements" if len(element) else f"{len(text)} characters"
        raise _wrong(name, element, f"absolute IRI, <= {MAX_IRI}", got)
    return text


def _wrong(name: str, element: etree._Element, expected: str, got: str) -> WireError:
    """CB1011 at a header block."""
    finding = Finding("CB1011", path=f"wsa:{name}", line=line_of(element), expected=expected, got=got)
    return WireError("CB1011", [finding])
