"""A queued request that may be answered late, answered at once: the answer is accepted as if it had been posted."""

from __future__ import annotations

from hashlib import sha256

from bus.core.errors import ChiikibusError, JournalError
from bus.core.ports import Consignment, HttpReply
from bus.core.states import State
from bus.core.types import Addressing, Context, Exchange, Finding, Message, Mode
from bus.pipeline import late
from bus.pipeline.house import House
from bus.pipeline.journal import accept
from bus.pipeline.relay import hand_over
from bus.wire import envelope, safe_xml
from bus.wire.http import Request
from schemas.model import Operation

Settled = tuple[State, str, tuple[Finding, ...], HttpReply | None]


async def settle(house: House, consignment: Consignment, operation: Operation, reply: HttpReply) -> Settled:
    """State, code, findings and the reply to keep: REPLIED once the forwarding of the answer is durable.

    An answer that is not of the standard parks the request; one that cannot be stored or passed on now is fetched
    again later, since the provider knows the request by its id.
    """
    provider = house.tables.endpoints[consignment.municipality, consignment.target]
    request = Request("POST", "", {"content-type": reply.content_type}, reply.body)
    exchange = Exchange(house.ids.exchange(), provider, house.clock.now(), operation.unit, request=request)
    exchange.operation, exchange.relates_to = operation, consignment.message_id
    exchange.message = Message(
        id=f"urn:chiikibus:kaito:{consignment.exchange_id}",
        raw=reply.body,
        sha256=sha256(reply.body).hexdigest(),
        content_type=reply.content_type,
        soap_action=operation.reply_action,
        addressing=Addressing(),
        context=Context(),
    )
    exchange.journal_id = exchange.message.id
    try:
        exchange.envelope = envelope.read(safe_xml.parse(reply.body, reply.content_type))
        findings = house.tables.contracts[operation.unit].validate(exchange.envelope.body)
        if findings:
            return State.PARKED, "CB1017", findings, None
        late.authorise(house, exchange)
        late.route(house, exchange)
        body, content_type, _ = late.visible(exchange)
        if exchange.mode is Mode.QUEUED and await accept(house, exchange) is None:
            hand_over(house, exchange)
    except JournalError as error:
        return State.RETRY_WAIT, error.code, error.findings, None
    except ChiikibusError as error:
        return State.PARKED, error.code, error.findings, None
    return State.REPLIED, "", (), HttpReply(200, content_type, body, reply.sent_at, reply.answered_at)
