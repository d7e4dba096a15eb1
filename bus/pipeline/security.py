"""Step 4: message security as the endpoint's policy asks for it: what is verified is exactly what is dispatched.

A sender whose message fails learns one code and nothing else, whatever the reason was; the reason is in the journal, in
the log and in ``chiikibus security explain``.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from bus.core.errors import ChiikibusError, RightsError, WireError
from bus.core.ports import HttpReply
from bus.core.types import Addressing, Endpoint, Exchange, Finding
from bus.pipeline.envelope import name_operation
from bus.pipeline.house import House
from bus.pipeline.parse import LARGE
from bus.wire import envelope, safe_xml, splice
from bus.wire.addressing import NO_ADDRESSING
from bus.wire.envelope import MUST_UNDERSTAND, SECURITY, WSSE
from bus.wire.fault import error_response
from bus.wire.http import XML, Request, Response
from bus.wire.reliable.names import PREFIX as RM
from bus.wire.safe_xml import line_of
from bus.wire.security.refusal import SecurityRefusal

if TYPE_CHECKING:
    from bus.wire.security.gate import Gate

NOT_COVERED: Final = "CB2024"
REPLAYED: Final = "CB2029"
BAD_ANSWER: Final = "CB2032"
NO_KEY: Final = "CB2033"
LATE: Final = "late"


async def secure(house: House, exchange: Exchange) -> None:
    """Errors: CB2020 when the message fails what its sender's policy asks for; CB1009 for a wsse:Security block that
    must be understood where nothing is asked, since a signature is never silently ignored; CB1013 as in step 3.
    """
    if exchange.sender.security is not None:
        gate = house.tables.gates[exchange.sender.key]
        if gate.guarded:
            await _guarded(house, exchange, gate)
            return
        exchange.verified = True
    block = exchange.envelope.security
    if block is not None and block.get(MUST_UNDERSTAND) == "1":
        finding = Finding("CB1009", path="wsse:Security", line=line_of(block), expected="plain", got=WSSE)
        raise WireError("CB1009", [finding])
    if exchange.operation is None and not exchange.relates_to:
        name_operation(house, exchange)


async def _guarded(house: House, exchange: Exchange, gate: Gate) -> None:
    """Decrypt, check, and remember what must not come again. Errors: CB2020; CB1013."""
    try:
        _no_attachments(exchange.request.package)
        exchange.opened = gate.open(exchange.tree, exchange.envelope)
        if exchange.opened:
            exchange.tree = safe_xml.parse(exchange.opened)
            exchange.envelope = envelope.read(exchange.tree)
            exchange.body = exchange.envelope.body
        check = partial(
            gate.check,
            exchange.tree,
            exchange.envelope,
            exchange.received_at,
            private=_unheard(exchange.request),
            encrypted=bool(exchange.opened),
        )
        checked = check() if len(exchange.request.body) < LARGE else await asyncio.to_thread(check)
        for value, until in checked.once:
            await _once(house, exchange, value, until)
        if exchange.reliable is not None and (checked.signer or exchange.opened):
            _without_hop(exchange)
    except (SecurityRefusal, WireError) as refusal:
        exchange.reason = refusal.code
        _log(house, exchange.id, exchange.sender, refusal)
        raise RightsError("CB2020") from None
    exchange.verified = True
    if exchange.operation is None:
        name_operation(house, exchange)


def _no_attachments(package: object) -> None:
    """Errors: CB2024: a signature of this bus covers no attachment, so that nothing shows who made one."""
    if package is not None:
        raise SecurityRefusal(NOT_COVERED, "attachments", expected="none", got="not covered by the signature")


def _without_hop(exchange: Exchange) -> None:
    """What goes on of a message in a sequence: the blocks of the sequence were for the bus, and were signed.

    Without them the signature does not hold any more: it is taken out, too, and with it the key of what was decrypted.
    """
    message = exchange.message
    assert message is not None
    raw = splice.without(exchange.opened or exchange.request.body, lambda tag: tag == SECURITY or tag.startswith(RM))
    content_type = XML if exchange.opened else message.content_type
    exchange.message = replace(message, raw=raw, sha256=sha256(raw).hexdigest(), content_type=content_type)
    exchange.opened = b""


async def _once(house: House, exchange: Exchange, value: str, until: float) -> None:
    """Errors: CB2029 when the value came before; CB4001, CB4002 when it cannot be remembered."""
    if not await house.journal.remember(f"{exchange.sender.key} {value}", until, exchange.received_at):
        raise SecurityRefusal(REPLAYED, value.partition(":")[0], expected="once", got="again")


def _unheard(request: Request) -> bool:
    """Whether nobody could listen in between: over TLS, or from this machine."""
    return request.channel is not None or is_private(request.peer)


def is_private(peer: str) -> bool:
    """Whether a peer, ``host:port``, is on this machine: nobody listens in between."""
    host = peer.rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def inspect_reply(house: House, endpoint: Endpoint, reply: HttpReply, message_id: str) -> HttpReply:
    """The reply of an endpoint, opened, after it passed what the endpoint's policy asks for.

    Errors: CB2032 without a finding: the caller is not told more than anybody. What has no body has no signature; it
    passes only as the 202 of an answer that comes later, where the caller says so.
    """
    gate = house.tables.gates[endpoint.key]
    if not gate.guarded or gate.policy.wants_username:
        return reply
    try:
        _no_attachments(reply.package)
        root = safe_xml.parse(reply.body, reply.content_type)
        read = envelope.read(root)
        opened = gate.open(root, read)
        if opened:
            root = safe_xml.parse(opened)
            read = envelope.read(root)
        now = house.clock.now()
        gate.check(root, read, now, private=False, encrypted=bool(opened), relates_to=message_id)
    except (SecurityRefusal, WireError) as refusal:
        _log(house, message_id, endpoint, refusal)
        raise RightsError(BAD_ANSWER) from None
    if not opened:
        return reply
    return HttpReply(reply.status, XML, opened, reply.sent_at, reply.answered_at)


def _relation(exchange: Exchange) -> Addressing:
    """To which question an answer belongs, for a sender that named its question; nothing for others."""
    message, operation = exchange.message, exchange.operation
    if message is None or not message.addressing.message_id:
        return NO_ADDRESSING
    return Addressing(relates_to=message.addressing.message_id, action=operation.reply_action if operation else "")


def protected(
    house: House, endpoint: Endpoint, body: bytes, content_type: str, relation: Addressing = NO_ADDRESSING
) -> bytes:
    """What goes to an endpoint, signed and encrypted as its policy says; the very same bytes where it says nothing.

    Errors: CB2033 when no key of the bus is valid, or the message is of a kind that the bus cannot sign.
    """
    gate = house.tables.gates[endpoint.key]
    if not gate.signs:
        return body
    try:
        return gate.protect(body, content_type, house.clock.now(), house.ids.exchange(), relation)
    except (SecurityRefusal, WireError) as refusal:
        _log(house, "", endpoint, refusal)
        raise RightsError(NO_KEY) from None


def protected_response(house: House, exchange: Exchange, response: Response) -> Response:
    """The answer to a sender whose policy asks for signed answers; refusals of HTTP itself stay a short text."""
    if not response.content_type.startswith(("text/xml", "multipart/")):
        return response
    try:
        body = protected(house, exchange.sender, response.body, response.content_type, _relation(exchange))
    except ChiikibusError as error:
        return error_response(error, record_id=exchange.id)
    if body is response.body:
        return response
    return Response(response.status, XML, body, response.headers)


def _log(house: House, exchange_id: str, endpoint: Endpoint, refusal: ChiikibusError) -> None:
    """The reason, for the operator alone."""
    finding = refusal.findings[0] if refusal.findings else Finding(refusal.code)
    house.log(
        "security_refused",
        level="warning",
        exchange_id=exchange_id,
        endpoint=endpoint.key,
        code=refusal.code,
        path=finding.path,
        line=finding.line,
        expected=finding.expected,
        got=finding.got,
    )
