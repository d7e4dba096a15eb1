"""Where an answer goes: back on the connection, to nobody, or to the registered endpoint that the request names.

WS-Addressing 1.0 Core 3.4: a fault goes to FaultTo, or to ReplyTo where there is none; an answer goes to ReplyTo.
What says no more than "come again" (503) is always said on the connection, since nothing was stored that another
message could be about. Nothing ever goes to an address that is not an endpoint of the sender's municipality.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from bus.core.basic import BUS_USER
from bus.core.errors import ChiikibusError
from bus.core.ports import Acceptance, Consignment
from bus.core.states import State
from bus.core.types import Addressing, Endpoint, Exchange, Mode
from bus.pipeline import late
from bus.pipeline.house import House
from bus.pipeline.tables import ANSWER_SUFFIX
from bus.wire import envelope, splice
from bus.wire.addressing import NO_ADDRESSING, NONE, PREFIX, blocks, is_addressed
from bus.wire.addressing_fault import SOAP_FAULT_ACTION, answer, place
from bus.wire.fault import MESSAGE_ID, error_response, fault_bytes
from bus.wire.http import XML, Response

LATER: Final = 503
SOAP: Final = frozenset({500, LATER})
ANSWER_ID: Final = "urn:chiikibus:kaito:"
"""Begins the wsa:MessageID of an answer whose provider gave none; the number of its exchange follows."""

RELATES_TO: Final = f"{PREFIX}RelatesTo"
EXPIRES_S: Final = 7 * 24 * 3600.0
"""How long a fault is kept for a receiver that cannot be reached, where no route says it."""


async def fault(house: House, exchange: Exchange, error: ChiikibusError, record_id: str) -> Response:
    """The answer to a message that failed. ``record_id`` is the exchange under which that is recorded."""
    request = _request(exchange)
    if request is not NO_ADDRESSING and exchange.sender.security is not None and not exchange.verified:
        unproved = Addressing(message_id=request.message_id, action=request.action)
        return error_response(error, record_id=record_id, request=unproved)
    response = error_response(error, record_id=record_id, request=request)
    if request is NO_ADDRESSING or response.status not in SOAP:
        return response
    address = place(request, fault=True)
    if address == NONE:
        return Response(LATER, headers=response.headers) if response.status == LATER else Response(202)
    receiver = receiver_of(house, exchange, address) if response.status != LATER else None
    if receiver is None or not request.message_id:
        return response
    raw = fault_bytes(error, record_id=record_id, request=request)
    return await _elsewhere(house, exchange, receiver, record_id, Response(500, XML, raw))


async def answered(house: House, exchange: Exchange, response: Response, record_id: str) -> Response:
    """The provider's answer (500: its fault) to where the request wants it; ``response`` itself for the connection."""
    message = exchange.message
    assert message is not None
    request = message.addressing
    if not (request.reply_to or request.fault_to):
        return in_kind(exchange, response, record_id)
    address = place(request, fault=response.status == 500)
    if address == NONE:
        return Response(202)
    receiver = receiver_of(house, exchange, address)
    if receiver is None or not response.body:
        return in_kind(exchange, response, record_id)
    return await _elsewhere(house, exchange, receiver, record_id, response)


def in_kind(exchange: Exchange, response: Response, record_id: str) -> Response:
    """A provider's answer with the message properties that it lacks, where the request has such properties (Core 3.4).

    Every byte that the provider wrote stays, and what it signed stays altogether as it is; so do attachments.
    """
    message, operation = exchange.message, exchange.operation
    assert message is not None
    assert operation is not None
    request = message.addressing
    if not request.message_id or not response.body or response.package is not None:
        return response
    try:
        present = {block.tag for block in splice.blocks(response.body)}
        if envelope.SECURITY in present or RELATES_TO in present:
            return response
        fault = response.status == 500
        action = SOAP_FAULT_ACTION if fault else operation.reply_action
        properties, parameters = answer(request, action, f"{ANSWER_ID}{record_id}", fault=fault)
        wanted = blocks(properties, parameters)
        raw = splice.inserted(response.body, [block for block in wanted if block.tag not in present])
    except ChiikibusError:
        # An answer whose head only a newer XML can read: it goes as it is.
        return response
    return Response(response.status, response.content_type, raw, response.headers)


