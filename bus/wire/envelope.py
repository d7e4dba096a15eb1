"""SOAP 1.1 envelopes: read by the rules of SOAP 1.1 and WS-I Basic Profile 1.1, and built.

The rules: Envelope of SOAP 1.1 (else VersionMismatch); Header at most once and first; Body once and last, with
exactly one namespace-qualified child; no text beside them; no encodingStyle; no attribute of the envelope namespace on
Envelope, Header and Body (R1032); mustUnderstand is 0 or 1; a block with another actor is not ours and is passed over;
a block that is ours, must be understood and is not known is refused, before anything else but the version (R2725).
"""

from __future__ import annotations

from copy import deepcopy
from itertools import islice
from typing import Final

from lxml import etree

from bus.core.errors import WireError
from bus.core.types import Addressing, Context, Finding
from bus.core.values import value
from bus.wire import addressing as wsa
from bus.wire import context as cb
from bus.wire import glyphs
from bus.wire.limits import MAX_HEADER_BLOCKS
from bus.wire.reliable.names import PREFIX as RELIABLE
from bus.wire.safe_xml import line_of
from bus.wire.scan import over

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
ACTOR: Final = f"{{{SOAP}}}actor"
_FIRST: Final = frozenset({"CB1007", "CB1009"})
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
    try:
        header, body = _parts(root)
        payload = _payload(body) if len(body) or header is None else _empty(header, body)
        if header is None:
            return Envelope(wsa.NO_ADDRESSING, cb.NO_CONTEXT, payload, (), payload.tag == FAULT)
        return _with_header(header, payload)
    except WireError as error:
        if error.code not in _FIRST:
            # R2725: a block that must be understood and is not comes before everything that is the client's fault.
            _must_understand(root)
        raise


def _with_header(header: etree._Element, payload: etree._Element) -> Envelope:
    """Read the blocks that are meant for this node. Errors: CB1006, CB1008, CB1009, CB1011, CB1012."""
    _no_text(header)
    if len(header) > MAX_HEADER_BLOCKS:
        raise over("header blocks", MAX_HEADER_BLOCKS, len(header), line_of(header))
    properties: dict[str, str] = {}
    context = cb.NO_CONTEXT
    security: etree._Element | None = None
    reliable = False
    ours = []
    for block in header:
        tag = str(block.tag)
        if tag[0] != "{":
            raise _structure(block, "namespace-qualified header block")
        must = False
        if block.keys():
            must = _must(block)
            if not _is_ours(block):
                continue
            if (mark := block.get(wsa.IS_REFERENCE_PARAMETER)) is not None:
                wsa.is_reference_parameter(block, str(mark))
        ours.append(block)
        if tag == cb.CONTEXT:
            if context is not cb.NO_CONTEXT:
                raise _structure(block, "1 Context", code="CB1012")
            context = cb.read(block)
        elif tag == SECURITY:
            if security is not None:
                raise _structure(block, "1 wsse:Security for one actor")
            security = block
        elif tag.startswith(_WSA_PREFIX) and (not must or tag in wsa.KNOWN):
            wsa.read_property(properties, block)
        elif _foreign(block, tag, must=must):
            reliable = True
    addressing = wsa.addressing(properties)
    return Envelope(addressing, context, payload, tuple(ours), payload.tag == FAULT, security, reliable)


def _foreign(block: etree._Element, tag: str, *, must: bool) -> bool:
    """Whether the block is one of reliable messaging. Errors: CB1009 for an unknown one that must be understood."""
    if tag.startswith(RELIABLE):
        return True
    if must:
        raise _not_understood(block)
    return False


def _empty(header: etree._Element, body: etree._Element) -> etree._Element:
    """The empty Body itself where the Header says that the message is all header. Errors: CB1008."""
    if any(str(block.tag).startswith(RELIABLE) for block in header) and not (body.text or "").strip():
        _no_soap_attributes(body)
        return body
    return _payload(body)


def _must(block: etree._Element) -> bool:
    """Whether a block must be understood (R1013: by 0 or 1 alone). Errors: CB1008."""
    must = block.get(MUST_UNDERSTAND)
    if must not in {None, "0", "1"}:
        raise _structure(block, "mustUnderstand 0 | 1")
    return must == "1"


def _is_ours(block: etree._Element) -> bool:
    """Whether a block is meant for this node: white space around the actor does not turn it into another one."""
    actor = block.get(ACTOR)
    return actor in _OURS or (actor is not None and actor.strip() in _OURS)


def _must_understand(root: etree._Element) -> None:
    """Every block for this node that must be understood is known. Errors: CB1009."""
    for block in root.iterfind(f"{HEADER}/*"):
        tag = str(block.tag)
        known = tag in {cb.CONTEXT, SECURITY} or tag in wsa.KNOWN or tag.startswith(RELIABLE)
        if not known and block.get(MUST_UNDERSTAND) == "1" and _is_ours(block):
            raise _not_understood(block)


