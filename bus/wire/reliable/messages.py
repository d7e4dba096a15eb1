"""The protocol messages that create, close and terminate a sequence: read strictly, and built.

Clauses: WS-ReliableMessaging 1.2 sections 3.4 to 3.6.
"""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from bus.core.values import value
from bus.wire import addressing
from bus.wire.reliable import names
from bus.wire.reliable.headers import children, identifier_of, invalid, message_number

DAY_S: Final = 86400.0
_DURATION: Final = re.compile(
    r"P(?=.)(?:([0-9]{1,4})Y)?(?:([0-9]{1,5})M)?(?:([0-9]{1,6})D)?"
    r"(?:T(?=.)(?:([0-9]{1,7})H)?(?:([0-9]{1,8})M)?(?:([0-9]{1,9}(?:\.[0-9]{1,9})?)S)?)?"
)
_UNITS: Final = (365 * DAY_S, 30 * DAY_S, DAY_S, 3600.0, 60.0, 1.0)


@value(frozen=True, slots=True)
class Offer:
    """A sequence that the creator offers for what comes back."""

    identifier: str
    endpoint: str = addressing.ANONYMOUS
    expires_s: float = 0.0
    behavior: str = names.NO_DISCARD


@value(frozen=True, slots=True)
class CreateSequence:
    """The wish for a sequence. ``expires_s`` 0 says that it shall not expire.

    ``parameters`` says that acknowledgements are to carry reference parameters of the creator.
    """

    acks_to: str
    expires_s: float = 0.0
    offer: Offer | None = None
    parameters: bool = False


@value(frozen=True, slots=True)
class CreateSequenceResponse:
    """The sequence as created. ``accepted_acks_to`` is empty when no offer was accepted."""

    identifier: str
    expires_s: float = 0.0
    behavior: str = names.NO_DISCARD
    accepted_acks_to: str = ""


@value(frozen=True, slots=True)
class EndOfSequence:
    """CloseSequence or TerminateSequence, or the response to it. ``last_number`` 0 where it is not said."""

    identifier: str
    last_number: int = 0


def read_create(body: etree._Element) -> CreateSequence:
    """wsrm:CreateSequence. Errors: CB3010."""
    found = children(body)
    if not found or found[0].tag != names.ACKS_TO:
        raise invalid(body, "AcksTo first")
    acks_to, rest = _address(found[0]), found[1:]
    parameters = any(len(each) for each in found[0].findall(f"{addressing.PREFIX}ReferenceParameters"))
    expires_s = _duration(rest.pop(0)) if rest and rest[0].tag == names.EXPIRES else 0.0
    offer = _offer(rest.pop(0)) if rest and rest[0].tag == names.OFFER else None
    if rest:
        raise invalid(rest[0], "AcksTo, Expires?, Offer?")
    return CreateSequence(acks_to, expires_s, offer, parameters)


def read_create_response(body: etree._Element) -> CreateSequenceResponse:
    """wsrm:CreateSequenceResponse. Errors: CB3010."""
    found = children(body)
    identifier, rest = identifier_of(found[0] if found else None, body), found[1:]
    expires_s = _duration(rest.pop(0)) if rest and rest[0].tag == names.EXPIRES else 0.0
    behavior = _behavior(rest.pop(0)) if rest and rest[0].tag == names.BEHAVIOR else names.NO_DISCARD
    accepted = ""
    if rest and rest[0].tag == names.ACCEPT:
        inner = children(rest[0])
        if len(inner) != 1 or inner[0].tag != names.ACKS_TO:
            raise invalid(rest[0], "AcksTo")
        accepted = _address(inner[0])
        rest = rest[1:]
    if rest:
        raise invalid(rest[0], "Identifier, Expires?, IncompleteSequenceBehavior?, Accept?")
    return CreateSequenceResponse(identifier, expires_s, behavior, accepted)


def read_end(body: etree._Element) -> EndOfSequence:
    """Close or terminate, or a response to one. Errors: CB3010."""
    found = children(body)
    identifier, rest = identifier_of(found[0] if found else None, body), found[1:]
    last = 0
    if rest and rest[0].tag == names.LAST_NUMBER and body.tag in {names.CLOSE, names.TERMINATE}:
        last = message_number(rest[0], rest[0].text)
        rest = rest[1:]
    if rest:
        raise invalid(rest[0], "Identifier, LastMsgNumber?")
    return EndOfSequence(identifier, last)


