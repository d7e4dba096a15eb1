"""The read side for operators: deliveries, exchanges, parked messages and timelines, newest first, without bodies."""

from __future__ import annotations

import heapq
import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from bus.core.errors import JournalError
from bus.core.states import State
from bus.core.types import Finding
from bus.journal.database import Database
from bus.journal.message_index import stored_candidates
from bus.journal.packages import REPLY, REQUEST
from bus.journal.schema import CALLING, FAN_OUT, GATHERED, HELD, MOVING, WAITING, open_for_reading

COLUMNS: Final = (
    "e.exchange_id, d.n AS delivery, e.municipality, e.sender, d.target, e.unit, e.operation, e.edition, e.purpose,"
    " e.mode, coalesce(d.state, 'REJECTED') AS state, coalesce(d.code, e.code) AS code, d.detail, d.attempt,"
    " d.next_attempt_at, e.message_id, e.relates_to, e.sha256, e.size, e.received_at, e.expires_at, d.request_out,"
    " d.response_in, d.response_out, coalesce(d.updated_at, e.received_at) AS updated_at"
)
LEFT: Final = f"exchange e LEFT JOIN delivery d ON d.n BETWEEN e.n * {FAN_OUT} AND e.n * {FAN_OUT} + {FAN_OUT - 1}"
Row = dict[str, object]
Way = tuple[str, str, list[object]]


