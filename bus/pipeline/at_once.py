"""A queued request that may be answered late, answered at once: the answer is accepted as if it had been posted.

An answer that goes to an address of the requester's choice has to say what it answers: where the provider wrote no
wsa:RelatesTo, the bus writes the message properties.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from bus.core.errors import ChiikibusError, JournalError
from bus.core.ports import Consignment, HttpReply
from bus.core.states import State
from bus.core.types import Addressing, Context, Exchange, Finding, Message, Mode
from bus.pipeline import attachments, late
from bus.pipeline.glyphs import judge
from bus.pipeline.guard import IN_ANSWER
from bus.pipeline.house import House
from bus.pipeline.journal import accept
from bus.pipeline.relay import hand_over
from bus.pipeline.tell import ANSWER_ID
from bus.wire import envelope, safe_xml, splice
from bus.wire.addressing import blocks
from bus.wire.addressing_fault import SOAP_FAULT_ACTION, answer
from bus.wire.http import Request
from schemas.model import Operation

Settled = tuple[State, str, tuple[Finding, ...], HttpReply | None]


async def settle(house: House, consignment: Consignment, operation: Operation, reply: HttpReply) -> Settled:
    """State, code, findings and the reply to keep: REPLIED once the forwarding of the answer is durable.

    An answer that is not of the standard parks the request; one that cannot be stored or passed on now is fetched
    again later, since the provider knows the request by its id.
    """
    provider = house.tables.endpoints[consignment.municipality, consignment.target]
    package = reply.package
    request = Request("POST", "", {"content-type": reply.content_type}, reply.body, package=package)
    exchange = Exchange(house.ids.exchange(), provider, house.clock.now(), operation.unit, request=request)
    exchange.operation, exchange.relates_to = operation, consignment.message_id
    exchange.message = Message(
        id=f"{ANSWER_ID}{consignment.exchange_id}",
        raw=reply.body,
        sha256=sha256(reply.body).hexdigest() if package is None else package.digest,
        content_type=reply.content_type,
        soap_action=operation.reply_action,
        addressing=Addressing(),
        context=Context(),
        package=package,
    )
    exchange.journal_id = exchange.message.id
    try:
        read = exchange.envelope = envelope.read(safe_xml.parse(reply.body, reply.xml_type))
        if package is not None:
            exchange.body = read.body
            late.authorise(house, exchange)
            attachments.admit(house, exchange)
        guard = house.tables.standard(provider).guards.get(operation.key)
        if guard is not None:
            guard.inspect(reply.body, read.body, package, IN_ANSWER)
        contract = house.tables.standard(provider).contracts[operation.unit]
        findings = () if read.is_fault else judge(contract, provider, read, reply.body)
        if findings:
            return State.PARKED, "CB1017", findings, None
        late.authorise(house, exchange)
        late.route(house, exchange)
        if exchange.mode is Mode.QUEUED and package is None and not read.addressing.relates_to:
            exchange.message = _addressed(house, exchange, operation, reply.body)
        body, content_type, is_fault = late.visible(house, exchange)
        if exchange.mode is Mode.QUEUED and await accept(house, exchange) is None:
            hand_over(house, exchange)
        if package is not None:
            package.kept = True  # the delivery's own row holds it, and is written until it is
    except JournalError as error:
        return State.RETRY_WAIT, error.code, error.findings, None
    except ChiikibusError as error:
        return State.PARKED, error.code, error.findings, None
    code, status = (late.CB5004, 500) if is_fault else ("", 200)
    return (
        State.REPLIED,
        code,
        exchange.reduced,
        HttpReply(status, content_type, body, reply.sent_at, reply.answered_at, package),
    )


def _addressed(house: House, exchange: Exchange, operation: Operation, reply: bytes) -> Message:
    """The provider's plain answer with the properties of an answer to the stored request added (Core 3.4).

    Every byte that the provider wrote stays.
    """
    message, read = exchange.message, exchange.envelope
    assert message is not None
    assert exchange.answers is not None
    action = SOAP_FAULT_ACTION if read.is_fault else operation.reply_action
    request = late.requested(house, exchange.answers.exchange_id)
    properties, parameters = answer(request, action, message.id, fault=read.is_fault)
    if not request.message_id:
        return message
    raw = splice.inserted(reply, blocks(properties, parameters))
    return replace(message, raw=raw, sha256=sha256(raw).hexdigest())
