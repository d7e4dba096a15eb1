"""One batch of acceptances and transitions, written to SQLite in one transaction by the one writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, Clock, Transition
from bus.core.types import Finding, Known
from bus.journal.batch import BODY, DELIVERY, EVENT, EXCHANGE, BatchLedger, Outcome, Renewal, Work, Writers
from bus.journal.message_index import MessageIndex
from bus.journal.message_key import message_key
from bus.journal.seen import Remembrance, Seen
from bus.journal.sequence_ledger import SequenceWork
from bus.journal.tally import Moves, Tally, still_open
from bus.journal.upkeep.trace import TOUCHED, packed

MOST_ROWS: Final = 32
"""Rows of one statement; statements of all sizes up to this one stay prepared."""

PLACES_KEPT: Final = 200_000
"""Open deliveries whose state is remembered between batches (about 300 bytes each)."""


class RowWriter:
    """Executes one statement for many rows of ``columns`` values."""

    __slots__ = ("_columns", "_statements")

    def __init__(self, statement: str, columns: int) -> None:
        """``statement`` holds ``{rows}`` where the list of value rows belongs."""
        row = f"({','.join('?' * columns)})"
        self._columns = columns
        self._statements = tuple(statement.format(rows=",".join([row] * size)) for size in range(MOST_ROWS + 1))

    def write(self, connection: sqlite3.Connection, values: list[object]) -> None:
        """Write all rows; ``values`` is their concatenation."""
        rows, columns = len(values) // self._columns, self._columns
        if rows <= MOST_ROWS:
            if rows:
                connection.execute(self._statements[rows], values)
            return
        width = MOST_ROWS * columns
        for start in range(0, len(values), width):
            part = values[start : start + width]
            connection.execute(self._statements[len(part) // columns], part)


def _insert(table: str, names: str) -> RowWriter:
    return RowWriter(f"INSERT INTO {table} ({names}) VALUES {{rows}}", names.count(",") + 1)  # noqa: S608 (own names)


_UPDATE: Final = (
    "UPDATE delivery SET state=v.column2, attempt=max(attempt, v.column3), code=v.column4, detail=v.column5,"
    " updated_at=v.column6, request_out=max(request_out, v.column7), response_in=max(response_in, v.column8),"
    " response_out=max(response_out, v.column9){more} FROM (VALUES {{rows}}) AS v WHERE delivery.n=v.column1"
)


def sqlite_writers() -> Writers:
    """The statements of the SQLite journal."""
    return Writers(
        exchanges=_insert("exchange", EXCHANGE),
        bodies=_insert("body", BODY),
        deliveries=_insert("delivery", DELIVERY),
        # A late reply takes the place of the receipt that was kept before it.
        replies=RowWriter("INSERT OR REPLACE INTO reply (n,status,content_type,raw) VALUES {rows}", 4),
        events=_insert("event", EVENT),
        moves=RowWriter(_UPDATE.format(more=""), 9),
        turns=RowWriter(_UPDATE.format(more=", open=v.column10, next_attempt_at=v.column11"), 11),
    )


class Ledger(BatchLedger):
    """The journal's tables as the writer sees them.

    Another process that wrote (an operator's command) is noticed through ``PRAGMA data_version`` inside the
    transaction, and then everything that was remembered of deliveries is read anew.
    """

    def __init__(self, connection: sqlite3.Connection, clock: Clock, tally: Tally) -> None:
        """``tally`` counts what the connection holds now; it is replaced as a whole after every commit."""
        self.tally = tally
        self.messages = MessageIndex(connection)
        next_n = 1 + int(connection.execute("SELECT coalesce(max(n), 0) FROM exchange").fetchone()[0])
        super().__init__(connection, clock, sqlite_writers(), self.messages, Seen(connection), next_n)
        self._connection: sqlite3.Connection = connection
        self._others_wrote = False
        self._data_version = -1

    def write(self, batch: Sequence[Work]) -> list[Outcome]:
        """Write the rows of a batch and say what becomes of each entry once ``commit`` has made them durable.

        Entries that are known or not allowed get their own outcome. Errors: ``sqlite3.Error`` when nothing was written.
        """
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._notice_others()
            if self.vault is not None:
                self.vault.begin(connection, self._clock.now())
            outcomes: list[Outcome] = [None] * len(batch)
            accepts: list[tuple[int, Acceptance]] = []
            moves: list[tuple[int, tuple[Transition, ...]]] = []
            others: list[tuple[int, Remembrance | SequenceWork]] = []
            for index, work in enumerate(batch):
                if isinstance(work, Acceptance):
                    accepts.append((index, work))
                elif isinstance(work, tuple):
                    moves.append((index, work))
                elif not isinstance(work, Renewal):  # the lock of the file is its owner's sign of life
                    others.append((index, work))
            # Acceptances first: an exchange id used twice makes them start the transaction again.
            if accepts:
                self._accept(accepts, outcomes)
            if moves:
                self._record(moves, outcomes)
            if others:
                self._remember([(i, work) for i, work in others if isinstance(work, Remembrance)], outcomes)
                for index, work in others:
                    if not isinstance(work, Remembrance):
                        outcomes[index] = self._sequences.write(work)
        except BaseException:
            self._abandon()
            raise
        return outcomes

    def commit(self) -> None:
        """Make what was written durable; returns when it is. Errors: ``sqlite3.Error``, then nothing was stored."""
        try:
            tally = self.tally.plus(self._moves_made)
            if self._others_wrote:
                tally = tally.with_others(still_open(self._connection))
            if self._touched:
                self._connection.execute(TOUCHED, (packed(self._touched),))
            self._connection.execute("COMMIT")
        except BaseException:
            self._abandon()
            raise
        self.tally, self._moves_made, self._others_wrote = tally, Moves(), False
        self._touched = []
        # Not earlier: a second caller of the same batch must meet the new state, which the tables show only now.
        for delivery_id in self._finished:
            self._places.pop(delivery_id, None)
        self._finished.clear()
        if len(self._places) > PLACES_KEPT:
            self._places.clear()

    def _abandon(self) -> None:
        self._moves_made = Moves()
        self._touched = []
        if self.vault is not None:
            self.vault.forget()
        self._places.clear()
        self._finished.clear()
        self._sequences.forget()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
            self._seen.rolled_back()

    def _notice_others(self) -> None:
        found = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if found != self._data_version:
            self._places.clear()
            self._sequences.forget()
            self._others_wrote = True
            self._data_version = found

    def _accept(self, accepts: list[tuple[int, Acceptance]], outcomes: list[Outcome]) -> None:
        keys = [message_key(acceptance.municipality, acceptance.message_id) for _, acceptance in accepts]
        taken = self.messages.present(keys)
        first = self._next_n
        fresh: list[tuple[int, Acceptance]] = []
        again: list[tuple[int, int, Acceptance]] = []
        for key, (index, acceptance) in zip(keys, accepts, strict=True):
            if key in taken:
                again.append((key, index, acceptance))
            else:
                taken.add(key)
                fresh.append((key, acceptance))
        try:
            self._insert_acceptances(fresh)
            for key, index, acceptance in again:
                outcomes[index] = self._accept_again(key, acceptance)
        except sqlite3.IntegrityError:
            # An exchange id used twice is the fault of one caller: find out whose.
            self._connection.execute("ROLLBACK")
            self._moves_made = Moves()
            self._touched = []
            self._connection.execute("BEGIN IMMEDIATE")
            self._notice_others()
            if self.vault is not None:
                self.vault.forget()
                self.vault.begin(self._connection, self._clock.now())
            self._places.clear()
            self.messages.forget(keys, first)
            self._next_n = first
            for key, (index, acceptance) in zip(keys, accepts, strict=True):
                outcomes[index] = self._accept_carefully(key, acceptance)

    def _accept_carefully(self, key: int, acceptance: Acceptance) -> Known | JournalError | None:
        first = self._next_n
        try:
            return self._accept_again(key, acceptance)
        except sqlite3.IntegrityError:
            self.messages.forget([key], first)
            self._next_n = first
            return JournalError("CB4001", [Finding("CB4001", path="exchange_id", got="used twice")])
