"""SOAP 1.1 envelopes: read by the rules of SOAP 1.1 and WS-I Basic Profile 1.1, and built.

The rules: Envelope of SOAP 1.1 (else VersionMismatch); Header at most once and first; Body once and last, with
exactly one namespace-qualified child; no encodingStyle; no attribute of the envelope namespace on Envelope, Header
and Body (R1032); mustUnderstand is 0 or 1; a block with another actor is not ours and is passed over; a block that
is ours, must be understood and is not known is refused.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Final

from lxml import etree

from bus.core.errors import WireError
from bus.core.types import Addressing, Context, Finding
from bus.core.values import value
from bus.wire import addressing as wsa
from bus.wire import context as cb
from bus.wire.reliable.names import PREFIX as RELIABLE
from bus.wire.safe_xml import line_of

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
ENVELOPE: Final = f"{{{SOAP}}}Envelope"
HEADER: Final = f"{{{SOAP}}}Header"
BODY: Final = f"{{{SOAP}}}Body"
FAULT: Final = f"{{{SOAP}}}Fault"
NEXT: Final = "http://schemas.xmlsoap.org/soap/actor/next"
WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
SECURITY: Final = f"{{{WSSE}}}Security"

_SOAP_ATTRIBUTE: Final = f"{{{SOAP}}}"
MUST_UNDERSTAND: Final = f"{{{SOAP}}}mustUnderstand"
_ACTOR: Final = f"{{{SOAP}}}actor"
_OURS: Final = frozenset({None, "", NEXT})
_WSA_PREFIX: Final = wsa.PREFIX


@value(frozen=True, slots=True)
class Envelope:
    """A read envelope. ``body`` is the payload element; ``headers`` are the blocks meant for this node.

    ``security`` is the wsse:Security block meant for this node, if there is one: the security step judges it.
    ``reliable`` says that there are blocks of WS-ReliableMessaging; only then may the Body be empty, and ``body`` is
    the soap:Body itself.
    """

    addressing: Addressing
    context: Context
    body: etree._Element
    headers: tuple[etree._Element, ...] = ()
    is_fault: bool = False
    security: etree._Element | None = None
    reliable: bool = False


def read(root: etree._Element) -> Envelope:
    """The envelope below ``root``.

    Errors (WireError): CB1007 not SOAP 1.1, CB1008 structure, CB1009 a block that must be understood is not known,
    CB1011 WS-Addressing, CB1012 context.
    """
    header, body = _parts(root)
    payload = _payload(body) if len(body) or header is None else _empty(header, body)
    is_fault = payload.tag == FAULT
    if header is None or not len(header):
        return Envelope(wsa.NO_ADDRESSING, cb.NO_CONTEXT, payload, (), is_fault)
    properties: dict[str, str] = {}
    context = cb.NO_CONTEXT
    security: etree._Element | None = None
    reliable = False
    ours = []
    for block in header:
        must = None
        if block.keys():
            must = block.get(MUST_UNDERSTAND)
            if must not in {None, "0", "1"}:
                raise _structure(block, "mustUnderstand 0 | 1")
            if block.get(_ACTOR) not in _OURS:
                continue
        ours.append(block)
        tag = str(block.tag)
        if tag.startswith(_WSA_PREFIX):
            wsa.read_property(properties, block)
        elif tag == cb.CONTEXT:
            if context is not cb.NO_CONTEXT:
                raise WireError(
                    "CB1012", [Finding("CB1012", path="Context", line=line_of(block), expected="1", got="2")]
                )
            context = cb.read(block)
        elif tag == SECURITY:
            if security is not None:
                raise _structure(block, "1 wsse:Security for one actor")
            security = block
        elif tag[0] != "{":
            raise _structure(block, "namespace-qualified header block")
        elif _foreign(block, tag, must):
            reliable = True
    return Envelope(wsa.addressing(properties), context, payload, tuple(ours), is_fault, security, reliable)


def build(body: etree._Element, *, addressing: Addressing | None = None, context: Context | None = None) -> bytes:
    """A SOAP 1.1 message in UTF-8 around ``body``; an element that has a parent is copied, not moved."""
    nsmap = {"soap": SOAP}
    if addressing is not None:
        nsmap["wsa"] = wsa.NAMESPACE
    root = etree.Element(ENVELOPE, nsmap=nsmap)
    if addressing is not None or context is not None:
        header = etree.SubElement(root, HEADER)
        if addressing is not None:
            wsa.write(header, addressing)
        if context is not None:
            cb.write(header, context)
    etree.SubElement(root, BODY).append(body if body.getparent() is None else deepcopy(body))
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def serialise(body: etree._Element) -> bytes:
    """The whole message that ``body`` belongs to, in UTF-8."""
    return etree.tostring(body.getroottree().getroot(), encoding="utf-8", xml_declaration=True)


def _parts(root: etree._Element) -> tuple[etree._Element | None, etree._Element]:
    """Header (or None) and Body. Errors: CB1007, CB1008."""
    if root.tag != ENVELOPE:
        name = etree.QName(root)
        got = (name.namespace or "")[:128] if name.localname == "Envelope" else name.localname[:64]
        raise WireError("CB1007", [Finding("CB1007", path="Envelope", line=line_of(root), expected=SOAP, got=got)])
    _no_soap_attributes(root)
    children = list(root)
    header = children.pop(0) if children and children[0].tag == HEADER else None
    if len(children) != 1 or children[0].tag != BODY:
        raise _structure(root, "Header?, Body", ", ".join(etree.QName(c).localname[:32] for c in children[:5]))
    if header is not None:
        _no_soap_attributes(header)
        _no_text(header)
    return header, children[0]


def _payload(body: etree._Element) -> etree._Element:
    """The one child of the Body. Errors: CB1008."""
    _no_soap_attributes(body)
    if len(body) != 1:
        raise _structure(body, "1 child", str(len(body)))
    payload: etree._Element = body[0]
    if (body.text and not body.text.isspace()) or (payload.tail and not payload.tail.isspace()):
        raise _structure(body, "no text beside the child")
    if str(payload.tag)[0] != "{":
        raise _structure(payload, "namespace-qualified child of Body")
    _no_soap_attributes(payload)
    return payload


def _foreign(block: etree._Element, tag: str, must: str | None) -> bool:
    """Whether the block is one of reliable messaging. Errors: CB1009 for an unknown one that must be understood."""
    if tag.startswith(RELIABLE):
        return True
    if must != "1":
        return False
    name = etree.QName(block)
    finding = Finding("CB1009", path=name.localname[:64], line=line_of(block), got=(name.namespace or "")[:128])
    raise WireError("CB1009", [finding])


def _empty(header: etree._Element, body: etree._Element) -> etree._Element:
    """The empty Body itself where the Header says that the message is all header. Errors: CB1008."""
    if any(str(block.tag).startswith(RELIABLE) for block in header) and not (body.text or "").strip():
        _no_soap_attributes(body)
        return body
    return _payload(body)


def _no_soap_attributes(element: etree._Element) -> None:
    """R1005, R1006, R1032: nothing of the envelope namespace, encodingStyle above all. Errors: CB1008."""
    for name in element.keys():  # noqa: SIM118 - an element is no mapping
        if str(name).startswith(_SOAP_ATTRIBUTE):
            raise _structure(element, "no attribute of the envelope namespace", etree.QName(name).localname[:64])


def _no_text(element: etree._Element) -> None:
    """Only white space between blocks. Errors: CB1008."""
    if element.text and not element.text.isspace():
        raise _structure(element, "no text")


def _structure(element: etree._Element, expected: str, got: str = "") -> WireError:
    """CB1008 at an element."""
    path = etree.QName(element).localname[:64]
    return WireError("CB1008", [Finding("CB1008", path=path, line=line_of(element), expected=expected, got=got)])
