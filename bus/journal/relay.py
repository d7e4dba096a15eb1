"""The outbox relay: every accepted queued delivery reaches the broker, from memory or from the journal.

Fresh deliveries go straight from memory. When more are open for one endpoint than memory may hold, that endpoint
falls behind on purpose: its new ones stay in the journal and are read back in their order as room appears. An
endpoint that is down with a long backlog costs the others nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bus.core.errors import ChiikibusError, JournalError
from bus.core.ports import Broker, Clock, Consignment, Journal, OpenDelivery, Transition
from bus.core.states import State

Log = Callable[..., None]
"""Writes one line: the event's name, then fields (``bus.core.log.line``)."""

PAGE: Final = 200
"""Rows read from the journal at a time; about a millisecond of the event loop."""

BATCH: Final = 256
"""Consignments published and recorded together."""

RETRY_S: Final = 0.5
"""Pause after the broker could not take a batch."""

LINGER_S: Final = 0.5
"""What is taken out of the broker within this time goes from ACCEPTED to DISPATCHING without a row in between."""


def no_log(event: str, /, **fields: Any) -> None:
    """Say nothing."""


@dataclass(slots=True)
class _Shelf:
    """One endpoint's share of memory. ``behind``: the journal has more, all of it after ``cursor``."""

    held: int = 0
    behind: bool = False
    cursor: str = ""


