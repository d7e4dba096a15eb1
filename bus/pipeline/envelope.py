"""Step 3: the tree is a SOAP 1.1 message of one operation; the summary of its headers becomes the Message."""

from __future__ import annotations

from hashlib import sha256

from bus.core.errors import WireError
from bus.core.types import Exchange, Finding, Message
from bus.pipeline.house import House
from bus.pipeline.sequence import Passage, begin, is_protocol
from bus.wire import envelope as wire
from schemas.model import Operation


def read_envelope(house: House, exchange: Exchange) -> None:
    """Errors: CB1007 to CB1013; CB3010 and CB3014 for the blocks of a sequence."""
    envelope = wire.read(exchange.tree)
    request = exchange.request
    raw = request.body if not envelope.reliable else begin(house, exchange, envelope)
    addressing = envelope.addressing
    soap_action = request.header("soapaction").strip().strip('"')
    message = Message(
        id=addressing.message_id or house.ids.message(),
        raw=raw,
        sha256=sha256(raw).hexdigest(),
        content_type=request.header("content-type"),
        soap_action=soap_action,
        addressing=addressing,
        context=envelope.context,
        id_given=not addressing.message_id,
    )
    exchange.message = message
    exchange.journal_id = message.id
    exchange.envelope = envelope
    exchange.body = envelope.body
    units = house.tables.units[exchange.unit]
    tag = envelope.body.tag
    if addressing.relates_to and (envelope.is_fault or tag in units.by_output):
        exchange.relates_to = addressing.relates_to
        exchange.operation = units.by_output.get(tag)
        return
    operation = units.by_input.get(tag)
    if operation is None:
        if is_protocol(tag):
            house.journal.owner_only()
            exchange.reliable = exchange.reliable or Passage()
            return
        operation = _carried_unread(house, exchange)
    if operation is None:
        raise WireError("CB1013", [Finding("CB1013", path="Body", expected=exchange.unit, got=_name(tag))])
    exchange.operation = operation
    _agree(operation, exchange)


def _carried_unread(house: House, exchange: Exchange) -> Operation | None:
    """The operation of a body that the standard does not know, where a route carries such bodies unread."""
    assert exchange.message is not None
    tables = house.tables
    routes = [
        prepared.route.operation
        for prepared in tables.opaque.get((exchange.sender.municipality, exchange.unit), ())
        if prepared.serves(exchange.sender)
    ]
    action = exchange.message.soap_action or exchange.message.addressing.action
    named = tables.units[exchange.unit].by_action.get(action)
    if named is not None:
        return named if named.key in routes else None
    return tables.operations[routes[0]] if len(routes) == 1 else None


def _agree(operation: Operation, exchange: Exchange) -> None:
    """SOAPAction, wsa:Action and the context name the operation that the body shows. Errors: CB1010, CB1012."""
    message = exchange.message
    assert message is not None
    for place, action in (("SOAPAction", message.soap_action), ("wsa:Action", message.addressing.action)):
        if action and action != operation.action:
            raise WireError("CB1010", [Finding("CB1010", path=place, expected=operation.action, got=action[:128])])
    named = message.context.operation
    if named and named not in {operation.key, operation.name, operation.action}:
        raise WireError("CB1012", [Finding("CB1012", path="Context/sosa", expected=operation.key)])


def _name(tag: str) -> str:
    """An element name, cut: it comes from the sender."""
    return tag[:128]
