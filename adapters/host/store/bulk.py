"""Bulk transfers: what was sent and how the receiver confirmed it; parts received until the whole can be compared."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

OUT = "out"
IN = "in"

REQUESTED = "requested"
QUEUED = "queued"
RECEIVING = "receiving"
AGREED = "agreed"
DIFFERS = "differs"
WITHHELD = '[{"code": "CB2050"}]'
"""``detail`` of a transfer from which the bus took items out that are not for this receiver."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What both sides must agree on. The digests are SHA-256 in hexadecimal; ``content`` may be unknown (empty)."""

    records: int
    keys: str
    content: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer as it is stored."""

    unit: str
    ikkatsuid: str
    direction: str
    shubetsu: str
    flow: str
    source: str
    state: str
    parts: int
    records: int
    held: int
    totals: Totals
    result: str
    code: str


def request(database: sqlite3.Connection, unit: str, ikkatsuid: str, shubetsu: str, flow: str, now: float) -> None:
    """Note a transfer that a consumer asked for and the vendor has yet to extract."""
    database.execute(
        "INSERT INTO bulk (unit, ikkatsuid, direction, shubetsu, flow, state, created_at) VALUES (?,?,?,?,?,?,?)"
        " ON CONFLICT DO NOTHING",
        (unit, ikkatsuid, OUT, shubetsu, flow, REQUESTED, now),
    )


def find(database: sqlite3.Connection, unit: str, ikkatsuid: str, direction: str) -> Transfer | None:
    """The transfer, or ``None``."""
    row = database.execute(
        "SELECT * FROM bulk WHERE unit = ? AND ikkatsuid = ? AND direction = ?", (unit, ikkatsuid, direction)
    ).fetchone()
    if row is None:
        return None
    totals = Totals(row["records"], row["key_digest"], row["content_digest"])
    return Transfer(
        row["unit"],
        row["ikkatsuid"],
        row["direction"],
        row["shubetsu"],
        row["flow"],
        row["source"],
        row["state"],
        row["parts"],
        row["records"],
        row["held"],
        totals,
        row["result"],
        row["code"],
    )


def sent(
    database: sqlite3.Connection,
    unit: str,
    ikkatsuid: str,
    shubetsu: str,
    flow: str,
    source: str,
    parts: int,
    held: int,
    totals: Totals,
    now: float,
) -> None:
    """Note a transfer whose parts all stand in the outbox."""
    database.execute(
        "INSERT INTO bulk (unit, ikkatsuid, direction, shubetsu, flow, source, state, parts, records, held, key_digest,"
        " content_digest, created_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT (unit, ikkatsuid, direction) DO UPDATE SET source = excluded.source, state = excluded.state,"
        " parts = excluded.parts, records = excluded.records, held = excluded.held,"
        " key_digest = excluded.key_digest, content_digest = excluded.content_digest,"
        " created_at = excluded.created_at WHERE state = ?",
        (
            unit,
            ikkatsuid,
            OUT,
            shubetsu,
            flow,
            source,
            QUEUED,
            parts,
            totals.records,
            held,
            totals.keys,
            totals.content,
            now,
            REQUESTED,
        ),
    )


def latest(database: sqlite3.Connection, unit: str) -> str:
    """The id of the transfer of this unit that was sent last, or ``""``."""
    row = database.execute(
        "SELECT ikkatsuid FROM bulk WHERE unit = ? AND direction = ? AND state <> ?"
        " ORDER BY created_at DESC, rowid DESC LIMIT 1",
        (unit, OUT, REQUESTED),
    ).fetchone()
    return str(row["ikkatsuid"]) if row is not None else ""


def confirmed(
    database: sqlite3.Connection,
    unit: str,
    ikkatsuid: str,
    sender: str,
    *,
    agrees: bool,
    result: str,
    held: int,
    code: str,
    detail: str,
    now: float,
) -> None:
    """Note a receiver's confirmation of a transfer sent; the transfer agrees when no receiver differs."""
    database.execute(
        "INSERT INTO bulk_confirmations (unit, ikkatsuid, sender, result, held, code, detail, confirmed_at)"
        " VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (unit, ikkatsuid, sender) DO UPDATE SET result = excluded.result,"
        " held = excluded.held, code = excluded.code, detail = excluded.detail, confirmed_at = excluded.confirmed_at",
        (unit, ikkatsuid, sender, "1" if agrees else result, held, code, detail, now),
    )
    worst = database.execute(
        "SELECT result, code, detail FROM bulk_confirmations WHERE unit = ? AND ikkatsuid = ?"
        " ORDER BY code DESC, confirmed_at DESC LIMIT 1",
        (unit, ikkatsuid),
    ).fetchone()
    state = DIFFERS if worst["code"] else AGREED
    database.execute(
        "UPDATE bulk SET state = ?, result = ?, code = ?, detail = ?, finished_at = ?"
        " WHERE unit = ? AND ikkatsuid = ? AND direction = ?",
        (state, worst["result"], worst["code"], worst["detail"], now, unit, ikkatsuid, OUT),
    )


