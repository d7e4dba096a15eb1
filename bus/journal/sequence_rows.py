"""Sequences as rows of the journal: read by the owner of the journal and by the read side alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from bus.core.sequences import LIVE, Arrived, Departure, Role, SequenceKey, SequenceRecord, SequenceState
from bus.core.states import FINAL, State
from bus.journal.database import Database
from bus.journal.schema import FAN_OUT
from bus.wire.reliable.ranges import Ranges

COLUMNS: Final = (
    "q.role, q.municipality, q.endpoint, q.identifier, q.identity, q.state, q.created_at, q.expires_at, q.changed_at,"
    " q.acks_to, q.partner, q.create_id, q.last_number, q.code, q.numbers, q.acknowledged,"
    " (SELECT count(*) FROM arrival a WHERE a.sequence = q.s AND a.early = 1),"
    " (SELECT coalesce(sum(e.size), 0) FROM arrival a JOIN exchange_key k"
    " ON k.exchange_id = a.exchange_id JOIN exchange e ON e.n = k.n WHERE a.sequence = q.s AND a.early = 1)"
)
NAMED: Final = "q.role = ? AND q.municipality = ? AND q.endpoint = ? AND q.identifier = ?"
_LIVE_STATES: Final = ", ".join(f"'{state}'" for state in sorted(LIVE))


def names(key: SequenceKey) -> tuple[str, str, str, str]:
    """The values of ``NAMED``."""
    return key.role.value, key.municipality, key.endpoint, key.identifier


def read_sequence(connection: Database, key: SequenceKey) -> SequenceRecord | None:
    """One sequence."""
    row = connection.execute(f"SELECT {COLUMNS} FROM sequence q WHERE {NAMED}", names(key)).fetchone()  # noqa: S608 (constants)
    return None if row is None else record(row)


def read_sequences(
    connection: Database, *, role: Role | None = None, municipality: str = "", endpoint: str = "", live: bool
) -> list[SequenceRecord]:
    """Sequences in the order of their creation."""
    where, values = ["1 = 1"], []
    for column, wanted in (
        ("role", role.value if role else ""),
        ("municipality", municipality),
        ("endpoint", endpoint),
    ):
        if wanted:
            where.append(f"q.{column} = ?")
            values.append(wanted)
    if live:
        where.append(f"q.state IN ({_LIVE_STATES})")
    query = f"SELECT {COLUMNS} FROM sequence q WHERE {' AND '.join(where)} ORDER BY q.s"  # noqa: S608 (own text)
    return [record(row) for row in connection.execute(query, values).fetchall()]


def record(row: Sequence[Any]) -> SequenceRecord:
    """A row of ``COLUMNS``."""
    (role, municipality, endpoint, identifier, identity, state, created_at, expires_at, changed_at, acks_to, partner,
     create_id, last_number, code, numbers, acknowledged, early, early_bytes) = row  # fmt: skip
    return SequenceRecord(
        key=SequenceKey(Role(role), municipality, endpoint, identifier),
        identity=identity,
        created_at=created_at,
        state=SequenceState(state),
        expires_at=expires_at,
        changed_at=changed_at,
        acks_to=acks_to,
        partner=partner,
        create_id=create_id,
        last_number=last_number,
        code=code,
        numbers=Ranges.parse(numbers).spans,
        acknowledged=Ranges.parse(acknowledged).spans,
        early=early,
        early_bytes=early_bytes,
    )


def read_arrived(connection: Database, key: SequenceKey, number: int) -> Arrived | None:
    """What a used number stands for."""
    row = connection.execute(
        f"SELECT a.exchange_id, a.message_id, a.sha256, a.status, a.answer FROM sequence q"  # noqa: S608 (constants)
        f" JOIN arrival a ON a.sequence = q.s AND a.number = ? WHERE {NAMED}",
        (number, *names(key)),
    ).fetchone()
    if row is None:
        return None
    exchange_id, message_id, sha256, status, answer = row
    return Arrived(exchange_id, message_id, sha256, bool(status), status, bytes(answer))


def read_departures(connection: Database, key: SequenceKey, *, unfinished: bool = True) -> list[Departure]:
    """Numbers with their deliveries; ``unfinished`` leaves out what is acknowledged and final."""
    rows = connection.execute(
        f"SELECT p.number, p.delivery_id, d.state, p.acknowledged FROM sequence q JOIN departure p ON p.sequence = q.s"  # noqa: S608 (constants)
        f" JOIN delivery d ON d.n = p.delivery WHERE {NAMED} ORDER BY p.number",
        names(key),
    )
    found = [Departure(number, delivery_id, State(state), bool(acked)) for number, delivery_id, state, acked in rows]
    return [each for each in found if not (unfinished and each.acknowledged and each.state in FINAL)]


def add_event(
    connection: Database,
    s: int,
    at: float,
    state: SequenceState,
    code: str,
    *,
    reason: str = "",
    actor: str = "",
) -> None:
    """One more row of what became of the sequence in row ``s``."""
    connection.execute(
        "INSERT INTO sequence_event (sequence, n, at, state, code, reason, actor)"
        " SELECT ?, coalesce(max(n), 0) + 1, ?, ?, ?, ?, ? FROM sequence_event WHERE sequence = ?",
        (s, at, state.value, code, reason, actor, s),
    )


def delivery_number(connection: Database, delivery_id: str) -> int | None:
    """The row number of a delivery."""
    exchange_id, _, index = delivery_id.rpartition("-")
    row = connection.execute("SELECT n FROM exchange_key WHERE exchange_id = ?", (exchange_id,)).fetchone()
    return None if row is None or not index.isdecimal() else int(row[0]) * FAN_OUT + int(index)
