"""The book of what operators and the upkeep did: who, when, what, to what, and why; never a content of a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from bus.journal.database import Database

COLUMNS: Final = "n,at,actor,action,municipality,subject,reason,detail"

NEXT: Final = "SELECT coalesce(max(n), 0) + 1 FROM audit"


def note(
    database: Database,
    at: float,
    actor: str,
    action: str,
    *,
    municipality: str = "",
    subject: str = "",
    reason: str = "",
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Write one row inside the caller's transaction (which holds the writer's turn); its number."""
    number = int(database.execute(NEXT).fetchone()[0])
    text = msgspec.json.encode(detail or {}, order="deterministic").decode()
    database.execute(
        f"INSERT INTO audit ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 (own names)
        (number, at, actor, action, municipality, subject, reason, text),
    )
    return number


def read(database: Database, *, after: int = 0, action: str = "", limit: int = 1000) -> list[dict[str, Any]]:
    """Rows in order of writing, after number ``after``."""
    where, values = ("AND action = ?", [action]) if action else ("", [])
    rows = database.execute(
        f"SELECT {COLUMNS} FROM audit WHERE n > ? {where} ORDER BY n LIMIT ?",  # noqa: S608 (own names)
        (after, *values, limit),
    )
    names = COLUMNS.split(",")
    return [dict(zip(names, tuple(row), strict=True)) for row in rows.fetchall()]
