"""One batch in one transaction of PostgreSQL, under the one row that lets batches follow each other.

What a batch needs to know (whose turn it is, which ids are taken, where its deliveries stand) is asked in one round;
the rows follow, and the turn's row and the commit go out together. The row is held from the first to the last, so
``n`` grows in the order of the commits: nobody who reads past a number finds a smaller one afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, Final

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, Clock
from bus.core.states import State
from bus.core.types import Finding, Known, Mode
from bus.journal.batch import BatchLedger, Outcome, Place, Renewal, Work
from bus.journal.database import Database
from bus.journal.message_key import message_key
from bus.journal.postgres.database import Link
from bus.journal.postgres.lease import renew
from bus.journal.postgres.schema import day_of, day_of_number, ensure_day, first_of
from bus.journal.postgres.writers import KEYS, RowsWriter, postgres_writers
from bus.journal.rows import known
from bus.journal.schema import FAN_OUT
from bus.journal.seen import Remembrance, Seen
from bus.journal.tally import Moves, Tally
from bus.journal.upkeep.trace import TOUCHED, packed

PLACES_KEPT: Final = 200_000
"""Open deliveries whose state is remembered between batches (about 300 bytes each)."""

_NAMES: Final = tuple(field.name for field in fields(Tally))
TURN: Final = "SELECT batches, last_n, owner, serial FROM turn FOR UPDATE"
HOLDER_BOUND: Final = "SET LOCAL idle_in_transaction_session_timeout = '10s'"
"""One that holds the turn and stands still is ended by the server before the owner's lease is over: nothing it did
counts, and everybody else goes on."""

_KEYS: Final = "SELECT DISTINCT key FROM exchange_key WHERE key = ANY(?)"
_IDS: Final = "SELECT exchange_id FROM exchange_key WHERE exchange_id = ANY(?)"
_PLACES: Final = (
    "SELECT k.exchange_id, d.n, d.state, e.mode,"  # noqa: S608 (constants)
    " (SELECT coalesce(max(v.n), 0) FROM event v WHERE v.delivery = d.n)"
    " FROM unnest(?::text[], ?::int8[]) AS w(exchange_id, place) JOIN exchange_key k ON k.exchange_id = w.exchange_id"
    f" JOIN exchange e ON e.n = k.n JOIN delivery d ON d.n = k.n * {FAN_OUT} + w.place"
)
_FINISH: Final = (
    "UPDATE turn SET batches = ?, last_n = ?, serial = ?, "  # noqa: S608 (own names)
    + ", ".join(f"{name} = {name} + ?" for name in _NAMES)
)
TAKEN_OVER: Final = "CB4007"


class StoredMessages:
    """The index of message ids: a table like the others, written with the batch."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.noted: list[tuple[int, int]] = []

    def add(self, key: int, n: int) -> None:
        """Note a message for the rows that follow."""
        self.noted.append((key, n))

    def candidates(self, connection: Any, key: int) -> list[int]:
        """Numbers of messages that may have this id, oldest first."""
        rows = connection.execute("SELECT n FROM exchange_key WHERE key = ? ORDER BY n", (key,)).fetchall()
        return [row[0] for row in rows]

    def present(self, keys: Sequence[int]) -> set[int]:
        """Those of these keys that have candidates."""
        return {row[0] for row in self._link.execute(_KEYS, (list(keys),)).fetchall()}