def create_body(wish: CreateSequence) -> etree._Element:
    """wsrm:CreateSequence as an element."""
    body = _element(names.CREATE)
    _add_address(body, names.ACKS_TO, wish.acks_to)
    if wish.expires_s:
        etree.SubElement(body, names.EXPIRES).text = duration_text(wish.expires_s)
    if wish.offer is not None:
        offer = etree.SubElement(body, names.OFFER)
        etree.SubElement(offer, names.IDENTIFIER).text = wish.offer.identifier
        _add_address(offer, names.ENDPOINT, wish.offer.endpoint)
        if wish.offer.expires_s:
            etree.SubElement(offer, names.EXPIRES).text = duration_text(wish.offer.expires_s)
        if wish.offer.behavior != names.NO_DISCARD:
            etree.SubElement(offer, names.BEHAVIOR).text = wish.offer.behavior
    return body


def create_response_body(created: CreateSequenceResponse) -> etree._Element:
    """wsrm:CreateSequenceResponse as an element."""
    body = _element(names.CREATE_RESPONSE)
    etree.SubElement(body, names.IDENTIFIER).text = created.identifier
    etree.SubElement(body, names.EXPIRES).text = duration_text(created.expires_s)
    etree.SubElement(body, names.BEHAVIOR).text = created.behavior
    if created.accepted_acks_to:
        _add_address(etree.SubElement(body, names.ACCEPT), names.ACKS_TO, created.accepted_acks_to)
    return body


def end_body(tag: str, identifier: str, last_number: int = 0) -> etree._Element:
    """CloseSequence, TerminateSequence or the response to one as an element."""
    body = _element(tag)
    etree.SubElement(body, names.IDENTIFIER).text = identifier
    if last_number and tag in {names.CLOSE, names.TERMINATE}:
        etree.SubElement(body, names.LAST_NUMBER).text = str(last_number)
    return body


def duration_text(seconds: float) -> str:
    """``PT86400S``: whole seconds, rounded up; 0 says without end."""
    return f"PT{-int(-seconds // 1)}S"


def _duration(element: etree._Element) -> float:
    """Seconds of an xs:duration; a month counts 30 days, a year 365. Errors: CB3010."""
    match = _DURATION.fullmatch((element.text or "").strip())
    if match is None or not any(match.groups()):
        raise invalid(element, "xs:duration")
    return sum(float(part or 0) * unit for part, unit in zip(match.groups(), _UNITS, strict=True))


def _offer(element: etree._Element) -> Offer:
    found = children(element)
    identifier, rest = identifier_of(found[0] if found else None, element), found[1:]
    if not rest or rest[0].tag != names.ENDPOINT:
        raise invalid(element, "Identifier, Endpoint")
    endpoint, rest = _address(rest[0]), rest[1:]
    expires_s = _duration(rest.pop(0)) if rest and rest[0].tag == names.EXPIRES else 0.0
    behavior = _behavior(rest.pop(0)) if rest and rest[0].tag == names.BEHAVIOR else names.NO_DISCARD
    if rest:
        raise invalid(rest[0], "Identifier, Endpoint, Expires?, IncompleteSequenceBehavior?")
    return Offer(identifier, endpoint, expires_s, behavior)


def _behavior(element: etree._Element) -> str:
    text = (element.text or "").strip()
    if text not in names.BEHAVIORS:
        raise invalid(element, " | ".join(sorted(names.BEHAVIORS)))
    return text


def _address(reference: etree._Element) -> str:
    """The wsa:Address of an endpoint reference. Errors: CB3010."""
    found = [child for child in reference if child.tag == f"{addressing.PREFIX}Address"]
    text = (found[0].text or "").strip() if len(found) == 1 else ""
    if not addressing.is_iri(text):
        raise invalid(reference, "1 wsa:Address with an absolute IRI", str(len(found)))
    return text


def _add_address(parent: etree._Element, tag: str, address: str) -> None:
    reference = etree.SubElement(parent, tag)
    etree.SubElement(reference, f"{addressing.PREFIX}Address").text = address


def _element(tag: str) -> etree._Element:
    return etree.Element(tag, nsmap={"wsrm": names.NAMESPACE, "wsa": addressing.NAMESPACE})
