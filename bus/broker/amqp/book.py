"""What was handed over for one endpoint and is not settled: where each delivery stands between journal and consumer.

No I/O. The book is why the loss of RabbitMQ loses nothing even before a restart: what was under way is known here
and is published again. Its size is bounded by the relay, which leaves the rest of a backlog in the journal.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from bus.broker.amqp.lanebook import LaneBook
from bus.core.ports import Consignment


class Source(Protocol):
    """Where a batch came from. ``alive`` is false once the broker has taken it back."""

    alive: bool

    def acknowledge(self, tag: int) -> None:
        """The broker may forget it."""
        ...


class Stage(Enum):
    """WAITING for a lane, UNSENT, TRAVELLING to or in RabbitMQ, READY in this process, TAKEN by the delivery."""

    WAITING = "waiting"
    UNSENT = "unsent"
    TRAVELLING = "travelling"
    READY = "ready"
    TAKEN = "taken"


@dataclass(slots=True)
class Batch:
    """One AMQP message that was received: acknowledged when nothing of it is open.

    ``reception`` is the channel it came through; with that channel's end the broker has taken the message back. It came
    ``at`` this time of the monotonic clock.
    """

    reception: Source
    tag: int
    left: int = 0
    at: float = 0.0


@dataclass(slots=True)
class Entry:
    """One delivery. ``number`` is its place in the endpoint's order, ``epoch`` the connection it was sent through."""

    consignment: Consignment
    number: int
    lane: int = -1
    stage: Stage = Stage.WAITING
    epoch: int = 0
    batch: Batch | None = None


class Room:
    """How many bytes of bodies may stay in memory, for all books together."""

    def __init__(self, limit: int, load_body: Callable[[str], bytes]) -> None:
        self._limit = limit
        self._load_body = load_body
        self.used = 0

    def fitted(self, consignment: Consignment) -> Consignment:
        """The consignment with its body if there is room, else without."""
        size = len(consignment.raw)
        if self.used + size > self._limit:
            return consignment.carrying(b"", consignment.attempt)
        self.used += size
        return consignment

    def left(self, consignment: Consignment) -> None:
        """Its body is no longer kept here."""
        self.used -= len(consignment.raw)

    def whole(self, consignment: Consignment) -> Consignment:
        """With its body, read back from the journal where it was left there."""
        if consignment.raw:
            return consignment
        return consignment.carrying(self._load_body(consignment.exchange_id), consignment.attempt)


