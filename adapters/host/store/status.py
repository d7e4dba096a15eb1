"""What an adapter has done, counted from its store; readable while the adapter runs."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from adapters.host.store import files, history
from adapters.host.store.schema import connect
from bus.core.errors import AdapterError
from bus.core.types import Finding

FILES = (
    "SELECT flow, name, sha256, source, state, records, code, detail AS findings, seen_at, finished_at"
    " FROM files ORDER BY seen_at"
)


def _by(database: sqlite3.Connection, sql: str) -> dict[str, int]:
    return {str(row[0]): int(row[1]) for row in database.execute(sql)}


def _rows(database: sqlite3.Connection, sql: str) -> list[dict[str, Any]]:
    return [dict(row) for row in database.execute(sql)]


def count(path: Path, *, detail: bool = False) -> dict[str, Any]:
    """Counts of inbox, outbox, received, held, files, worklist and bulk transfers; with ``detail`` also their rows.

    Raises ``AdapterError`` CB6012 when the store cannot be read.
    """
    try:
        database = connect(path, read_only=True)
        try:
            database.execute("BEGIN")
            return _count(database, detail=detail)
        finally:
            database.close()
    except sqlite3.Error as error:
        raise AdapterError("CB6012", [Finding("CB6012", path=path.name, got=str(error))]) from error


def _counted(database: sqlite3.Connection, file: dict[str, Any]) -> dict[str, Any]:
    """A file with what became of its records: ``records`` = waiting + behind + sent + held + refused."""
    found = files.counts(database, file["flow"], file["source"])
    parts = {
        "waiting": found.waiting,
        "behind": found.behind,
        "sent": found.sent,
        "held": found.held,
        "refused": found.refused,
    }
    return {**file, **parts, "findings": json.loads(file["findings"]) if file["findings"] else []}


def _transports(database: sqlite3.Connection) -> dict[str, dict[str, int]]:
    """Per transport: files by state, and how many files its records became; nothing for a store that is older."""
    found: dict[str, dict[str, int]] = {}
    if _has(database, "carried"):
        for name, state, count in database.execute(
            "SELECT transport, state, COUNT(*) FROM carried WHERE mark NOT LIKE 'sha256:%' GROUP BY transport, state"
            " UNION ALL SELECT transport, 'files', number FROM cursors ORDER BY 1, 2"
        ):
            found.setdefault(name, {})[state] = count
    return found


QUESTIONS = (
    "SELECT q.flow, f.name, q.record_no, q.state, q.asked_at, q.expires_at FROM questions q JOIN question_files f"
    " ON f.number = q.file WHERE q.state IN ('open', 'later', 'overdue') ORDER BY q.file, q.record_no"
)
"""What of the vendors' questions is not answered yet, without anything of their content."""


def _has(database: sqlite3.Connection, table: str) -> bool:
    """Whether the store is new enough to have a table."""
    found = database.execute("SELECT COUNT(*) FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    return bool(found)


def _count(database: sqlite3.Connection, *, detail: bool) -> dict[str, Any]:
    counters = _by(database, "SELECT name, value FROM counters ORDER BY name")

    def total(verdict: str) -> int:
        return sum(value for name, value in counters.items() if name.endswith(f".{verdict}"))

    held = _by(database, "SELECT state, COUNT(*) FROM held GROUP BY state")
    outbox = _by(database, "SELECT state, COUNT(*) FROM outbox GROUP BY state")
    records = _by(database, "SELECT state, SUM(records) FROM outbox GROUP BY state")
    received = _by(database, "SELECT state, COUNT(*) FROM received GROUP BY state")
    known = _has(database, "questions")
    questions = _by(database, "SELECT state, COUNT(*) FROM questions GROUP BY state") if known else {}
    status: dict[str, Any] = {
        "inbox": database.execute("SELECT COUNT(*) FROM inbox").fetchone()[0],
        "outbox": outbox,
        "outbox_records": records,
        "received": received,
        "held": held.get("held", 0),
        "behind": outbox.get("behind", 0),
        "refused": held.get("refused", 0) + outbox.get("refused", 0) + received.get("refused", 0),
        "released": held.get("released", 0),
        "returned": held.get("returned", 0),
        "superseded": total("superseded"),
        "duplicates": total("duplicate"),
        "replaced": total("replaced"),
        "gaps": database.execute("SELECT COUNT(*) FROM gaps").fetchone()[0],
        "questions": questions,
        "counters": counters,
        "worklist": _by(database, "SELECT state, COUNT(*) FROM worklist GROUP BY state"),
        "files": _by(database, "SELECT state, COUNT(*) FROM files GROUP BY state"),
        "batches": _by(database, "SELECT state, COUNT(*) FROM batches GROUP BY state"),
        "transports": _transports(database),
        "bulk": _rows(
            database,
            "SELECT unit, ikkatsuid, direction, shubetsu, state, parts, records, held, result, code FROM bulk"
            " ORDER BY created_at, ikkatsuid",
        ),
        "idle": not (
            any(outbox.get(state) for state in ("waiting", "staged"))
            or any(received.get(state) for state in ("new", "batched"))
            or any(questions.get(state) for state in ("open", "later", "overdue"))
        ),
    }
    if detail:
        status["file_list"] = [_counted(database, one) for one in _rows(database, FILES)]
        status["worklist_list"] = _rows(
            database, "SELECT character, place, count, state FROM worklist ORDER BY first_at"
        )
        status["question_list"] = _rows(database, QUESTIONS) if known else []
        status["gap_list"] = history.gaps(database)
        status["held_list"] = _rows(
            database, "SELECT flow, source, record_no, code, detail FROM held WHERE state = 'held' ORDER BY id"
        )
        status["behind_list"] = _rows(
            database, "SELECT flow, source, record_no, code, detail FROM outbox WHERE state = 'behind' ORDER BY seq"
        )
        status["refused_list"] = _rows(
            database,
            "SELECT flow, source, record_no, code, detail FROM held WHERE state = 'refused'"
            " UNION ALL SELECT flow, source, record_no, code, detail FROM outbox WHERE state = 'refused'"
            " UNION ALL SELECT flow, message_id, record_no, code, detail FROM received WHERE state = 'refused'",
        )
    return status
