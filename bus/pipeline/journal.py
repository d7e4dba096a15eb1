"""Step 9: one transaction with the message, its state and its deliveries. Only now may a 2xx or a call leave."""

from __future__ import annotations

from hashlib import sha256

from bus.core.errors import ChiikibusError
from bus.core.ports import Acceptance
from bus.core.states import State
from bus.core.types import Exchange, Known, Mode
from bus.pipeline.attachments import held
from bus.pipeline.house import House
from bus.pipeline.sequence import arrive
from bus.pipeline.tables import ANSWER_SUFFIX
from bus.wire.http import Request

NOT_KEPT = ("CB3002", "CB3019", "CB3020", "CB4")
"""Refusals that leave no row: the sender comes again with the same message, or there is nowhere to write."""


async def accept(house: House, exchange: Exchange) -> Known | None:
    """Store the exchange durably; what was there first when another one came in between.

    Errors: CB4001 nothing was stored, the sender still has the message.
    """
    message, route, operation = exchange.message, exchange.route, exchange.operation
    assert message is not None
    assert route is not None
    assert operation is not None
    direct = exchange.mode is Mode.DIRECT
    lasts = route.deadline_s if direct else route.expires_s
    exchange.tree = exchange.envelope = exchange.body = None
    package = message.package
    unread = direct and exchange.opaque
    acceptance = Acceptance(
        exchange_id=exchange.id,
        municipality=exchange.sender.municipality,
        sender=exchange.sender.id,
        message_id=exchange.journal_id,
        sha256=message.sha256,
        unit=operation.unit,
        operation=operation.key + ANSWER_SUFFIX if exchange.answers else operation.key,
        edition=exchange.sender.edition,
        purpose=exchange.purpose,
        mode=exchange.mode,
        ordering_keys=exchange.ordering_keys,
        received_at=exchange.received_at,
        expires_at=exchange.received_at + lasts,
        content_type=message.content_type,
        soap_action=message.soap_action,
        relates_to=exchange.relates_to,
        tables_hash=house.tables.tables_hash,
        size=len(message.raw) if package is None else package.size,
        state=State.DISPATCHING if direct else State.ACCEPTED,
        targets=tuple([target.id for target in exchange.targets]),
        raw=b"" if unread else message.raw,
        package=None if unread else package,
    )
    if acceptance.package is None:
        return await _store(house, exchange, acceptance)
    with held(acceptance.package) as hold:
        known = await _store(house, exchange, acceptance)
        if known is not None:
            hold.let_go()
    return known


async def _store(house: House, exchange: Exchange, acceptance: Acceptance) -> Known | None:
    """The row, with the message's number where it has one."""
    if exchange.reliable is not None:
        return await arrive(house, exchange, acceptance)
    return await house.journal.accept(acceptance)


async def reject(house: House, exchange: Exchange, error: ChiikibusError) -> None:
    """Count a refused message of a known sender: who, when, which digest, why; never its content.

    Errors: CB4001.
    """
    if not error.code.startswith(NOT_KEPT):
        await house.journal.accept(rejection(house, exchange, error))


def rejection(house: House, exchange: Exchange, error: ChiikibusError) -> Acceptance:
    """The row of a refused message."""
    message, operation, request = exchange.message, exchange.operation, exchange.request
    return Acceptance(
        exchange_id=exchange.id,
        municipality=exchange.sender.municipality,
        sender=exchange.sender.id,
        message_id=message.id if message is not None else "",
        sha256=message.sha256 if message is not None else _digest(request),
        unit=exchange.unit,
        operation=operation.key if operation is not None else "",
        edition=exchange.sender.edition,
        purpose=exchange.purpose,
        mode=exchange.mode,
        ordering_keys=(),
        received_at=exchange.received_at,
        expires_at=exchange.received_at,
        content_type=request.header("content-type")[:255],
        soap_action=message.soap_action[:255] if message is not None else "",
        relates_to=exchange.relates_to,
        tables_hash=house.tables.tables_hash,
        size=request.size,
        state=State.REJECTED,
        targets=(),
        code=exchange.reason or error.code,
    )


def _digest(request: Request) -> str:
    """Of a message that was refused before it was one."""
    return sha256(request.body).hexdigest() if request.package is None else request.package.digest
