"""The answer to a message that is known already: the same as the first time."""

from __future__ import annotations

from bus.core.errors import ChiikibusError
from bus.core.states import State
from bus.core.types import Exchange, Known, Mode
from bus.pipeline import late, tell
from bus.pipeline.deduplicate import check
from bus.pipeline.house import House
from bus.pipeline.receipt import receipt_bytes
from bus.pipeline.sequence import use_for_known
from bus.wire.addressing import NONE
from bus.wire.http import XML, Response


async def repeat(house: House, exchange: Exchange, known: Known) -> Response:
    """The stored answer, or the receipt made again from the stored fields: byte for byte what was sent before.

    Errors: CB3001 other content, CB3002 still in process.
    """
    check(house, exchange, known)
    if exchange.reliable is not None:
        await use_for_known(house, exchange, known)
    house.log(
        "repeated",
        exchange_id=known.exchange_id,
        municipality=exchange.sender.municipality,
        sender=exchange.sender.key,
        operation=known.operation,
        state=known.state,
    )
    if exchange.answers is not None:
        return await late.repeat(house, exchange, known)
    if known.mode is Mode.QUEUED:
        return queued(exchange, known.exchange_id, known.received_at)
    if known.state is State.DELIVERED:
        return Response(202)
    if known.state is State.REPLIED and known.reply:
        stored = Response(known.reply_status, known.reply_content_type, known.reply, package=known.reply_package)
        return await tell.answered(house, exchange, stored, known.exchange_id)
    return await tell.fault(house, exchange, ChiikibusError(known.code or "CB9001"), known.exchange_id)


def queued(exchange: Exchange, exchange_id: str, received_at: float) -> Response:
    """What the sender of a queued message gets: its receipt, or 202 when the answer comes later or nobody wants it."""
    message, operation = exchange.message, exchange.operation
    assert message is not None
    assert operation is not None
    if late.has_answer(operation) or message.addressing.reply_to == NONE:
        return Response(202)
    body = receipt_bytes(operation, message.id, exchange_id, received_at, message.addressing)
    return Response(200, XML, body)