class PostgresLedger(BatchLedger):
    """The journal's tables as the writer sees them. Errors: ``psycopg.Error``; CB4007 when another bus took over."""

    def __init__(self, link: Link, clock: Clock, owner: str) -> None:
        """``owner`` is what this bus has written into the turn's row."""
        self._stored = StoredMessages(link)
        super().__init__(link, clock, postgres_writers(), self._stored, Seen(link), 0)
        self._link = link
        self._owner = owner
        self._key_rows = RowsWriter("exchange_key", KEYS)
        self._batches = -1
        self._present: set[int] = set()
        self._used: set[str] = set()
        self._days: set[int] = set()
        self._made = 0
        self.serial = 0

    def write(self, batch: Sequence[Work]) -> list[Outcome]:
        """Write the rows of a batch and say what becomes of each entry once ``commit`` has made them durable.

        Entries that are known or not allowed get their own outcome; any error means that nothing was written.
        """
        try:
            outcomes: list[Outcome] = [None] * len(batch)
            accepts = [(i, work) for i, work in enumerate(batch) if isinstance(work, Acceptance)]
            self._look(accepts, batch)
            if self.vault is not None:
                self.vault.begin(self._link, self._clock.now())
            self._link.enter_pipeline()
            if accepts:
                self._accept(accepts, outcomes)
            if len(accepts) < len(batch):
                records = [(i, work) for i, work in enumerate(batch) if isinstance(work, tuple)]
                self._record(records, outcomes)
                if len(accepts) + len(records) < len(batch):
                    # What follows looks at how many rows it changed before it goes on.
                    self._link.leave_pipeline()
                self._remember([(i, work) for i, work in enumerate(batch) if isinstance(work, Remembrance)], outcomes)
                for index, work in enumerate(batch):
                    if isinstance(work, Renewal):
                        renew(self._link, work.lease_s)
                    elif not isinstance(work, Acceptance | tuple | Remembrance):
                        outcomes[index] = self._sequences.write(work)
        except BaseException:
            self.abandon()
            raise
        return outcomes

    def commit(self) -> None:
        """Make what was written durable; returns when it is. Errors: ``psycopg.Error``, and then nobody knows yet."""
        moves = self._moves_made
        values = [getattr(moves, name) for name in _NAMES]
        serial = self.serial + 1
        try:
            self._link.enter_pipeline()
            if self._touched:
                self._link.execute(TOUCHED, (packed(self._touched),))
            self._link.execute(_FINISH, (self._batches + 1, self._next_n - 1, serial, *values))
            self._link.execute("COMMIT")
            self._link.leave_pipeline()
        except BaseException:
            self.abandon()
            raise
        self.serial, self._batches, self._moves_made = serial, self._batches + 1, Moves()
        self._touched = []
        if self._made:
            self._days, self._made = {self._made}, 0
        # Not earlier: a second caller of the same batch must meet the new state, which the tables show only now.
        for delivery_id in self._finished:
            self._places.pop(delivery_id, None)
        self._finished.clear()
        if len(self._places) > PLACES_KEPT:
            self._places.clear()

    def abandon(self) -> None:
        """Undo what was not committed and forget what it would have made true."""
        self._moves_made = Moves()
        self._touched = []
        if self.vault is not None:
            self.vault.forget()
        self._places.clear()
        self._finished.clear()
        self._stored.noted.clear()
        self._sequences.forget()
        self._batches, self._made = -1, 0
        self._link.rollback()

    # -- the look ---------------------------------------------------------------------------------------------

    def _look(self, accepts: Sequence[tuple[int, Acceptance]], batch: Sequence[Work]) -> None:
        """Take the turn and ask, in one round, what the batch has to know."""
        link = self._link
        keys = [message_key(each.municipality, each.message_id) for _, each in accepts]
        wanted = list(self._unplaced(batch))
        with link.connection.pipeline():
            link.execute("BEGIN")
            turn = link.execute(TURN)
            present = link.execute(_KEYS, (keys,)) if accepts else None
            used = link.execute(_IDS, ([each.exchange_id for _, each in accepts],)) if accepts else None
            places = self._ask(wanted) if wanted else None
            found: Any = turn.fetchone()
            self._present = {row[0] for row in present.fetchall()} if present is not None else set()
            self._used = {row[0] for row in used.fetchall()} if used is not None else set()
            placed = places.fetchall() if places is not None else []
        batches, last_n, owner, serial = found
        if owner != self._owner:
            raise JournalError(TAKEN_OVER, [Finding(TAKEN_OVER, path="journal", got="another bus")])
        if batches != self._batches:
            # An operator's command wrote, or this is the first batch: what was remembered of deliveries is void.
            self._places.clear()
            self._sequences.forget()
            self._batches = batches
            wanted = list(self._unplaced(batch))
            placed = self._ask(wanted).fetchall() if wanted else []
            self._seen.rolled_back()
        self._note_places(placed)
        self.serial = serial
        self._next_n = max(last_n + 1, first_of(day_of(self._clock.now())))
        day = day_of_number(self._next_n)
        if day not in self._days:
            ensure_day(link, day)
            self._made = day

    def _unplaced(self, batch: Sequence[Work]) -> Iterable[tuple[str, int]]:
        """Exchange id and index of the deliveries that the batch moves and of which nothing is remembered."""
        for work in batch:
            if isinstance(work, tuple):
                for transition in work:
                    if transition.delivery_id not in self._places:
                        exchange_id, _, index = transition.delivery_id.rpartition("-")
                        if index.isdecimal() and int(index) < FAN_OUT:
                            yield exchange_id, int(index)

    def _ask(self, wanted: Sequence[tuple[str, int]]) -> Any:
        return self._link.execute(_PLACES, ([each[0] for each in wanted], [each[1] for each in wanted]))

    def _note_places(self, rows: Sequence[Any]) -> None:
        for exchange_id, n, state, mode, events in rows:
            direct = mode == Mode.DIRECT.value
            self._places[f"{exchange_id}-{n % FAN_OUT}"] = Place(n, State(state), direct, events)

    # -- acceptance -------------------------------------------------------------------------------------------

    def _accept(self, accepts: Sequence[tuple[int, Acceptance]], outcomes: list[Outcome]) -> None:
        taken, used = self._present, self._used
        fresh: list[tuple[int, Acceptance]] = []
        again: list[tuple[int, int, Acceptance]] = []
        for index, acceptance in accepts:
            key = message_key(acceptance.municipality, acceptance.message_id)
            if key in taken or acceptance.exchange_id in used:
                again.append((key, index, acceptance))
            else:
                taken.add(key)
                used.add(acceptance.exchange_id)
                fresh.append((key, acceptance))
        self._insert_acceptances(fresh)
        for key, index, acceptance in again:
            outcomes[index] = self._accept_once_more(key, acceptance)

    def _accept_once_more(self, key: int, acceptance: Acceptance) -> Known | JournalError | None:
        """As ``_accept_again``, and an exchange id that was used is the fault of this caller alone."""
        if acceptance.state is not State.REJECTED:
            numbers = self._stored.candidates(self._link, key)
            found = known(self._link, numbers, acceptance.municipality, acceptance.message_id, acceptance.sender)
            if found is not None:
                return found
        if acceptance.exchange_id in self._used:
            return JournalError("CB4001", [Finding("CB4001", path="exchange_id", got="used twice")])
        self._used.add(acceptance.exchange_id)
        self._insert_acceptances([(key, acceptance)])
        return None

    def _insert_acceptances(self, acceptances: Sequence[tuple[int, Acceptance]]) -> None:
        if not acceptances:
            return
        super()._insert_acceptances(acceptances)
        noted, self._stored.noted = self._stored.noted, []
        rows: list[object] = []
        for (key, n), (_, acceptance) in zip(noted, acceptances, strict=True):
            rows += (acceptance.exchange_id, n, key)
        self._key_rows.write(self._link, rows)

    def _moved(self, exchange_id: str, municipality: str, message_id: str) -> int:
        n = super()._moved(exchange_id, municipality, message_id)
        self._stored.noted.clear()
        self._link.execute("UPDATE exchange_key SET n = ? WHERE exchange_id = ?", (n, exchange_id))
        return n


def tally_of(link: Database) -> Tally:
    """The numbers as of the last commit."""
    row: Any = link.execute(f"SELECT {', '.join(_NAMES)} FROM turn").fetchone()  # noqa: S608 (own names)
    return Tally(*row)