def _not_understood(block: etree._Element) -> WireError:
    """CB1009 for a block."""
    name = etree.QName(block)
    finding = Finding("CB1009", path=name.localname[:64], line=line_of(block), got=(name.namespace or "")[:128])
    return WireError("CB1009", [finding])


def salvage(root: etree._Element) -> Addressing:
    """The addressing of a message that ``read`` refuses, as far as it can be told; never raises."""
    header = next(root.iterchildren(HEADER), None)
    if root.tag != ENVELOPE or header is None:
        return wsa.NO_ADDRESSING
    blocks = islice(header.iterchildren(f"{_WSA_PREFIX}*"), MAX_HEADER_BLOCKS)
    return wsa.salvage([block for block in blocks if _is_ours(block)])


def build(
    body: etree._Element,
    *,
    addressing: Addressing | None = None,
    context: Context | None = None,
    parameters: str = "",
    detail: etree._Element | None = None,
) -> bytes:
    """A SOAP 1.1 message in UTF-8 around ``body``; an element that has a parent is copied, not moved.

    Glyphs that are there by their stand-ins are named in a block of the Header.

    With ``addressing``, ``parameters`` are echoed reference parameters, and ``detail`` is a fault's header block.
    """
    nsmap = {"soap": SOAP}
    if addressing is not None:
        nsmap["wsa"] = wsa.NAMESPACE
    root = etree.Element(ENVELOPE, nsmap=nsmap)
    if addressing is not None or context is not None:
        header = etree.SubElement(root, HEADER)
        if addressing is not None:
            wsa.write(header, addressing)
            if detail is not None:
                header.append(detail)
            if parameters:
                wsa.write_parameters(header, parameters)
        if context is not None:
            cb.write(header, context)
    own = body if body.getparent() is None else deepcopy(body)
    etree.SubElement(root, BODY).append(own)
    raw = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    if not glyphs.has_stand_in(raw):
        return raw
    glyphs.closed(root, own)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def own_security(root: etree._Element) -> etree._Element | None:
    """The wsse:Security block of a message that is meant for the next node."""
    return next((block for block in root.iterfind(f"{HEADER}/{SECURITY}") if _is_ours(block)), None)


def without_security(root: etree._Element) -> None:
    """Take the wsse:Security block out of a message whose content was changed: its signature would not hold."""
    security = own_security(root)
    if security is not None and (header := security.getparent()) is not None:
        header.remove(security)


def serialise(body: etree._Element) -> bytes:
    """The whole message that ``body`` belongs to, in UTF-8."""
    return etree.tostring(body.getroottree().getroot(), encoding="utf-8", xml_declaration=True)


def _parts(root: etree._Element) -> tuple[etree._Element | None, etree._Element]:
    """Header (or None) and Body. Errors: CB1007, CB1008."""
    if root.tag != ENVELOPE:
        name = etree.QName(root)
        got = (name.namespace or "")[:128] if name.localname == "Envelope" else name.localname[:64]
        raise WireError("CB1007", [Finding("CB1007", path="Envelope", line=line_of(root), expected=SOAP, got=got)])
    _no_soap_attributes(root, qualified=True)
    children = list(root)
    header = children.pop(0) if children and children[0].tag == HEADER else None
    if len(children) != 1 or children[0].tag != BODY:
        raise _structure(root, "Header?, Body", ", ".join(etree.QName(c).localname[:32] for c in children[:5]))
    if header is not None:
        _no_soap_attributes(header, qualified=True)
    _no_text(root)
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


def _no_soap_attributes(element: etree._Element, *, qualified: bool = False) -> None:
    """R1005, R1006, R1032: nothing of the envelope namespace, encodingStyle above all. Errors: CB1008.

    ``qualified`` (Envelope and Header): what else there is has a namespace of its own.
    """
    for name in element.keys():  # noqa: SIM118 - an element is no mapping
        if str(name).startswith(_SOAP_ATTRIBUTE):
            raise _structure(element, "no attribute of the envelope namespace", etree.QName(name).localname[:64])
        if qualified and str(name)[0] != "{":
            raise _structure(element, "namespace-qualified attributes", str(name)[:64])


def _no_text(element: etree._Element) -> None:
    """Only white space between the children. Errors: CB1008."""
    text = element.text
    if text and not text.isspace():
        raise _structure(element, "no text")
    for child in element:
        text = child.tail
        if text and not text.isspace():
            raise _structure(child, "no text after it")


def _structure(element: etree._Element, expected: str, got: str = "", code: str = "CB1008") -> WireError:
    """CB1008 at an element."""
    path = etree.QName(element).localname[:64]
    return WireError(code, [Finding(code, path=path, line=line_of(element), expected=expected, got=got)])
