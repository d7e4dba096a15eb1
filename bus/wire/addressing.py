"""WS-Addressing 1.0 (2005/08) message properties: read strictly from header blocks, and written.

Clauses: WS-Addressing 1.0 Core sections 2 and 3, SOAP Binding sections 3 and 6.4. A refusal is CB1011 and carries the
``Problem`` that the SOAP Binding names for it.
"""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from bus.core.errors import WireError
from bus.core.types import Addressing, Finding, Problem
from bus.wire.safe_xml import line_of

NAMESPACE: Final = "http://www.w3.org/2005/08/addressing"
PREFIX: Final = f"{{{NAMESPACE}}}"
ANONYMOUS: Final = f"{NAMESPACE}/anonymous"
NONE: Final = f"{NAMESPACE}/none"
REPLY: Final = f"{NAMESPACE}/reply"
IS_REFERENCE_PARAMETER: Final = f"{PREFIX}IsReferenceParameter"
NO_ADDRESSING: Final = Addressing()

MAX_IRI: Final = 255
"""Characters of an IRI: what the receipt's messageid (X) and an HTTP field can hold."""

MAX_PARAMETERS: Final = 16
"""Reference parameters of one endpoint reference; real stacks send one or two."""

MAX_PARAMETERS_SIZE: Final = 8 * 1024
"""Characters of all of them: they are sent back with every answer and kept until then."""

