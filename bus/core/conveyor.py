"""The port of the broker: what carries deliveries from the journal to those who send them, with written promises.

Every implementation passes the universal suite in ``tests/ports``; what it can beyond that, it says itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from enum import StrEnum
from typing import Protocol

from bus.core.values import value


@value(frozen=True, slots=True)
class Consignment:
    """One delivery as it travels through the broker. ``raw`` may be empty: then it is read from the journal.

    ``not_before`` is the time of the next attempt of one that waits to be retried; ``parked`` marks one that is
    only there to block its ordering keys.
    """

    delivery_id: str
    exchange_id: str
    municipality: str
    sender: str
    target: str
    operation: str
    message_id: str
    ordering_keys: tuple[str, ...]
    accepted_at: float
    expires_at: float
    attempt: int = 0
    content_type: str = "text/xml; charset=utf-8"
    soap_action: str = ""
    purpose: str = ""
    raw: bytes = field(repr=False, default=b"")
    not_before: float = 0.0
    parked: bool = False

    def carrying(self, raw: bytes, attempt: int) -> Consignment:
        """The same with these bytes, on this attempt; ``dataclasses.replace`` takes three times as long."""
        return Consignment(
            self.delivery_id,
            self.exchange_id,
            self.municipality,
            self.sender,
            self.target,
            self.operation,
            self.message_id,
            self.ordering_keys,
            self.accepted_at,
            self.expires_at,
            attempt,
            self.content_type,
            self.soap_action,
            self.purpose,
            raw,
            self.not_before,
            self.parked,
        )


@value(frozen=True, slots=True)
class Lease:
    """A consignment taken from the broker and not yet acknowledged."""

    consignment: Consignment
    tag: int


class Subscription(Protocol):
    """One consumer of one endpoint's queue."""

    async def take(self, limit: int) -> list[Lease]:
        """Wait for at least one consignment, return at most ``limit`` in queue order."""
        ...

    async def acknowledge(self, leases: Sequence[Lease]) -> None:
        """Forget them: their outcome is journalled."""
        ...

    async def give_back(self, leases: Sequence[Lease]) -> None:
        """Return them to the head of the queue in their order."""
        ...

    async def close(self) -> None:
        """Stop consuming; everything not acknowledged goes back."""
        ...


class Capability(StrEnum):
    """What a broker can beyond the promises of the port; the universal suite tests each where it is declared.

    BOUNDED_BODIES: bodies beyond a limit are not kept but read back from the journal. LANES: an endpoint may have
    several lanes, each key in one at a time. LASTING: what was published outlives the broker's own crash. SHARED:
    several processes may consume one endpoint's queue, and one at a time gets what a lane holds.
    """

    BOUNDED_BODIES = "bounded_bodies"
    LANES = "lanes"
    LASTING = "lasting"
    SHARED = "shared"


@value(frozen=True, slots=True)
class BrokerStatus:
    """How a broker stands. ``blocked``: it takes nothing now. ``connections``: how many there were since the start."""

    engine: str
    connected: bool = True
    blocked: bool = False
    connections: int = 0
    waiting: int = 0


class Broker(Protocol):
    """The conveyor. Losing it loses nothing: it is refilled from the journal."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can beyond the promises of this port."""
        ...

    @property
    def status(self) -> BrokerStatus:
        """How it stands now."""
        ...

    async def open(self) -> None:
        """Connect and declare the queues."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...

    async def publish(self, consignments: Sequence[Consignment]) -> None:
        """Hand over to the queues of their targets; returns when the broker has confirmed all of them."""
        ...

    def subscribe(self, endpoint_key: str) -> Subscription:
        """A consumer of ``<municipality>/<endpoint id>``."""
        ...

    def depth(self, endpoint_key: str) -> int:
        """How many consignments wait for this endpoint."""
        ...
