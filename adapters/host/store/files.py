"""Vendor files and their records that could not go on: held, refused, released; and the worklist of characters."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from bus.core.types import Finding

READING = "reading"
DONE = "done"
ERROR = "error"
HELD = "held"
REFUSED = "refused"
RELEASED = "released"
RETURNED = "returned"
"""A record of a notice that was refused for a character: the bus keeps the notice, and here its character is noted."""


HOLDABLE = frozenset({"CB6003", "CB6007", "CB6021", "CB6022"})
"""A decision in the gaiji register mends these; everything else needs other bytes or another mapping."""
_CHARACTER = re.compile(r"U\+[0-9A-F]{4,6}(?: U\+[0-9A-F]{4,6})*|[0-9A-F]{2,8}")


def findings_json(findings: Sequence[Finding]) -> str:
    """Findings as JSON text, without personal data (a finding never holds any)."""
    return json.dumps([finding.as_dict() for finding in findings], ensure_ascii=False)


def findings_from(text: str) -> tuple[Finding, ...]:
    """The findings of a ``detail`` column."""
    return tuple(Finding(**one) for one in json.loads(text)) if text else ()


@dataclass(frozen=True, slots=True)
class Setback:
    """A record that did not go on: its number in the source, why, and its bytes where it can be tried again.

    ``context`` is the flow's own JSON, for instance the bulk transfer that the record belongs to. ``lanes`` are the
    ordering keys in which others wait behind a held record.
    """

    record_no: int
    code: str
    findings: tuple[Finding, ...]
    state: str = REFUSED
    raw: bytes = field(repr=False, default=b"")
    context: str = ""
    lanes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """A held record as it is taken up again."""

    id: int
    source: str
    record_no: int
    raw: bytes = field(repr=False)
    context: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the records of a file: ``records`` = waiting + behind + sent + refused + held."""

    records: int
    waiting: int
    sent: int
    refused: int
    held: int
    behind: int = 0


def begin(
    database: sqlite3.Connection, flow: str, name: str, sha256: str, source: str, size: int, now: float
) -> str | None:
    """Note that a file is being read; returns its earlier state when it had been finished before."""
    row = database.execute(
        "SELECT state FROM files WHERE flow = ? AND name = ? AND sha256 = ?", (flow, name, sha256)
    ).fetchone()
    if row is not None:
        return None if row["state"] == READING else str(row["state"])
    database.execute(
        "INSERT INTO files (flow, name, sha256, source, size, state, seen_at) VALUES (?,?,?,?,?,?,?)",
        (flow, name, sha256, source, size, READING, now),
    )
    return None


def settled(database: sqlite3.Connection, flow: str, source: str) -> int:
    """Up to which record a file was dealt with: records are stored in their order, a chunk at a time."""
    row = database.execute(
        "SELECT MAX(n) AS n FROM (SELECT MAX(record_no) AS n FROM outbox WHERE source = ?"
        " UNION ALL SELECT MAX(record_no) FROM held WHERE flow = ? AND source = ?)",
        (source, flow, source),
    ).fetchone()
    return int(row["n"] or 0)


