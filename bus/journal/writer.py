"""Group commit: one thread writes, and everybody who waits is served by one commit.

Callers of one turn of the event loop hand over together; whatever gathers while a commit runs becomes the next
one. The futures of a batch are resolved by a single call into the event loop.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from bus.core.errors import JournalError
from bus.core.types import Finding
from bus.journal.ledger import Outcome, Work

BATCH_LIMIT: Final = 1024
"""Entries of one commit: bounds how long the last of them waits."""

IDLE_GAP_S: Final = 0.02
"""Nobody waits for this long: a gap in which housekeeping disturbs nobody."""

NOTHING_TO_DO_S: Final = 60.0
"""How long the thread sleeps when there is neither work nor housekeeping; a hand-over wakes it at once."""


class Ticket(Protocol):
    """What gets an outcome, in the event loop's thread: a future, or something that needs no turn of its own."""

    def done(self) -> bool:
        """Whether nobody waits any more."""
        ...

    def set_result(self, result: Outcome, /) -> None:
        """Durable, or known."""
        ...

    def set_exception(self, exception: JournalError, /) -> None:
        """Refused, or not stored."""
        ...


Waiting = tuple[Work, Ticket]


class Store(Protocol):
    """What the writer's thread drives; every method is called from that thread only."""

    def open(self) -> None:
        """Open or reopen; JournalError CB4003 when that is not possible."""
        ...

    def apply(self, batch: Sequence[Work]) -> list[Outcome]:
        """Write durably. Any exception means that nothing was stored."""
        ...

    def tidy(self, *, idle: bool) -> bool:
        """A short piece of housekeeping between batches; ``idle`` when nobody waits. Whether more remains."""
        ...

    def close(self) -> None:
        """Close; never raises."""
        ...


def storing_failed(why: BaseException) -> JournalError:
    """CB4001 with the kind of failure (never its data)."""
    name = getattr(why, "sqlite_errorname", None) or type(why).__name__
    return JournalError("CB4001", [Finding("CB4001", path="journal", got=name)], retry_after_s=5)


class GroupWriter:
    """The writer's thread and the gathering of what waits for it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: queue.SimpleQueue[list[Waiting] | None] = queue.SimpleQueue()
        self._gathered: list[Waiting] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        """Start the thread and wait until it has opened the store. Errors: CB4003."""
        self._loop = asyncio.get_running_loop()
        self._queue = queue.SimpleQueue()
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(self._loop, opened), name="journal-writer", daemon=True)
        self._thread.start()
        await opened

    def submit(self, work: Work) -> asyncio.Future[Outcome]:
        """Hand over one entry; the future resolves when its batch is durable (or failed)."""
        loop = self._running()
        future: asyncio.Future[Outcome] = loop.create_future()
        self._gathered.append((work, future))
        if len(self._gathered) == 1:
            loop.call_soon(self._flush)
        return future

    def enter(self, work: Work, ticket: Ticket) -> None:
        """The same for somebody who is told at once, without a turn of the event loop."""
        loop = self._running()
        self._gathered.append((work, ticket))
        if len(self._gathered) == 1:
            loop.call_soon(self._flush)

    async def stop(self) -> None:
        """Commit what waits, close the store and end the thread."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._loop = self._thread = None
        self._flush()
        self._queue.put(None)
        await loop.run_in_executor(None, thread.join)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise JournalError("CB4001", [Finding("CB4001", path="journal", got="not open")])
        return self._loop

    def _flush(self) -> None:
        if self._gathered:
            self._queue.put(self._gathered)
            self._gathered = []

    # -- below: the writer's thread ---------------------------------------------------------------------------

    def _run(self, loop: asyncio.AbstractEventLoop, opened: asyncio.Future[None]) -> None:
        try:
            self._store.open()
        except JournalError as error:
            loop.call_soon_threadsafe(_settle, opened, error)
            return
        loop.call_soon_threadsafe(_settle, opened, None)
        sound = True
        while (batch := self._next_batch()) is not None:
            outcomes: list[Outcome]
            try:
                if not sound:
                    self._store.open()
                outcomes = self._store.apply([work for work, _ in batch])
                sound = True
            except (sqlite3.Error, OSError, JournalError, ValueError, TypeError, ArithmeticError) as error:
                # After a failed write nothing the connection believes is trusted: it is opened anew first.
                sound = False
                outcomes = [storing_failed(error) for _ in batch]
            loop.call_soon_threadsafe(_resolve, [future for _, future in batch], outcomes)
            if sound:
                self._tidy(idle=False)
        self._store.close()

    def _next_batch(self) -> list[Waiting] | None:
        """Everything that waits; ``None`` when the writer is to end."""
        take: Callable[[], list[Waiting] | None] = self._queue.get_nowait
        wait = IDLE_GAP_S
        while True:
            try:
                first = self._queue.get(timeout=wait)
                break
            except queue.Empty:
                wait = IDLE_GAP_S / 10 if self._tidy(idle=True) else NOTHING_TO_DO_S
        if first is None:
            return None
        batch = first
        while len(batch) < BATCH_LIMIT:
            try:
                more = take()
            except queue.Empty:
                break
            if more is None:
                self._queue.put(None)
                break
            batch += more
        return batch

    def _tidy(self, *, idle: bool) -> bool:
        try:
            return self._store.tidy(idle=idle)
        except (sqlite3.Error, OSError):
            # Housekeeping that fails loses nothing: the log keeps every page, and the next write shows the cause.
            return False


def _settle(future: asyncio.Future[None], error: JournalError | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _resolve(futures: Sequence[Ticket], outcomes: Sequence[Outcome]) -> None:
    for future, outcome in zip(futures, outcomes, strict=True):
        if future.done():
            continue
        if isinstance(outcome, JournalError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