class TableReader(ABC):
    """Implements ``bus.core.ports.JournalReader`` on a connection whose rows are addressed by name and by position."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    def search(
        self,
        *,
        municipality: str = "",
        operation: str = "",
        endpoint: str = "",
        state: str = "",
        message_id: str = "",
        since: float = 0.0,
        until: float = 0.0,
        before: str = "",
        limit: int = 50,
    ) -> Sequence[Row]:
        """Deliveries (and refused messages) as flat rows, newest first.

        ``endpoint`` is the sender's or the target's id, ``before`` the ``delivery_id`` of the last row of the
        previous page.
        """
        where: list[str] = []
        values: list[object] = []
        for column, value in (("e.municipality", municipality), ("e.operation", operation)):
            if value:
                where.append(f"{column} = ?")
                values.append(value)
        if since:
            where.append("e.received_at >= ?")
            values.append(since)
        if until:
            where.append("e.received_at < ?")
            values.append(until)
        if message_id:
            numbers = self._numbers(municipality, message_id)
            where.append(f"e.n IN ({','.join('?' * len(numbers))}) AND e.message_id = ?")
            values += [*numbers, message_id]
        if before:
            n, index = self._place(before)
            where.append("(e.n < ? OR (e.n = ? AND d.n < ?))")
            values += [n, n, n * FAN_OUT + index]
        found: dict[tuple[int, int], Row] = {}
        for source, condition, more in self._ways(state, endpoint):
            conditions = [*([condition] if condition else []), *where]
            text = f"WHERE {' AND '.join(conditions)}" if conditions else ""
            order = "d.n DESC" if source != LEFT else "e.n DESC, d.n DESC"
            rows = self._database.execute(
                f"SELECT {COLUMNS}, e.n AS place FROM {source} {text} ORDER BY {order} LIMIT ?",  # noqa: S608 (own text)
                [*more, *values, limit],
            )
            for row in rows.fetchall():
                shown = flat(row)
                place = shown.pop("place")
                assert isinstance(place, int)
                found[place, row["delivery"] or 0] = shown
        return [found[place] for place in sorted(found, reverse=True)[:limit]]

    def _ways(self, state: str, endpoint: str) -> Sequence[Way]:
        """How to look: what to read, along which condition, with its values. What several find is merged."""
        where: list[str] = []
        values: list[object] = []
        if endpoint:
            where.append("(e.sender = ? OR d.target = ?)")
            values += [endpoint, endpoint]
        if state:
            where.append("coalesce(d.state, 'REJECTED') = ?")
            values.append(State(state).value)
        return [(LEFT, " AND ".join(where), values)]

    def show(self, exchange_id: str) -> Row | None:
        """One exchange with ``deliveries``, each with its ``events``; ``None`` when there is none."""
        rows = self._database.execute(
            f"SELECT {COLUMNS}, e.content_type, e.soap_action, e.tables_hash FROM {LEFT}"  # noqa: S608 (own text)
            " WHERE e.n = (SELECT k.n FROM exchange_key k WHERE k.exchange_id = ?) ORDER BY d.n",
            (exchange_id,),
        ).fetchall()
        if not rows:
            return None
        first = rows[0]
        of_exchange = ("exchange_id", "municipality", "sender", "unit", "operation", "edition", "purpose", "mode",
                       "message_id", "relates_to", "sha256", "size", "received_at", "expires_at", "content_type",
                       "soap_action", "tables_hash")  # fmt: skip
        shown: Row = {name: first[name] for name in of_exchange}
        events = list(self.iterate_events(exchange_id))
        of_delivery = ("delivery_id", "target", "state", "code", "findings", "attempt", "next_attempt_at",
                       "request_out", "response_in", "response_out", "updated_at")  # fmt: skip
        shown["state"], shown["code"] = first["state"], first["code"]
        shown["attachments"] = self._attachments(exchange_id)
        shown["deliveries"] = [
            {name: flat[name] for name in of_delivery}
            | {"events": [event for event in events if event["delivery_id"] == flat["delivery_id"]]}
            for flat in (flat(row) for row in rows if row["delivery"] is not None)
        ]
        return shown

    def parked(self) -> Sequence[Row]:
        """Parked deliveries grouped by municipality, target, operation and code, the most numerous first."""
        rows = self._database.execute(
            "SELECT e.municipality, d.target, e.operation, d.code, count(*) AS count, min(d.updated_at) AS first_at,"
            " max(d.updated_at) AS last_at FROM delivery d JOIN exchange e ON e.n = d.n / ? WHERE d.open = ?"
            " GROUP BY e.municipality, d.target, e.operation, d.code ORDER BY count(*) DESC, e.municipality, d.target",
            (FAN_OUT, HELD),
        )
        return [dict(row) for row in rows.fetchall()]

    def iterate_events(self, exchange_id: str) -> Iterator[Row]:
        """What happened to an exchange in the order of recording, beginning with its reception."""
        exchange = self._database.execute(
            "SELECT e.n, e.received_at, e.refused, e.code FROM exchange_key k JOIN exchange e ON e.n = k.n"
            " WHERE k.exchange_id = ?",
            (exchange_id,),
        ).fetchone()
        if exchange is None:
            return
        received: Row = {"delivery_id": "", "at": exchange["received_at"], "attempt": 0, "findings": [], "actor": ""}
        yield received | {"state": "REJECTED" if exchange["refused"] else "ACCEPTED", "code": exchange["code"]}
        first = exchange["n"] * FAN_OUT
        rows = self._database.execute(
            "SELECT v.delivery, v.at, v.state, v.attempt, v.code, v.detail, v.actor FROM event v"
            " WHERE v.delivery BETWEEN ? AND ? ORDER BY v.delivery, v.n",
            (first, first + FAN_OUT - 1),
        )
        # By time across deliveries, by recording within one: a clock that jumped cannot turn a story round.
        stories = [list(story) for _, story in groupby(rows.fetchall(), key=itemgetter("delivery"))]
        for row in heapq.merge(*stories, key=itemgetter("at")):
            yield {
                "delivery_id": f"{exchange_id}-{row['delivery'] % FAN_OUT}",
                "at": row["at"],
                "state": row["state"],
                "attempt": row["attempt"],
                "code": row["code"],
                "findings": _findings(row["detail"]),
                "actor": row["actor"],
            }

    def _attachments(self, exchange_id: str) -> list[Row]:
        """Names, types, sizes and digests of the attachments of a message and of its replies; never their content."""
        found = self._database.execute(
            "SELECT a.kind, a.n, a.content_id, a.content_type, a.size, a.sha256 FROM exchange_key e JOIN attachment a"
            " ON (a.kind = ? AND a.n = e.n) OR (a.kind = ? AND a.n BETWEEN e.n * ? AND e.n * ? + ?)"
            " WHERE e.exchange_id = ? ORDER BY a.kind, a.n, a.number",
            (REQUEST, REPLY, FAN_OUT, FAN_OUT, FAN_OUT - 1, exchange_id),
        )
        rows: list[Row] = []
        for kind, n, content_id, content_type, size, digest in found.fetchall():
            of = "request" if kind == REQUEST else f"reply {exchange_id}-{n % FAN_OUT}"
            rows.append(
                {"of": of, "content_id": content_id, "content_type": content_type, "size": size, "sha256": digest}
            )
        return rows

    @abstractmethod
    def _numbers(self, municipality: str, message_id: str) -> list[int]:
        """Numbers of messages that may have this id."""

    def _place(self, delivery_id: str) -> tuple[int, int]:
        exchange_id, _, index = delivery_id.rpartition("-")
        row = self._database.execute("SELECT n FROM exchange_key WHERE exchange_id = ?", (exchange_id,)).fetchone()
        if row is None or not index.isdecimal():
            raise JournalError("CB4004", [Finding("CB4004", path=delivery_id, got="unknown")])
        return row[0], int(index)


def flat(row: Any) -> Row:
    """A row of ``COLUMNS`` as it is shown."""
    flat: Row = dict(row)
    number = flat.pop("delivery")
    # A refused message has no delivery; its row still needs an id to continue the next page from.
    index = number % FAN_OUT if isinstance(number, int) else 0
    flat["delivery_id"] = f"{flat['exchange_id']}-{index}"
    flat["findings"] = _findings(flat.pop("detail"))
    return flat


def _findings(detail: Any) -> object:
    return json.loads(detail) if detail else []


MAPPED_BYTES: Final = 1 << 32
"""Pages of the file are looked at where the system has them, without copying each."""

_RARE: Final = {
    State.ACCEPTED: (f"d.open = {MOVING} AND d.next_attempt_at = 0 AND d.state = 'ACCEPTED'",),
    State.PUBLISHED: (f"d.open = {MOVING} AND d.next_attempt_at = 0 AND d.state = 'PUBLISHED'",),
    State.DISPATCHING: (
        f"d.open = {MOVING} AND d.next_attempt_at = 0 AND d.state = 'DISPATCHING'",
        f"d.open = {CALLING} AND d.next_attempt_at = 0 AND d.state = 'DISPATCHING'",
    ),
    State.RETRY_WAIT: (f"d.open = {WAITING}",),
    State.PARKED: (f"d.open = {HELD} AND d.next_attempt_at = 0",),
    State.EARLY: (f"d.open = {GATHERED} AND d.next_attempt_at = 0",),
    State.EXPIRED: ("d.state IN ('EXPIRED', 'CANCELLED') AND d.state = 'EXPIRED'",),
    State.CANCELLED: ("d.state IN ('EXPIRED', 'CANCELLED') AND d.state = 'CANCELLED'",),
}
"""States that few deliveries have, as conditions that lie along an index of theirs."""

_BY_DELIVERY: Final = f"delivery d CROSS JOIN exchange e ON e.n = d.n / {FAN_OUT}"


class SqliteReader(TableReader):
    """Reads a SQLite journal beside a running bus or after it. Errors: CB4003."""

    def __init__(self, path: Path, municipalities: Sequence[str] = ()) -> None:
        """``municipalities`` are those that the site has now; others are looked for only where these do not help."""
        self._municipalities = tuple(municipalities)
        self._connection = open_for_reading(path)
        self._connection.execute(f"PRAGMA mmap_size={MAPPED_BYTES}")
        self._connection.row_factory = sqlite3.Row
        super().__init__(self._connection)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ways(self, state: str, endpoint: str) -> Sequence[Way]:
        """Along the index of a rare state; an endpoint as sender and as target, each by itself: a condition on both
        tables would make every message of the journal meet its deliveries."""
        wanted = State(state) if state else None
        either: list[object] = [endpoint, endpoint] if endpoint else []
        if wanted in _RARE:
            more = " AND (e.sender = ? OR d.target = ?)" if endpoint else ""
            return [(_BY_DELIVERY, each + more, either) for each in _RARE[wanted]]
        if wanted is State.REJECTED:
            return [(LEFT, "e.refused = 1 AND e.sender = ?" if endpoint else "e.refused = 1", either[:1])]
        if endpoint and wanted is None:
            return [(LEFT, "e.sender = ?", [endpoint]), (_BY_DELIVERY, "d.target = ?", [endpoint])]
        return super()._ways(state, endpoint)

    def _numbers(self, municipality: str, message_id: str) -> list[int]:
        if municipality:
            return stored_candidates(self._connection, municipality, message_id)
        found = [n for code in self._municipalities for n in stored_candidates(self._connection, code, message_id)]
        if found:
            return found
        codes = self._connection.execute("SELECT DISTINCT municipality FROM exchange").fetchall()
        return [n for code in codes for n in stored_candidates(self._connection, code[0], message_id)]
