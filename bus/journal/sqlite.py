"""The embedded journal: SQLite in WAL mode, an fsync per commit, one commit for all who wait."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, Clock
from bus.core.sequences import Arrival
from bus.core.states import State
from bus.core.types import Finding, Known
from bus.journal.batch import Outcome, Work
from bus.journal.checkpoint import Checkpointer, make_room
from bus.journal.ledger import Ledger
from bus.journal.message_index import MessageIndex
from bus.journal.message_key import message_key
from bus.journal.owner import OwnerLock
from bus.journal.rows import known
from bus.journal.schema import (
    BUSY_TIMEOUT_MS,
    Connect,
    cannot_open,
    connect,
    open_for_reading,
    open_for_writing,
)
from bus.journal.seen import Remembrance
from bus.journal.stored import StoredJournal
from bus.journal.tally import Tally, open_by_state, take, write_down
from bus.journal.upkeep.trace import begin_trace
from bus.journal.vault import Vault
from bus.journal.writer import LIGHT_BYTES, GroupWriter

BUSY_PAUSE_S: Final = 0.002
"""Between two tries of the writer's thread to get a file that another process holds."""

ROW_ESTIMATE: Final = 2000
"""Bytes of log per row besides its body."""

COUNTED_AGAIN: Final = 3
"""Looks for a moment between two commits; without one the numbers are those of two commits that follow each other."""


class _SqliteStore:
    """The connection that writes; used by one thread at a time."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        make: Connect,
        max_pages: int,
        log_room: int,
        *,
        sealed: bool,
        vault: Vault | None,
    ) -> None:
        self._path = path
        self._sealed = sealed
        self._vault = vault
        self._log_room = log_room
        self._clock = clock
        self._make = make
        self._max_pages = max_pages
        self._connection: sqlite3.Connection | None = None
        self._ledger: Ledger | None = None
        self.committing = False
        self._certain = False
        self._checkpointer = Checkpointer(path, make)

    def open(self) -> None:
        self._disconnect()
        connection = open_for_writing(self._path, self._make, max_pages=self._max_pages)
        connection.execute("PRAGMA cache_size=-65536")
        connection.execute("PRAGMA temp_store=MEMORY")
        try:
            tally = take(connection)
            begin_trace(connection, sealed=self._sealed)
        except sqlite3.Error as error:
            connection.close()
            raise cannot_open(self._path, error) from error
        connection.execute("PRAGMA busy_timeout=0")
        self._connection, self._ledger = connection, Ledger(connection, self._clock, tally)
        self._ledger.traced, self._ledger.vault = self._sealed, self._vault
        if self._vault is not None:
            self._vault.forget()
        self._certain = True
        make_room(self._path, self._log_room)
        self._checkpointer.start()

    def weigh(self, batch: Sequence[Work]) -> int:
        return sum(map(_log_bytes, batch))

    def write(self, batch: Sequence[Work], *, patient: bool) -> list[Outcome] | None:
        assert self._ledger is not None
        end = time.monotonic() + BUSY_TIMEOUT_MS / 1000
        while True:
            try:
                outcomes = self._ledger.write(batch)
                break
            except sqlite3.OperationalError as error:
                held = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY
                if not held or (patient and time.monotonic() > end):
                    raise
                if not patient:
                    return None
                time.sleep(BUSY_PAUSE_S)
        self._checkpointer.written(self.weigh(batch))
        return outcomes

    def commit(self) -> None:
        assert self._ledger is not None
        self.committing, self._certain = True, False
        try:
            self._ledger.commit()
            self._certain = True
        finally:
            self.committing = False

    @property
    def tally(self) -> Tally:
        """The numbers as of the last commit."""
        assert self._ledger is not None
        return self._ledger.tally

    @property
    def messages(self) -> MessageIndex:
        """The index of message ids; asked from the event loop's thread."""
        assert self._ledger is not None
        return self._ledger.messages

    def tidy(self, *, idle: bool) -> bool:
        if self._connection is None or self._ledger is None:
            return False
        if self._ledger.messages.merge(idle=idle):
            return True
        self._checkpointer.tend(self._connection, idle=idle)
        return False

    def close(self) -> None:
        self._checkpointer.stop()
        if self._certain and self._connection is not None and self._ledger is not None:
            with contextlib.suppress(sqlite3.Error):
                write_down(self._connection, self._ledger.tally)
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None


