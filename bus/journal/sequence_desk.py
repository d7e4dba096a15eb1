"""What operators see of sequences, and how they end one: read and written beside a running bus or after it.

Ending is a wish in the sequence's row (ENDING) until the owner of the journal carries it out (``bus.journal.keeper``):
only the owner gives messages a place in its order, and no message that waits may be lost by an end.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from bus.core.errors import ReliableError
from bus.core.ports import Clock
from bus.core.sequences import LIVE, Role, SequenceKey, SequenceRecord, SequenceState
from bus.core.states import FINAL, State
from bus.core.types import Finding
from bus.journal.sequence_rows import NAMED, add_event, names, read_departures, read_sequences
from bus.journal.side import Side
from bus.wire.reliable.ranges import Ranges

BY_OPERATOR: Final = "CB3024"
OVER: Final = "CB3025"

_EVENTS: Final = f"SELECT v.* FROM sequence q JOIN sequence_event v ON v.sequence = q.s WHERE {NAMED} ORDER BY v.n"  # noqa: S608 (constants)
_SENDINGS: Final = (
    f"SELECT p.delivery, count(*) FROM sequence q JOIN departure p ON p.sequence = q.s"  # noqa: S608 (constants)
    f" JOIN event v ON v.delivery = p.delivery AND v.state = ? AND v.at >= q.created_at WHERE {NAMED}"
    " GROUP BY p.delivery"
)

Row = dict[str, Any]


class SequenceDesk:
    """Reads beside a running bus or after it."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._database = side.database

    def close(self) -> None:
        """Close the connection."""
        self._side.close()

    def rows(
        self, *, role: str = "", municipality: str = "", endpoint: str = "", identifier: str = "", live: bool = True
    ) -> list[Row]:
        """Sequences in the order of their creation; ``live`` leaves out those that have ended.

        ``received`` (of a SOURCE or REPLIES sequence: ``given``), ``acknowledged`` and ``missing`` are ranges as texts;
        what is missing was not received below the highest number, or given and not acknowledged. ``waiting`` counts
        messages that wait: for a gap to close, or for their acknowledgement and answer. ``retransmissions`` is ``None``
        where they are not counted: a repetition received leaves no row.
        """
        found = read_sequences(
            self._database,
            role=Role(role) if role else None,
            municipality=municipality,
            endpoint=endpoint,
            live=live,
        )
        return [self._row(each) for each in found if identifier in {"", each.key.identifier}]

    def show(self, row: Row) -> Row:
        """A row with ``events``, and of a SOURCE sequence ``unfinished``: what stands behind its numbers."""
        key = SequenceKey(Role(row["role"]), row["municipality"], row["endpoint"], row["identifier"])
        events = self._database.execute(_EVENTS, names(key)).fetchall()
        told = [
            {"at": at, "state": state, "code": code, "reason": reason, "actor": actor}
            for _, _, at, state, code, reason, actor in events
        ]
        unfinished = [asdict(each) for each in read_departures(self._database, key)]
        return row | {"events": told, "unfinished": unfinished}

    def _row(self, record: SequenceRecord) -> Row:
        key, numbers, acknowledged = record.key, Ranges(record.numbers), Ranges(record.acknowledged)
        retransmissions: int | None = None
        if key.role is Role.DESTINATION:
            waiting, acknowledged, missing = record.early, numbers, numbers.gaps()
        else:
            missing = numbers.minus(acknowledged)
            waiting = len(missing)
        if key.role is Role.SOURCE:
            waiting = sum(1 for each in read_departures(self._database, key) if each.state not in FINAL)
            times = self._database.execute(_SENDINGS, (State.DISPATCHING.value, *names(key))).fetchall()
            retransmissions = sum(count - 1 for _, count in times)
        return {
            "role": key.role.value,
            "municipality": key.municipality,
            "endpoint": key.endpoint,
            "identifier": key.identifier,
            "state": record.state.value,
            "code": record.code,
            "created_at": record.created_at,
            "changed_at": record.changed_at,
            "expires_at": record.expires_at,
            "acks_to": record.acks_to,
            "partner": record.partner,
            "last_number": record.last_number,
            "numbers": numbers.text(),
            "count": len(numbers),
            "acknowledged": acknowledged.text(),
            "missing": missing.text(),
            "waiting": waiting,
            "waiting_bytes": record.early_bytes,
            "retransmissions": retransmissions,
        }


class SequenceOperator(SequenceDesk):
    """Ends sequences beside a running bus. Errors: CB4001 it could not be written."""

    def __init__(self, side: Side, clock: Clock, *, actor: str) -> None:
        """``actor`` is written into the events."""
        super().__init__(side)
        self._clock = clock
        self._actor = actor

    def terminate(self, key: SequenceKey, reason: str) -> None:
        """Want the sequence ended; durable when this returns. Errors: CB3025 it has ended, or is about to; CB4001."""
        with self._side.transaction() as writing:
            row = writing.execute(f"SELECT q.s, q.state FROM sequence q WHERE {NAMED}", names(key)).fetchone()  # noqa: S608 (constants)
            if row is None or SequenceState(row[1]) not in LIVE - {SequenceState.ENDING}:
                got = "unknown" if row is None else str(row[1])
                raise ReliableError(OVER, [Finding(OVER, path=key.identifier, expected="OPEN | CLOSED", got=got)])
            now = self._clock.now()
            writing.execute(
                "UPDATE sequence SET state = ?, code = ?, changed_at = ? WHERE s = ?",
                (SequenceState.ENDING.value, BY_OPERATOR, now, row[0]),
            )
            add_event(writing, row[0], now, SequenceState.ENDING, BY_OPERATOR, reason=reason, actor=self._actor)
