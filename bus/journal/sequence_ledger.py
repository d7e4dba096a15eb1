"""What is written of sequences, inside the transaction of the batch that it belongs to.

The reason for this file in one sentence: a number becomes used in the same transaction in which its message becomes
durable, so no acknowledgement can name a message that is not stored, whatever dies when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, Clock, OpenDelivery, Transition
from bus.core.sequences import LIVE, Admission, Arrival, Role, SequenceKey, SequenceRecord, SequenceState, Spans
from bus.core.states import State
from bus.core.types import Finding, Known
from bus.journal.database import Database
from bus.journal.rows import OPEN_COLUMNS, OPEN_FROM, open_delivery
from bus.journal.schema import FAN_OUT, MOVING
from bus.journal.sequence_rows import NAMED, add_event, delivery_number, names, read_sequence
from bus.wire.reliable.ranges import Ranges


@dataclass(frozen=True, slots=True)
class Begin:
    """New sequences."""

    records: tuple[SequenceRecord, ...]


@dataclass(frozen=True, slots=True)
class End:
    """A sequence is closed or has ended."""

    key: SequenceKey
    state: SequenceState
    at: float
    last: int
    code: str


@dataclass(frozen=True, slots=True)
class NumberReply:
    """The answer to a number gets its own."""

    key: SequenceKey
    number: int


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Numbers that the other side has."""

    key: SequenceKey
    spans: Spans
    at: float


@dataclass(frozen=True, slots=True)
class Depart:
    """Deliveries get numbers, with their transitions."""

    key: SequenceKey
    numbered: tuple[tuple[int, str], ...]
    transitions: tuple[Transition, ...]


@dataclass(frozen=True, slots=True)
class Renew:
    """A sequence takes over from another one."""

    old: SequenceKey
    code: str
    new: SequenceRecord
    numbered: tuple[tuple[int, str], ...]


SequenceWork = Begin | Arrival | End | NumberReply | Acknowledge | Depart | Renew
SequenceOutcome = Admission | int | JournalError | None

REFUSALS: Final = {
    SequenceState.CLOSED: "CB3013",
    SequenceState.TERMINATED: "CB3011",
    SequenceState.EXPIRED: "CB3012",
    SequenceState.ENDING: "CB3012",
    SequenceState.BROKEN: "CB3012",
}
"""Why a sequence in this state takes no new number."""


@dataclass(slots=True)
class _Line:
    """A sequence as remembered between batches."""

    s: int
    state: SequenceState
    numbers: Ranges
    acknowledged: Ranges
    early: int
    early_bytes: int
    partner: str


