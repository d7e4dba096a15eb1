"""The protocol messages: a sequence is created, closed and ended by its owner, and by nobody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from lxml import etree

from bus.core.errors import ReliableError, WireError
from bus.core.sequences import LIVE, Role, SequenceKey, SequenceRecord, SequenceState
from bus.core.types import Addressing, Exchange, Finding
from bus.pipeline.house import House
from bus.pipeline.sequence import Passage, destination
from bus.wire import addressing as wsa
from bus.wire import envelope
from bus.wire.http import XML, Response
from bus.wire.reliable import names
from bus.wire.reliable.messages import (
    CreateSequence,
    CreateSequenceResponse,
    Offer,
    create_response_body,
    end_body,
    read_create,
    read_end,
)
from bus.wire.reliable.ranges import Ranges

REFUSALS: Final = MappingProxyType(
    {
        SequenceState.CLOSED: "CB3013",
        SequenceState.TERMINATED: "CB3011",
        SequenceState.EXPIRED: "CB3012",
        SequenceState.ENDING: "CB3012",
        SequenceState.BROKEN: "CB3012",
    }
)
"""What is answered to a new number of a sequence in this state."""


async def _create(house: House, exchange: Exchange) -> Response:
    """A new sequence for the caller, or the one that this very message created. Errors: CB3010, CB3016, CB1011."""
    message, sender = exchange.message, exchange.sender
    assert message is not None
    wish = read_create(exchange.body)
    if message.id_given or wsa.is_addressed(message.addressing.reply_to):
        expected = "1" if message.id_given else wsa.ANONYMOUS
        path = "wsa:MessageID" if message.id_given else "wsa:ReplyTo"
        raise WireError("CB1011", [Finding("CB1011", path=path, expected=expected)])
    living = house.journal.sequences(role=Role.DESTINATION, municipality=sender.municipality, endpoint=sender.id)
    for record in living:
        if record.create_id == message.id:
            return _created(exchange, record)
    _acks_to(house, exchange, wish)
    now, limits = house.clock.now(), house.tables.reliable
    lasts = min(wish.expires_s or limits.expires_s, limits.expires_s)
    await _make_room(house, living, limits.max_sequences, now)
    offer = wish.offer if wish.offer is not None and _may_be_accepted(house, exchange, wish.offer) else None
    identifier = house.ids.message()
    records = [
        SequenceRecord(
            key=destination(exchange, identifier),
            identity=identity(exchange),
            created_at=now,
            expires_at=now + lasts,
            acks_to=wish.acks_to,
            partner=offer.identifier if offer is not None else "",
            create_id=message.id,
        )
    ]
    if offer is not None:
        key = SequenceKey(Role.REPLIES, sender.municipality, sender.id, offer.identifier)
        expires_at = now + min(offer.expires_s or lasts, lasts)
        records.append(SequenceRecord(key, identity(exchange), now, expires_at=expires_at, partner=identifier))
    await house.journal.begin(records)
    house.log("sequence.created", municipality=sender.municipality, sender=sender.key, sequence=identifier)
    return _created(exchange, records[0])


def _created(exchange: Exchange, record: SequenceRecord) -> Response:
    """CreateSequenceResponse; the acknowledgements of replies are to come to the address that was called."""
    accepted = exchange.message.addressing.to if exchange.message is not None and record.partner else ""
    created = CreateSequenceResponse(
        record.key.identifier,
        record.expires_at - record.created_at,
        accepted_acks_to=(accepted or wsa.ANONYMOUS) if record.partner else "",
    )
    return _response(exchange, names.CREATE_RESPONSE, create_response_body(created))


def _acks_to(house: House, exchange: Exchange, wish: CreateSequence) -> None:
    """Acknowledgements go back with the answer, or to the caller's own registered address. Errors: CB3016."""
    if wish.parameters:
        path = "wsrm:AcksTo/wsa:ReferenceParameters"
        raise ReliableError("CB3016", [Finding("CB3016", path=path, expected="0", got="1")])
    if wish.acks_to == wsa.ANONYMOUS:
        return
    registered = house.tables.addresses.get((exchange.sender.municipality, wish.acks_to))
    if registered is None or registered.key != exchange.sender.key:
        raise ReliableError("CB3016", [Finding("CB3016", path="wsrm:AcksTo", expected="anonymous | endpoints.toml")])


def _may_be_accepted(house: House, exchange: Exchange, offer: Offer) -> bool:
    """An offer for what comes back on the same connection. Errors: CB3016 when its name is in use."""
    key = SequenceKey(Role.REPLIES, exchange.sender.municipality, exchange.sender.id, offer.identifier)
    if house.journal.sequence(key) is not None:
        raise ReliableError("CB3016", [Finding("CB3016", path="wsrm:Offer/wsrm:Identifier", expected="unused")])
    return offer.endpoint == wsa.ANONYMOUS


