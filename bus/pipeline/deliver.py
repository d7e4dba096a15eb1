"""Step 11, direct mode: the same bytes go to the one target within the route's deadline. Queued: ``bus.deliver``."""

from __future__ import annotations

from functools import lru_cache

from bus.core.basic import BUS_USER, basic_header
from bus.core.errors import DeliveryError
from bus.core.ports import Consignment, HttpReply
from bus.core.types import Endpoint, Exchange, Finding
from bus.pipeline.attachments import unchanged
from bus.pipeline.disclosure import outgoing_body
from bus.pipeline.editions import action_of
from bus.pipeline.house import House
from bus.pipeline.security import protected
from bus.wire.http import XML

Headers = list[tuple[str, str]]


async def call(house: House, exchange: Exchange) -> HttpReply:
    """The target's answer, unread.

    Errors: CB5001 unreachable, CB5002 deadline, CB5003 cut off, CB5005 suspended or paused, CB1058 segment missing.
    """
    message, route, operation = exchange.message, exchange.route, exchange.operation
    assert message is not None
    assert route is not None
    assert operation is not None
    target = exchange.targets[0]
    if target.paused:
        raise DeliveryError("CB5005", [Finding("CB5005", path=target.key, got="paused")])
    expires_at = exchange.received_at + route.deadline_s
    raw, media_type = (exchange.opened, XML) if exchange.opened else (message.raw, message.content_type)
    body, action = raw, message.soap_action
    if not exchange.way.plain:
        body, action = _for_target(house, exchange, raw, media_type)
    if target.security is not None:
        body = protected(house, target, body, media_type if body is raw else XML)
    headers = _headers(
        XML if body is not message.raw else message.content_type,
        action,
        target,
        (message.id, exchange.id, exchange.sender.key, operation.key, exchange.purpose, "1"),
    )
    left = expires_at - house.clock.now()
    if left <= 0:
        raise DeliveryError("CB5002")
    if message.package is not None:
        unchanged(body, message.raw)
        return await house.sender.post_package(target, message.package, headers, left)
    return await house.sender.post(target, body, headers, left)


def _for_target(house: House, exchange: Exchange, raw: bytes, media_type: str) -> tuple[bytes, str]:
    """The message without what its target does not see, in its edition, and the action by that."""
    message, route, operation, target = exchange.message, exchange.route, exchange.operation, exchange.targets[0]
    assert message is not None
    assert route is not None
    assert operation is not None
    consignment = Consignment(
        delivery_id=f"{exchange.id}-0",
        exchange_id=exchange.id,
        municipality=exchange.sender.municipality,
        sender=exchange.sender.id,
        target=target.id,
        operation=operation.key,
        message_id=message.id,
        ordering_keys=(),
        accepted_at=exchange.received_at,
        expires_at=exchange.received_at + route.deadline_s,
        attempt=1,
        content_type=message.content_type,
        soap_action=message.soap_action,
        purpose=exchange.purpose,
    )
    body = raw
    if not exchange.opaque:
        body, reduced = outgoing_body(house.tables, consignment, raw, media_type)
        if reduced is not None:
            exchange.reduced += (reduced,)
    return body, action_of(house.tables, consignment) or consignment.soap_action


def outgoing_headers(
    consignment: Consignment, endpoint: Endpoint, *, rewritten: bool = False, action: str = ""
) -> Headers:
    """All HTTP headers of an outgoing message but Host and Content-Length: content, credential, what receivers need.

    ``rewritten`` says that ``outgoing_body`` wrote the message anew, which is always UTF-8; ``action`` is the one of
    the target's edition where that is another.
    """
    sender, attempt = f"{consignment.municipality}/{consignment.sender}", str(consignment.attempt)
    ids = (consignment.message_id, consignment.exchange_id, sender)
    content_type = XML if rewritten else consignment.content_type
    soap_action = action or consignment.soap_action
    return _headers(content_type, soap_action, endpoint, (*ids, consignment.operation, consignment.purpose, attempt))


def _headers(content_type: str, action: str, endpoint: Endpoint, about: tuple[str, str, str, str, str, str]) -> Headers:
    """``about``: message id, exchange id, sender's key, operation's key, purpose, number of the attempt."""
    message_id, exchange_id, sender, operation, purpose, attempt = about
    return [
        ("Content-Type", content_type),
        ("SOAPAction", f'"{action}"'),
        ("Authorization", _authorization(endpoint.secret)),
        ("Chiikibus-Message-Id", message_id),
        ("Chiikibus-Exchange-Id", exchange_id),
        ("Chiikibus-Sender", sender),
        ("Chiikibus-Operation", operation),
        ("Chiikibus-Purpose", purpose),
        ("Chiikibus-Attempt", attempt),
    ]


def protocol_headers(endpoint: Endpoint, action: str) -> Headers:
    """The same for a message of the bus itself."""
    return [("Content-Type", XML), ("SOAPAction", f'"{action}"'), ("Authorization", _authorization(endpoint.secret))]


@lru_cache(maxsize=1024)
def _authorization(secret: str) -> str:
    """The bus's own credential towards an endpoint."""
    return basic_header(BUS_USER, secret)
