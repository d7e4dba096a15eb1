"""The inbox: which messages were taken in, with their digest and the answer given, so that a repeat changes nothing."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from bus.core.errors import DuplicateError
from bus.core.types import Finding


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as it was given: HTTP status and bytes."""

    status: int
    reply: bytes = field(repr=False)


def find(database: sqlite3.Connection, message_id: str, digest: str) -> Answered | None:
    """The stored answer to this message; ``None`` for a new one, ``DuplicateError`` CB3001 for other content."""
    row = database.execute("SELECT digest, status, reply FROM inbox WHERE message_id = ?", (message_id,)).fetchone()
    if row is None:
        return None
    if row["digest"] != digest:
        raise DuplicateError("CB3001", [Finding("CB3001", path="wsa:MessageID", expected=row["digest"], got=digest)])
    return Answered(row["status"], row["reply"])


def add(
    database: sqlite3.Connection,
    message_id: str,
    digest: str,
    answered: Answered,
    *,
    operation: str,
    sender: str,
    now: float,
) -> None:
    """Remember an answer."""
    database.execute(
        "INSERT INTO inbox (message_id, digest, operation, sender, received_at, status, reply) VALUES (?,?,?,?,?,?,?)",
        (message_id, digest, operation, sender, now, answered.status, answered.reply),
    )


def forget(database: sqlite3.Connection, before: float) -> int:
    """Delete answers older than ``before``: no repeat can come any more. Returns how many."""
    return database.execute("DELETE FROM inbox WHERE received_at < ?", (before,)).rowcount
