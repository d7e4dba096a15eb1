"""Step 10: what was accepted for the queue is handed over to the relay; the journal has it in any case."""

from __future__ import annotations

from bus.core.ports import Consignment
from bus.core.types import Exchange
from bus.pipeline.house import House
from bus.pipeline.sequence import in_order
from bus.pipeline.tables import ANSWER_SUFFIX


def hand_over(house: House, exchange: Exchange) -> None:
    """One consignment per target; never fails."""
    message, route, operation = exchange.message, exchange.route, exchange.operation
    assert message is not None
    assert route is not None
    assert operation is not None
    own = [
        Consignment(
            delivery_id=f"{exchange.id}-{index}",
            exchange_id=exchange.id,
            municipality=exchange.sender.municipality,
            sender=exchange.sender.id,
            target=target.id,
            operation=operation.key + ANSWER_SUFFIX if exchange.answers else operation.key,
            message_id=message.id,
            ordering_keys=exchange.ordering_keys,
            accepted_at=exchange.received_at,
            expires_at=exchange.received_at + route.expires_s,
            content_type=message.content_type,
            soap_action=message.soap_action,
            purpose=exchange.purpose,
            raw=message.raw,
        )
        for index, target in enumerate(exchange.targets)
    ]
    house.outbox.hand_over(own if exchange.reliable is None else in_order(exchange, own))
