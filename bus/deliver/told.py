"""What the log tells of an outcome: one line per attempt, without a word of the message's content."""

from __future__ import annotations

from typing import Any

from bus.core.ports import Consignment, Transition


def outcome_fields(consignment: Consignment, endpoint_key: str, outcome: Transition) -> dict[str, Any]:
    """The fields of the event ``delivery``; durations in milliseconds, left out where nothing was sent."""
    fields: dict[str, Any] = {
        "state": outcome.state.value,
        "delivery_id": outcome.delivery_id,
        "message_id": consignment.message_id,
        "target": endpoint_key,
        "operation": consignment.operation,
        "attempt": outcome.attempt,
        "duration_ms": round((outcome.at - consignment.accepted_at) * 1000, 1),
    }
    if outcome.response_in:
        fields["provider_ms"] = round((outcome.response_in - outcome.request_out) * 1000, 1)
    if outcome.code:
        fields["code"] = outcome.code
    return fields
