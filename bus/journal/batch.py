"""What one batch writes, whichever engine keeps the rows: acceptances and transitions as rows of the journal's tables.

Many rows go through one statement: every finished statement makes the writer's thread wait for the interpreter
again, so a batch costs a fixed handful of statements however many callers wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, Clock, Transition
from bus.core.sequences import Admission
from bus.core.states import FINAL, State, may_follow
from bus.core.types import Finding, Known, Mode, Package
from bus.journal import packages
from bus.journal.database import Database
from bus.journal.message_key import message_key
from bus.journal.rows import KEY_SEPARATOR, known
from bus.journal.schema import CALLING, FAN_OUT, OPEN_CLASS, WAITING
from bus.journal.seen import Remembrance, Seen
from bus.journal.sequence_ledger import SequenceLedger, SequenceWork
from bus.journal.tally import Moves
from bus.journal.vault import Vault


@dataclass(frozen=True, slots=True)
class Renewal:
    """Only says: the owner lives, its event loop turns, and it can write. ``lease_s``: for how long that counts."""

    lease_s: float


Work = Acceptance | tuple[Transition, ...] | Remembrance | Renewal | SequenceWork
"""What one caller wants done: one acceptance, transitions that stand or fall together, a value to count once, the
owner's sign of life (PostgreSQL), or a step of a sequence."""

Outcome = Known | Admission | int | JournalError | bool | None

EXCHANGE: Final = (
    "n,exchange_id,municipality,sender,message_id,refused,sha256,unit,operation,edition,purpose,mode,"
    "ordering_keys,received_at,expires_at,content_type,soap_action,relates_to,tables_hash,size,code"
)
BODY: Final = "n,raw"
DELIVERY: Final = "n,target,state,open,updated_at"
EVENT: Final = "delivery,n,at,state,attempt,code,detail,actor"
REPLY: Final = "n,status,content_type,raw"
"""Columns in the order in which rows are handed to the writers."""


class Writer(Protocol):
    """Writes many rows of one table with one statement."""

    def write(self, connection: Any, values: list[object]) -> None:
        """Write all rows; ``values`` is their concatenation."""
        ...


@dataclass(frozen=True, slots=True)
class Writers:
    """One writer for each kind of row. ``moves`` are deliveries that stay in their class of ``open``."""

    exchanges: Writer
    bodies: Writer
    deliveries: Writer
    replies: Writer
    events: Writer
    moves: Writer
    turns: Writer


class Messages(Protocol):
    """The index of message ids."""

    def add(self, key: int, n: int) -> None:
        """Note a message."""
        ...

    def candidates(self, connection: Any, key: int) -> list[int]:
        """Numbers of messages that may have this id, oldest first."""
        ...

    def present(self, keys: Sequence[int]) -> set[int]:
        """Those of these keys that have candidates."""
        ...


@dataclass(slots=True)
class Place:
    """Where a delivery stands: row number, state, whether a direct caller waits for it, how many events it has."""

    n: int
    state: State
    direct: bool
    events: int = 0


