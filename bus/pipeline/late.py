"""Late answers: the provider posts, hours later, a message whose wsa:RelatesTo names the request it answers.

It takes the same steps as any message. Its right is that it was asked: the sender must be a target of the stored
exchange. The answer is recorded with the request (which can then be polled) and, where the requester named a reply
address or its request was queued, forwarded as a queued delivery.
"""

from __future__ import annotations

from typing import Final

from bus.core.errors import DeliveryError, DuplicateError, JournalError, RightsError, WireError
from bus.core.ports import Transition
from bus.core.states import State
from bus.core.types import Addressing, Endpoint, Exchange, Finding, Known, Mode
from bus.pipeline import relay
from bus.pipeline.deduplicate import MAX_CALLS
from bus.pipeline.disclosure import about, reduced, seen_by_caller, told
from bus.pipeline.glyphs import must_read
from bus.pipeline.house import House
from bus.wire import envelope, safe_xml
from bus.wire.addressing import NO_ADDRESSING, is_addressed
from bus.wire.addressing_fault import place
from bus.wire.http import XML, Response
from schemas.model import Operation

LATE: Final = "late"
CB5004: Final = "CB5004"
ATTEMPTS: Final = 3

_BEFORE_REPLIED: Final[dict[State, tuple[State, ...]]] = {
    State.ACCEPTED: (State.DISPATCHING,),
    State.PUBLISHED: (State.DISPATCHING,),
    State.DISPATCHING: (),
    State.DELIVERED: (),
    State.RETRY_WAIT: (State.DISPATCHING,),
    State.PARKED: (State.RETRY_WAIT, State.DISPATCHING),
}
"""An answer proves that the request arrived, whatever the bus believed: the states in between are made up for."""


def has_answer(operation: Operation) -> bool:
    """Whether the output of ``operation`` is an answer that can come later, rather than a receipt."""
    return operation.pattern != "notice" and not operation.output.endswith("_uketsuke")


def authorise(house: House, exchange: Exchange) -> None:
    """Find the exchange that is answered; its target may answer it, for the purpose it was asked for.

    Errors: CB1011 nothing waits for this answer, CB1010 another operation, CB2002 not asked, or no longer allowed.
    """
    message, sender = exchange.message, exchange.sender
    assert message is not None
    known = _request(house, exchange)
    operation = house.tables.standard(sender).operations.get(known.operation) if known is not None else None
    if known is None or operation is None or not _waits(known, operation) or operation.unit != exchange.unit:
        expected = "a request that may be answered late"
        raise WireError("CB1011", [Finding("CB1011", path="wsa:RelatesTo", expected=expected)])
    if sender.id not in known.targets:
        got = f"{sender.key} {operation.key}"
        raise RightsError("CB2002", [Finding("CB2002", path="wsa:RelatesTo", expected="the endpoint asked", got=got)])
    named = {message.soap_action, message.addressing.action} - {"", operation.reply_action}
    if not exchange.envelope.is_fault and (exchange.operation != operation or named):
        raise WireError("CB1010", [Finding("CB1010", path="wsa:Action", expected=operation.reply_action)])
    requester = _requester(house, exchange, known)
    right = house.tables.rights.get((requester.key, operation.key, known.purpose))
    if right is None:
        got = f"{requester.key} {operation.key} {known.purpose}"
        raise RightsError("CB2002", [Finding("CB2002", path="rights.toml", expected="right", got=got)])
    exchange.operation, exchange.answers = operation, known
    exchange.purpose, exchange.right = known.purpose, right


def route(house: House, exchange: Exchange) -> None:
    """To the reply address of the request, or nowhere: then the answer waits to be polled.

    Errors: CB2005 no route any more, CB3001 answered already, CB5006 the request expired or was given up, CB3030 the
    answer is about somebody who was not asked for.
    """
    known, operation = exchange.answers, exchange.operation
    assert known is not None
    assert operation is not None
    if known.state is State.REPLIED:
        raise DuplicateError("CB3001", [Finding("CB3001", path="wsa:RelatesTo", got=f"exchange {known.exchange_id}")])
    if known.state not in _BEFORE_REPLIED:
        raise DeliveryError("CB5006", [Finding("CB5006", path="wsa:RelatesTo", got=f"exchange {known.exchange_id}")])
    requester = _requester(house, exchange, known)
    subject = house.tables.seen_by(requester).subjects.get(operation.key)
    if subject is not None and not exchange.envelope.is_fault and (raw := house.journal.body(known.exchange_id)):
        asked = subject.asked(envelope.read(safe_xml.parse(raw, _content_type(raw))).body)
        about(house.tables, operation.key, exchange.sender, requester, asked, exchange.envelope.body)
    if known.mode is Mode.DIRECT and exchange.message is not None:
        must_read(requester, exchange.message.raw)
    prepared = house.tables.route_for(requester, operation.key)
    if prepared is None:
        got = f"{requester.key} {operation.key}"
        raise RightsError("CB2005", [Finding("CB2005", path="routes.toml", expected="route", got=got)])
    queued = known.mode is Mode.QUEUED
    receiver = _reply_endpoint(house, known, requester, fault=exchange.envelope.is_fault) if queued else requester
    exchange.route = prepared.route
    exchange.targets = (receiver,)
    exchange.mode = Mode.QUEUED if known.mode is Mode.QUEUED and receiver.address else Mode.DIRECT


