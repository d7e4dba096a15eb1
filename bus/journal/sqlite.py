"""The embedded journal: SQLite in WAL mode, an fsync per commit, one commit for all who wait."""

from __future__ import annotations

import contextlib
import heapq
import sqlite3
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, Clock, OpenDelivery, Transition
from bus.core.sequences import (
    Admission,
    Arrival,
    Arrived,
    Departure,
    Role,
    SequenceKey,
    SequenceRecord,
    SequenceState,
    Spans,
)
from bus.core.states import State
from bus.core.types import Finding, Known, Package
from bus.journal import packages
from bus.journal.checkpoint import Checkpointer, make_room
from bus.journal.ledger import Ledger, Outcome, Work
from bus.journal.message_index import MessageIndex, message_key
from bus.journal.owner import OwnerLock
from bus.journal.rows import OPEN_COLUMNS, OPEN_FROM, known, open_delivery
from bus.journal.schema import (
    BUSY_TIMEOUT_MS,
    CALLING,
    FAN_OUT,
    HELD,
    MOVING,
    WAITING,
    Connect,
    cannot_open,
    connect,
    open_for_reading,
    open_for_writing,
)
from bus.journal.seen import Remembrance
from bus.journal.sequence_ledger import Acknowledge, Begin, Depart, End, NumberReply, Renew
from bus.journal.sequence_rows import read_arrived, read_departures, read_sequence, read_sequences
from bus.journal.tally import Tally, open_by_state, take, write_down
from bus.journal.writer import LIGHT_BYTES, GroupWriter, Ticket

BUSY_PAUSE_S: Final = 0.002
"""Between two tries of the writer's thread to get a file that another process holds."""

ROW_ESTIMATE: Final = 2000
"""Bytes of log per row besides its body."""

_PAGE = f"SELECT {OPEN_COLUMNS} FROM {OPEN_FROM} WHERE d.open = ? {{when}} AND d.n > ? ORDER BY d.n LIMIT ?"  # noqa: S608 (constants)
_PAGES: Final = (
    (MOVING, _PAGE.format(when="AND d.next_attempt_at = 0")),
    (WAITING, _PAGE.format(when="")),
    (HELD, _PAGE.format(when="AND d.next_attempt_at = 0")),
)
"""Only waiting deliveries have a next time: the others are read straight along the index however many there are."""

_DUE: Final = (
    f"SELECT d.n, e.exchange_id FROM {OPEN_FROM} WHERE d.open = ? AND d.next_attempt_at <= ?"  # noqa: S608 (constants)
    " ORDER BY d.next_attempt_at, d.n"
)


COUNTED_AGAIN: Final = 3
"""Looks for a moment between two commits; without one the numbers are those of two commits that follow each other."""


class _SqliteStore:
    """The connection that writes; used by one thread at a time."""

    def __init__(self, path: Path, clock: Clock, make: Connect, max_pages: int, log_room: int) -> None:
        self._path = path
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
        except sqlite3.Error as error:
            connection.close()
            raise cannot_open(self._path, error) from error
        connection.execute("PRAGMA busy_timeout=0")
        self._connection, self._ledger = connection, Ledger(connection, self._clock, tally)
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


