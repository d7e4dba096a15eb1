"""What every journal with tables does alike: work is handed to the one writer, questions are answered from the rows.

An engine's journal brings the connection that reads, the writer, and whatever its engine does in its own way.
"""

from __future__ import annotations

import asyncio
import heapq
from abc import ABC, abstractmethod
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from typing import Final

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, OpenDelivery, Transition
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
from bus.journal.batch import Work
from bus.journal.database import Database
from bus.journal.rows import OPEN_COLUMNS, OPEN_FROM, open_delivery
from bus.journal.schema import CALLING, FAN_OUT, HELD, MOVING, WAITING
from bus.journal.seen import Remembrance
from bus.journal.sequence_ledger import Acknowledge, Begin, Depart, End, NumberReply, Renew
from bus.journal.sequence_rows import read_arrived, read_departures, read_sequence, read_sequences
from bus.journal.vault import Vault, altered, opened, opened_known
from bus.journal.writer import GroupWriter, Ticket

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


class StoredJournal(ABC):
    """The part of ``bus.core.ports.Journal`` that engines share. Errors: as there."""

    _writer: GroupWriter
    _vault: Vault | None

    @abstractmethod
    def _read(self) -> Database:
        """The connection that reads, used by the event loop's thread. Errors: CB4003 not open."""

    @abstractmethod
    def _known(self, municipality: str, message_id: str, sender: str) -> Known | None:
        """What was accepted under this message id; ``sender`` empty for whoever sent it."""

    @property
    def held(self) -> bool:
        """Whether no other bus can own the journal now; a file's lock falls with the process and not before."""
        return True

    async def taken_over(self) -> None:
        """Returns when another bus owns the journal: never, where a lock of the machine keeps others out."""
        await asyncio.get_running_loop().create_future()

    async def accept(self, acceptance: Acceptance) -> Known | None:
        """Store an acceptance durably; ``None``, or what was there first under the same message id."""
        if not 0 <= len(acceptance.targets) <= FAN_OUT:
            raise ValueError(f"more than {FAN_OUT} targets")
        outcome = await self._writer.submit(acceptance)
        assert outcome is None or isinstance(outcome, Known)
        return outcome if outcome is None else opened_known(self._vault, outcome, self._read())

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
        return opened_known(self._vault, self._known(municipality, message_id, sender), self._read())

    def exchange_of(self, municipality: str, message_id: str) -> Known | None:
        """The exchange that carries this message id, whoever sent it."""
        return opened_known(self._vault, self._known(municipality, message_id, ""), self._read())

    def body(self, exchange_id: str) -> bytes:
        """The stored bytes of an exchange's request; empty when there are none.

        Errors: CB4030 it is encrypted and cannot be read, CB4031 it is not what was accepted.
        """
        row = self._read().execute(
            "SELECT b.raw, e.sha256, e.content_type FROM exchange_key k JOIN body b ON b.n = k.n"
            " JOIN exchange e ON e.n = k.n WHERE k.exchange_id = ?",
            (exchange_id,),
        ).fetchone()  # fmt: skip
        if row is None:
            return b""
        stored = bytes(row[0])
        raw = opened(self._vault, stored, exchange_id, self._read())
        if raw is stored and row[2][:1] not in {"m", "M"} and sha256(raw).hexdigest() != row[1]:
            # What was encrypted has been authenticated; of a package the digest covers the segment, read elsewhere.
            raise altered(exchange_id, "digest")
        return raw

    def package(self, exchange_id: str) -> Package | None:
        """What is kept of an exchange's request beside its envelope."""
        row = self._read().execute("SELECT n FROM exchange_key WHERE exchange_id = ?", (exchange_id,)).fetchone()
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
                "SELECT d.state FROM exchange_key k JOIN delivery d ON d.n = k.n * ? + ? WHERE k.exchange_id = ?",
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

    def owner_only(self) -> None:
        """This is the owner. Errors: CB4003 not open."""
        self._read()

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
        if outcome.known is None:
            return outcome
        return replace(outcome, known=opened_known(self._vault, outcome.known, self._read()))

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

    def _number(self, delivery_id: str) -> int:
        exchange_id, _, index = delivery_id.rpartition("-")
        row = self._read().execute("SELECT n FROM exchange_key WHERE exchange_id = ?", (exchange_id,)).fetchone()
        if row is None:
            raise JournalError("CB4004", [Finding("CB4004", path=delivery_id, got="unknown")])
        return int(row[0]) * FAN_OUT + int(index)