async def finish(house: House, exchange: Exchange) -> Response:
    """Record the answer with its request, send it on its way, and answer the provider with 202.

    Errors: CB4001; the provider then sends the answer again, and what is missing is made up for.
    """
    known, message = exchange.answers, exchange.message
    assert known is not None
    assert message is not None
    own = [] if exchange.mode is Mode.QUEUED else [_transition(f"{exchange.id}-0", State.DELIVERED, house)]
    if exchange.mode is Mode.QUEUED:
        relay.hand_over(house, exchange)
    await _record(house, exchange, own)
    house.log(
        "answered_late",
        exchange_id=exchange.id,
        relates_to=exchange.relates_to,
        municipality=exchange.sender.municipality,
        sender=exchange.sender.key,
        target=exchange.targets[0].key,
        operation=known.operation,
        size=len(message.raw),
        state=State.REPLIED,
    )
    return Response(202)


async def repeat(house: House, exchange: Exchange, known: Known) -> Response:
    """The provider sends its answer again: make up for a record that is missing, then the same 202."""
    unfinished = known.mode is Mode.DIRECT and known.state is State.DISPATCHING
    own = [_transition(known.delivery_id(0), State.DELIVERED, house)] if unfinished else []
    if exchange.answers is not None and exchange.answers.state is not State.REPLIED:
        await _record(house, exchange, own)
    return Response(202)


async def _record(house: House, exchange: Exchange, own: list[Transition]) -> None:
    """The request's delivery becomes REPLIED with the answer as its requester may see it."""
    message = exchange.message
    assert message is not None
    raw, content_type, is_fault = visible(house, exchange)
    known = exchange.answers
    for attempt in range(1, ATTEMPTS + 1):
        if known is None or known.state not in _BEFORE_REPLIED:
            return
        delivery_id = known.delivery_id(known.targets.index(exchange.sender.id))
        states = [_transition(delivery_id, state, house) for state in _BEFORE_REPLIED[known.state]]
        final = Transition(
            delivery_id=delivery_id,
            state=State.REPLIED,
            at=house.clock.now(),
            code=CB5004 if is_fault else "",
            detail=told(exchange),
            response_in=exchange.received_at,
            reply=raw,
            reply_status=500 if is_fault else 200,
            reply_content_type=content_type,
            reply_package=message.package,
        )
        try:
            await house.journal.record([*states, final, *own])
        except JournalError as error:
            # The delivery moved on between the look-up and the commit: look again.
            if error.code != "CB4004" or attempt == ATTEMPTS:
                raise
            known = _request(house, exchange)
        else:
            return


def _transition(delivery_id: str, state: State, house: House) -> Transition:
    """A step on the way, without a reply."""
    return Transition(delivery_id=delivery_id, state=state, at=house.clock.now())


def visible(house: House, exchange: Exchange) -> tuple[bytes, str, bool]:
    """The answer's bytes without what its requester may not see, their type, and whether it is a fault.

    Errors: CB2052.
    """
    message = exchange.message
    assert message is not None
    raw, media = message.raw, message.content_type if message.package is None else message.package.root_type
    if exchange.opened:
        raw, media = exchange.opened, XML
    read = envelope.read(safe_xml.parse(raw, media))
    veil = seen_by_caller(house.tables, exchange)
    if veil is not None and message.package is None and not read.is_fault:
        right = exchange.right
        assert right is not None
        requester = house.tables.endpoints.get((right.municipality, right.endpoint))
        body, record = reduced(read.body, veil, raw, requester)
        if record is not None:
            exchange.reduced = (record,)
            return body, XML, False
    return raw, XML if exchange.opened else message.content_type, read.is_fault


def _request(house: House, exchange: Exchange) -> Known | None:
    """The stored request: the last call of those that were sent again under the same id."""
    municipality, wanted = exchange.sender.municipality, exchange.relates_to
    known = house.journal.exchange_of(municipality, wanted)
    for call in range(2, MAX_CALLS + 2):
        if known is None or known.state not in {State.CANCELLED, State.EXPIRED}:
            break
        later = house.journal.exchange_of(municipality, f"{wanted}#{call}")
        if later is None:
            break
        known = later
    return known


def _requester(house: House, exchange: Exchange, known: Known) -> Endpoint:
    """The endpoint that asked. Errors: CB2002 when it is not registered any more."""
    requester = house.tables.endpoints.get((exchange.sender.municipality, known.sender))
    if requester is None:
        raise RightsError("CB2002", [Finding("CB2002", path="endpoints.toml", expected=known.sender)])
    return requester


def _waits(known: Known, operation: Operation) -> bool:
    """Whether an answer may come for the stored request: by its operation, or because it asked for one elsewhere."""
    return operation.pattern == LATE or (known.mode is Mode.QUEUED and has_answer(operation))


def requested(house: House, exchange_id: str) -> Addressing:
    """What the stored request said of WS-Addressing."""
    raw = house.journal.body(exchange_id)
    return envelope.read(safe_xml.parse(raw, _content_type(raw))).addressing if raw else NO_ADDRESSING


def _reply_endpoint(house: House, known: Known, requester: Endpoint, *, fault: bool) -> Endpoint:
    """The registered endpoint that the stored request names for this; the requester itself where it named none."""
    address = place(requested(house, known.exchange_id), fault=fault)
    if not is_addressed(address):
        return requester
    return house.tables.addresses.get((requester.municipality, address), requester)


def _content_type(raw: bytes) -> str:
    """The media type of stored bytes: a UTF-16 message says so by its byte order mark."""
    return "text/xml" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else XML
