"""The outbox relay: every accepted queued delivery reaches the broker, from memory or from the journal.

Fresh deliveries go straight from memory. When more are open than memory may hold, the relay falls behind on
purpose: new ones stay in the journal and are read back in their order as room appears.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
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


class Relay:
    """Implements ``bus.core.ports.Outbox``. ``max_open`` bounds the deliveries held outside the journal."""

    def __init__(
        self,
        journal: Journal,
        broker: Broker,
        *,
        clock: Clock,
        sweep_s: float = 1.0,
        max_open: int = 100_000,
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
        self._held: set[str] = set()
        self._buffer: deque[tuple[Consignment, bool]] = deque()
        self._bell = asyncio.Event()
        self._waiting: dict[str, None] = {}
        self._published_bell = asyncio.Event()
        self._behind = True
        self._cursor = ""
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def held(self) -> int:
        """Deliveries outside the journal now."""
        return len(self._held)

    @property
    def behind(self) -> bool:
        """Whether accepted deliveries wait in the journal for room in memory."""
        return self._behind

    async def start(self) -> None:
        """Close interrupted direct calls, begin to refill the broker from the journal, then keep relaying."""
        await self._close_interrupted()
        await self._catch_up()
        self._tasks = [
            asyncio.create_task(self._publish_forever(), name="relay-publish"),
            asyncio.create_task(self._record_forever(), name="relay-record"),
            asyncio.create_task(self._sweep_forever(), name="relay-sweep"),
        ]

    async def stop(self) -> None:
        """Stop relaying; what was not published stays in the journal."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def hand_over(self, consignments: Sequence[Consignment]) -> None:
        """Take over freshly accepted deliveries; never blocks, never fails."""
        if self._behind or len(self._held) + len(consignments) > self._max_open:
            self._behind = True
            return
        for consignment in consignments:
            if consignment.delivery_id not in self._held:
                self._hold(consignment, fresh=True)

    def taken(self, delivery_ids: Iterable[str]) -> None:
        """The delivery is about to record DISPATCHING for these: PUBLISHED would come too late."""
        for delivery_id in delivery_ids:
            self._waiting.pop(delivery_id, None)

    def settled(self, delivery_ids: Iterable[str]) -> None:
        """The delivery is done with these: final, or parked without blocking. Makes room."""
        self._held.difference_update(delivery_ids)

    async def sweep(self) -> None:
        """Fetch what is due and not in memory (an operator's resends), and go on catching up."""
        for found in self._journal.due(self._clock.now(), known=self._held, limit=PAGE):
            self._hold(_marked(found), fresh=False)
        if self._behind and len(self._held) < self._max_open:
            await self._catch_up()

    # -- inside -----------------------------------------------------------------------------------------------

    def _hold(self, consignment: Consignment, *, fresh: bool) -> None:
        """Queue for publishing; ``fresh`` when the journal still has it as ACCEPTED."""
        self._held.add(consignment.delivery_id)
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

    async def _catch_up(self) -> None:
        """Read open deliveries in order until memory is full or none is left.

        The end is reached only by a whole pass from the beginning that found nothing new; it is then declared
        without giving way to anybody, so that nothing can be accepted unseen in between.
        """
        added = 0
        while len(self._held) < self._max_open:
            page = self._page()
            for found in page:
                consignment = found.consignment
                if consignment.delivery_id in self._held:
                    continue
                if len(self._held) >= self._max_open:
                    return
                self._hold(_marked(found), fresh=found.state is State.ACCEPTED)
                added += 1
                self._cursor = consignment.delivery_id
            if len(page) == PAGE:
                self._cursor = page[-1].consignment.delivery_id
                await asyncio.sleep(0)
                continue
            self._cursor = ""
            if not added:
                self._behind = False
                return
            added = 0
            await asyncio.sleep(0)

    def _page(self) -> Sequence[OpenDelivery]:
        try:
            return self._journal.open_deliveries(after=self._cursor, limit=PAGE)
        except JournalError as error:
            if error.code != "CB4004" or not self._cursor:
                raise
            # The row at the cursor is gone (retention): start a new pass.
            self._cursor = ""
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
            await asyncio.sleep(self._sweep_s)
            with contextlib.suppress(JournalError):
                await self.sweep()


def _marked(found: OpenDelivery) -> Consignment:
    """The consignment with what the delivery must know about its past."""
    return replace(
        found.consignment,
        not_before=found.next_attempt_at if found.state is State.RETRY_WAIT else 0.0,
        parked=found.state is State.PARKED,
    )
