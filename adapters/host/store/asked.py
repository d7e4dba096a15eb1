"""The questions of vendors' request files: asked once under one id, and kept until their answer file is written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from adapters.host.store.files import findings_json
from adapters.host.store.received import count
from bus.core.types import Finding

OPEN = "open"
"""The bus may not have it yet."""
LATER = "later"
"""The bus has it; its answer comes later."""
ANSWERED = "answered"
EXPIRED = "expired"
OVERDUE = "overdue"
"""Its answer came when the answer file was written already: it is to be laid aside."""
TOLD = "told"

ASKING = "asking"
WAITING = "waiting"
WRITTEN = "written"
PUBLISHED = "published"

Rows = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class QuestionFile:
    """A request file on its way to an answer file: asking -> waiting -> written (no end mark yet) -> published."""

    number: int
    name: str
    source: str
    state: str
    taken_at: float


@dataclass(frozen=True, slots=True)
class Question:
    """One record of a request file. ``rows`` are the vendor's items of its answer, ``echo`` those it sent along."""

    file: int
    record_no: int
    message_id: str
    state: str
    flow: str
    operation: str
    body: bytes = field(repr=False, default=b"")
    echo: dict[str, str] = field(repr=False, default_factory=dict)
    rows: Rows = field(repr=False, default_factory=list)
    code: str = ""


def begin(database: sqlite3.Connection, flow: str, name: str, sha256: str, source: str, now: float) -> QuestionFile:
    """The unfinished file of that name and content, else a new one: what comes again after its answer is asked anew."""
    row = database.execute(
        "SELECT number, state, taken_at FROM question_files WHERE flow = ? AND name = ? AND sha256 = ?"
        " AND state IN (?, ?) ORDER BY number DESC LIMIT 1",
        (flow, name, sha256, ASKING, WAITING),
    ).fetchone()
    if row is not None:
        return QuestionFile(row["number"], name, source, row["state"], row["taken_at"])
    number = database.execute(
        "INSERT INTO question_files (flow, name, sha256, source, state, taken_at) VALUES (?,?,?,?,?,?)",
        (flow, name, sha256, source, ASKING, now),
    ).lastrowid
    assert number is not None
    return QuestionFile(number, name, source, ASKING, now)


def note(database: sqlite3.Connection, questions: Sequence[tuple[Question, Sequence[Finding]]], now: float) -> None:
    """Keep questions before they are asked; those that are known stay as they are."""
    database.executemany(
        "INSERT INTO questions"
        " (file, record_no, message_id, flow, operation, body, echo, state, code, detail, asked_at)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (file, record_no) DO NOTHING",
        [
            (
                one.file,
                one.record_no,
                one.message_id,
                one.flow,
                one.operation,
                one.body or None,
                json.dumps(one.echo, ensure_ascii=False),
                one.state,
                one.code,
                findings_json(findings) if findings else "",
                now,
            )
            for one, findings in questions
        ],
    )


def noted(database: sqlite3.Connection, number: int) -> int:
    """Up to which record the questions of a file are kept."""
    row = database.execute("SELECT MAX(record_no) AS n FROM questions WHERE file = ?", (number,)).fetchone()
    return int(row["n"] or 0)


def to_ask(database: sqlite3.Connection, number: int, after: int, limit: int) -> list[Question]:
    """Questions that the bus may not have yet, in order."""
    rows = database.execute(
        "SELECT * FROM questions WHERE file = ? AND state = ? AND record_no > ? ORDER BY record_no LIMIT ?",
        (number, OPEN, after, limit),
    )
    return [_question(row) for row in rows]


def later(database: sqlite3.Connection, one: Question, expires_at: float) -> None:
    """The bus has a question and will answer it later, unless the answer was quicker than this."""
    database.execute(
        "UPDATE questions SET state = ?, body = NULL, expires_at = ? WHERE file = ? AND record_no = ? AND state = ?",
        (LATER, expires_at, one.file, one.record_no, OPEN),
    )


def settle(
    database: sqlite3.Connection, one: Question, rows: Rows, code: str, findings: Sequence[Finding], now: float
) -> None:
    """Keep the answer of a question. The first counts; one that is too late for its answer file is laid aside."""
    known = database.execute(
        "SELECT q.state, f.state AS file_state FROM questions q JOIN question_files f ON f.number = q.file"
        " WHERE q.file = ? AND q.record_no = ?",
        (one.file, one.record_no),
    ).fetchone()
    if known is None or known["state"] not in {OPEN, LATER, EXPIRED}:
        count(database, f"{one.flow}.duplicate")
        return
    in_time = known["file_state"] in {ASKING, WAITING}
    if not in_time:
        count(database, f"{one.flow}.overdue")
    database.execute(
        "UPDATE questions SET state = ?, body = NULL, rows = ?, code = ?, detail = ?, finished_at = ?"
        " WHERE file = ? AND record_no = ?",
        (
            ANSWERED if in_time else OVERDUE,
            msgspec.json.encode(rows),
            code,
            findings_json(findings) if findings else "",
            now,
            one.file,
            one.record_no,
        ),
    )


