"""One batch of acceptances and transitions, written in one transaction by the one writer.

Many rows go through one statement: every finished statement makes the writer's thread wait for the interpreter
again, so a batch costs a fixed handful of statements however many callers wait for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, Clock, Transition
from bus.core.sequences import Admission
from bus.core.states import FINAL, State, may_follow
from bus.core.types import Finding, Known, Mode, Package
from bus.journal import packages
from bus.journal.message_index import MessageIndex, message_key
from bus.journal.rows import KEY_SEPARATOR, known
from bus.journal.schema import CALLING, FAN_OUT, OPEN_CLASS, WAITING
from bus.journal.seen import Remembrance, Seen
from bus.journal.sequence_ledger import SequenceLedger, SequenceWork
from bus.journal.tally import Moves, Tally, still_open

Work = Acceptance | tuple[Transition, ...] | Remembrance | SequenceWork
"""What one caller wants done: one acceptance, transitions that stand or fall together, a value to count once, or a
step of a sequence."""

Outcome = Known | Admission | int | JournalError | bool | None

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


_UPDATE = (
    "UPDATE delivery SET state=v.column2, attempt=max(attempt, v.column3), code=v.column4, detail=v.column5,"
    " updated_at=v.column6, request_out=max(request_out, v.column7), response_in=max(response_in, v.column8),"
    " response_out=max(response_out, v.column9){more} FROM (VALUES {{rows}}) AS v WHERE delivery.n=v.column1"
)


@dataclass(slots=True)
class _Place:
    """Where a delivery stands: row number, state, whether a direct caller waits for it, how many events it has."""

    n: int
    state: State
    direct: bool
    events: int = 0


class Ledger:
    """The journal's tables as the writer sees them.

    Remembers the state of open deliveries between batches; another process that wrote (an operator's command) is
    noticed through ``PRAGMA data_version`` inside the transaction, and then everything is read anew.
    """

    def __init__(self, connection: sqlite3.Connection, clock: Clock, tally: Tally) -> None:
        """``tally`` counts what the connection holds now; it is replaced as a whole after every commit."""
        self.tally = tally
        self._moves_made = Moves()
        self._others_wrote = False
        self._connection = connection
        self._clock = clock
        self.messages = MessageIndex(connection)
        self._seen = Seen(connection)
        self._places: dict[str, _Place] = {}
        self._finished: list[str] = []
        self._data_version = -1
        self._sequences = SequenceLedger(connection, clock, self._accept_one, self._record_one, self._moved)
        self._next_n = 1 + int(connection.execute("SELECT coalesce(max(n), 0) FROM exchange").fetchone()[0])
        self._exchanges = _insert(
            "exchange",
            "n,exchange_id,municipality,sender,message_id,refused,sha256,unit,operation,edition,purpose,mode,"
            "ordering_keys,received_at,expires_at,content_type,soap_action,relates_to,tables_hash,size,code",
        )
        self._bodies = _insert("body", "n,raw")
        self._deliveries = _insert("delivery", "n,target,state,open,updated_at")
        # A late reply takes the place of the receipt that was kept before it.
        self._replies = RowWriter("INSERT OR REPLACE INTO reply (n,status,content_type,raw) VALUES {rows}", 4)
        self._events = _insert("event", "delivery,n,at,state,attempt,code,detail,actor")
        self._moves = RowWriter(_UPDATE.format(more=""), 9)
        self._turns = RowWriter(_UPDATE.format(more=", open=v.column10, next_attempt_at=v.column11"), 11)

    def write(self, batch: Sequence[Work]) -> list[Outcome]:
        """Write the rows of a batch and say what becomes of each entry once ``commit`` has made them durable.

        Entries that are known or not allowed get their own outcome. Errors: ``sqlite3.Error`` when nothing was written.
        """
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._notice_others()
            outcomes: list[Outcome] = [None] * len(batch)
            accepts = [(i, work) for i, work in enumerate(batch) if isinstance(work, Acceptance)]
            if accepts:
                self._accept(accepts, outcomes)
            if len(accepts) < len(batch):
                self._record(((i, work) for i, work in enumerate(batch) if isinstance(work, tuple)), outcomes)
                # Last: an exchange id used twice makes the acceptances start the transaction again.
                self._remember([(i, work) for i, work in enumerate(batch) if isinstance(work, Remembrance)], outcomes)
                for index, work in enumerate(batch):
                    if not isinstance(work, Acceptance | tuple | Remembrance):
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
            self._connection.execute("COMMIT")
        except BaseException:
            self._abandon()
            raise
        self.tally, self._moves_made, self._others_wrote = tally, Moves(), False
        # Not earlier: a second caller of the same batch must meet the new state, which the tables show only now.
        for delivery_id in self._finished:
            self._places.pop(delivery_id, None)
        self._finished.clear()
        if len(self._places) > PLACES_KEPT:
            self._places.clear()

    def _abandon(self) -> None:
        self._moves_made = Moves()
        self._places.clear()
        self._finished.clear()
        self._sequences.forget()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
            self._seen.rolled_back()

    def _remember(self, wanted: list[tuple[int, Remembrance]], outcomes: list[Outcome]) -> None:
        if wanted:
            for (index, _), outcome in zip(wanted, self._seen.remember([each for _, each in wanted]), strict=True):
                outcomes[index] = outcome

    def _notice_others(self) -> None:
        found = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if found != self._data_version:
            self._places.clear()
            self._sequences.forget()
            self._others_wrote = True
            self._data_version = found

    # -- acceptance -------------------------------------------------------------------------------------------

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
            self._connection.execute("BEGIN IMMEDIATE")
            self._notice_others()
            self._places.clear()
            self.messages.forget(keys, first)
            self._next_n = first
            for key, (index, acceptance) in zip(keys, accepts, strict=True):
                outcomes[index] = self._accept_carefully(key, acceptance)

    def _accept_again(self, key: int, acceptance: Acceptance) -> Known | None:
        """Accept unless the id is known; a refusal never is."""
        if acceptance.state is not State.REJECTED:
            numbers = self.messages.candidates(self._connection, key)
            found = known(
                self._connection, numbers, acceptance.municipality, acceptance.message_id, acceptance.sender
            )  # fmt: skip
            if found is not None:
                return found
        self._insert_acceptances([(key, acceptance)])
        return None

    def _accept_carefully(self, key: int, acceptance: Acceptance) -> Known | JournalError | None:
        first = self._next_n
        try:
            return self._accept_again(key, acceptance)
        except sqlite3.IntegrityError:
            self.messages.forget([key], first)
            self._next_n = first
            return JournalError("CB4001", [Finding("CB4001", path="exchange_id", got="used twice")])

    def _insert_acceptances(self, acceptances: Sequence[tuple[int, Acceptance]]) -> None:
        exchanges: list[object] = []
        bodies: list[object] = []
        deliveries: list[object] = []
        held: list[tuple[int, Package]] = []
        n, now, places, rejected = self._next_n, self._clock.now(), self._places, 0
        for key, a in acceptances:
            refused = a.state is State.REJECTED
            exchanges += (
                n, a.exchange_id, a.municipality, a.sender, a.message_id, int(refused), a.sha256, a.unit,
                a.operation, a.edition, a.purpose, a.mode.value, KEY_SEPARATOR.join(a.ordering_keys), a.received_at,
                a.expires_at, a.content_type, a.soap_action, a.relates_to, a.tables_hash, a.size, a.code,
            )  # fmt: skip
            if a.raw:
                bodies += (n, a.raw)
            if a.package is not None:
                held.append((n, a.package))
            if refused:
                rejected += 1
            else:
                direct = a.mode is Mode.DIRECT
                state, where, row = a.state.value, CALLING if direct else OPEN_CLASS[a.state], n * FAN_OUT
                for target in a.targets:
                    deliveries += (row, target, state, where, now)
                    places[a.delivery_id(row % FAN_OUT)] = _Place(row, a.state, direct)
                    row += 1
            self.messages.add(key, n)
            n += 1
        self._exchanges.write(self._connection, exchanges)
        self._bodies.write(self._connection, bodies)
        self._deliveries.write(self._connection, deliveries)
        for number, package in held:
            packages.add(self._connection, packages.REQUEST, number, package)
        made = self._moves_made
        made.rejected += rejected
        made.accepted += len(acceptances) - rejected
        made.deliveries += len(deliveries) // 5
        self._next_n = n

    def _accept_one(self, acceptance: Acceptance) -> Known | None:
        """An acceptance on its own, for a sequence."""
        key = message_key(acceptance.municipality, acceptance.message_id)
        if self.messages.present([key]):
            return self._accept_again(key, acceptance)
        self._insert_acceptances([(key, acceptance)])
        return None

    def _moved(self, exchange_id: str, municipality: str, message_id: str) -> int:
        """The next place in the order, for a message that gives up its own."""
        n, self._next_n = self._next_n, self._next_n + 1
        self.messages.add(message_key(municipality, message_id), n)
        index = 0
        while self._places.pop(f"{exchange_id}-{index}", None) is not None:
            index += 1
        return n

    # -- transitions ------------------------------------------------------------------------------------------

    def _record(self, calls: Iterable[tuple[int, tuple[Transition, ...]]], outcomes: list[Outcome]) -> None:
        pending: dict[int, list[object]] = {}
        turned: set[int] = set()
        events: list[object] = []
        replies: list[object] = []
        for index, transitions in calls:
            refused = self._refusal(transitions)
            if refused is not None:
                outcomes[index] = refused
                continue
            for t in transitions:
                place = self._place(t.delivery_id)
                assert place is not None
                if t.state in FINAL:
                    self._moves_made.turned(place.state, t.state)
                    self._finished.append(t.delivery_id)
                self._note(t, place, pending, turned)
                place.events += 1
                events += (place.n, place.events, t.at, t.state.value, t.attempt, t.code, t.detail, "")
                if t.reply or t.reply_status:
                    replies += (place.n, t.reply_status, t.reply_content_type, t.reply)
                if t.reply_package is not None:
                    packages.add(self._connection, packages.REPLY, place.n, t.reply_package)
        moves: list[object] = []
        turns: list[object] = []
        for n, row in pending.items():
            if n in turned:
                turns += row
            else:
                moves += row[:9]
        self._moves.write(self._connection, moves)
        self._turns.write(self._connection, turns)
        self._events.write(self._connection, events)
        self._replies.write(self._connection, replies)

    def _record_one(self, transitions: tuple[Transition, ...]) -> JournalError | None:
        """Transitions on their own, for a sequence."""
        outcomes: list[Outcome] = [None]
        self._record(((0, transitions),), outcomes)
        refused = outcomes[0]
        return refused if isinstance(refused, JournalError) else None

    def _refusal(self, transitions: tuple[Transition, ...]) -> JournalError | None:
        """CB4004 when any of the transitions may not follow; looks ahead without changing anything."""
        ahead: dict[str, State] = {}
        for t in transitions:
            state = ahead.get(t.delivery_id)
            if state is None:
                place = self._place(t.delivery_id)
                state = None if place is None else place.state
            if state is None or not may_follow(state, t.state):
                got = f"{state or 'unknown'} -> {t.state}"
                return JournalError("CB4004", [Finding("CB4004", path=t.delivery_id, got=got)])
            ahead[t.delivery_id] = t.state
        return None

    def _place(self, delivery_id: str) -> _Place | None:
        place = self._places.get(delivery_id)
        if place is None:
            exchange_id, _, index = delivery_id.rpartition("-")
            if not index.isdecimal() or int(index) >= FAN_OUT:
                return None
            row = self._connection.execute(
                "SELECT d.n, d.state, e.mode, (SELECT coalesce(max(v.n), 0) FROM event v WHERE v.delivery = d.n)"
                " FROM exchange e JOIN delivery d ON d.n = e.n * ? + ? WHERE e.exchange_id = ?",
                (FAN_OUT, int(index), exchange_id),
            ).fetchone()
            if row is None:
                return None
            place = _Place(row[0], State(row[1]), row[2] == Mode.DIRECT.value, row[3])
            self._places[delivery_id] = place
        return place

    @staticmethod
    def _note(t: Transition, place: _Place, pending: dict[int, list[object]], turned: set[int]) -> None:
        """Merge a transition into the row that its delivery will have after the batch."""
        old_class = CALLING if place.direct else OPEN_CLASS.get(place.state)
        new_class = OPEN_CLASS.get(t.state)
        if place.direct and new_class is not None:
            new_class = CALLING
        if old_class != new_class or t.state is State.RETRY_WAIT:
            turned.add(place.n)
        response_out = t.at if t.state is State.REPLIED or (place.direct and t.state in FINAL) else 0.0
        next_attempt_at = t.next_attempt_at if new_class == WAITING else 0.0
        row = pending.get(place.n)
        if row is None:
            pending[place.n] = [
                place.n, t.state.value, t.attempt, t.code, t.detail, t.at, t.request_out, t.response_in, response_out,
                new_class, next_attempt_at,
            ]  # fmt: skip
        else:
            row[1], row[3], row[4], row[5] = t.state.value, t.code, t.detail, t.at
            row[2] = max(row[2], t.attempt)  # type: ignore[call-overload]  # a row holds SQL values of several types
            row[6] = t.request_out or row[6]
            row[7] = t.response_in or row[7]
            row[8] = response_out or row[8]
            row[9], row[10] = new_class, next_attempt_at
        place.state = t.state
