"""Step 3: the tree is a SOAP 1.1 message of one operation; the summary of its headers becomes the Message."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from typing import Final

from bus.core.errors import WireError
from bus.core.types import Addressing, Exchange, Finding, Message, Problem
from bus.pipeline.house import House
from bus.pipeline.sequence import Passage, begin, is_protocol
from bus.wire import envelope as wire
from bus.wire.addressing import ANONYMOUS, MAX_IRI, NONE, is_iri, required
from bus.wire.security.names import ENCRYPTED_DATA
from schemas.model import Operation

MESSAGE_ID: Final = "chiikibus-message-id"
_SOAP_ACTION: Final = re.compile(r'[ \t]*(?:"([^"]*)"|([^"]*?))[ \t]*')


def read_envelope(house: House, exchange: Exchange) -> None:
    """Errors: CB1007 to CB1013, CB1022; CB3010 and CB3014 for the blocks of a sequence."""
    envelope = wire.read(exchange.tree)
    request = exchange.request
    raw = request.body if not envelope.reliable else begin(house, exchange, envelope)
    addressing = envelope.addressing
    headers = request.headers
    soap_action = _soap_action(headers.get("soapaction", ""))
    given = addressing.message_id or (_id_beside(headers[MESSAGE_ID]) if MESSAGE_ID in headers else "")
    message = Message(
        id=given or house.ids.message(),
        raw=raw,
        sha256=sha256(raw).hexdigest() if request.package is None else request.package.digest,
        content_type=headers.get("content-type", ""),
        soap_action=soap_action,
        addressing=addressing,
        context=envelope.context,
        id_given=not given,
        package=request.package,
    )
    exchange.message = message
    exchange.journal_id = message.id
    exchange.envelope = envelope
    exchange.body = envelope.body
    if addressing.to:
        _arrives(house, exchange, addressing)
    if exchange.sender.security is not None and envelope.body.tag == ENCRYPTED_DATA:
        return  # step 4 decrypts, and then names the operation
    name_operation(house, exchange)


def _id_beside(given: str) -> str:
    """The id that a plain client, or a bus before this one, gives its message beside it. Errors: CB1011."""
    if given and not is_iri(given):
        finding = Finding("CB1011", path="Chiikibus-Message-Id", expected=f"absolute IRI, <= {MAX_IRI}")
        raise WireError("CB1011", [finding])
    return given


def name_operation(house: House, exchange: Exchange) -> None:
    """The operation that the body shows, or the request that is answered. Errors: CB1010, CB1012, CB1013."""
    envelope, message = exchange.envelope, exchange.message
    assert message is not None
    addressing, soap_action = message.addressing, message.soap_action
    units = house.tables.standard(exchange.sender).units[exchange.unit]
    tag = envelope.body.tag
    if addressing.relates_to and (envelope.is_fault or tag in units.by_output):
        exchange.relates_to = addressing.relates_to
        exchange.operation = answered = units.by_output.get(tag)
        if not soap_action and answered is not None:
            exchange.message = replace(message, soap_action=answered.reply_action)
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
    if not soap_action and operation.input == tag:
        # R2744: what goes on names its operation, whatever the sender left out.
        exchange.message = replace(message, soap_action=operation.action)
    if addressing.action and not addressing.message_id and addressing.reply_to != NONE:
        raise required("MessageID")


@lru_cache(maxsize=256)
def _soap_action(field: str) -> str:
    """The action that the SOAPAction field names, in quotes (R1109) or without (R1119). Errors: CB1022.

    Its absence is no refusal: the body alone says which operation is meant (R1127).
    """
    found = _SOAP_ACTION.fullmatch(field)
    if found is None:
        got = f"{len(field)} characters"
        raise WireError("CB1022", [Finding("CB1022", path="SOAPAction", expected='"<soapAction>"', got=got)])
    return found[1] or found[2] or ""


def _arrives(house: House, exchange: Exchange, addressing: Addressing) -> None:
    """wsa:To names the address that was posted to, under whatever host name, or the connection. Errors: CB1031.

    A late answer may name where its request wants it: the bus takes it there.
    """
    to, front, path = addressing.to, house.tables.front, exchange.request.path
    by_path = front.wsa_to == "path"
    here = to.endswith(path) and to.startswith("http") if by_path else to in front.addresses(path)
    if here or to == ANONYMOUS:
        return
    if addressing.relates_to and (exchange.sender.municipality, to) in house.tables.addresses:
        return
    finding = Finding("CB1031", path="wsa:To", expected=path, got=f"{len(to)} characters")
    raise WireError("CB1031", [finding], problem=Problem("DestinationUnreachable", "To", iri=to))


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
    standard = tables.standard(exchange.sender)
    named = standard.units[exchange.unit].by_action.get(action)
    if named is not None:
        return named if named.key in routes else None
    return standard.operations[routes[0]] if len(routes) == 1 else None


def _agree(operation: Operation, exchange: Exchange) -> None:
    """SOAPAction, wsa:Action and the context name the operation that the body shows. Errors: CB1010, CB1012."""
    message = exchange.message
    assert message is not None
    said = (message.soap_action, message.addressing.action)
    if not {"", operation.action}.issuperset(said):
        place, action = ("SOAPAction", said[0]) if said[0] not in ("", operation.action) else ("wsa:Action", said[1])
        finding = Finding("CB1010", path=place, expected=operation.action, got=action[:128])
        raise WireError("CB1010", [finding], problem=_action_problem(*said))
    named = message.context.operation
    if named and named not in {operation.key, operation.name, operation.action}:
        raise WireError("CB1012", [Finding("CB1012", path="Context/sosa", expected=operation.key)])


def _action_problem(soap_action: str, action: str) -> Problem:
    """Whether the two say different things, or the same wrong one (SOAP Binding 6.4.1, 6.4.4)."""
    if soap_action and action and soap_action != action:
        return Problem("ActionMismatch", "Action", action, soap_action[:MAX_IRI])
    return Problem("ActionNotSupported", "", action or soap_action[:MAX_IRI], soap_action[:MAX_IRI])


def _name(tag: str) -> str:
    """An element name, cut: it comes from the sender."""
    return tag[:128]