_ADDRESS: Final = f"{PREFIX}Address"
_PARAMETERS: Final = f"{PREFIX}ReferenceParameters"
_METADATA: Final = f"{PREFIX}Metadata"
_TEXTS: Final = {f"{PREFIX}{name}": name for name in ("MessageID", "Action", "To")}
_REFERENCES: Final = {f"{PREFIX}{name}": name for name in ("ReplyTo", "FaultTo", "From")}
_RELATES_TO: Final = f"{PREFIX}RelatesTo"
_FAULT_DETAIL: Final = f"{PREFIX}FaultDetail"
KNOWN: Final = frozenset(_TEXTS) | frozenset(_REFERENCES) | {_RELATES_TO, _FAULT_DETAIL}
"""The header blocks that are understood."""
_FIELDS: Final = (
    ("MessageID", "message_id"),
    ("RelatesTo", "relates_to"),
    ("To", "to"),
    ("Action", "action"),
    ("From", "source"),
    ("ReplyTo", "reply_to"),
    ("FaultTo", "fault_to"),
)
_PARAMETERS_OF: Final = {"ReplyTo": "reply_parameters", "FaultTo": "fault_parameters"}
_TRUTH: Final = {"true": True, "1": True, "false": False, "0": False}
_IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[!#-;=?-\[\]_a-z~]+")
"""A URI: an IRI beyond ASCII cannot travel in an HTTP field or in a receipt's messageid (X)."""

_CONTROL: Final = (
    "http://schemas.xmlsoap.org/soap/envelope/",
    NAMESPACE,
    "http://docs.oasis-open.org/wss/",
    "http://docs.oasis-open.org/ws-rx/",
    "urn:chiikibus:",
)
"""Namespaces whose header blocks steer a message: nobody has them copied into an answer of the bus."""


def read_property(found: dict[str, str], block: etree._Element) -> None:
    """Add one header block of the namespace to ``found``; blocks that are no property are passed over.

    Errors: CB1011 for a repeated block, an empty or relative IRI, or a broken endpoint reference.
    """
    tag = block.tag
    name = _TEXTS.get(tag)
    if name is not None:
        value = _iri(block, name)
    elif tag == _RELATES_TO:
        value = _iri(block, "RelatesTo")
        if _relationship(block) != REPLY:
            return
        name = "RelatesTo"
    else:
        name = _REFERENCES.get(tag, "")
        if not name:
            return
        value = _reference(found, block, name)
    if name in found:
        raise _wrong("InvalidCardinality", name, block, "1", "2")
    found[name] = value


def addressing(found: dict[str, str]) -> Addressing:
    """The properties as one value. Errors: CB1011 when there are some, but no Action."""
    if not found:
        return NO_ADDRESSING
    if not found.get("Action", ""):
        raise required("Action")
    return _value(found)


def salvage(blocks: list[etree._Element]) -> Addressing:
    """What can be told of a refused message's properties, so that its fault finds its way: never raises.

    A property that stands twice or is broken counts as absent (SOAP Binding section 3.2).
    """
    found: dict[str, str] = {}
    spoilt: set[str] = set()
    for block in blocks:
        name = str(block.tag).removeprefix(PREFIX)
        single: dict[str, str] = {}
        try:
            read_property(single, block)
        except WireError:
            spoilt.add(name)
            continue
        if name in found and name in single:
            spoilt.add(name)
        found.update(single)
    kept = {key: text for key, text in found.items() if key.partition("/")[0] not in spoilt}
    return _value(kept) if kept or spoilt else NO_ADDRESSING


def is_reference_parameter(block: etree._Element, mark: str) -> bool:
    """Whether ``block`` says with ``mark`` that it is an echoed reference parameter. Errors: CB1011.

    A block that steers the message must not pretend to be one.
    """
    truth = _TRUTH.get(mark.strip())
    if truth is None:
        raise _wrong("InvalidAddressingHeader", "IsReferenceParameter", block, "xs:boolean", f"{len(mark)} characters")
    if truth and str(block.tag)[1:].startswith(_CONTROL):
        raise _wrong("InvalidAddressingHeader", "IsReferenceParameter", block, "a block of another namespace", "true")
    return truth


def required(name: str) -> WireError:
    """CB1011: a property is missing."""
    finding = Finding("CB1011", path=f"wsa:{name}", expected="1", got="0")
    return WireError("CB1011", [finding], problem=Problem("MessageAddressingHeaderRequired", name))


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
        if name in {"ReplyTo", "FaultTo", "From"}:
            etree.SubElement(block, _ADDRESS).text = text
            parameters = getattr(value, _PARAMETERS_OF[name]) if name in _PARAMETERS_OF else ""
            if parameters:
                block.append(etree.fromstring(parameters))
        else:
            block.text = text


def blocks(value: Addressing, parameters: str = "") -> list[etree._Element]:
    """The header blocks of ``value`` and these echoed reference parameters, to be put into a message."""
    header = etree.Element("header", nsmap={"wsa": NAMESPACE})
    write(header, value)
    if parameters:
        write_parameters(header, parameters)
    return list(header)


def write_parameters(header: etree._Element, parameters: str) -> None:
    """Append the blocks that an endpoint reference asks to have back (SOAP Binding section 3.3).

    Each is read on its own, so that it keeps the namespaces that only its values name.
    """
    for child in etree.fromstring(parameters):
        block = etree.fromstring(etree.tostring(child, with_tail=False))
        block.set(IS_REFERENCE_PARAMETER, "true")
        header.append(block)


def _value(found: dict[str, str]) -> Addressing:
    get = found.get
    return Addressing(
        get("MessageID", ""),
        get("Action", ""),
        get("To", ""),
        get("RelatesTo", ""),
        get("ReplyTo", ""),
        get("FaultTo", ""),
        get("From", ""),
        get("ReplyTo/", ""),
        get("FaultTo/", ""),
    )


def _reference(found: dict[str, str], block: etree._Element, name: str) -> str:
    """The address of an endpoint reference; its reference parameters go to ``found``. Errors: CB1011."""
    address: etree._Element | None = None
    parts: set[str] = set()
    if block.text and not block.text.isspace():
        raise _wrong("InvalidEPR" if len(block) else "MissingAddressInEPR", name, block, "no text")
    for child in block:
        tag = str(child.tag)
        if not tag.startswith(PREFIX):
            if tag[0] != "{":
                raise _wrong("InvalidEPR", name, child, "qualified elements")
            continue
        if tag in parts or tag not in {_ADDRESS, _PARAMETERS, _METADATA}:
            raise _wrong("InvalidEPR", name, child, "1 Address, ReferenceParameters?, Metadata?", tag[:128])
        parts.add(tag)
        if tag == _ADDRESS:
            address = child
        elif tag == _PARAMETERS and len(child):
            found.setdefault(f"{name}/", _parameters(child, name))
    if address is None:
        raise _wrong("MissingAddressInEPR", name, block, "1 wsa:Address", "0")
    return _iri(address, name)


def _parameters(element: etree._Element, name: str) -> str:
    """The XML of a wsa:ReferenceParameters element, whose children can stand as header blocks. Errors: CB1011."""
    if len(element) > MAX_PARAMETERS:
        raise _wrong("InvalidEPR", name, element, f"<= {MAX_PARAMETERS} reference parameters", str(len(element)))
    for child in element:
        tag = str(child.tag)
        if tag[0] != "{" or tag[1:].startswith(_CONTROL):
            raise _wrong("InvalidEPR", name, child, "a block of the sender's own namespace", tag[:128])
    text = str(etree.tostring(element, encoding="unicode", with_tail=False))
    if len(text) > MAX_PARAMETERS_SIZE:
        raise _wrong("InvalidEPR", name, element, f"<= {MAX_PARAMETERS_SIZE} characters", str(len(text)))
    return text


def _relationship(block: etree._Element) -> str:
    """The RelationshipType, reply when none is said. Errors: CB1011 when it is no absolute IRI."""
    given = block.get("RelationshipType")
    if given is None:
        return REPLY
    kind = str(given).strip()
    if not is_iri(kind):
        raise _wrong("InvalidAddressingHeader", "RelatesTo", block, "RelationshipType: absolute IRI")
    return kind


def _iri(element: etree._Element, name: str) -> str:
    """The absolute IRI that is the text of ``element``. Errors: CB1011."""
    text = (element.text or "").strip()
    if len(element) or not is_iri(text):
        got = "child elements" if len(element) else f"{len(text)} characters"
        raise _wrong("InvalidAddress", name, element, f"absolute IRI, <= {MAX_IRI}", got)
    return text


def _wrong(subcode: str, name: str, element: etree._Element, expected: str, got: str = "") -> WireError:
    """CB1011 at a header block."""
    finding = Finding("CB1011", path=f"wsa:{name}", line=line_of(element), expected=expected, got=got)
    return WireError("CB1011", [finding], problem=Problem(subcode, name))
