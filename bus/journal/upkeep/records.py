"""What a seal says of each record: digests over a text form that any program can make again from the exported rows.

A row's text is the JSON array of its values as Python's ``json`` writes it, without blanks and not limited to ASCII.
Numbers of the engine (``n``) are no part of it, so a journal that was carried to another engine keeps its seals.
``docs/keeping.md`` says which values stand in which order; ``deploy/tools/verify_evidence.py`` is a second reader.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from bus.journal.batch import EXCHANGE
from bus.journal.database import Database
from bus.journal.packages import REQUEST
from bus.journal.schema import FAN_OUT
from bus.journal.upkeep import audit

NOTHING: Final = "-"
"""Stands for the digest of a payload that is not there."""

PAGE: Final = 100
MOST_NUMBER: Final = (1 << 63) - 1
DELIVERY: Final = (
    "d.state, d.open, d.updated_at, d.attempt, d.code, d.detail, d.next_attempt_at, d.request_out, d.response_in,"
    " d.response_out"
)
REMOVAL: Final = "r, at, actor, kind, number, bytes, first_at, last_at"


def text_of(values: Sequence[Any]) -> bytes:
    """The text of a row."""
    return json.dumps(list(values), ensure_ascii=False, separators=(",", ":")).encode()


def digest_of(text: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return sha256(text).hexdigest()


@dataclass(frozen=True, slots=True)
class ExchangeRecord:
    """A message with its targets and attachments: ``text`` is what is sealed, ``body`` the digest of its bytes."""

    n: int
    exchange_id: str
    text: bytes
    body: str

    @property
    def entry(self) -> str:
        """Its line in a seal."""
        return f"X {self.exchange_id} {digest_of(self.text)} {self.body}"


@dataclass(frozen=True, slots=True)
class StoryRecord:
    """A delivery with what happened to it: a text for each event, one for the row, the digest of the answer."""

    n: int
    delivery_id: str
    events: tuple[bytes, ...]
    times: tuple[float, ...]
    row: bytes
    state: str
    reply: str

    def told(self, number: int) -> str:
        """The digest of the first ``number`` events."""
        return digest_of(b"\n".join(self.events[:number]))

    @property
    def entry(self) -> str:
        """Its line in a seal."""
        count = len(self.events)
        return f"D {self.delivery_id} {count} {self.told(count)} {digest_of(self.row)} {self.reply}"


def read_exchanges(database: Database, after: int, limit: int = PAGE) -> list[ExchangeRecord]:
    """Messages in order, after number ``after``."""
    rows = database.execute(
        f"SELECT {EXCHANGE} FROM exchange WHERE n > ? ORDER BY n LIMIT ?",  # noqa: S608 (own names)
        (after, limit),
    ).fetchall()
    if not rows:
        return []
    low, high = rows[0][0], rows[-1][0]
    targets: dict[int, list[list[Any]]] = {}
    for n, target in database.execute(
        "SELECT n, target FROM delivery WHERE n BETWEEN ? AND ? ORDER BY n",
        _span(low, high),
    ):
        targets.setdefault(n // FAN_OUT, []).append([n % FAN_OUT, target])
    attached: dict[int, list[list[Any]]] = {}
    for n, *values in database.execute(
        "SELECT n, number, content_id, content_type, size, sha256 FROM attachment"  # noqa: S608 (constant)
        f" WHERE kind = {REQUEST} AND n BETWEEN ? AND ? ORDER BY n, number",
        (low, high),
    ):
        attached.setdefault(n, []).append(values)
    bodies = {
        n: sha256(raw).hexdigest()
        for n, raw in database.execute("SELECT n, raw FROM body WHERE n BETWEEN ? AND ?", (low, high))
    }
    return [
        ExchangeRecord(
            row[0],
            row[1],
            text_of((*tuple(row)[1:], targets.get(row[0], []), attached.get(row[0], []))),
            bodies.get(row[0], NOTHING),
        )
        for row in rows
    ]


def read_stories(database: Database, deliveries: Sequence[int]) -> list[StoryRecord]:
    """These deliveries in order, as far as they exist."""
    found: list[StoryRecord] = []
    for start in range(0, len(deliveries), PAGE):
        found += _stories(database, sorted(deliveries[start : start + PAGE]))
    return found


def _stories(database: Database, deliveries: Sequence[int]) -> list[StoryRecord]:
    marks = ",".join("?" * len(deliveries))
    events = database.execute(
        "SELECT delivery, n, at, state, attempt, code, detail, actor FROM event"  # noqa: S608 (marks)
        f" WHERE delivery IN ({marks}) ORDER BY delivery, n",
        tuple(deliveries),
    ).fetchall()
    stories = {n: [tuple(row)[1:] for row in rows] for n, rows in groupby(events, key=itemgetter(0))}
    replies = {
        n: digest_of(text_of((status, kind)) + b"\n" + bytes(raw))
        for n, status, kind, raw in database.execute(
            f"SELECT n, status, content_type, raw FROM reply WHERE n IN ({marks})",  # noqa: S608 (marks)
            tuple(deliveries),
        )
    }
    rows = database.execute(
        f"SELECT d.n, e.exchange_id, {DELIVERY} FROM delivery d JOIN exchange e ON e.n = d.n / {FAN_OUT}"  # noqa: S608 (marks)
        f" WHERE d.n IN ({marks}) ORDER BY d.n",
        tuple(deliveries),
    ).fetchall()
    return [
        StoryRecord(
            n,
            f"{exchange_id}-{n % FAN_OUT}",
            tuple(text_of(event) for event in stories.get(n, ())),
            tuple(event[1] for event in stories.get(n, ())),
            text_of(values),
            values[0],
            replies.get(n, NOTHING),
        )
        for n, exchange_id, *values in map(tuple, rows)
    ]


def _span(low: int, high: int) -> tuple[int, int]:
    """The first and last number of deliveries that these messages may have, within what an engine can hold."""
    return max(low * FAN_OUT, -MOST_NUMBER), min(high * FAN_OUT + FAN_OUT - 1, MOST_NUMBER)


def deliveries_between(database: Database, low: int, high: int) -> list[int]:
    """The numbers of all deliveries of these messages."""
    rows = database.execute("SELECT n FROM delivery WHERE n BETWEEN ? AND ? ORDER BY n", _span(low, high))
    return [row[0] for row in rows]


def read_audit(database: Database, after: int, limit: int = PAGE) -> list[tuple[int, bytes]]:
    """Rows of the audit in order: number and text."""
    rows = database.execute(
        f"SELECT {audit.COLUMNS} FROM audit WHERE n > ? ORDER BY n LIMIT ?",  # noqa: S608 (own names)
        (after, limit),
    )
    return [(row[0], text_of(tuple(row))) for row in rows.fetchall()]


def read_removals(database: Database, after: int, limit: int = PAGE) -> list[tuple[int, bytes, bytes, str, bytes]]:
    """What was removed, in order: number, text, packed ids, key and signature."""
    rows = database.execute(
        f"SELECT {REMOVAL}, ids, key, signature FROM removal WHERE r > ? ORDER BY r LIMIT ?",  # noqa: S608 (own names)
        (after, limit),
    )
    return [
        (row[0], removal_text(tuple(row)[:8], row[8]), bytes(row[8]), row[9], bytes(row[10])) for row in rows.fetchall()
    ]


def removal_text(values: Sequence[Any], ids: bytes) -> bytes:
    """The text of a row of ``removal``: its values and the digest of its packed ids; also what is signed."""
    return text_of((*values, sha256(ids).hexdigest()))