class BatchLedger:
    """The rows of a batch. An engine's ledger brings connection, writers and numbering, and owns the transaction.

    Remembers the state of open deliveries between batches; the engine's ledger forgets them when others wrote. Where
    it is ``traced``, each commit leaves a row that says which deliveries have to be sealed again.
    """

    def __init__(
        self, connection: Database, clock: Clock, writers: Writers, messages: Messages, seen: Seen, next_n: int
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._messages = messages
        self._seen = seen
        self._moves_made = Moves()
        self._places: dict[str, Place] = {}
        self._finished: list[str] = []
        self._next_n = next_n
        self.traced = False
        self.vault: Vault | None = None
        self._touched: list[int] = []
        self._sequences = SequenceLedger(connection, clock, self._accept_one, self._record_one, self._moved)
        self._exchanges, self._bodies, self._deliveries = writers.exchanges, writers.bodies, writers.deliveries
        self._replies, self._events = writers.replies, writers.events
        self._moves, self._turns = writers.moves, writers.turns

    def _remember(self, wanted: list[tuple[int, Remembrance]], outcomes: list[Outcome]) -> None:
        if wanted:
            for (index, _), outcome in zip(wanted, self._seen.remember([each for _, each in wanted]), strict=True):
                outcomes[index] = outcome

    # -- acceptance -------------------------------------------------------------------------------------------

    def _accept_again(self, key: int, acceptance: Acceptance) -> Known | None:
        """Accept unless the id is known; a refusal never is."""
        if acceptance.state is not State.REJECTED:
            numbers = self._messages.candidates(self._connection, key)
            found = known(
                self._connection, numbers, acceptance.municipality, acceptance.message_id, acceptance.sender
            )  # fmt: skip
            if found is not None:
                return found
        self._insert_acceptances([(key, acceptance)])
        return None

    def _insert_acceptances(self, acceptances: Sequence[tuple[int, Acceptance]]) -> None:
        exchanges: list[object] = []
        bodies: list[object] = []
        deliveries: list[object] = []
        held: list[tuple[int, Package]] = []
        n, now, places, rejected, vault = self._next_n, self._clock.now(), self._places, 0, self.vault
        for key, a in acceptances:
            refused = a.state is State.REJECTED
            exchanges += (
                n, a.exchange_id, a.municipality, a.sender, a.message_id, int(refused), a.sha256, a.unit,
                a.operation, a.edition, a.purpose, a.mode._value_, KEY_SEPARATOR.join(a.ordering_keys), a.received_at,
                a.expires_at, a.content_type, a.soap_action, a.relates_to, a.tables_hash, a.size, a.code,
            )  # fmt: skip
            if a.raw:
                bodies += (n, a.raw if vault is None else vault.close(a.raw, a.exchange_id))
            if a.package is not None:
                held.append((n, a.package))
            if refused:
                rejected += 1
            else:
                direct = a.mode is Mode.DIRECT
                state, where, row = a.state._value_, CALLING if direct else OPEN_CLASS[a.state], n * FAN_OUT
                for target in a.targets:
                    deliveries += (row, target, state, where, now)
                    places[a.delivery_id(row % FAN_OUT)] = Place(row, a.state, direct)
                    row += 1
            self._messages.add(key, n)
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
        if self._messages.present([key]):
            return self._accept_again(key, acceptance)
        self._insert_acceptances([(key, acceptance)])
        return None

    def _moved(self, exchange_id: str, municipality: str, message_id: str) -> int:
        """The next place in the order, for a message that gives up its own."""
        n, self._next_n = self._next_n, self._next_n + 1
        self._messages.add(message_key(municipality, message_id), n)
        index = 0
        while self._places.pop(f"{exchange_id}-{index}", None) is not None:
            index += 1
        return n

    # -- transitions ------------------------------------------------------------------------------------------

    def _record(self, calls: Iterable[tuple[int, tuple[Transition, ...]]], outcomes: list[Outcome]) -> None:
        pending: dict[int, list[Any]] = {}
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
                events += (place.n, place.events, t.at, t.state._value_, t.attempt, t.code, t.detail, "")
                if t.reply or t.reply_status:
                    reply = t.reply if self.vault is None else self.vault.close(t.reply, t.delivery_id)
                    replies += (place.n, t.reply_status, t.reply_content_type, reply)
                if t.reply_package is not None:
                    packages.add(self._connection, packages.REPLY, place.n, t.reply_package)
        moves: list[object] = []
        turns: list[object] = []
        for n, row in pending.items():
            if n in turned:
                turns += row
            else:
                moves += row[:9]
        if self.traced:
            self._touched += pending
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

    def _place(self, delivery_id: str) -> Place | None:
        place = self._places.get(delivery_id)
        if place is None:
            exchange_id, _, index = delivery_id.rpartition("-")
            if not index.isdecimal() or int(index) >= FAN_OUT:
                return None
            row = self._connection.execute(
                "SELECT d.n, d.state, e.mode, (SELECT coalesce(max(v.n), 0) FROM event v WHERE v.delivery = d.n)"
                " FROM exchange_key k JOIN exchange e ON e.n = k.n JOIN delivery d ON d.n = k.n * ? + ?"
                " WHERE k.exchange_id = ?",
                (FAN_OUT, int(index), exchange_id),
            ).fetchone()
            if row is None:
                return None
            place = Place(row[0], State(row[1]), row[2] == Mode.DIRECT.value, row[3])
            self._places[delivery_id] = place
        return place

    @staticmethod
    def _note(t: Transition, place: Place, pending: dict[int, list[Any]], turned: set[int]) -> None:
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
                place.n, t.state._value_, t.attempt, t.code, t.detail, t.at, t.request_out, t.response_in, response_out,
                new_class, next_attempt_at,
            ]  # fmt: skip
        else:
            row[1], row[3], row[4], row[5] = t.state._value_, t.code, t.detail, t.at
            row[2] = max(row[2], t.attempt)
            row[6] = t.request_out or row[6]
            row[7] = t.response_in or row[7]
            row[8] = response_out or row[8]
            row[9], row[10] = new_class, next_attempt_at
        place.state = t.state