async def given_up(house: House, consignment: Consignment, code: str) -> None:
    """Tell the address that a queued request names for faults that it came to nothing; then it is told for good.

    What has no answer (a notice) is the operator's matter alone. Errors: CB4001, and nothing was told.
    """
    operation = house.tables.home.operations.get(consignment.operation)
    sender = house.tables.endpoints.get((consignment.municipality, consignment.sender))
    if operation is None or sender is None or not late.has_answer(operation):
        return
    request = late.requested(house, consignment.exchange_id)
    exchange = Exchange(consignment.exchange_id, sender, consignment.accepted_at, operation.unit)
    exchange.operation, exchange.purpose = operation, consignment.purpose
    receiver = receiver_of(house, exchange, place(request, fault=True))
    if receiver is None or not request.message_id:
        return
    raw = fault_bytes(ChiikibusError(code), record_id=consignment.exchange_id, request=request)
    told = Response(500, XML, raw)
    await _pass_on(house, exchange, receiver, (consignment.message_id, consignment.exchange_id), told)


def receiver_of(house: House, exchange: Exchange, address: str) -> Endpoint | None:
    """The endpoint at ``address`` of the sender's municipality that may be told about this exchange."""
    if not is_addressed(address) or exchange.operation is None:
        return None
    sender = exchange.sender
    receiver = house.tables.addresses.get((sender.municipality, address))
    if receiver is None or receiver == sender:
        return receiver
    purpose = exchange.purpose or sender.purpose
    return receiver if (receiver.key, exchange.operation.key, purpose) in house.tables.rights else None


async def _elsewhere(house: House, exchange: Exchange, receiver: Endpoint, record_id: str, told: Response) -> Response:
    """202 once ``told`` is accepted for ``receiver``; the fault of the journal when it cannot be."""
    message = exchange.message
    assert message is not None
    try:
        await _pass_on(house, exchange, receiver, (message.id, record_id), told)
    except ChiikibusError as unstored:
        return error_response(unstored, record_id=record_id, request=message.addressing)
    return Response(202)


async def _pass_on(
    house: House, exchange: Exchange, receiver: Endpoint, about: tuple[str, str], told: Response
) -> None:
    """Accept a fault for ``receiver`` as a message of its own; its id is that of the record, so it goes only once.

    ``about`` is the id of the message it is about, and the record of that. Errors: CB4001.
    """
    relates_to, record_id = about
    package = told.package
    operation = exchange.operation
    assert operation is not None
    now = house.clock.now()
    acceptance = Acceptance(
        exchange_id=house.ids.exchange(),
        municipality=exchange.sender.municipality,
        sender=BUS_USER,
        message_id=f"{MESSAGE_ID}{record_id}",
        sha256=sha256(told.body).hexdigest(),
        unit=operation.unit,
        operation=operation.key + ANSWER_SUFFIX,
        edition=exchange.sender.edition,
        purpose=exchange.purpose,
        mode=Mode.QUEUED,
        ordering_keys=(),
        received_at=now,
        expires_at=now + (exchange.route.expires_s if exchange.route is not None else EXPIRES_S),
        content_type=told.content_type,
        soap_action=SOAP_FAULT_ACTION,
        relates_to=relates_to,
        tables_hash=house.tables.tables_hash,
        size=len(told.body) if package is None else package.size,
        state=State.ACCEPTED,
        targets=(receiver.id,),
        raw=told.body,
        package=package,
    )
    if package is not None:
        package.kept = True  # from here on a row may hold it; what none holds goes with the next sweep
    if await house.journal.accept(acceptance) is None:
        house.outbox.hand_over(acceptance.consignments())
        house.log(
            "told_elsewhere",
            exchange_id=acceptance.exchange_id,
            relates_to=relates_to,
            municipality=acceptance.municipality,
            sender=exchange.sender.key,
            target=receiver.key,
            operation=operation.key,
            size=len(told.body),
        )


def _request(exchange: Exchange) -> Addressing:
    """What the message said of WS-Addressing, as far as it could be read."""
    if exchange.message is not None:
        return exchange.message.addressing
    return NO_ADDRESSING if exchange.tree is None else envelope.salvage(exchange.tree)
