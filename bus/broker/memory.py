"""The embedded broker: one queue per endpoint in this process, with bounded room for bodies."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from bus.core.ports import BrokerStatus, Capability, Consignment, Lease

WHOLE_TAKEN: Final = 8 * 1024 * 1024
"""Bytes of bodies kept for one consumer's unacknowledged consignments; beyond it only their rows are kept."""


class MemoryBroker:
    """Implements ``bus.core.ports.Broker`` with queues in memory.

    At most ``max_resident`` bytes of bodies are kept; a consignment beyond that travels without its bytes, which
    ``load_body`` (exchange id -> bytes) reads back from the journal when it is taken.
    """

    def __init__(self, max_resident: int, load_body: Callable[[str], bytes]) -> None:
        self._max_resident = max_resident
        self._load_body = load_body
        self._resident = 0
        self._queues: dict[str, _Queue] = {}

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Bodies are bounded; everything else ends with this process."""
        return frozenset({Capability.BOUNDED_BODIES})

    @property
    def status(self) -> BrokerStatus:
        """Always there."""
        return BrokerStatus("memory", waiting=sum(len(queue.waiting) for queue in self._queues.values()))

    @property
    def resident(self) -> int:
        """Bytes of bodies now held in the queues."""
        return self._resident

    async def open(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> None:
        """Forget everything; the journal has it."""
        self._queues.clear()
        self._resident = 0

    async def publish(self, consignments: Sequence[Consignment]) -> None:
        """Append to the queues of the targets, in order."""
        for consignment in consignments:
            self._queue(f"{consignment.municipality}/{consignment.target}").append(self._fitted(consignment))

    def subscribe(self, endpoint_key: str) -> MemorySubscription:
        """A consumer of ``<municipality>/<endpoint id>``."""
        return MemorySubscription(self, self._queue(endpoint_key))

    def depth(self, endpoint_key: str) -> int:
        """How many consignments wait for this endpoint, those taken and not acknowledged left out."""
        queue = self._queues.get(endpoint_key)
        return len(queue.waiting) if queue else 0

    def _queue(self, endpoint_key: str) -> _Queue:
        queue = self._queues.get(endpoint_key)
        if queue is None:
            queue = self._queues[endpoint_key] = _Queue()
        return queue

    def _fitted(self, consignment: Consignment) -> Consignment:
        size = len(consignment.raw)
        if self._resident + size > self._max_resident:
            return consignment.carrying(b"", consignment.attempt)
        self._resident += size
        return consignment

    def take_out(self, consignment: Consignment) -> Consignment:
        """The consignment with its bytes, read back if they were left behind; no longer counted as resident."""
        if consignment.raw:
            self._resident -= len(consignment.raw)
            return consignment
        return consignment.carrying(self._load_body(consignment.exchange_id), consignment.attempt)

    def put_back(self, consignment: Consignment) -> Consignment:
        """The consignment as it may stand in a queue again."""
        return self._fitted(consignment)


class _Queue:
    """What waits for one endpoint, and a bell for those who wait for it."""

    __slots__ = ("bell", "next_tag", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[tuple[int, Consignment]] = deque()
        self.bell = asyncio.Event()
        self.next_tag = 1

    def append(self, consignment: Consignment) -> None:
        self.waiting.append((self.next_tag, consignment))
        self.next_tag += 1
        self.bell.set()

    def prepend(self, entries: Sequence[tuple[int, Consignment]]) -> None:
        merged = sorted([*entries, *(self.waiting.popleft() for _ in range(self._older(entries)))])
        self.waiting.extendleft(reversed(merged))
        if self.waiting:
            self.bell.set()

    def _older(self, entries: Sequence[tuple[int, Consignment]]) -> int:
        newest = max((tag for tag, _ in entries), default=0)
        return next((i for i, (tag, _) in enumerate(self.waiting) if tag > newest), len(self.waiting))


class MemorySubscription:
    """One consumer of one queue; what it took stays its own until acknowledged or given back."""

    def __init__(self, broker: MemoryBroker, queue: _Queue) -> None:
        self._broker = broker
        self._queue = queue
        self._taken: dict[int, Consignment] = {}
        self._taken_bytes = 0
        self._closed = False

    async def take(self, limit: int) -> list[Lease]:
        """Wait for at least one consignment, return at most ``limit`` in queue order; empty once closed."""
        queue = self._queue
        while not queue.waiting and not self._closed:
            queue.bell.clear()
            await queue.bell.wait()
        leases: list[Lease] = []
        while queue.waiting and len(leases) < limit and not self._closed:
            tag, held = queue.waiting.popleft()
            self._note(tag, held)
            leases.append(Lease(self._broker.take_out(held), tag))
        return leases

    async def acknowledge(self, leases: Sequence[Lease]) -> None:
        """Forget them."""
        for lease in leases:
            self._forget(lease.tag)

    async def give_back(self, leases: Sequence[Lease]) -> None:
        """Return them to their places at the head of the queue."""
        entries = [(lease.tag, self._broker.put_back(lease.consignment)) for lease in leases if self._forget(lease.tag)]
        self._queue.prepend(entries)

    async def close(self) -> None:
        """Stop consuming; everything not acknowledged goes back, and a waiting ``take`` returns empty."""
        self._closed = True
        entries = [(tag, self._broker.put_back(held)) for tag, held in self._taken.items()]
        self._taken.clear()
        self._queue.prepend(entries)
        self._queue.bell.set()

    def _note(self, tag: int, held: Consignment) -> None:
        if self._taken_bytes + len(held.raw) > WHOLE_TAKEN:
            held = held.carrying(b"", held.attempt)
        self._taken[tag] = held
        self._taken_bytes += len(held.raw)

    def _forget(self, tag: int) -> bool:
        held = self._taken.pop(tag, None)
        if held is None:
            return False
        self._taken_bytes -= len(held.raw)
        return True
