"""Gaps in the history numbers of notices: which numbers of a key never came. Nothing is made up for them.

The bus keeps the order of a person, so a gap says that a notice was never sent, was cancelled, or is parked.
"""

from __future__ import annotations

import sqlite3
from typing import Any


def open_gap(database: sqlite3.Connection, record: str, key: str, first: int, last: int, now: float) -> None:
    """Note that the numbers from ``first`` to ``last`` are missing."""
    database.execute(
        "INSERT INTO gaps (record, key, first, last, seen_at) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING",
        (record, key, first, last, now),
    )


def fill(database: sqlite3.Connection, record: str, key: str, number: int) -> None:
    """A missing number came late: what is left of its gap stays, in one part or two."""
    row = database.execute(
        "SELECT first, last, seen_at FROM gaps WHERE record = ? AND key = ? AND first <= ? AND last >= ?",
        (record, key, number, number),
    ).fetchone()
    if row is None:
        return
    database.execute("DELETE FROM gaps WHERE record = ? AND key = ? AND first = ?", (record, key, row["first"]))
    for first, last in ((row["first"], number - 1), (number + 1, row["last"])):
        if first <= last:
            open_gap(database, record, key, first, last, row["seen_at"])


def forget(database: sqlite3.Connection, record: str, key: str) -> None:
    """The present state of a key came as a whole: what led to it need not come any more."""
    database.execute("DELETE FROM gaps WHERE record = ? AND key = ?", (record, key))


def gaps(database: sqlite3.Connection) -> list[dict[str, Any]]:
    """Every gap, the oldest first."""
    rows = database.execute("SELECT record, key, first, last, seen_at FROM gaps ORDER BY seen_at, record, key, first")
    return [dict(row) for row in rows]
