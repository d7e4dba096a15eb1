"""What the bus counts: one frozen value per question, for health pages and operators. Nothing in it is personal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DONE_STATES = ("DELIVERED", "REPLIED", "EXPIRED", "CANCELLED")


@dataclass(frozen=True, slots=True)
class EndpointMetrics:
    """How the deliveries to one endpoint stand."""

    endpoint: str
    paused: bool
    breaker: str
    waiting: int
    in_flight: int
    blocked_keys: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """The bus at one moment. ``counts`` are the journal's deliveries by state and its messages."""

    uptime_s: float
    tables_hash: str
    reloads: int
    connections: int
    bytes_in_flight: int
    held_by_relay: int
    relay_behind: bool
    counts: Mapping[str, int]
    endpoints: tuple[EndpointMetrics, ...]

    @property
    def open_deliveries(self) -> int:
        """What is accepted and not at its end, parked ones included."""
        return sum(count for state, count in self.counts.items() if state.isupper() and state not in _CLOSED)

    def of_municipality(self, code: str) -> tuple[EndpointMetrics, ...]:
        """The endpoints of one municipality."""
        return tuple(one for one in self.endpoints if one.endpoint.startswith(f"{code}/"))


_CLOSED = frozenset({*DONE_STATES, "REJECTED"})
