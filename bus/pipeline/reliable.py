"""Reliable messaging as destination: sequences are created, used, closed and ended by their owners, and by nobody else.

It stands between step 4 and step 5: who calls is known and proven, what the message wants is not looked at yet.
A protocol message is answered here. A message with a number goes on through the same steps as any other; a refusal
that would be the same next time uses its number up, so that it is told, counted and blocks nothing.
"""

from __future__ import annotations

import asyncio
from typing import Final

from bus.core.errors import ChiikibusError, ReliableError, WireError
from bus.core.sequences import Role, SequenceKey, SequenceState
from bus.core.states import State
from bus.core.types import Exchange, Finding
from bus.pipeline import tell
from bus.pipeline.house import House
from bus.pipeline.journal import reject, rejection
from bus.pipeline.parse import LARGE
from bus.pipeline.record import log_outcome
from bus.pipeline.security import secure
from bus.pipeline.sequence import Passage, destination, digest, use
from bus.pipeline.sequence_answer import answered, bound, leave
from bus.pipeline.sequence_life import PROTOCOL, REFUSALS, invalid, living, owned
from bus.wire import envelope, splice
from bus.wire.fault import error_response
from bus.wire.http import XML, Response
from bus.wire.reliable import names
from bus.wire.reliable.ranges import Ranges

__all__ = ["admit", "answered", "bound", "leave", "refuse"]

_NOT_FOR_GOOD: Final = ("CB1009", "CB2020", "CB301", "CB302", "CB303", "CB4", "CB9")
"""What is not about the message's content, or leaves open who sent it."""


async def admit(house: House, exchange: Exchange) -> Response | None:
    """The answer to a message that ends here; ``None`` for one that takes the other steps.

    Errors: CB3010 to CB3018, CB1010, CB1011, CB4001.
    """
    passage: Passage | None = exchange.reliable
    if passage is None:
        raise ReliableError("CB3017", [Finding("CB3017", path="wsrm:Sequence", expected="1", got="0")])
    await _passengers(house, exchange, passage)
    answer = PROTOCOL.get(str(exchange.body.tag))
    if answer is not None:
        _agree(exchange, passage)
        return await answer(house, exchange)
    if passage.key is not None:
        told = await _known_number(house, exchange)
        if exchange.request.package is not None and told is None:
            finding = Finding("CB1050", path="wsrm:Sequence", expected="a message without attachments")
            raise WireError("CB1050", [finding])
        return told
    if exchange.sender.reliable_required:
        raise ReliableError("CB3017", [Finding("CB3017", path="wsrm:Sequence", expected="1", got="0")])
    passage.admitted = True
    return None


async def refuse(house: House, exchange: Exchange, error: ChiikibusError) -> Response:
    """Count a refusal and tell it. One that would be the same next time uses up the message's number for good."""
    passage: Passage = exchange.reliable
    try:
        if passage.key is None or passage.used or not _for_good(error):
            await reject(house, exchange, error)
        else:
            told = await _use_for_refusal(house, exchange, error)
            if told is not None:
                return told
    except ChiikibusError as other:
        error = other
    passage.error = error.code
    log_outcome(house, exchange, State.REJECTED, exchange.reason or error.code)
    return bound(await tell.fault(house, exchange, error, exchange.id), error)


async def _known_number(house: House, exchange: Exchange) -> Response | None:
    """Look the number up: new, used by this very message, or used by another one. Errors: CB3011 to CB3013, CB3018."""
    passage: Passage = exchange.reliable
    message, key = exchange.message, passage.key
    assert message is not None
    assert key is not None
    if str(exchange.body.tag) == envelope.BODY:
        raise invalid("wsrm:Sequence", "a message with a Body")
    if message.id_given:
        raise WireError("CB1011", [Finding("CB1011", path="wsa:MessageID", expected="1", got="0")])
    record = await living(house, exchange, key)
    body = exchange.body.getparent()
    if len(message.raw) < LARGE:
        passage.digest = digest(body)
    else:
        passage.digest = await asyncio.to_thread(digest, body)
    passage.admitted = True
    if exchange.opened:
        exchange.opened = splice.without(exchange.opened, lambda tag: tag.startswith(names.PREFIX))
    arrived = house.journal.arrived(key, passage.number)
    if arrived is None:
        if record.state is not SequenceState.OPEN:
            passage.fault_of = key.identifier
            raise ReliableError(REFUSALS[record.state], [Finding("CB3013", path="wsrm:Sequence", got=record.state)])
        return None
    if (arrived.message_id, arrived.sha256) != (message.id, passage.digest):
        got = f"exchange {arrived.exchange_id}"
        passage.admitted = False
        raise ReliableError("CB3018", [Finding("CB3018", path="wsrm:MessageNumber", got=got)])
    passage.again = passage.used = True
    if arrived.refused:
        return Response(arrived.status, XML, arrived.answer)
    return None