class Relay:
    """Implements ``bus.core.ports.Outbox``. ``max_open`` bounds the deliveries of one endpoint outside the journal."""

    def __init__(
        self,
        journal: Journal,
        broker: Broker,
        *,
        clock: Clock,
        sweep_s: float = 1.0,
        max_open: int = 50_000,
        linger_s: float = LINGER_S,
        log: Log = no_log,
    ) -> None:
        self._journal = journal
        self._broker = broker
        self._clock = clock
        self._sweep_s = sweep_s
        self._max_open = max_open
        self._linger_s = linger_s
        self._log = log
        self._held: dict[str, _Shelf] = {}
        self._shelves: dict[str, _Shelf] = {}
        self._refilled = False
        self._room = asyncio.Event()
        self._buffer: deque[tuple[Consignment, bool]] = deque()
        self._bell = asyncio.Event()
        self._waiting: dict[str, None] = {}
        self._published_bell = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def held(self) -> int:
        """Deliveries outside the journal now."""
        return len(self._held)

    @property
    def behind(self) -> bool:
        """Whether accepted deliveries wait in the journal for room in memory."""
        return not self._refilled or any(shelf.behind for shelf in self._shelves.values())

    async def start(self) -> None:
        """Close interrupted direct calls, then refill the broker from the journal and keep relaying."""
        await self._close_interrupted()
        loops = (self._publish_forever, self._record_forever, self._sweep_forever)
        self._tasks = [asyncio.create_task(loop(), name=f"relay {loop.__name__}") for loop in loops]

    async def stop(self) -> None:
        """Stop relaying; what was not published stays in the journal."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def hand_over(self, consignments: Sequence[Consignment]) -> None:
        """Take over freshly accepted deliveries; never blocks, never fails."""
        if not self._refilled:
            return
        for consignment in consignments:
            shelf = self._shelf(consignment)
            if shelf.behind or consignment.delivery_id in self._held:
                continue
            if shelf.held < self._max_open:
                self._hold(consignment, shelf, fresh=True)
            else:
                shelf.behind, shelf.cursor = True, ""

    def taken(self, delivery_ids: Iterable[str]) -> None:
        """The delivery is about to record DISPATCHING for these: PUBLISHED would come too late."""
        for delivery_id in delivery_ids:
            self._waiting.pop(delivery_id, None)

    def settled(self, delivery_ids: Iterable[str]) -> None:
        """The delivery is done with these: final, or parked without blocking. Makes room."""
        for delivery_id in delivery_ids:
            self._waiting.pop(delivery_id, None)
            shelf = self._held.pop(delivery_id, None)
            if shelf is not None:
                shelf.held -= 1
                if shelf.behind and shelf.held <= self._max_open // 2:
                    self._room.set()

    async def sweep(self) -> None:
        """Fetch what is due and not in memory (an operator's resends), and go on catching up."""
        if not self._refilled:
            await self._read_back(None)
            self._refilled = True
        for found in self._journal.due(self._clock.now(), known=self._held, limit=PAGE):
            shelf = self._shelf(found.consignment)
            if shelf.held < self._max_open:
                self._hold(_marked(found), shelf, fresh=False)
        for shelf in list(self._shelves.values()):
            if shelf.behind and shelf.held <= self._max_open // 2:
                await self._read_back(shelf)

    # -- inside -----------------------------------------------------------------------------------------------

    def _shelf(self, consignment: Consignment) -> _Shelf:
        key = f"{consignment.municipality}/{consignment.target}"
        shelf = self._shelves.get(key)
        if shelf is None:
            shelf = self._shelves[key] = _Shelf()
        return shelf

    def _hold(self, consignment: Consignment, shelf: _Shelf, *, fresh: bool) -> None:
        """Queue for publishing; ``fresh`` when the journal still has it as ACCEPTED."""
        self._held[consignment.delivery_id] = shelf
        shelf.held += 1
        self._buffer.append((consignment, fresh))
        self._bell.set()

    async def _close_interrupted(self) -> None:
        now = self._clock.now()
        calls = self._journal.interrupted_calls()
        for start in range(0, len(calls), BATCH):
            part = calls[start : start + BATCH]
            await self._journal.record([Transition(each, State.CANCELLED, now, code="CB5003") for each in part])
        if calls:
            self._log("interrupted_calls_closed", count=len(calls), code="CB5003")

    async def _read_back(self, only: _Shelf | None) -> None:
        """Read open deliveries in order of acceptance, of one endpoint or of all, until memory is full or none is left.

        Rows appear in the journal in their order, so one way through is enough. That the end is reached is declared
        without giving way to anybody, so that nothing can be accepted unseen in between.
        """
        cursor = only.cursor if only is not None else ""
        full: set[int] = set()
        while True:
            page = self._page(cursor)
            for found in page:
                consignment = found.consignment
                shelf = self._shelf(consignment)
                if (only is not None and shelf is not only) or consignment.delivery_id in self._held:
                    continue
                if id(shelf) in full or shelf.held >= self._max_open:
                    # From here on everything of this endpoint waits, or a later one could overtake.
                    shelf.behind = True
                    full.add(id(shelf))
                    if only is not None:
                        return
                    continue
                self._hold(_marked(found), shelf, fresh=found.state is State.ACCEPTED)
                shelf.cursor = consignment.delivery_id
            if len(page) < PAGE:
                if only is not None:
                    only.behind = False
                return
            cursor = page[-1].consignment.delivery_id
            await asyncio.sleep(0)

    def _page(self, cursor: str) -> Sequence[OpenDelivery]:
        try:
            return self._journal.open_deliveries(after=cursor, limit=PAGE)
        except JournalError as error:
            if error.code != "CB4004" or not cursor:
                raise
            # The row at the cursor is gone (retention): read from the beginning, what is held is passed over.
            return self._journal.open_deliveries(limit=PAGE)

    async def _publish_forever(self) -> None:
        while True:
            while not self._buffer:
                self._bell.clear()
                await self._bell.wait()
            batch = [self._buffer.popleft() for _ in range(min(BATCH, len(self._buffer)))]
            self._waiting.update((consignment.delivery_id, None) for consignment, fresh in batch if fresh)
            await self._publish([consignment for consignment, _ in batch])
            self._published_bell.set()

    async def _publish(self, batch: Sequence[Consignment]) -> None:
        """Publish, however long the broker takes to come back; meanwhile ``hand_over`` fills up and falls behind."""
        while True:
            try:
                await self._broker.publish(batch)
            except (ChiikibusError, OSError) as error:
                self._log("relay_publish_failed", count=len(batch), error=type(error).__name__)
            else:
                return
            await asyncio.sleep(RETRY_S)

    async def _record_forever(self) -> None:
        """PUBLISHED for what stays in the broker: it says where a message waits, so it is written when it waits."""
        while True:
            await self._published_bell.wait()
            self._published_bell.clear()
            known = list(self._waiting)
            if self._linger_s:
                await asyncio.sleep(self._linger_s)
            for start in range(0, len(known), BATCH):
                still = [each for each in known[start : start + BATCH] if each in self._waiting]
                self.taken(still)
                await self._record_published(still)
            if self._waiting:
                self._published_bell.set()

    async def _record_published(self, delivery_ids: Sequence[str]) -> None:
        now = self._clock.now()
        published = [Transition(each, State.PUBLISHED, now) for each in delivery_ids]
        try:
            await self._journal.record(published)
        except JournalError as error:
            # A row that already moved on, or a disk that is full: the delivery itself does not depend on this row.
            self._log("relay_record_failed", count=len(published), code=error.code)
            if error.code == "CB4004":
                await self._record_one_by_one(published)

    async def _record_one_by_one(self, transitions: Sequence[Transition]) -> None:
        results = await asyncio.gather(*(self._journal.record([each]) for each in transitions), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, JournalError):
                raise result

    async def _sweep_forever(self) -> None:
        while True:
            with contextlib.suppress(JournalError):
                await self.sweep()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._sweep_s):
                    await self._room.wait()
            self._room.clear()


def _marked(found: OpenDelivery) -> Consignment:
    """The consignment with what the delivery must know about its past."""
    return replace(
        found.consignment,
        not_before=found.next_attempt_at if found.state is State.RETRY_WAIT else 0.0,
        parked=found.state is State.PARKED,
    )