async def _make_room(house: House, living: Sequence[SequenceRecord], most: int, now: float) -> None:
    """At most so many sequences of one endpoint; one that was never used gives way. Errors: CB3016."""
    if len(living) < most:
        return
    unused = next((each for each in living if not each.numbers), None)
    if unused is None:
        finding = Finding("CB3016", path="wsrm:CreateSequence", expected=f"<= {most} sequences", got=str(len(living)))
        raise ReliableError("CB3016", [finding])
    await house.journal.end(unused.key, SequenceState.EXPIRED, now, code="CB3016")


async def _close(house: House, exchange: Exchange) -> Response:
    """No new numbers any more; what waited for a gap goes on. Errors: CB3010, CB3011."""
    return await _end(house, exchange, SequenceState.CLOSED, names.CLOSE_RESPONSE)


async def _terminate(house: House, exchange: Exchange) -> Response:
    """The sequence has ended; told again as often as it is asked. Errors: CB3010, CB3011."""
    return await _end(house, exchange, SequenceState.TERMINATED, names.TERMINATE_RESPONSE)


async def _end(house: House, exchange: Exchange, state: SequenceState, response: str) -> Response:
    passage: Passage = exchange.reliable
    wish = read_end(exchange.body)
    key = destination(exchange, wish.identifier)
    record = owned(house, exchange, key)
    numbers = Ranges(record.numbers)
    if wish.last_number and wish.last_number < numbers.highest:
        raise invalid("wsrm:LastMsgNumber", f">= {numbers.highest}")
    now = house.clock.now()
    if record.state in LIVE and record.state is not state:
        admission = await house.journal.end(key, state, now, last=wish.last_number)
        house.outbox.hand_over([found.consignment for found in admission.released])
        house.turns.moved(key.identifier)
        if state is SequenceState.TERMINATED and record.partner:
            partner = SequenceKey(Role.REPLIES, key.municipality, key.endpoint, record.partner)
            await house.journal.end(partner, state, now)
        house.log(
            "sequence.ended",
            municipality=key.municipality,
            sender=exchange.sender.key,
            sequence=key.identifier,
            state=state,
            count=len(numbers),
            pending=len(Ranges.of([(1, max(numbers.highest, wish.last_number, 1))])) - len(numbers),
        )
    elif record.state is not state and state is SequenceState.CLOSED:
        passage.fault_of = key.identifier
        raise ReliableError(REFUSALS[record.state], [Finding("CB3011", path="wsrm:Identifier", got=record.state)])
    passage.tell.add(key.identifier)
    return _response(exchange, response, end_body(response, key.identifier))


async def _header_only(house: House, exchange: Exchange) -> Response:
    """A message without content: its blocks were all it wanted. Errors: CB3010 for a number without content."""
    passage: Passage = exchange.reliable
    if passage.key is not None:
        raise invalid("wsrm:Sequence", "a message with a Body")
    del house
    return Response(202)


def identity(exchange: Exchange) -> str:
    """Who a sequence belongs to beside its endpoint: what proved it."""
    return exchange.sender.key


def owned(house: House, exchange: Exchange, key: SequenceKey) -> SequenceRecord:
    """The caller's own sequence, ended or not. Errors: CB3011, which tells nothing about sequences of others."""
    record = house.journal.sequence(key)
    if record is None or record.identity != identity(exchange):
        passage: Passage = exchange.reliable
        passage.fault_of = key.identifier
        raise ReliableError("CB3011", [Finding("CB3011", path="wsrm:Identifier", got="unknown")])
    return record


async def living(house: House, exchange: Exchange, key: SequenceKey) -> SequenceRecord:
    """The caller's own sequence; one whose time is over ends now. Errors: CB3011, CB3012."""
    record, now = owned(house, exchange, key), house.clock.now()
    if record.state in LIVE and record.expires_at and record.expires_at <= now:
        admission = await house.journal.end(key, SequenceState.EXPIRED, now, code="CB3012")
        house.outbox.hand_over([found.consignment for found in admission.released])
        return owned(house, exchange, key)
    return record


def _response(exchange: Exchange, tag: str, body: etree._Element) -> Response:
    """A protocol message as an answer."""
    message = exchange.message
    assert message is not None
    relates_to = "" if message.id_given else message.id
    headers = Addressing(relates_to=relates_to, action=names.action(tag))
    return Response(200, XML, envelope.build(body, addressing=headers))


def invalid(path: str, expected: str) -> ReliableError:
    """CB3010 at one place."""
    return ReliableError("CB3010", [Finding("CB3010", path=path, expected=expected)])


PROTOCOL: Final[Mapping[str, Callable[[House, Exchange], Awaitable[Response]]]] = MappingProxyType(
    {
        names.CREATE: _create,
        names.CLOSE: _close,
        names.TERMINATE: _terminate,
        envelope.BODY: _header_only,
    }
)
