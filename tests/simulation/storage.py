"""Simulated storage: the real SQLite journal and group writer, on a disk that fails, hesitates and tears.

Nothing of the journal is replaced but the thread that waits for the disk (its work is done by the loop, after the
time that the disk takes) and the helper that copies the log back (the logs here are small).
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, Clock, Transition
from bus.core.types import Known
from bus.journal.batch import Outcome
from bus.journal.schema import BUSY_TIMEOUT_MS, STATEMENT_CACHE
from bus.journal.sqlite import SqliteJournal
from bus.journal.writer import IDLE_GAP_S, GroupWriter, Waiting
from tests.simulation.loop import PowerCut, VirtualLoop, passing

Fate = Callable[[], str]
"""What becomes of the next commit: ``""`` (it is durable), ``fails``; ``before``, ``after`` and ``torn`` are a power
cut before, after and within it."""


class Disk:
    """The files of the bus's machine. ``fate`` is asked at each commit, ``full`` at each row, ``wait_s`` per batch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fate: Fate = lambda: ""
        self.full: Callable[[], bool] = lambda: False
        self.wait_s: Callable[[], float] = lambda: 0.0005
        self.dice: Callable[[], float] = lambda: 0.5
        self._connections: list[sqlite3.Connection] = []
        self._number = 0
        self._tear_at = -1
        self.path = self._place(0)

    def _place(self, number: int) -> Path:
        place = self.folder / f"disk-{number}"
        place.mkdir()
        return place / "journal.sqlite"

    def connect(self, path: Path) -> sqlite3.Connection:
        """A connection of the bus."""
        connection = sqlite3.connect(
            path,
            timeout=BUSY_TIMEOUT_MS / 1000,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=STATEMENT_CACHE,
            factory=_Connection,
        )
        connection.disk = self
        self._connections.append(connection)
        return connection

    def committing(self, commit: Callable[[], Any]) -> Any:
        """COMMIT, as fate has it."""
        fate = self.fate()
        if fate == "fails":
            raise sqlite3.OperationalError("disk I/O error (simulated)")
        if fate == "before":
            raise PowerCut("before a commit")
        log = self.path.with_name(self.path.name + "-wal")
        size = log.stat().st_size if fate == "torn" else 0
        result = commit()
        if fate == "torn":
            self._tear_at = size + int(self.dice() * (log.stat().st_size - size))
        if fate in {"after", "torn"}:
            raise PowerCut(f"{fate} a commit")
        return result

    def power_cut(self) -> None:
        """What was synced is there for the next life; a commit under way may be there in part."""
        self._number += 1
        old, self.path = self.path, self._place(self._number)
        for suffix in ("", "-wal"):
            source = old.with_name(old.name + suffix)
            if source.exists():
                shutil.copyfile(source, self.path.with_name(self.path.name + suffix))
        if self._tear_at >= 0:
            with self.path.with_name(self.path.name + "-wal").open("r+b") as log:
                log.truncate(self._tear_at)
            self._tear_at = -1
        self.close()
        shutil.rmtree(old.parent)

    def close(self) -> None:
        """Let go of what an ended life held open."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()


class _Connection(sqlite3.Connection):
    """A connection whose commits and rows the disk decides upon."""

    disk: Disk

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        """As SQLite, unless the disk has it otherwise."""
        if statement == "COMMIT":
            return self.disk.committing(lambda: super(_Connection, self).execute(statement))
        if statement.startswith("INSERT") and self.disk.full():
            raise sqlite3.OperationalError("database or disk is full (simulated)")
        return super().execute(statement, *values)


class _Nobody:
    """In the place of the helper that copies the log back."""

    def start(self) -> None:
        """No thread."""

    def stop(self) -> None:
        """No thread."""

    def written(self, size: int) -> None:
        """Not counted."""

    def tend(self, writer: sqlite3.Connection, *, idle: bool) -> None:
        """Not copied back."""


class _Hands:
    """In the place of the queue to the thread: the loop completes a batch after the time that the disk takes."""

    def __init__(self, writer: SimulatedWriter, loop: VirtualLoop, wait_s: Callable[[], float]) -> None:
        self._writer, self._loop, self._wait_s = writer, loop, wait_s

    def put(self, item: tuple[list[Waiting], list[Outcome] | None]) -> None:
        """Take over a batch."""
        self._loop.call_later(self._wait_s(), self._writer._complete, self._loop, *item)


class SimulatedWriter(GroupWriter):
    """The real group writer without its thread."""

    def __init__(self, store: Any, wait_s: Callable[[], float]) -> None:
        super().__init__(store)
        self._wait_s = wait_s

    async def start(self) -> None:
        """Open the store."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._loop, self._queue = loop, _Hands(self, loop, self._wait_s)
        self._store.open()
        self._housekeeping = loop.call_later(IDLE_GAP_S, self._keep_house)

    def _keep_house(self) -> None:
        if self._loop is None:
            return
        if self._turn.acquire(blocking=False):
            if self._sound:
                self._tidy(idle=True)
            self._give_back(self._loop)
        self._housekeeping = self._loop.call_later(1.0, self._keep_house)

    async def stop(self) -> None:
        """Commit what waits, close the store."""
        loop = self._loop
        if loop is None:
            return
        self._housekeeping.cancel()
        while self._gathered or self._turn.locked():
            self._flush(loop)
            await passing(0.001)
        self._loop = None
        self._store.close()


class SimulatedJournal(SqliteJournal):
    """The real journal on such a disk; what it stored is told to ``watch``."""

    def __init__(self, disk: Disk, clock: Clock, watch: Any) -> None:
        super().__init__(disk.path, clock=clock, make=disk.connect)
        self._store._checkpointer = _Nobody()
        self._writer = SimulatedWriter(self._store, disk.wait_s)
        self._watch = watch

    async def accept(self, acceptance: Acceptance) -> Known | None:
        """Store and tell."""
        known = await super().accept(acceptance)
        self._watch.accepted(acceptance, known)
        return known

    async def record(self, transitions: Sequence[Transition]) -> None:
        """Store and tell."""
        try:
            await super().record(transitions)
        except JournalError as error:
            self._watch.not_recorded(transitions, error.code)
            raise
        self._watch.recorded(transitions)

    def let_go(self) -> None:
        """The process that owned it is gone."""
        self._lock.release()