def _log_bytes(work: Work) -> int:
    """About what an entry adds to the write-ahead log; only steers checkpoints."""
    if isinstance(work, Acceptance):
        return ROW_ESTIMATE + len(work.raw)
    if isinstance(work, Remembrance):
        return ROW_ESTIMATE
    if not isinstance(work, tuple):
        return ROW_ESTIMATE + (len(work.acceptance.raw) if isinstance(work, Arrival) and work.acceptance else 0)
    return sum(ROW_ESTIMATE + len(transition.reply) for transition in work)


class SqliteJournal(StoredJournal):
    """Implements ``bus.core.ports.Journal`` on one SQLite file.

    Errors: ``JournalError`` CB4001 when a batch could not be stored (the next one is tried on a new connection),
    CB4003 when the file cannot be opened or another process owns it, CB4004 for a transition that may not follow.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        make: Connect = connect,
        max_pages: int = 0,
        log_room: int = 0,
        light_bytes: int = LIGHT_BYTES,
        sealed: bool = False,
        vault: Vault | None = None,
    ) -> None:
        """``sealed``: somebody seals the journal beside this bus; ``vault`` encrypts payloads. ``log_room``: see
        ``bus.journal.checkpoint.make_room``; ``light_bytes``: see ``GroupWriter``."""
        self._path = path
        self._make = make
        self._lock = OwnerLock(path)
        self._store = _SqliteStore(path, clock, make, max_pages, log_room, sealed=sealed, vault=vault)
        self._vault = vault
        self._writer = GroupWriter(self._store, light_bytes)
        self._reading: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Take ownership, bring the schema up to date, start the writer. Errors: CB4003."""
        self._lock.acquire()
        try:
            await self._writer.start()
            self._reading = open_for_reading(self._path, self._make)
        except JournalError:
            await self._writer.stop()
            self._lock.release()
            raise

    async def close(self) -> None:
        """Commit what waits, close both connections, give up ownership."""
        await self._writer.stop()
        if self._reading is not None:
            self._reading.close()
            self._reading = None
        self._lock.release()

    def counts(self) -> dict[str, int]:
        """Deliveries per state (all states named), ``accepted_messages`` and ``rejected_messages``."""
        read, store = self._read(), self._store
        for _ in range(COUNTED_AGAIN):
            tally, busy = store.tally, store.committing
            moving = open_by_state(read)
            if not busy and not store.committing and store.tally is tally:
                tally = tally.with_others(sum(moving.values()))
                break
        counts = {state.value: moving.get(state, 0) for state in State}
        final = {
            State.DELIVERED: tally.delivered,
            State.REPLIED: tally.replied,
            State.EXPIRED: tally.expired,
            State.CANCELLED: tally.cancelled,
            State.REJECTED: tally.rejected,
        }
        counts |= {state.value: number for state, number in final.items()}
        return counts | {"accepted_messages": tally.accepted, "rejected_messages": tally.rejected}

    def _known(self, municipality: str, message_id: str, sender: str) -> Known | None:
        read, messages = self._read(), self._store.messages
        numbers = messages.candidates(read, message_key(municipality, message_id))
        return known(read, numbers, municipality, message_id, sender) if numbers else None

    def _read(self) -> sqlite3.Connection:
        if self._reading is None:
            raise JournalError("CB4003", [Finding("CB4003", path="journal", got="not open")])
        return self._reading
