"""The header blocks Sequence, SequenceAcknowledgement, AckRequested and SequenceFault: read strictly, and built.

Clauses: WS-ReliableMessaging 1.2 sections 3.7 to 3.10 and 4. Elements of foreign namespaces inside a block are
allowed at its end and passed over; what is of the protocol's own namespace and not in the schema is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from lxml import etree

from bus.core.errors import ReliableError, WireError
from bus.core.types import Finding
from bus.core.values import value
from bus.wire import addressing
from bus.wire.reliable import names
from bus.wire.reliable.ranges import NOTHING, Ranges
from bus.wire.safe_xml import line_of

MAX_IDENTIFIER: Final = 255
MAX_RANGES: Final = 128
"""Ranges written into one acknowledgement: what is left out is sent again and acknowledged then."""

READ_RANGES: Final = 10_000
"""Ranges read from one acknowledgement."""

_SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
_MUST_UNDERSTAND: Final = f"{{{_SOAP}}}mustUnderstand"
_NUMBER: Final = re.compile(r"[0-9]{1,40}")


@value(frozen=True, slots=True)
class InSequence:
    """A message's place: its sequence and its number, 1 and above."""

    identifier: str
    number: int


@value(frozen=True, slots=True)
class Acknowledgement:
    """What a destination has of a sequence, or with ``nacks`` what it says it lacks."""

    identifier: str
    ranges: Ranges = NOTHING
    final: bool = False
    nacks: tuple[int, ...] = ()


@value(frozen=True, slots=True)
class RemoteSequenceFault:
    """The SequenceFault block of somebody's fault: the local name of its code, and the sequence where it names one."""

    name: str
    identifier: str = ""


@value(frozen=True, slots=True)
class ReliableHeaders:
    """All blocks of the namespace that one message has."""

    place: InSequence | None = None
    acknowledgements: tuple[Acknowledgement, ...] = ()
    asked: tuple[str, ...] = ()
    fault: RemoteSequenceFault | None = None


def read_headers(blocks: Iterable[etree._Element]) -> ReliableHeaders:
    """The blocks of the namespace among a message's header blocks.

    Errors: CB3010 not as in the schema, CB3014 a number beyond the largest, CB1009 an unknown block that must be
    understood.
    """
    place: InSequence | None = None
    fault: RemoteSequenceFault | None = None
    acknowledgements: list[Acknowledgement] = []
    asked: list[str] = []
    for block in blocks:
        tag = str(block.tag)
        if not tag.startswith(names.PREFIX):
            continue
        if tag == names.SEQUENCE:
            if place is not None:
                raise invalid(block, "1", "2")
            place = _place(block)
        elif tag == names.ACKNOWLEDGEMENT:
            acknowledgements.append(_acknowledgement(block))
        elif tag == names.ACK_REQUESTED:
            asked.append(_only_identifier(block))
        elif tag == names.SEQUENCE_FAULT:
            fault = _fault(block)
        elif block.get(_MUST_UNDERSTAND) == "1":
            got = names.NAMESPACE
            raise WireError("CB1009", [Finding("CB1009", path=_local(block), line=line_of(block), got=got)])
    return ReliableHeaders(place, tuple(acknowledgements), tuple(asked), fault)


def sequence_block(identifier: str, number: int) -> etree._Element:
    """wsrm:Sequence, to be understood."""
    block = _block(names.SEQUENCE, identifier)
    block.set(_MUST_UNDERSTAND, "1")
    etree.SubElement(block, names.MESSAGE_NUMBER).text = str(number)
    return block


def acknowledgement_block(identifier: str, ranges: Ranges, *, final: bool = False) -> etree._Element:
    """wsrm:SequenceAcknowledgement; ``None`` where nothing has arrived."""
    block = _block(names.ACKNOWLEDGEMENT, identifier)
    if ranges.spans:
        for low, high in ranges.spans[:MAX_RANGES]:
            etree.SubElement(block, names.RANGE, Lower=str(low), Upper=str(high))
    else:
        etree.SubElement(block, names.NONE)
    if final:
        etree.SubElement(block, names.FINAL)
    return block


def ask_block(identifier: str) -> etree._Element:
    """wsrm:AckRequested."""
    return _block(names.ACK_REQUESTED, identifier)


