"""Group commit: everybody who waits is served by one commit.

The rows of a light batch are written by the event loop, which holds the interpreter anyway; a thread makes them
durable, and while it waits for the disk it holds no lock of the interpreter. So the two rarely wait for each other.
A heavy batch, and one that finds the file held by another process, is written by the thread: the loop never waits.
Whatever gathers meanwhile becomes the next batch, and a batch goes on gathering while the turns of the event loop
bring more: pages, calls and the disk cost per batch, not per message. The connection belongs to whoever holds
``_turn``.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Sequence
from typing import Final, Protocol

from bus.core.errors import JournalError
from bus.core.types import Finding
from bus.journal.batch import Outcome, Work

BATCH_LIMIT: Final = 256
"""Entries of one commit: bounds how long the event loop writes at a stretch (about 10 µs each)."""

GATHERING_TURNS: Final = 8
"""Turns of the event loop that a batch gathers at most. The first one that brings nothing ends it, so on a quiet bus a
message waits for one empty turn (some µs)."""

LIGHT_BYTES: Final = 1 << 20
"""A batch that adds more than this to the log is written by the thread."""

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


_Written = tuple[list[Waiting], list[Outcome] | None]
"""A batch, with outcomes when its rows are written already; the thread writes it otherwise."""

FAILURES: Final = (Exception,)
"""An error of the program too refuses those who wait (CB4001 with its kind): nobody waits for ever."""


class Store(Protocol):
    """What the writer drives; never by two threads at a time."""

    def open(self) -> None:
        """Open or reopen; JournalError CB4003 when that is not possible."""
        ...

    def weigh(self, batch: Sequence[Work]) -> int:
        """About how many bytes writing this batch moves."""
        ...

    def write(self, batch: Sequence[Work], *, patient: bool) -> list[Outcome] | None:
        """Write the rows; any exception means that nothing was written.

        ``None`` when another process holds the file, which only a ``patient`` caller waits for.
        """
        ...

    def commit(self) -> None:
        """Make them durable; any exception means that nothing was stored. Called by the thread."""
        ...

    def tidy(self, *, idle: bool) -> bool:
        """A short piece of housekeeping between batches; ``idle`` when nobody waits. Whether more remains."""
        ...

    def close(self) -> None:
        """Close; never raises."""
        ...


def storing_failed(why: BaseException) -> JournalError:
    """CB4001 with the kind of failure (never its data)."""
    coded = why.code if isinstance(why, JournalError) else None
    name = coded or getattr(why, "sqlite_errorname", None) or type(why).__name__
    return JournalError("CB4001", [Finding("CB4001", path="journal", got=name)], retry_after_s=5)


class GroupWriter:
    """The writer's thread and the gathering of what waits for it."""

    def __init__(self, store: Store, light_bytes: int = LIGHT_BYTES) -> None:
        """The event loop writes batches of up to ``light_bytes``; with 0 the thread writes them all."""
        self._store = store
        self._light_bytes = light_bytes
        self._queue: queue.SimpleQueue[_Written | None] = queue.SimpleQueue()
        self._gathered: list[Waiting] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._turn = threading.Lock()
        self._sound = True

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
            loop.call_soon(self._gather, loop)
        return future

    def enter(self, work: Work, ticket: Ticket) -> None:
        """The same for somebody who is told at once, without a turn of the event loop."""
        loop = self._running()
        self._gathered.append((work, ticket))
        if len(self._gathered) == 1:
            loop.call_soon(self._gather, loop)

    async def stop(self) -> None:
        """Commit what waits, close the store and end the thread."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._loop = self._thread = None
        while self._gathered:
            await loop.run_in_executor(None, self._turn.acquire)
            self._turn.release()
            self._flush(loop)
        self._queue.put(None)
        await loop.run_in_executor(None, thread.join)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise JournalError("CB4001", [Finding("CB4001", path="journal", got="not open")])
        return self._loop

    def _gather(self, loop: asyncio.AbstractEventLoop, turns: int = GATHERING_TURNS, seen: int = 0) -> None:
        """Write what has gathered as soon as a turn of the loop adds nothing, or ``turns`` more have passed."""
        waiting = len(self._gathered)
        if turns and seen < waiting < BATCH_LIMIT:
            loop.call_soon(self._gather, loop, turns - 1, waiting)
        else:
            self._flush(loop)

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write what has gathered, if the connection is free; else the thread asks again when it is."""
        if not self._gathered or not self._turn.acquire(blocking=False):
            return
        batch, self._gathered = self._gathered[:BATCH_LIMIT], self._gathered[BATCH_LIMIT:]
        works = [work for work, _ in batch]
        if not self._sound or self._store.weigh(works) > self._light_bytes:
            self._queue.put((batch, None))
            return
        try:
            outcomes = self._store.write(works, patient=False)
        except FAILURES as error:
            # After a failed write nothing the connection believes is trusted: the thread opens it anew first.
            self._sound = False
            self._turn.release()
            failed: list[Outcome] = [storing_failed(error) for _ in batch]
            loop.call_soon(_resolve, [ticket for _, ticket in batch], failed)
            if self._gathered:
                loop.call_soon(self._flush, loop)
            return
        self._queue.put((batch, outcomes))

    # -- below: the writer's thread ---------------------------------------------------------------------------

    def _run(self, loop: asyncio.AbstractEventLoop, opened: asyncio.Future[None]) -> None:
        try:
            self._store.open()
        except JournalError as error:
            loop.call_soon_threadsafe(_settle, opened, error)
            return
        loop.call_soon_threadsafe(_settle, opened, None)
        while (taken := self._next_batch(loop)) is not None:
            self._complete(loop, *taken)
        self._store.close()

    def _complete(self, loop: asyncio.AbstractEventLoop, batch: list[Waiting], outcomes: list[Outcome] | None) -> None:
        """Make one batch durable, tell those who wait, and free the connection."""
        try:
            if not self._sound:
                self._store.open()
            if outcomes is None:
                outcomes = self._store.write([work for work, _ in batch], patient=True)
            assert outcomes is not None
            self._store.commit()
            self._sound = True
        except FAILURES as error:
            self._sound = False
            outcomes = [storing_failed(error) for _ in batch]
        loop.call_soon_threadsafe(_resolve, [ticket for _, ticket in batch], outcomes)
        if self._sound:
            self._tidy(idle=False)
        self._give_back(loop)

    def _give_back(self, loop: asyncio.AbstractEventLoop) -> None:
        """Free the connection. The look at what gathered comes after it: whoever came before found it taken."""
        self._turn.release()
        if self._gathered:
            loop.call_soon_threadsafe(self._gather, loop)

    def _next_batch(self, loop: asyncio.AbstractEventLoop) -> _Written | None:
        """The next batch to make durable; ``None`` when the writer is to end. Housekeeping while nobody comes."""
        wait = IDLE_GAP_S
        while True:
            try:
                return self._queue.get(timeout=wait)
            except queue.Empty:
                if not self._turn.acquire(blocking=False):
                    continue
                more = self._sound and self._tidy(idle=True)
                self._give_back(loop)
                wait = IDLE_GAP_S / 10 if more else NOTHING_TO_DO_S

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
