"""The states of a delivery and the only transitions the journal accepts."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where one delivery of an exchange stands (an exchange has one delivery per target)."""

    REJECTED = "REJECTED"
    EARLY = "EARLY"
    ACCEPTED = "ACCEPTED"
    PUBLISHED = "PUBLISHED"
    DISPATCHING = "DISPATCHING"
    DELIVERED = "DELIVERED"
    REPLIED = "REPLIED"
    RETRY_WAIT = "RETRY_WAIT"
    PARKED = "PARKED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


FINAL = frozenset({State.REJECTED, State.DELIVERED, State.REPLIED, State.EXPIRED, State.CANCELLED})
OPEN = frozenset(State) - FINAL

TRANSITIONS: dict[State, frozenset[State]] = {
    State.REJECTED: frozenset(),
    # Arrived before an earlier number of its sequence; ACCEPTED when the gap has closed.
    State.EARLY: frozenset({State.ACCEPTED, State.EXPIRED, State.CANCELLED}),
    State.ACCEPTED: frozenset({State.PUBLISHED, State.DISPATCHING, State.EXPIRED, State.CANCELLED}),
    State.PUBLISHED: frozenset({State.DISPATCHING, State.EXPIRED, State.CANCELLED}),
    # DELIVERED -> REPLIED is a late reply; DISPATCHING -> DISPATCHING is a redelivery after a crash.
    State.DISPATCHING: frozenset(
        {
            State.DISPATCHING,
            State.DELIVERED,
            State.REPLIED,
            State.RETRY_WAIT,
            State.PARKED,
            State.EXPIRED,
            State.CANCELLED,
        }
    ),
    State.DELIVERED: frozenset({State.REPLIED}),
    State.REPLIED: frozenset(),
    State.RETRY_WAIT: frozenset({State.DISPATCHING, State.PARKED, State.EXPIRED, State.CANCELLED}),
    # PARKED -> RETRY_WAIT is an operator's resend.
    State.PARKED: frozenset({State.RETRY_WAIT, State.EXPIRED, State.CANCELLED}),
    State.EXPIRED: frozenset(),
    State.CANCELLED: frozenset(),
}


def may_follow(old: State, new: State) -> bool:
    """Whether ``new`` may follow ``old``."""
    return new in TRANSITIONS[old]