def take_part(
    database: sqlite3.Connection,
    unit: str,
    ikkatsuid: str,
    shubetsu: str,
    flow: str,
    part: int,
    lines: Sequence[tuple[str, str]],
    held: int,
    last: Totals | None,
    now: float,
    *,
    withheld: bool = False,
) -> bool:
    """Note a received part with its canonical lines; ``False`` when this part is known already.

    ``last`` are the sender's totals, on the last part only. ``withheld``: items were taken out on the way, so that the
    content cannot be compared with the sender's digest, only keys and count.
    """
    database.execute(
        "INSERT INTO bulk (unit, ikkatsuid, direction, shubetsu, flow, state, created_at) VALUES (?,?,?,?,?,?,?)"
        " ON CONFLICT DO NOTHING",
        (unit, ikkatsuid, IN, shubetsu, flow, RECEIVING, now),
    )
    state = database.execute(
        "SELECT state FROM bulk WHERE unit = ? AND ikkatsuid = ? AND direction = ?", (unit, ikkatsuid, IN)
    ).fetchone()["state"]
    new = (
        state == RECEIVING
        and database.execute(
            "INSERT INTO bulk_parts (unit, ikkatsuid, part, records) VALUES (?,?,?,?) ON CONFLICT DO NOTHING",
            (unit, ikkatsuid, part, len(lines)),
        ).rowcount
    )
    if not new:
        return False
    database.executemany(
        "INSERT INTO bulk_lines (unit, ikkatsuid, part, number, key, line) VALUES (?,?,?,?,?,?)",
        [(unit, ikkatsuid, part, number, key, line) for number, (key, line) in enumerate(lines)],
    )
    database.execute(
        "UPDATE bulk SET records = records + ?, held = held + ? WHERE unit = ? AND ikkatsuid = ? AND direction = ?",
        (len(lines), held, unit, ikkatsuid, IN),
    )
    if withheld:
        database.execute(
            "UPDATE bulk SET detail = ? WHERE unit = ? AND ikkatsuid = ? AND direction = ?",
            (WITHHELD, unit, ikkatsuid, IN),
        )
    if last is not None:
        expected = json.dumps({"parts": part, "records": last.records, "keys": last.keys, "content": last.content})
        database.execute(
            "UPDATE bulk SET expected = ? WHERE unit = ? AND ikkatsuid = ? AND direction = ?",
            (expected, unit, ikkatsuid, IN),
        )
    return True


def expected_if_whole(database: sqlite3.Connection, unit: str, ikkatsuid: str) -> Totals | None:
    """The sender's totals when every part has come, else ``None``."""
    row = database.execute(
        "SELECT expected, state, detail FROM bulk WHERE unit = ? AND ikkatsuid = ? AND direction = ?",
        (unit, ikkatsuid, IN),
    ).fetchone()
    if row is None or not row["expected"] or row["state"] != RECEIVING:
        return None
    expected = json.loads(row["expected"])
    parts = database.execute(
        "SELECT COUNT(*) AS n FROM bulk_parts WHERE unit = ? AND ikkatsuid = ?", (unit, ikkatsuid)
    ).fetchone()["n"]
    content = "" if row["detail"] == WITHHELD else expected["content"]
    return Totals(expected["records"], expected["keys"], content) if parts >= expected["parts"] else None


def lines(database: sqlite3.Connection, unit: str, ikkatsuid: str) -> list[tuple[str, str]]:
    """Key and canonical line of every record received."""
    rows = database.execute("SELECT key, line FROM bulk_lines WHERE unit = ? AND ikkatsuid = ?", (unit, ikkatsuid))
    return [(row["key"], row["line"]) for row in rows]


def compared(
    database: sqlite3.Connection, unit: str, ikkatsuid: str, totals: Totals, *, agrees: bool, code: str, now: float
) -> None:
    """Note the outcome of a received transfer and drop what was kept only for comparing it."""
    parts = database.execute(
        "SELECT COUNT(*) AS n FROM bulk_parts WHERE unit = ? AND ikkatsuid = ?", (unit, ikkatsuid)
    ).fetchone()["n"]
    database.execute(
        "UPDATE bulk SET state = ?, parts = ?, records = ?, key_digest = ?, content_digest = ?, result = ?, code = ?,"
        " finished_at = ? WHERE unit = ? AND ikkatsuid = ? AND direction = ?",
        (
            AGREED if agrees else DIFFERS,
            parts,
            totals.records,
            totals.keys,
            totals.content,
            "1" if agrees else "2",
            code,
            now,
            unit,
            ikkatsuid,
            IN,
        ),
    )
    for table in ("bulk_lines", "bulk_parts"):
        database.execute(f"DELETE FROM {table} WHERE unit = ? AND ikkatsuid = ?", (unit, ikkatsuid))  # noqa: S608 (own names)


def set_held(database: sqlite3.Connection, unit: str, ikkatsuid: str, held: int) -> None:
    """Correct the number of held records of a received transfer after some went on."""
    database.execute(
        "UPDATE bulk SET held = ? WHERE unit = ? AND ikkatsuid = ? AND direction = ?", (held, unit, ikkatsuid, IN)
    )
