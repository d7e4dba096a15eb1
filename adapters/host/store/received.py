"""Records accepted from the bus for the vendor: versions, the queue in order, and the batches written as files."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from adapters.host.store import history

NEW = "new"
BATCHED = "batched"
DONE = "done"
REFUSED = "refused"

OPEN = "open"
WRITTEN = "written"
PUBLISHED = "published"


@dataclass(frozen=True, slots=True)
class Incoming:
    """One record for the vendor. ``record`` is ``<unit>.<record type>``; ``digest`` is that of its content.

    Of one key only the highest (``rireki``, ``eda``) is ever handed on after the first, so that notices out of
    order and repeated ones end in the same state. ``payload`` and ``context`` are the flow's own; ``lost`` names what
    the mapping recorded as lost (``loss.standard.biko``), which is counted when the record is queued.
    """

    record_no: int
    record: str
    key: str
    rireki: int
    eda: int
    digest: str
    payload: bytes = field(repr=False)
    context: str = field(repr=False, default="")
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record or request in the queue. ``lane`` keeps order: one lane, one at a time."""

    seq: int
    operation: str
    message_id: str
    lane: str
    payload: bytes = field(repr=False)
    context: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """A vendor file: its number, deterministic name and state."""

    number: int
    name: str
    state: str
    records: int


def take(
    database: sqlite3.Connection,
    flow: str,
    operation: str,
    message_id: str,
    rows: Sequence[Incoming],
    now: float,
    *,
    stacked: bool = False,
) -> int:
    """Queue the records that are news to the vendor; the others are counted. Returns how many were queued.

    ``stacked`` rows are steps of a history (notices): a number that is left out between two of them is noted as a gap
    until it comes. Other rows are the present state (bulk), which closes the gaps of their keys.
    """
    queued = 0
    for row in rows:
        verdict, known = _compare(database, row)
        count(database, f"{flow}.{verdict}")
        if stacked:
            if verdict == "applied" and known is not None and row.rireki > known + 1:
                history.open_gap(database, row.record, row.key, known + 1, row.rireki - 1, now)
                count(database, f"{flow}.gap")
            elif verdict == "superseded":
                history.fill(database, row.record, row.key, row.rireki)
        elif verdict == "applied":
            history.forget(database, row.record, row.key)
        if verdict in {"superseded", "duplicate"}:
            continue
        queued += 1
        for name in row.lost:
            count(database, f"{flow}.{name}")
        enqueue(database, flow, operation, message_id, row.record_no, row.key, row.payload, now, row.context)
        database.execute(
            "INSERT INTO versions (record, key, rireki, eda, digest) VALUES (?,?,?,?,?) ON CONFLICT (record, key)"
            " DO UPDATE SET rireki = excluded.rireki, eda = excluded.eda, digest = excluded.digest",
            (row.record, row.key, row.rireki, row.eda, row.digest),
        )
    return queued


def _compare(database: sqlite3.Connection, row: Incoming) -> tuple[str, int | None]:
    """What a row is to the vendor, and the highest history number before it."""
    known = database.execute(
        "SELECT rireki, eda, digest FROM versions WHERE record = ? AND key = ?", (row.record, row.key)
    ).fetchone()
    if known is None or (row.rireki, row.eda) > (known["rireki"], known["eda"]):
        return "applied", None if known is None else int(known["rireki"])
    if (row.rireki, row.eda) < (known["rireki"], known["eda"]):
        return "superseded", int(known["rireki"])
    return ("duplicate" if known["digest"] == row.digest else "replaced"), int(known["rireki"])


