"""Work off a durable queue in order per lane, many lanes at a time, with back-off for what cannot be done yet."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

SWEEP_S = 1.0
"""How often the queue is looked at from its beginning: for rows that an operator let go again."""


class Numbered(Protocol):
    """A row of a queue."""

    @property
    def seq(self) -> int:
        """Its place in the queue."""
        ...


N = TypeVar("N", bound=Numbered)


def backoff(attempt: int, first_s: float = 0.2, most_s: float = 5.0) -> float:
    """Seconds to wait after the n-th failure: doubling, with an upper bound."""
    return float(min(first_s * 2 ** min(attempt - 1, 16), most_s))


@dataclass(slots=True)
class _Entry(Generic[N]):
    row: N
    keys: tuple[str, ...]
    attempts: int = 0


@dataclass(slots=True)
class Lanes(Generic[N]):
    """Calls ``work`` for every row of a queue.

    A row begins when all earlier rows that share any of its ``keys`` are finished. ``work`` returns ``None`` when
    the row has left the queue durably, else the seconds after which it is tried again (it keeps its place).
    ``load`` returns open rows behind a number, in order. At most ``window`` rows are held in memory.
    """

    load: Callable[[int, int], Sequence[N]]
    keys: Callable[[N], tuple[str, ...]]
    work: Callable[[N, int], Awaitable[float | None]]
    concurrency: int = 32
    window: int = 2000
    _entries: dict[int, _Entry[N]] = field(default_factory=dict, init=False)
    _queues: dict[str, deque[int]] = field(default_factory=dict, init=False)
    _ready: list[int] = field(default_factory=list, init=False)
    _running: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _after: int = field(default=0, init=False)
    _event: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _failure: BaseException | None = field(default=None, init=False)

    def wake(self) -> None:
        """Something was put into the queue."""
        self._event.set()

    @property
    def busy(self) -> int:
        """Rows in memory that are not finished."""
        return len(self._entries)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; then let what has begun come to its end. Raises what ``work`` raised."""
        waiter = asyncio.ensure_future(stop.wait())
        waiter.add_done_callback(lambda _: self._event.set())
        try:
            while not stop.is_set():
                self._event.clear()
                if self._failure is not None:
                    raise self._failure
                self._fill()
                self._dispatch(stop)
                try:
                    await asyncio.wait_for(self._event.wait(), SWEEP_S)
                except TimeoutError:
                    self._after = 0
        finally:
            waiter.cancel()
            if self._running:
                await asyncio.wait(self._running)

    def _fill(self) -> None:
        room = self.window - len(self._entries)
        if room <= 0:
            return
        for row in self.load(self._after, self.window):
            if row.seq in self._entries:
                continue
            if len(self._entries) >= self.window:
                return
            self._after = max(self._after, row.seq)
            self._add(row)

    def _add(self, row: N) -> None:
        entry = _Entry(row, tuple(dict.fromkeys(self.keys(row))))
        self._entries[row.seq] = entry
        first = True
        for key in entry.keys:
            waiting = self._queues.setdefault(key, deque())
            waiting.append(row.seq)
            first = first and waiting[0] == row.seq
        if first:
            heapq.heappush(self._ready, row.seq)

    def _dispatch(self, stop: asyncio.Event) -> None:
        while self._ready and len(self._running) < self.concurrency and not stop.is_set():
            entry = self._entries[heapq.heappop(self._ready)]
            task = asyncio.create_task(self._one(entry))
            self._running.add(task)
            task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._event.set()
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()

    async def _one(self, entry: _Entry[N]) -> None:
        entry.attempts += 1
        wait_s = await self.work(entry.row, entry.attempts)
        if wait_s is None:
            self._leave(entry)
        else:
            asyncio.get_running_loop().call_later(wait_s, self._again, entry.row.seq)

    def _again(self, seq: int) -> None:
        heapq.heappush(self._ready, seq)
        self._event.set()

    def _leave(self, entry: _Entry[N]) -> None:
        del self._entries[entry.row.seq]
        heads: set[int] = set()
        for key in entry.keys:
            waiting = self._queues[key]
            waiting.popleft()
            if waiting:
                heads.add(waiting[0])
            else:
                del self._queues[key]
        for seq in heads:
            if all(self._queues[key][0] == seq for key in self._entries[seq].keys):
                heapq.heappush(self._ready, seq)