def message_number(element: etree._Element, text: str | None) -> int:
    """A number of 1 and above. Errors: CB3010, CB3014 beyond the largest."""
    stripped = (text or "").strip()
    if _NUMBER.fullmatch(stripped) is None or int(stripped) < 1:
        raise invalid(element, "1 .. 9223372036854775807", f"{len(stripped)} characters")
    if int(stripped) > names.MAX_NUMBER:
        finding = Finding("CB3014", path=f"wsrm:{_local(element)}", line=line_of(element), expected="<= 2^63-1")
        raise ReliableError("CB3014", [finding])
    return int(stripped)


def identifier_of(element: etree._Element | None, owner: etree._Element) -> str:
    """The absolute IRI of a wsrm:Identifier. Errors: CB3010."""
    if element is None or element.tag != names.IDENTIFIER or len(element):
        raise invalid(owner, "wsrm:Identifier first")
    text = (element.text or "").strip()
    if len(text) > MAX_IDENTIFIER or not addressing.is_iri(text):
        raise invalid(element, f"absolute IRI, <= {MAX_IDENTIFIER}", f"{len(text)} characters")
    return text


def children(element: etree._Element) -> list[etree._Element]:
    """The element's children of the protocol's namespace; foreign ones only at the end. Errors: CB3010."""
    own = [child for child in element if str(child.tag).startswith(names.PREFIX)]
    if any(child is not first for child, first in zip(own, element, strict=False)):
        raise invalid(element, "elements of the protocol first")
    return own


def invalid(element: etree._Element, expected: str, got: str = "") -> ReliableError:
    """CB3010 at an element."""
    path = f"wsrm:{_local(element)}"
    return ReliableError("CB3010", [Finding("CB3010", path=path, line=line_of(element), expected=expected, got=got)])


def _place(block: etree._Element) -> InSequence:
    found = children(block)
    if len(found) != 2 or found[1].tag != names.MESSAGE_NUMBER:
        raise invalid(block, "Identifier, MessageNumber", ", ".join(_local(child) for child in found[:5]))
    return InSequence(identifier_of(found[0], block), message_number(found[1], found[1].text))


def _only_identifier(block: etree._Element) -> str:
    found = children(block)
    if len(found) != 1:
        raise invalid(block, "Identifier", str(len(found)))
    return identifier_of(found[0], block)


def _acknowledgement(block: etree._Element) -> Acknowledgement:
    """Identifier, then ranges or None with an optional Final, or Nacks."""
    found = children(block)
    identifier = identifier_of(found[0] if found else None, block)
    rest = found[1:]
    final = bool(rest) and rest[-1].tag == names.FINAL
    if final:
        rest = rest[:-1]
    kinds = {str(child.tag) for child in rest}
    if len(rest) > READ_RANGES:
        raise invalid(block, f"<= {READ_RANGES} ranges", str(len(rest)))
    if kinds == {names.NACK} and not final:
        return Acknowledgement(identifier, nacks=tuple(message_number(child, child.text) for child in rest))
    if kinds == {names.NONE} and len(rest) == 1:
        return Acknowledgement(identifier, final=final)
    if kinds != {names.RANGE}:
        raise invalid(block, "AcknowledgementRange | None | Nack", ", ".join(_local(child) for child in rest[:5]))
    return Acknowledgement(identifier, _ranges(block, rest), final)


def _ranges(block: etree._Element, found: Sequence[etree._Element]) -> Ranges:
    spans = [(message_number(child, child.get("Lower")), message_number(child, child.get("Upper"))) for child in found]
    ordered = sorted(spans)
    overlap = any(later[0] <= earlier[1] for earlier, later in pairwise(ordered))
    if overlap or any(high < low for low, high in spans):
        raise invalid(block, "ranges that do not overlap, Lower <= Upper")
    return Ranges.of(spans)


def _fault(block: etree._Element) -> RemoteSequenceFault:
    """Tolerant, as a fault ends a conversation anyway: the local name of the code, the first Identifier inside."""
    code = block.find(f"{names.PREFIX}FaultCode")
    text = "" if code is None else (code.text or "").strip()
    named = next(block.iter(names.IDENTIFIER), None)
    identifier = "" if named is None else (named.text or "").strip()
    return RemoteSequenceFault(text.rpartition(":")[2][:64], identifier[:MAX_IDENTIFIER])


def _block(tag: str, identifier: str) -> etree._Element:
    block = etree.Element(tag, nsmap={"wsrm": names.NAMESPACE, "soap": _SOAP})
    etree.SubElement(block, names.IDENTIFIER).text = identifier
    return block


def _local(element: etree._Element) -> str:
    """The name without namespace, cut: it comes from somebody's message."""
    return etree.QName(element).localname[:64]