def finish(
    database: sqlite3.Connection,
    flow: str,
    name: str,
    sha256: str,
    *,
    state: str,
    records: int,
    now: float,
    code: str = "",
    findings: Sequence[Finding] = (),
    lost: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Every record of the file is durable in the outbox or noted as held or refused; recorded losses are counted."""
    for what, times in lost.items():
        database.execute(
            "INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + ?",
            (f"{flow}.{what}", times, times),
        )
    detail = findings_json(findings) if findings else ""
    database.execute(
        "UPDATE files SET state = ?, records = ?, code = ?, detail = ?, finished_at = ?"
        " WHERE flow = ? AND name = ? AND sha256 = ?",
        (state, records, code, detail, now, flow, name, sha256),
    )


def set_back(database: sqlite3.Connection, flow: str, source: str, setbacks: Sequence[Setback], now: float) -> None:
    """Note records that did not go on; one that is known keeps its first entry."""
    for one in setbacks:
        new = database.execute(
            "INSERT INTO held (flow, source, record_no, raw, context, state, code, detail, created_at)"
            " VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (flow, source, record_no) DO NOTHING",
            (
                flow,
                source,
                one.record_no,
                one.raw if one.state in {HELD, RETURNED} else None,
                one.context,
                one.state,
                one.code,
                findings_json(one.findings),
                now,
            ),
        ).rowcount
        if new:
            _worklist(database, one.findings, now)


def _worklist(database: sqlite3.Connection, findings: Sequence[Finding], now: float) -> None:
    for finding in findings:
        if finding.code in HOLDABLE and _character(finding):
            database.execute(
                "INSERT INTO worklist (character, place, count, state, first_at, last_at) VALUES (?,?,1,'open',?,?)"
                " ON CONFLICT (character) DO UPDATE SET count = count + 1, state = 'open', last_at = excluded.last_at",
                (_character(finding), finding.place, now, now),
            )


def _character(finding: Finding) -> str:
    """The character that a finding is about, without where in the value it stands; empty when it is about none."""
    shown = finding.got.partition(" (")[0]
    return shown if _CHARACTER.fullmatch(shown) else ""


def held(database: sqlite3.Connection, flow: str, state: str = HELD) -> list[HeldRecord]:
    """The held (or returned) records of a flow, oldest first."""
    rows = database.execute(
        "SELECT id, source, record_no, raw, context FROM held WHERE flow = ? AND state = ? ORDER BY id", (flow, state)
    )
    return [HeldRecord(r["id"], r["source"], r["record_no"], bytes(r["raw"] or b""), r["context"]) for r in rows]


def count_held(database: sqlite3.Connection, flow: str, source: str) -> int:
    """How many records of a source are held."""
    row = database.execute(
        "SELECT COUNT(*) AS n FROM held WHERE flow = ? AND source = ? AND state = ?", (flow, source, HELD)
    ).fetchone()
    return int(row["n"])


def released(database: sqlite3.Connection, held_id: int, now: float) -> None:
    """A held record has gone on: its bytes need not stay."""
    database.execute("UPDATE held SET state = ?, raw = NULL, finished_at = ? WHERE id = ?", (RELEASED, now, held_id))


def came_again(database: sqlite3.Connection, flow: str, source: str) -> None:
    """A notice that had been returned is taken: nothing of it waits any more."""
    database.execute("DELETE FROM held WHERE flow = ? AND source = ?", (flow, source))


def refuse_held(database: sqlite3.Connection, flow: str, source: str, now: float) -> None:
    """The file is refused as a whole: what of it waited for a character comes again with the repaired file."""
    database.execute(
        "UPDATE held SET state = ?, raw = NULL, finished_at = ? WHERE flow = ? AND source = ? AND state = ?",
        (REFUSED, now, flow, source, HELD),
    )


def still_held(
    database: sqlite3.Connection, held_id: int, code: str, findings: Sequence[Finding], *, final: bool, now: float
) -> None:
    """A held record was tried again in vain; ``final`` when waiting cannot help."""
    row = database.execute("SELECT detail FROM held WHERE id = ?", (held_id,)).fetchone()
    known = {_character(finding) for finding in findings_from(row["detail"])} if row is not None else set()
    database.execute(
        "UPDATE held SET state = ?, code = ?, detail = ?, finished_at = ? WHERE id = ?",
        (REFUSED if final else HELD, code, findings_json(findings), now if final else 0, held_id),
    )
    if not final:
        _worklist(database, [finding for finding in findings if _character(finding) not in known], now)


def settle_worklist(database: sqlite3.Connection, now: float) -> None:
    """After records were tried again: characters that no held or returned one waits for any more are decided."""
    open_characters = {
        _character(finding)
        for row in database.execute("SELECT detail FROM held WHERE state IN (?, ?)", (HELD, RETURNED))
        for finding in findings_from(row["detail"])
    }
    for row in database.execute("SELECT character FROM worklist WHERE state = 'open'").fetchall():
        if row["character"] not in open_characters:
            database.execute(
                "UPDATE worklist SET state = 'decided', last_at = ? WHERE character = ?", (now, row["character"])
            )


def setbacks(database: sqlite3.Connection, flow: str, source: str) -> list[tuple[int, str, str, tuple[Finding, ...]]]:
    """Record number, state, code and findings of everything of a source that is held, behind or refused."""
    rows = database.execute(
        "SELECT record_no, state, code, detail FROM held WHERE flow = ? AND source = ? AND state <> ?"
        " UNION ALL SELECT record_no, state, code, detail FROM outbox WHERE source = ?"
        " AND state IN ('refused', 'behind') ORDER BY record_no",
        (flow, source, RELEASED, source),
    )
    return [(r["record_no"], r["state"], r["code"], findings_from(r["detail"])) for r in rows]


def counts(database: sqlite3.Connection, flow: str, source: str) -> Counts:
    """What became of the records of a source so far; all whole records of a refused extract count as refused."""
    by_state: dict[str, int] = {}
    for row in database.execute(
        "SELECT state, SUM(records) AS n FROM outbox WHERE source = ? GROUP BY state", (source,)
    ):
        by_state[row["state"]] = row["n"]
    for row in database.execute(
        "SELECT state, COUNT(*) AS n FROM held WHERE flow = ? AND source = ? AND state <> ? GROUP BY state",
        (flow, source, RELEASED),
    ):
        by_state[row["state"]] = by_state.get(row["state"], 0) + row["n"]
    row = database.execute(
        "SELECT MAX(records) AS n, MAX(state = ?) AS broken FROM files WHERE source = ?", (ERROR, source)
    ).fetchone()
    records = int(row["n"] or 0)
    waiting = by_state.get("waiting", 0) + by_state.get("staged", 0)
    sent, held, refused = by_state.get("sent", 0), by_state.get(HELD, 0), by_state.get(REFUSED, 0)
    behind = by_state.get("behind", 0)
    if row["broken"]:
        # an extract that is refused as a whole notes no single record
        refused = max(refused, records - waiting - behind - sent - held)
    return Counts(records=records, waiting=waiting, sent=sent, refused=refused, held=held, behind=behind)


def number_of(database: sqlite3.Connection, flow: str, name: str, source: str) -> int:
    """The how-manieth file of this name it is, from 1: a vendor may use a name twice."""
    row = database.execute(
        "SELECT COUNT(*) AS n FROM files WHERE flow = ? AND name = ? AND rowid <="
        " (SELECT MIN(rowid) FROM files WHERE flow = ? AND name = ? AND source = ?)",
        (flow, name, flow, name, source),
    ).fetchone()
    return max(1, int(row["n"]))


def name_of(database: sqlite3.Connection, source: str) -> tuple[str, str] | None:
    """Flow and name of the file that a source stands for."""
    row = database.execute("SELECT flow, name FROM files WHERE source = ? ORDER BY seen_at", (source,)).fetchone()
    return None if row is None else (row["flow"], row["name"])