def enqueue(
    database: sqlite3.Connection,
    flow: str,
    operation: str,
    message_id: str,
    record_no: int,
    lane: str,
    payload: bytes,
    now: float,
    context: str = "",
) -> int:
    """Put one record or request at the end of the flow's queue; returns its number."""
    cursor = database.execute(
        "INSERT INTO received (flow, operation, message_id, record_no, lane, payload, context, state, received_at)"
        " VALUES (?,?,?,?,?,?,?,?,?)",
        (flow, operation, message_id, record_no, lane, payload, context, NEW, now),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def count(database: sqlite3.Connection, name: str, by: int = 1) -> None:
    """Add to a durable counter."""
    database.execute(
        "INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + ?",
        (name, by, by),
    )


def waiting(database: sqlite3.Connection, flow: str, after: int, limit: int, state: str = NEW) -> Sequence[Waiting]:
    """Queued rows behind ``after``, in order."""
    rows = database.execute(
        "SELECT seq, operation, message_id, lane, payload, context FROM received"
        " WHERE flow = ? AND state = ? AND seq > ? ORDER BY seq LIMIT ?",
        (flow, state, after, limit),
    )
    return [_waiting(row) for row in rows]


def _waiting(row: sqlite3.Row) -> Waiting:
    return Waiting(
        row["seq"], row["operation"], row["message_id"], row["lane"], bytes(row["payload"] or b""), row["context"]
    )


def queued(database: sqlite3.Connection, flow: str) -> int:
    """How many rows belong to no batch yet."""
    row = database.execute("SELECT COUNT(*) AS n FROM received WHERE flow = ? AND state = ?", (flow, NEW)).fetchone()
    return int(row["n"])


def pending(database: sqlite3.Connection, flow: str) -> int:
    """How many rows the vendor has not taken yet."""
    row = database.execute(
        "SELECT COUNT(*) AS n FROM received WHERE flow = ? AND state IN (?, ?)", (flow, NEW, BATCHED)
    ).fetchone()
    return int(row["n"])


def find(database: sqlite3.Connection, flow: str, seq: int) -> Waiting | None:
    """An unfinished row by its number."""
    row = database.execute(
        "SELECT seq, operation, message_id, lane, payload, context FROM received"
        " WHERE flow = ? AND seq = ? AND state IN (?, ?)",
        (flow, seq, NEW, BATCHED),
    ).fetchone()
    return None if row is None else _waiting(row)


def done(database: sqlite3.Connection, seqs: Sequence[int], now: float) -> None:
    """The vendor has them: their bytes need not stay."""
    database.executemany(
        "UPDATE received SET state = ?, payload = NULL, context = '', finished_at = ? WHERE seq = ?",
        [(DONE, now, seq) for seq in seqs],
    )


def refused(database: sqlite3.Connection, seq: int, code: str, detail: str, now: float) -> None:
    """The vendor refuses a record that was accepted: it stays with the reason."""
    database.execute(
        "UPDATE received SET state = ?, code = ?, detail = ?, finished_at = ? WHERE seq = ?",
        (REFUSED, code, detail, now, seq),
    )


def open_batch(
    database: sqlite3.Connection, flow: str, limit: int, name: Callable[[int], str], now: float
) -> Batch | None:
    """Bind the next rows of the queue to a new batch; ``None`` when nothing waits."""
    seqs = [
        row["seq"]
        for row in database.execute(
            "SELECT seq FROM received WHERE flow = ? AND state = ? ORDER BY seq LIMIT ?", (flow, NEW, limit)
        )
    ]
    if not seqs:
        return None
    row = database.execute("SELECT COALESCE(MAX(number), 0) AS n FROM batches WHERE flow = ?", (flow,)).fetchone()
    batch = Batch(row["n"] + 1, name(row["n"] + 1), OPEN, len(seqs))
    database.execute(
        "INSERT INTO batches (flow, number, name, state, records, created_at) VALUES (?,?,?,?,?,?)",
        (flow, batch.number, batch.name, OPEN, batch.records, now),
    )
    database.executemany(
        "UPDATE received SET state = ?, batch = ? WHERE seq = ?", [(BATCHED, batch.number, seq) for seq in seqs]
    )
    return batch


def unfinished_batches(database: sqlite3.Connection, flow: str) -> list[Batch]:
    """Batches that are not known to be published, in order: to be completed after a crash."""
    rows = database.execute(
        "SELECT number, name, state, records FROM batches WHERE flow = ? AND state <> ? ORDER BY number",
        (flow, PUBLISHED),
    )
    return [Batch(row["number"], row["name"], row["state"], row["records"]) for row in rows]


def batch_rows(database: sqlite3.Connection, flow: str, number: int) -> list[Waiting]:
    """The rows of a batch, in order."""
    rows = database.execute(
        "SELECT seq, operation, message_id, lane, payload, context FROM received WHERE flow = ? AND batch = ?"
        " ORDER BY seq",
        (flow, number),
    )
    return [_waiting(row) for row in rows]


def batch_written(database: sqlite3.Connection, flow: str, number: int) -> None:
    """The data file is in place, its end mark not yet: from here on an absent file means the vendor took it."""
    database.execute("UPDATE batches SET state = ? WHERE flow = ? AND number = ?", (WRITTEN, flow, number))


def batch_published(
    database: sqlite3.Connection, flow: str, number: int, now: float, *, keep_rows: bool = False
) -> None:
    """The vendor may take the file: its records are handed over (``keep_rows``: they wait for an answer)."""
    database.execute(
        "UPDATE batches SET state = ?, finished_at = ? WHERE flow = ? AND number = ?", (PUBLISHED, now, flow, number)
    )
    if not keep_rows:
        database.execute(
            "UPDATE received SET state = ?, payload = NULL, finished_at = ? WHERE flow = ? AND batch = ?",
            (DONE, now, flow, number),
        )
