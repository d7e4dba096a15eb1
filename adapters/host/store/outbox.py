"""The outbox: messages for the bus, kept until the bus has them or has refused them for good."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from adapters.host.store.files import findings_json
from bus.core.types import Finding

STAGED = "staged"
BEHIND = "behind"
"""Waits until a held record of one of its lanes has gone; see ``turns``."""
WAITING = "waiting"
SENT = "sent"
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to be sent. ``source`` and ``record_no`` say where it came from, ``records`` how many it carries.

    A letter goes out after all earlier ones that share any of its ``lanes``. ``staged`` letters wait until the
    whole file they belong to has been read.
    """

    message_id: str
    flow: str
    operation: str
    action: str
    purpose: str
    source: str
    record_no: int
    lanes: tuple[str, ...]
    body: bytes = field(repr=False)
    records: int = 1
    state: str = WAITING
    code: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the sender needs to know of a waiting letter, without its body."""

    seq: int
    message_id: str
    flow: str
    operation: str
    action: str
    source: str
    lanes: tuple[str, ...]


def add(database: sqlite3.Connection, letters: Iterable[Letter], now: float) -> int:
    """Store letters; one that is known by its message id changes nothing. Returns how many were new."""
    new = 0
    for letter in letters:
        new += database.execute(
            "INSERT INTO outbox (message_id, flow, operation, action, purpose, source, record_no, records, lanes, body,"
            " state, code, detail, created_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
            " ON CONFLICT (message_id) DO NOTHING",
            (
                letter.message_id,
                letter.flow,
                letter.operation,
                letter.action,
                letter.purpose,
                letter.source,
                letter.record_no,
                letter.records,
                json.dumps(letter.lanes),
                letter.body,
                letter.state,
                letter.code,
                findings_json(letter.findings) if letter.findings else "",
                now,
            ),
        ).rowcount
    return new


def held_back(letter: Letter, findings: tuple[Finding, ...]) -> Letter:
    """The letter as one that waits for its turn; the findings say behind what."""
    return replace(letter, state=BEHIND, code="CB6075", findings=findings)


def let_go(database: sqlite3.Connection, message_id: str) -> list[tuple[str, str]]:
    """A letter's turn has come: it goes to the end of the outbox, to be sent. Returns its flow and source."""
    row = database.execute(
        "SELECT seq, flow, source FROM outbox WHERE message_id = ? AND state = ?", (message_id, BEHIND)
    ).fetchone()
    if row is None:
        return []
    # a number above all that were ever given: what the sender has seen already stays before it
    database.execute("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'outbox'")
    database.execute(
        "UPDATE outbox SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), state = ?, code = '',"
        " detail = '' WHERE seq = ?",
        (WAITING, row["seq"]),
    )
    return [(row["flow"], row["source"])]


def release(database: sqlite3.Connection, source: str) -> int:
    """Let the staged letters of a source go."""
    return database.execute(
        "UPDATE outbox SET state = ? WHERE source = ? AND state = ?", (WAITING, source, STAGED)
    ).rowcount


def discard(database: sqlite3.Connection, source: str) -> int:
    """Take back the staged letters of a source that turned out unusable: none has been sent."""
    return database.execute("DELETE FROM outbox WHERE source = ? AND state = ?", (source, STAGED)).rowcount


def waiting(database: sqlite3.Connection, after: int, limit: int) -> Sequence[Waiting]:
    """Waiting letters behind ``after``, in their order."""
    rows = database.execute(
        "SELECT seq, message_id, flow, operation, action, source, lanes FROM outbox WHERE state = ? AND seq > ?"
        " ORDER BY seq LIMIT ?",
        (WAITING, after, limit),
    )
    return [
        Waiting(
            row["seq"],
            row["message_id"],
            row["flow"],
            row["operation"],
            row["action"],
            row["source"],
            tuple(json.loads(row["lanes"])),
        )
        for row in rows
    ]


def body(database: sqlite3.Connection, seq: int) -> bytes:
    """The bytes of a letter."""
    row = database.execute("SELECT body FROM outbox WHERE seq = ?", (seq,)).fetchone()
    return bytes(row["body"]) if row is not None and row["body"] is not None else b""


def sent(database: sqlite3.Connection, seq: int, now: float) -> None:
    """The bus has it: its bytes need not stay here."""
    database.execute(
        "UPDATE outbox SET state = ?, body = NULL, finished_at = ?, code = '', detail = '' WHERE seq = ?",
        (SENT, now, seq),
    )


def refused(database: sqlite3.Connection, seq: int, code: str, detail: str, now: float) -> None:
    """The bus refuses it for good: it stays here with the reason and can be sent again by an operator."""
    database.execute(
        "UPDATE outbox SET state = ?, code = ?, detail = ?, finished_at = ? WHERE seq = ?",
        (REFUSED, code, detail, now, seq),
    )


def resend(database: sqlite3.Connection, code: str = "") -> int:
    """Let refused letters (all, or those with ``code``) go again; returns how many."""
    return database.execute(
        "UPDATE outbox SET state = ?, finished_at = 0 WHERE state = ? AND (? = '' OR code = ?)",
        (WAITING, REFUSED, code, code),
    ).rowcount


def forget(database: sqlite3.Connection, before: float) -> int:
    """Delete the rows of single answers sent long ago; rows of files stay, they are what files are counted by."""
    return database.execute(
        "DELETE FROM outbox WHERE state = ? AND finished_at < ? AND source = ''", (SENT, before)
    ).rowcount