class SqliteJournal:
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
    ) -> None:
        """``log_room``: see ``bus.journal.checkpoint.make_room``; ``light_bytes``: see ``GroupWriter``."""
        self._path = path
        self._make = make
        self._lock = OwnerLock(path)
        self._store = _SqliteStore(path, clock, make, max_pages, log_room)
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

    async def accept(self, acceptance: Acceptance) -> Known | None:
        """Store an acceptance durably; ``None``, or what was there first under the same message id."""
        if not 0 <= len(acceptance.targets) <= FAN_OUT:
            raise ValueError(f"more than {FAN_OUT} targets")
        outcome = await self._writer.submit(acceptance)
        assert outcome is None or isinstance(outcome, Known)
        return outcome

    def enter(self, work: Work, ticket: Ticket) -> None:
        """Hand over an acceptance or transitions without a coroutine; ``ticket`` is told how it ended.

        Errors: CB4001 at once when the journal is not open.
        """
        self._writer.enter(work, ticket)

    async def record(self, transitions: Sequence[Transition]) -> None:
        """Apply transitions in order in one durable commit; CB4004 leaves all of them undone."""
        if transitions:
            await self._writer.submit(tuple(transitions))

    async def remember(self, value: str, until: float, now: float) -> bool:
        """Whether ``value`` is new; durable when told. Errors: CB4001, CB4002 when no more can be remembered."""
        return await self._writer.submit(Remembrance(value, until, now)) is True

    def find(self, municipality: str, sender: str, message_id: str) -> Known | None:
        """What was accepted under this message id of this sender. A refused message does not use up its id."""
        return self._known(municipality, message_id, sender)

    def exchange_of(self, municipality: str, message_id: str) -> Known | None:
        """The exchange that carries this message id, whoever sent it."""
        return self._known(municipality, message_id, "")

    def body(self, exchange_id: str) -> bytes:
        """The stored bytes of an exchange's request; empty when there are none."""
        row = self._read().execute(
            "SELECT b.raw FROM exchange e JOIN body b ON b.n = e.n WHERE e.exchange_id = ?", (exchange_id,)
        ).fetchone()  # fmt: skip
        return b"" if row is None else bytes(row[0])

    def package(self, exchange_id: str) -> Package | None:
        """What is kept of an exchange's request beside its envelope."""
        row = self._read().execute("SELECT n FROM exchange WHERE exchange_id = ?", (exchange_id,)).fetchone()
        return None if row is None else packages.read(self._read(), packages.REQUEST, row[0])

    def segments(self) -> Iterator[str]:
        """The names of all segments that belong to a message or a reply."""
        return packages.names(self._read())

    def open_deliveries(self, *, after: str = "", limit: int = 1000) -> Sequence[OpenDelivery]:
        """Unfinished queued deliveries in the order of their acceptance, parked ones included, without bodies."""
        start = self._number(after) if after else -1
        pages = [self._read().execute(query, (each, start, limit)).fetchall() for each, query in _PAGES]
        rows = heapq.merge(*pages, key=lambda row: int(row[0]))
        return [open_delivery(row) for row in islice(rows, limit)]

    def due(self, now: float, *, known: Container[str] = (), limit: int = 1000) -> Sequence[OpenDelivery]:
        """Deliveries in RETRY_WAIT whose time has come and whose id is not in ``known``, the longest due first."""
        rows = self._read().execute(_DUE, (WAITING, now)).fetchall()
        wanted = (row for row in rows if f"{row[1]}-{row[0] % FAN_OUT}" not in known)
        return [self._delivery(row[0]) for row in islice(wanted, limit)]

    def _delivery(self, n: int) -> OpenDelivery:
        query = f"SELECT {OPEN_COLUMNS} FROM {OPEN_FROM} WHERE d.n = ?"  # noqa: S608 (constants)
        return open_delivery(self._read().execute(query, (n,)).fetchone())

    def states(self, delivery_ids: Sequence[str]) -> Mapping[str, State]:
        """The present state of each of these deliveries that exists."""
        found: dict[str, State] = {}
        for delivery_id in delivery_ids:
            exchange_id, _, index = delivery_id.rpartition("-")
            row = self._read().execute(
                "SELECT d.state FROM exchange e JOIN delivery d ON d.n = e.n * ? + ? WHERE e.exchange_id = ?",
                (FAN_OUT, int(index), exchange_id),
            ).fetchone()  # fmt: skip
            if row is not None:
                found[delivery_id] = State(row[0])
        return found

    def interrupted_calls(self) -> Sequence[str]:
        """Direct calls that were DISPATCHING when the process ended."""
        rows = self._read().execute(
            "SELECT e.exchange_id, d.n FROM delivery d JOIN exchange e ON e.n = d.n / ? WHERE d.open = ? ORDER BY d.n",
            (FAN_OUT, CALLING),
        )
        return [f"{exchange_id}-{n % FAN_OUT}" for exchange_id, n in rows.fetchall()]

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

    def owner_only(self) -> None:
        """This is the owner."""

    def sequence(self, key: SequenceKey) -> SequenceRecord | None:
        """A sequence by its name."""
        return read_sequence(self._read(), key)

    def sequences(
        self, *, role: Role | None = None, municipality: str = "", endpoint: str = "", live: bool = True
    ) -> Sequence[SequenceRecord]:
        """Sequences in the order of their creation."""
        return read_sequences(self._read(), role=role, municipality=municipality, endpoint=endpoint, live=live)

    def arrived(self, key: SequenceKey, number: int) -> Arrived | None:
        """What a used number stands for."""
        return read_arrived(self._read(), key, number)

    def departures(self, key: SequenceKey) -> Sequence[Departure]:
        """Unfinished numbers of a SOURCE sequence."""
        return read_departures(self._read(), key)

    async def begin(self, records: Sequence[SequenceRecord]) -> None:
        """Store new sequences together. Errors: CB4004 taken."""
        await self._writer.submit(Begin(tuple(records)))

    async def arrive(self, arrival: Arrival) -> Admission:
        """Use up a number, and store its message with it."""
        outcome = await self._writer.submit(arrival)
        assert isinstance(outcome, Admission)
        return outcome

    async def end(
        self, key: SequenceKey, state: SequenceState, at: float, *, last: int = 0, code: str = ""
    ) -> Admission:
        """Close or end a sequence; gives what waited for a gap. Errors: CB4004 unknown."""
        outcome = await self._writer.submit(End(key, state, at, last, code))
        assert isinstance(outcome, Admission)
        return outcome

    async def number_reply(self, key: SequenceKey, number: int) -> int:
        """The number of the answer to ``number``. Errors: CB4004."""
        outcome = await self._writer.submit(NumberReply(key, number))
        assert isinstance(outcome, int)
        return outcome

    async def acknowledge(self, key: SequenceKey, spans: Spans, at: float) -> None:
        """The other side has these numbers. Errors: CB4004."""
        await self._writer.submit(Acknowledge(key, spans, at))

    async def depart(
        self, key: SequenceKey, numbered: Sequence[tuple[int, str]], transitions: Sequence[Transition]
    ) -> None:
        """Give numbers to deliveries together with their transitions. Errors: CB4004."""
        await self._writer.submit(Depart(key, tuple(numbered), tuple(transitions)))

    async def renew(
        self, old: SequenceKey, code: str, new: SequenceRecord, numbered: Sequence[tuple[int, str]]
    ) -> None:
        """End one sequence and begin the next with these deliveries. Errors: CB4004."""
        await self._writer.submit(Renew(old, code, new, tuple(numbered)))

    def _known(self, municipality: str, message_id: str, sender: str) -> Known | None:
        read, messages = self._read(), self._store.messages
        numbers = messages.candidates(read, message_key(municipality, message_id))
        return known(read, numbers, municipality, message_id, sender) if numbers else None

    def _number(self, delivery_id: str) -> int:
        exchange_id, _, index = delivery_id.rpartition("-")
        row = self._read().execute("SELECT n FROM exchange WHERE exchange_id = ?", (exchange_id,)).fetchone()
        if row is None:
            raise JournalError("CB4004", [Finding("CB4004", path=delivery_id, got="unknown")])
        return int(row[0]) * FAN_OUT + int(index)

    def _read(self) -> sqlite3.Connection:
        if self._reading is None:
            raise JournalError("CB4003", [Finding("CB4003", path="journal", got="not open")])
        return self._reading