class SequenceLedger:
    """Writes for ``bus.journal.ledger.Ledger``, which owns the transaction and the numbering of messages.

    ``accept`` stores an acceptance (``None``, or what was known), ``record`` transitions (``None``, or the refusal),
    ``moved`` is told of a message that got a new place in the order.
    """

    def __init__(
        self,
        connection: Database,
        clock: Clock,
        accept: Callable[[Acceptance], Known | None],
        record: Callable[[tuple[Transition, ...]], JournalError | None],
        moved: Callable[[str, str, str], int],
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._accept = accept
        self._record = record
        self._moved = moved
        self._lines: dict[SequenceKey, _Line] = {}
        self._steps: Mapping[type, Callable[[Any], SequenceOutcome]] = {
            Arrival: self._arrive,
            Depart: self._depart,
            Acknowledge: self._acknowledge,
            NumberReply: self._number_reply,
            Begin: self._begin,
            End: self._end,
            Renew: self._renew,
        }

    def forget(self) -> None:
        """Read everything anew: a batch failed, or another process wrote."""
        self._lines.clear()

    def write(self, work: SequenceWork) -> SequenceOutcome:
        """One entry of a batch. What is refused has changed nothing."""
        return self._steps[type(work)](work)

    # -- destination ------------------------------------------------------------------------------------------

    def _arrive(self, work: Arrival) -> Admission:
        line = self._line(work.key)
        if line is None:
            return Admission("CB3011")
        if work.number in line.numbers:
            return Admission(again=True)
        expected, acceptance = line.numbers.expected, work.acceptance
        early = work.number != expected and acceptance is not None and acceptance.state is State.ACCEPTED
        code = _why_not(line, work, early=early)
        if code:
            return Admission(code)
        if acceptance is not None:
            known = self._accept(replace(acceptance, state=State.EARLY) if early else acceptance)
            if known is not None:
                return Admission(known=known)
            if early:
                line.early += 1
                line.early_bytes += acceptance.size
        self._connection.execute(
            "INSERT INTO arrival (sequence, number, exchange_id, message_id, sha256, early, reply_number, status,"
            " answer) VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)",
            (line.s, work.number, work.exchange_id, work.message_id, work.sha256, int(early), work.status, work.answer),
        )
        line.numbers = line.numbers.with_number(work.number)
        self._connection.execute(
            "UPDATE sequence SET numbers = ?, changed_at = ? WHERE s = ?", (line.numbers.text(), work.at, line.s)
        )
        released = self._release(line, line.numbers.expected) if line.early and work.number == expected else ()
        return Admission(early=early, released=released)

    def _release(self, line: _Line, before: int) -> tuple[OpenDelivery, ...]:
        """Let go what waited for a gap, below ``before``: each takes its place at the end of the journal's order."""
        connection, now = self._connection, self._clock.now()
        rows = connection.execute(
            "SELECT a.number, a.exchange_id, e.municipality, e.message_id, e.size, e.n FROM arrival a"
            " JOIN exchange_key k ON k.exchange_id = a.exchange_id JOIN exchange e ON e.n = k.n"
            " WHERE a.sequence = ? AND a.early = 1 AND a.number < ? ORDER BY a.number",
            (line.s, min(before, 2**63 - 1)),
        ).fetchall()
        released: list[OpenDelivery] = []
        for number, exchange_id, municipality, message_id, size, old in rows:
            new = self._moved(exchange_id, municipality, message_id)
            first, last = old * FAN_OUT, old * FAN_OUT + FAN_OUT - 1
            shift = (new - old) * FAN_OUT
            connection.execute("UPDATE exchange SET n = ? WHERE n = ?", (new, old))
            connection.execute("UPDATE body SET n = ? WHERE n = ?", (new, old))
            connection.execute(
                "UPDATE event SET delivery = delivery + ? WHERE delivery BETWEEN ? AND ?", (shift, first, last)
            )
            connection.execute("UPDATE delivery SET n = n + ? WHERE n BETWEEN ? AND ?", (shift, first, last))
            connection.execute(
                "INSERT INTO event (delivery, n, at, state, attempt, code, detail, actor)"
                " SELECT d.n, 1 + (SELECT coalesce(max(v.n), 0) FROM event v WHERE v.delivery = d.n), ?, ?, 0, '', '',"
                " '' FROM delivery d WHERE d.n BETWEEN ? AND ? AND d.state = ?",
                (now, State.ACCEPTED.value, first + shift, last + shift, State.EARLY.value),
            )
            connection.execute(
                "UPDATE delivery SET state = ?, open = ?, updated_at = ? WHERE n BETWEEN ? AND ? AND state = ?",
                (State.ACCEPTED.value, MOVING, now, first + shift, last + shift, State.EARLY.value),
            )
            connection.execute("UPDATE arrival SET early = 0 WHERE sequence = ? AND number = ?", (line.s, number))
            line.early -= 1
            line.early_bytes -= size
            found = connection.execute(
                f"SELECT {OPEN_COLUMNS} FROM {OPEN_FROM} WHERE d.n BETWEEN ? AND ? AND d.open = ? ORDER BY d.n",  # noqa: S608 (constants)
                (first + shift, last + shift, MOVING),
            )
            released += [open_delivery(row) for row in found.fetchall()]
        return tuple(released)

    def _number_reply(self, work: NumberReply) -> int | JournalError:
        line = self._line(work.key)
        row = None
        if line is not None:
            row = self._connection.execute(
                "SELECT reply_number FROM arrival WHERE sequence = ? AND number = ?", (line.s, work.number)
            ).fetchone()
        if line is None or row is None:
            return _refused(work.key, f"number {work.number}")
        if row[0]:
            return int(row[0])
        key = replace(work.key, role=Role.REPLIES, identifier=line.partner)
        replies = self._line(key)
        if replies is None:
            return _refused(key, "unknown")
        number = replies.numbers.highest + 1
        replies.numbers = replies.numbers.with_number(number)
        self._connection.execute("UPDATE sequence SET numbers = ? WHERE s = ?", (replies.numbers.text(), replies.s))
        self._connection.execute(
            "UPDATE arrival SET reply_number = ? WHERE sequence = ? AND number = ?", (number, line.s, work.number)
        )
        return number

    # -- source -----------------------------------------------------------------------------------------------

    def _depart(self, work: Depart) -> JournalError | None:
        line = self._line(work.key)
        if line is None or (work.numbered and line.state is not SequenceState.OPEN):
            return _refused(work.key, "unknown" if line is None else line.state.value)
        if work.transitions:
            refused = self._record(work.transitions)
            if refused is not None:
                return refused
        self._number(line, work.numbered)
        return None

    def _number(self, line: _Line, numbered: Sequence[tuple[int, str]]) -> None:
        if not numbered:
            return
        rows = [(line.s, number, delivery_number(self._connection, each), each) for number, each in numbered]
        self._connection.executemany(
            "INSERT INTO departure (sequence, number, delivery, delivery_id, acknowledged) VALUES (?, ?, ?, ?, 0)", rows
        )
        line.numbers = line.numbers.union(Ranges.of((number, number) for number, _ in numbered))
        self._connection.execute(
            "UPDATE sequence SET numbers = ?, changed_at = ? WHERE s = ?",
            (line.numbers.text(), self._clock.now(), line.s),
        )

    def _acknowledge(self, work: Acknowledge) -> JournalError | None:
        line = self._line(work.key)
        if line is None:
            return _refused(work.key, "unknown")
        line.acknowledged = line.acknowledged.union(Ranges.of(work.spans))
        self._connection.execute(
            "UPDATE sequence SET acknowledged = ?, changed_at = ? WHERE s = ?",
            (line.acknowledged.text(), work.at, line.s),
        )
        self._connection.executemany(
            "UPDATE departure SET acknowledged = 1 WHERE sequence = ? AND number BETWEEN ? AND ? AND acknowledged = 0",
            [(line.s, low, high) for low, high in work.spans],
        )
        return None

    # -- both -------------------------------------------------------------------------------------------------

    def _begin(self, work: Begin) -> JournalError | None:
        for each in work.records:
            if self._line(each.key) is not None:
                return _refused(each.key, "taken")
        for each in work.records:
            self._insert(each)
        return None

    def _insert(self, record: SequenceRecord) -> None:
        inserted = self._connection.execute(
            "INSERT INTO sequence (role, municipality, endpoint, identifier, identity, state, created_at, expires_at,"
            " changed_at, acks_to, partner, create_id, last_number, code, numbers, acknowledged)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '') RETURNING s",
            (*names(record.key), record.identity, record.state.value, record.created_at, record.expires_at,
             record.created_at, record.acks_to, record.partner, record.create_id, record.last_number, record.code),
        )  # fmt: skip
        add_event(self._connection, int(inserted.fetchall()[0][0]), record.created_at, record.state, record.code)

    def _end(self, work: End) -> Admission | JournalError:
        line = self._line(work.key)
        if line is None:
            return _refused(work.key, "unknown")
        if line.state not in LIVE:
            return Admission()
        line.state = work.state
        self._connection.execute(
            "UPDATE sequence SET state = ?, changed_at = ?,"
            " last_number = CASE WHEN last_number < ? THEN ? ELSE last_number END,"
            " code = CASE WHEN ? = '' THEN code ELSE ? END WHERE s = ?",
            (work.state.value, work.at, work.last, work.last, work.code, work.code, line.s),
        )
        add_event(self._connection, line.s, work.at, work.state, work.code)
        return Admission(released=self._release(line, 2**63 - 1) if line.early else ())

    def _renew(self, work: Renew) -> JournalError | None:
        if self._line(work.new.key) is not None:
            return _refused(work.new.key, "taken")
        self._end(End(work.old, SequenceState.BROKEN, work.new.created_at, 0, work.code))
        self._insert(work.new)
        line = self._line(work.new.key)
        assert line is not None
        self._number(line, work.numbered)
        return None

    def _line(self, key: SequenceKey) -> _Line | None:
        line = self._lines.get(key)
        if line is None:
            record = read_sequence(self._connection, key)
            if record is None:
                return None
            row = self._connection.execute(
                f"SELECT q.s FROM sequence q WHERE {NAMED}",  # noqa: S608 (constants)
                names(key),
            ).fetchone()
            line = self._lines[key] = _Line(
                row[0],
                record.state,
                Ranges(record.numbers),
                Ranges(record.acknowledged),
                record.early,
                record.early_bytes,
                record.partner,
            )
        return line


def _why_not(line: _Line, work: Arrival, *, early: bool) -> str:
    """The code for which a sequence does not take a number, empty when it does."""
    acceptance, ahead = work.acceptance, work.number - line.numbers.expected
    if line.state is not SequenceState.OPEN:
        return REFUSALS[line.state]
    if ahead > work.max_ahead:
        return "CB3019"
    if acceptance is not None and acceptance.state is State.DISPATCHING and ahead:
        return "CB3020"
    size = acceptance.size if early and acceptance is not None else 0
    full = early and (line.early >= work.max_early or line.early_bytes + size > work.max_early_bytes)
    return "CB3019" if full else ""


def _refused(key: SequenceKey, got: str) -> JournalError:
    """CB4004 for a sequence."""
    return JournalError("CB4004", [Finding("CB4004", path=key.identifier, got=got)])
