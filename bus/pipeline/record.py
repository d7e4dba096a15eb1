"""Step 13: the outcome is durable before it is told; one line of log per exchange."""

from __future__ import annotations

import json

from bus.core.errors import ChiikibusError
from bus.core.ports import HttpReply, Transition
from bus.core.states import State
from bus.core.types import Exchange
from bus.pipeline.answer import Answer
from bus.pipeline.attachments import held
from bus.pipeline.disclosure import told
from bus.pipeline.house import House
from bus.wire.http import Response

DEADLINE = "CB5002"


async def replied(house: House, exchange: Exchange, reply: HttpReply, answer: Answer) -> Response:
    """A direct call came back: REPLIED with its answer (DELIVERED when the answer comes later).

    Errors: CB4001; then the caller has no answer either and asks again.
    """
    keep = not exchange.opaque
    package = answer.package if keep else None
    transition = Transition(
        delivery_id=f"{exchange.id}-0",
        state=answer.state,
        at=house.clock.now(),
        attempt=1,
        code=answer.code,
        detail=told(exchange),
        request_out=reply.sent_at,
        response_in=reply.answered_at,
        reply=answer.body if keep else b"",
        reply_status=answer.status,
        reply_content_type=answer.content_type,
        reply_package=package,
    )
    if package is None:
        await house.journal.record([transition])
    else:
        with held(package):
            await house.journal.record([transition])
    log_outcome(house, exchange, answer.state, answer.code, provider_s=reply.answered_at - reply.sent_at)
    return Response(answer.status, answer.content_type, answer.body, package=answer.package)


async def failed(house: House, exchange: Exchange, error: ChiikibusError) -> None:
    """A direct call did not come back well: EXPIRED at its deadline, else CANCELLED. Errors: CB4001."""
    state = State.EXPIRED if error.code == DEADLINE else State.CANCELLED
    detail = json.dumps([finding.as_dict() for finding in error.findings[:20]], ensure_ascii=False)
    await house.journal.record(
        [
            Transition(
                delivery_id=f"{exchange.id}-0",
                state=state,
                at=house.clock.now(),
                attempt=1,
                code=error.code,
                detail=detail if error.findings else "",
            )
        ]
    )
    log_outcome(house, exchange, state, error.code)


def log_outcome(house: House, exchange: Exchange, state: State, code: str = "", *, provider_s: float = 0.0) -> None:
    """The canonical line: who, what, how it ended, how long it took."""
    operation = exchange.operation
    house.log(
        "exchange",
        exchange_id=exchange.id,
        municipality=exchange.sender.municipality,
        sender=exchange.sender.key,
        operation=operation.key if operation is not None else "",
        mode=exchange.mode,
        state=state,
        code=code,
        size=exchange.request.size,
        duration_ms=round((house.clock.now() - exchange.received_at) * 1000, 2),
        provider_ms=round(provider_s * 1000, 2),
    )