def due(database: sqlite3.Connection, flow: str, now: float) -> bool:
    """Whether a question has waited for too long."""
    row = database.execute(
        "SELECT 1 FROM questions WHERE flow = ? AND state = ? AND expires_at <= ? LIMIT 1", (flow, LATER, now)
    ).fetchone()
    return row is not None


def expire(database: sqlite3.Connection, flow: str, code: str, now: float) -> int:
    """Questions whose answer did not come in time get ``code`` instead; returns how many."""
    number = database.execute(
        "UPDATE questions SET state = ?, code = ?, finished_at = ? WHERE state = ? AND flow = ? AND expires_at <= ?",
        (EXPIRED, code, now, LATER, flow, now),
    ).rowcount
    if number:
        count(database, f"{flow}.expired", number)
    return number


def find(database: sqlite3.Connection, message_id: str) -> Question | None:
    """The question with this message id."""
    row = database.execute("SELECT * FROM questions WHERE message_id = ?", (message_id,)).fetchone()
    return None if row is None else _question(row)


def discard(database: sqlite3.Connection, number: int) -> None:
    """A file that changed while it was read comes again as another: nothing of the first reading is asked."""
    database.execute("DELETE FROM questions WHERE file = ?", (number,))
    database.execute("DELETE FROM question_files WHERE number = ?", (number,))


def asked_all(database: sqlite3.Connection, number: int) -> None:
    """Every question of a file is with the bus or has its answer."""
    database.execute("UPDATE question_files SET state = ? WHERE number = ? AND state = ?", (WAITING, number, ASKING))


def complete(database: sqlite3.Connection, flow: str) -> list[QuestionFile]:
    """Files whose answer file can be written or is half written, in the order in which they were taken."""
    rows = database.execute(
        "SELECT number, name, source, state, taken_at FROM question_files f WHERE flow = ? AND (state = ? OR (state = ?"
        " AND NOT EXISTS (SELECT 1 FROM questions q WHERE q.file = f.number AND q.state IN (?, ?)))) ORDER BY number",
        (flow, WRITTEN, WAITING, OPEN, LATER),
    )
    return [QuestionFile(*row) for row in rows]


def answers(database: sqlite3.Connection, number: int) -> list[Question]:
    """All questions of a file with their answers, in the order of the file."""
    return [
        _question(row)
        for row in database.execute("SELECT * FROM questions WHERE file = ? ORDER BY record_no", (number,))
    ]


def written(database: sqlite3.Connection, number: int) -> None:
    """The data of the answer file is in place: from here on an absent file means that the vendor took it."""
    database.execute("UPDATE question_files SET state = ? WHERE number = ?", (WRITTEN, number))


def published(database: sqlite3.Connection, number: int, now: float) -> None:
    """The vendor may take the answers: they need not stay. Expired questions are remembered as such."""
    database.execute("UPDATE question_files SET state = ?, finished_at = ? WHERE number = ?", (PUBLISHED, now, number))
    database.execute(
        "UPDATE questions SET state = CASE state WHEN ? THEN ? ELSE state END, rows = NULL,"
        " echo = CASE state WHEN ? THEN echo ELSE '{}' END WHERE file = ? AND state <> ?",
        (ANSWERED, TOLD, EXPIRED, number, OVERDUE),
    )


def overdue(database: sqlite3.Connection, flow: str) -> list[tuple[Question, str]]:
    """Answers that came too late, each with the name of its request file."""
    rows = database.execute(
        "SELECT q.*, f.name AS file_name FROM questions q JOIN question_files f ON f.number = q.file"
        " WHERE q.flow = ? AND q.state = ? ORDER BY q.file, q.record_no",
        (flow, OVERDUE),
    )
    return [(_question(row), str(row["file_name"])) for row in rows]


def laid_aside(database: sqlite3.Connection, one: Question) -> None:
    """An answer that came too late lies in a file of its own."""
    database.execute(
        "UPDATE questions SET state = ?, rows = NULL, echo = '{}' WHERE file = ? AND record_no = ?",
        (TOLD, one.file, one.record_no),
    )


def forget(database: sqlite3.Connection, before: float) -> int:
    """Delete what was answered before ``before``: nothing about it can come any more. Returns how many files."""
    database.execute(
        "DELETE FROM questions WHERE state <> ? AND file IN"
        " (SELECT number FROM question_files WHERE state = ? AND finished_at < ?)",
        (OVERDUE, PUBLISHED, before),
    )
    return database.execute(
        "DELETE FROM question_files WHERE state = ? AND finished_at < ?"
        " AND NOT EXISTS (SELECT 1 FROM questions q WHERE q.file = number)",
        (PUBLISHED, before),
    ).rowcount


def _question(row: sqlite3.Row) -> Question:
    return Question(
        file=row["file"],
        record_no=row["record_no"],
        message_id=row["message_id"],
        state=row["state"],
        flow=row["flow"],
        operation=row["operation"],
        body=bytes(row["body"] or b""),
        echo=json.loads(row["echo"]),
        rows=msgspec.json.decode(row["rows"], type=Rows) if row["rows"] else [],
        code=row["code"],
    )