class Book:
    """The deliveries of one endpoint; a batch with nothing open is acknowledged."""

    def __init__(self, endpoint: str, lanes: int, room: Room) -> None:
        self.endpoint = endpoint
        self._room = room
        self._lanes = LaneBook(lanes)
        self._entries: dict[str, Entry] = {}
        self._unsent: list[deque[Entry]] = [deque() for _ in range(lanes)]
        self._ready: list[tuple[int, Entry]] = []
        self._next = 1
        self._taken = 0
        self.bell = asyncio.Event()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def lanes(self) -> int:
        """How many lanes there are."""
        return self._lanes.lanes

    @property
    def depth(self) -> int:
        """Deliveries that nobody has taken."""
        return len(self._entries) - self._taken

    @property
    def any_ready(self) -> bool:
        """Whether something can be taken."""
        return bool(self._ready)

    # -- towards RabbitMQ -------------------------------------------------------------------------------------

    def add(self, consignment: Consignment) -> int | None:
        """Note a delivery; its lane, ``None`` when it is known already or has to wait for a lane."""
        if consignment.delivery_id in self._entries:
            return None
        entry = Entry(self._room.fitted(consignment), self._next)
        self._next += 1
        self._entries[consignment.delivery_id] = entry
        lane = self._lanes.add(consignment.delivery_id, consignment.ordering_keys)
        if lane is not None:
            self._send_soon(entry, lane)
        return lane

    def has_unsent(self, lane: int) -> bool:
        """Whether something of this lane has to be published."""
        return bool(self._unsent[lane])

    def next_unsent(self, lane: int, limit: int, epoch: int) -> list[Consignment]:
        """What to publish next, in order; it counts as travelling from now on."""
        queue = self._unsent[lane]
        part: list[Consignment] = []
        while queue and len(part) < limit:
            entry = queue.popleft()
            if entry.stage is Stage.UNSENT:
                entry.stage, entry.epoch = Stage.TRAVELLING, epoch
                part.append(entry.consignment)
        return part

    def oldest_travelling(self, lane: int) -> int:
        """The number of the delivery of this lane that is on its way for the longest time, 0 when there is none."""
        travelling = (
            entry.number for entry in self._entries.values() if entry.lane == lane and entry.stage is Stage.TRAVELLING
        )
        return min(travelling, default=0)

    def again(self) -> int:
        """Everything that is not in this process has to be published once more, in order; how many that are."""
        for queue in self._unsent:
            queue.clear()
        count = 0
        for entry in sorted(self._entries.values(), key=_by_number):
            if entry.stage in (Stage.UNSENT, Stage.TRAVELLING):
                entry.stage, entry.batch = Stage.UNSENT, None
                self._unsent[entry.lane].append(entry)
                count += 1
        return count

    def _send_soon(self, entry: Entry, lane: int) -> None:
        entry.lane, entry.stage = lane, Stage.UNSENT
        self._unsent[lane].append(entry)

    # -- from RabbitMQ ----------------------------------------------------------------------------------------

    def arrived(self, delivery_id: str, epoch: int, batch: Batch) -> None:
        """A copy of one of our own deliveries has come. One that was published again since then is left aside."""
        entry = self._entries.get(delivery_id)
        if entry is None:
            return
        if entry.stage is Stage.TRAVELLING and entry.epoch == epoch:
            self._bind(entry, batch)
            self._make_ready(entry)
        elif entry.stage in (Stage.READY, Stage.TAKEN) and not _alive(entry.batch):
            self._bind(entry, batch)

    def arrived_from_elsewhere(self, consignment: Consignment, lane: int, batch: Batch) -> None:
        """A delivery that another process has published."""
        entry = self._entries.get(consignment.delivery_id)
        if entry is None:
            entry = Entry(consignment, self._next, lane)
            self._next += 1
            self._entries[consignment.delivery_id] = entry
            self._bind(entry, batch)
            self._make_ready(entry)
        elif not _alive(entry.batch):
            self._bind(entry, batch)

    def _bind(self, entry: Entry, batch: Batch) -> None:
        entry.batch = batch
        batch.left += 1

    def _make_ready(self, entry: Entry) -> None:
        entry.stage = Stage.READY
        heapq.heappush(self._ready, (entry.number, entry))
        self.bell.set()

    # -- towards the delivery ---------------------------------------------------------------------------------

    def take(self, limit: int) -> list[Consignment]:
        """The oldest that are ready, with their bodies."""
        taken: list[Consignment] = []
        while self._ready and len(taken) < limit:
            entry = heapq.heappop(self._ready)[1]
            held = entry.consignment
            taken.append(self._room.whole(held))
            self._room.left(held)
            entry.consignment = held.carrying(b"", held.attempt)
            entry.stage = Stage.TAKEN
            self._taken += 1
        return taken

    def give_back(self, consignments: Iterable[Consignment]) -> None:
        """Make them ready again, at their places."""
        for consignment in consignments:
            entry = self._entries.get(consignment.delivery_id)
            if entry is not None and entry.stage is Stage.TAKEN:
                self._taken -= 1
                entry.consignment = self._room.fitted(consignment)
                self._make_ready(entry)

    def settle(self, delivery_ids: Iterable[str]) -> set[int]:
        """Forget deliveries whose outcome is journalled; the lanes that have something to publish now."""
        lanes: set[int] = set()
        for delivery_id in delivery_ids:
            entry = self._entries.pop(delivery_id, None)
            if entry is None:
                continue
            if entry.stage is Stage.TAKEN:
                self._taken -= 1
            elif entry.stage is Stage.READY:
                self._ready.remove((entry.number, entry))
                heapq.heapify(self._ready)
            self._room.left(entry.consignment)
            self._release(entry)
            for freed, lane in self._lanes.settle(delivery_id):
                self._send_soon(self._entries[freed], lane)
                lanes.add(lane)
        return lanes

    def _release(self, entry: Entry) -> None:
        batch = entry.batch
        if batch is not None:
            entry.batch = None
            batch.left -= 1
            if not batch.left:
                batch.reception.acknowledge(batch.tag)

    def let_go(self, before: float) -> int:
        """Acknowledge what came before this time: it is held here and in the journal; how many messages that were.

        RabbitMQ ends a consumer that keeps a message for half an hour.
        """
        old = {
            id(entry.batch): entry.batch
            for entry in self._entries.values()
            if entry.batch is not None and entry.batch.at < before and entry.stage in (Stage.READY, Stage.TAKEN)
        }
        for entry in self._entries.values():
            if id(entry.batch) in old:
                entry.batch = None
        for batch in old.values():
            batch.reception.acknowledge(batch.tag)
        return len(old)

    def withdraw(self, *, forget: bool) -> bool:
        """The consumer is gone: what it had comes again through RabbitMQ. ``forget``: another process may get it.

        True when RabbitMQ does not have all of it any more.
        """
        self._ready.clear()
        missing = False
        for entry in list(self._entries.values()):
            if entry.stage in (Stage.READY, Stage.TAKEN):
                missing = missing or entry.batch is None
                self._taken -= entry.stage is Stage.TAKEN
                entry.stage, entry.batch = Stage.TRAVELLING, None
                if forget:
                    del self._entries[entry.consignment.delivery_id]
                    self._room.left(entry.consignment)
        return missing

    def forget_ready(self) -> None:
        """What was received and not taken may be given to another process now."""
        for _, entry in self._ready:
            del self._entries[entry.consignment.delivery_id]
            self._room.left(entry.consignment)
        self._ready.clear()


def _alive(batch: Batch | None) -> bool:
    return batch is not None and batch.reception.alive


def _by_number(entry: Entry) -> int:
    return entry.number
