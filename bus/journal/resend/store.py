"""Rows of resend jobs and their items; and the one way in which a parked delivery becomes due again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import msgspec

from bus.core.errors import JournalError
from bus.core.types import FIRST, Finding
from bus.journal.database import Database
from bus.journal.resend.values import ItemState, Job, JobState, Pace, Selection, Summary
from bus.journal.rows import KEY_SEPARATOR
from bus.journal.schema import FAN_OUT

JOB: Final = (
    "j,state,at,actor,reason,selection,summary,digest,pace,started_by,started_at,changed_at,ended_at,failed_before,"
    "code,holder,held_until"
)
OF_ITEM: Final = (
    "resend_item r JOIN exchange_key k ON k.exchange_id = r.exchange_id JOIN exchange e ON e.n = k.n"
    f" JOIN delivery d ON d.n = k.n * {FAN_OUT} + r.target_index"
)


def encoded(value: Any) -> str:
    """A value as JSON that is always the same."""
    return msgspec.json.encode(asdict(value), order="deterministic").decode()


def read_job(database: Database, number: int, *, counted: bool = True) -> Job:
    """One job with its counts. Errors: CB4004 there is none."""
    row = database.execute(f"SELECT {JOB} FROM resend_job WHERE j = ?", (number,)).fetchone()  # noqa: S608 (own names)
    if row is None:
        raise JournalError("CB4004", [Finding("CB4004", path=f"resend {number}", got="unknown")])
    return _job(row, counts(database, number) if counted else {})


def read_jobs(database: Database, *, states: Sequence[JobState] = (), before: int = 0, limit: int = 50) -> list[Job]:
    """Jobs, the newest first; ``before`` is the last number of the previous page."""
    where, values = ["j < ?"] if before else [], [before] if before else []
    marks = ",".join("?" * len(states))
    if states:
        where.append(f"state IN ({marks})")
    condition = f"WHERE {' AND '.join(where)}" if where else ""
    rows = database.execute(
        f"SELECT {JOB} FROM resend_job {condition} ORDER BY j DESC LIMIT ?",  # noqa: S608 (own names)
        (*values, *(each.value for each in states), limit),
    ).fetchall()
    return [_job(row, counts(database, row[0])) for row in rows]


def counts(database: Database, number: int) -> dict[str, int]:
    """Items by state."""
    rows = database.execute("SELECT state, count(*) FROM resend_item WHERE j = ? GROUP BY state", (number,))
    return {str(state): int(count) for state, count in rows.fetchall()}


def items(database: Database, number: int, *, state: str = "", after: int = 0, limit: int = 50) -> list[dict[str, Any]]:
    """Items in the order of sending, after place ``after``."""
    more, values = (" AND state = ?", [state]) if state else ("", [])
    rows = database.execute(
        "SELECT i, exchange_id, target_index, target, overtaken, state, code, at FROM resend_item WHERE j = ?"  # noqa: S608 (own text)
        f" AND i > ?{more} ORDER BY i LIMIT ?",
        (number, after, *values, limit),
    ).fetchall()
    return [
        {"place": i, "delivery_id": f"{exchange_id}-{index}", "target": target, "overtaken": bool(overtaken),
         "state": found, "code": code, "at": at}
        for i, exchange_id, index, target, overtaken, found, code, at in rows
    ]  # fmt: skip


def set_item(database: Database, number: int, place: int, old: ItemState, new: ItemState, at: float, code: str) -> bool:
    """Move an item on, unless somebody else did."""
    done = database.execute(
        "UPDATE resend_item SET state = ?, code = ?, at = ? WHERE j = ? AND i = ? AND state = ?",
        (new.value, code, at, number, place, old.value),
    )
    return done.rowcount == 1


def keys_of(target: str, ordering_keys: str) -> tuple[tuple[str, str], ...]:
    """The lanes of a delivery: its keys at its target."""
    keys = dict.fromkeys(ordering_keys.split(KEY_SEPARATOR)) if ordering_keys else {}
    keys.pop(FIRST, None)
    return tuple((target, key) for key in keys)


def _job(row: Sequence[Any], found: Mapping[str, int]) -> Job:
    known = dict(zip(JOB.split(","), tuple(row), strict=True))
    kinds = {"state": JobState, "selection": Selection, "summary": Summary, "pace": Pace}
    for name, kind in kinds.items():
        known[name] = JobState(known[name]) if kind is JobState else msgspec.json.decode(known[name], type=kind)
    return Job(number=known.pop("j"), counts=found, **known)