async def _use_for_refusal(house: House, exchange: Exchange, error: ChiikibusError) -> Response | None:
    """Let a refusal use up the number; an answer when the message was answered before. Errors: as the look-up's."""
    passage: Passage = exchange.reliable
    if not passage.admitted:
        # Refused before it was known whether it may use the number at all.
        if exchange.sender.security is not None and not exchange.verified:
            await secure(house, exchange)
        told = await _known_number(house, exchange)
        if told is not None:
            return told
    if passage.used:
        await reject(house, exchange, error)
        return None
    message = exchange.message
    assert message is not None
    response = error_response(error, record_id=exchange.id, request=message.addressing)
    refusal = rejection(house, exchange, error)
    admission = await use(house, exchange, exchange.id, refusal, status=response.status, answer=response.body)
    house.outbox.hand_over(passage.released)
    if admission.again:
        await reject(house, exchange, error)
    return None


def _for_good(error: ChiikibusError) -> bool:
    """Whether the same message would be refused again: then its number is used up; retries keep theirs."""
    return not error.entry.retryable and not error.code.startswith(_NOT_FOR_GOOD)


async def _passengers(house: House, exchange: Exchange, passage: Passage) -> None:
    """Acknowledgements, and wishes for them. What is wrong with one that rides on another message does not stop that.

    Errors: CB3011, CB3015 in a protocol message or a message of blocks alone.
    """
    for take in (_acknowledged, _asked):
        try:
            await take(house, exchange, passage)
        except ReliableError as error:
            if str(exchange.body.tag) in PROTOCOL:
                raise
            # Section 3.2: a fault, but the message that it rides on is processed as if it were not there.
            passage.beside.append((error.code, passage.fault_of, passage.fault_ranges))
            passage.fault_of, passage.fault_ranges = "", None
            key = exchange.sender.key
            house.log("sequence.block_refused", sender=key, code=error.code, sequence=passage.beside[-1][1])


async def _asked(house: House, exchange: Exchange, passage: Passage) -> None:
    """Sequences whose acknowledgement the caller wants now. Errors: CB3011."""
    for identifier in passage.headers.asked:
        owned(house, exchange, destination(exchange, identifier))
        passage.tell.add(identifier)


async def _acknowledged(house: House, exchange: Exchange, passage: Passage) -> None:
    """What the caller says it has of our answers. Errors: CB3011, CB3015 for numbers that were never given."""
    for told in passage.headers.acknowledgements:
        key = SequenceKey(Role.REPLIES, exchange.sender.municipality, exchange.sender.id, told.identifier)
        record = owned(house, exchange, key)
        if told.ranges.highest > Ranges(record.numbers).highest:
            passage.fault_of, passage.fault_ranges = told.identifier, told.ranges
            got = str(told.ranges.highest)
            raise ReliableError("CB3015", [Finding("CB3015", path="wsrm:AcknowledgementRange", got=got)])
        if told.ranges.minus(Ranges(record.acknowledged)).spans:
            await house.journal.acknowledge(key, told.ranges.spans, house.clock.now())


def _agree(exchange: Exchange, passage: Passage) -> None:
    """A protocol message is named by its action and has no number itself. Errors: CB1010, CB3010."""
    message, tag = exchange.message, str(exchange.body.tag)
    assert message is not None
    passage.protocol = True
    if tag == envelope.BODY:
        return
    if passage.key is not None:
        raise invalid("wsrm:Sequence", "0")
    wanted = names.action(tag)
    for place, action in (("SOAPAction", message.soap_action), ("wsa:Action", message.addressing.action)):
        if action and action != wanted:
            raise WireError("CB1010", [Finding("CB1010", path=place, expected=wanted, got=action[:128])])
