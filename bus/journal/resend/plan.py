"""Plans a resend job: finds what is parked, in order, writes it down, and says what an operator should know before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from bus.core.ports import Clock
from bus.core.states import State
from bus.journal.database import Database
from bus.journal.resend.store import OF_ITEM, encoded, keys_of, read_job
from bus.journal.resend.values import ItemState, Job, JobState, Pace, Selection, Summary
from bus.journal.schema import FAN_OUT, HELD
from bus.journal.side import Side
from bus.journal.upkeep import audit

PAGE: Final = 500
"""Items of one transaction: the bus never waits long for its turn."""

LOOKED: Final = 500_000
"""Deliveries after the first planned one that are looked at for keys in common."""

FORGOTTEN_S: Final = 3600.0
"""A plan that was not finished within this time never will be."""

_FOUND: Final = (
    "SELECT d.n, e.exchange_id, e.municipality, d.target, e.operation, d.code, e.ordering_keys, e.expires_at, e.size,"  # noqa: S608 (constants)
    " (SELECT count(*) FROM body b WHERE b.n = e.n), (SELECT max(v.n) FROM event v WHERE v.delivery = d.n)"
    f" FROM delivery d JOIN exchange e ON e.n = d.n / {FAN_OUT}"
)
_NAMED: Final = (
    f" JOIN exchange_key k ON k.n = e.n WHERE k.exchange_id = ? AND d.n = k.n * {FAN_OUT} + ?"
    f" AND d.open = {HELD} AND d.next_attempt_at = 0"
)
_LATER: Final = (
    "SELECT d.n, d.state, e.municipality, d.target, e.ordering_keys"  # noqa: S608 (constants)
    f" FROM delivery d JOIN exchange e ON e.n = d.n / {FAN_OUT} WHERE d.n > ? ORDER BY d.n LIMIT ?"
)
_ARRIVED: Final = frozenset({State.DELIVERED.value, State.REPLIED.value})
_WAITS: Final = frozenset(
    {State.ACCEPTED.value, State.PUBLISHED.value, State.RETRY_WAIT.value, State.DISPATCHING.value}
)


@dataclass(slots=True)
class _Tally:
    """What is noted while items are found. ``last`` is, by lane, the newest delivery that arrived."""

    number: int = 0
    size: int = 0
    expired: int = 0
    without_body: int = 0
    behind: int = 0
    looked_at: int = 0
    complete: bool = True
    groups: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    lanes: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: dict[tuple[str, str], int] = field(default_factory=dict)
    last: dict[tuple[str, str], int] = field(default_factory=dict)
    not_parked: list[str] = field(default_factory=list)
    overtaken: int = 0

    def add(self, row: Sequence[Any], now: float) -> None:
        """One more item."""
        n, _, municipality, target, operation, code, keys, expires_at, size, bodies, _ = row
        self.number += 1
        self.size += size
        self.expired += expires_at <= now
        self.without_body += not bodies
        self.groups[municipality, target, operation, code] += 1
        for lane in keys_of(f"{municipality}/{target}", keys):
            self.lanes[lane] += 1
            self.first.setdefault(lane, n)

    def summary(self) -> Summary:
        """As it is kept."""
        names = ("municipality", "target", "operation", "code")
        groups = sorted(self.groups.items(), key=lambda each: (-each[1], each[0]))
        return Summary(
            number=self.number,
            bytes=self.size,
            groups=tuple(dict(zip(names, key, strict=True)) | {"count": count} for key, count in groups),
            lanes=len(self.lanes),
            longest=max(self.lanes.values(), default=0),
            expired=self.expired,
            without_body=self.without_body,
            overtaken=self.overtaken,
            behind=self.behind,
            looked_at=self.looked_at,
            complete=self.complete,
            not_parked=tuple(self.not_parked),
        )


class Planner:
    """Writes plans beside the running bus. Errors: CB4001."""

    def __init__(self, side: Side, clock: Clock, actor: str, *, looked: int = LOOKED) -> None:
        self._side = side
        self._clock = clock
        self._actor = actor
        self._looked = looked

    def plan(self, selection: Selection, reason: str) -> Job:
        """A new job in state PLANNED; nothing is sent. It is DONE at once where nothing was found."""
        number, tally, digest = self._begin(selection, reason), _Tally(), sha256()
        first = 0
        for page in self._pages(selection, tally):
            first = first or page[0][0]
            with self._side.transaction() as database:
                self._write(database, number, tally, page)
            for row in page:
                digest.update(f"{row[1]}-{row[0] % FAN_OUT} {row[10] or 0}\n".encode())
        if tally.lanes:
            self._look_behind(first, tally)
            self._mark_overtaken(number, tally)
        now, state = self._clock.now(), JobState.PLANNED if tally.number else JobState.DONE
        with self._side.transaction() as database:
            database.execute(
                "UPDATE resend_job SET state=?, number=?, summary=?, digest=?, changed_at=?, ended_at=? WHERE j=?",
                (state.value, tally.number, encoded(tally.summary()), digest.hexdigest(), now,
                 0.0 if tally.number else now, number),
            )  # fmt: skip
            detail = {"number": tally.number, "sha256": digest.hexdigest()}
            audit.note(database, now, self._actor, "resend.plan", municipality=selection.municipality,
                       subject=str(number), reason=reason, detail=detail)  # fmt: skip
        return read_job(self._side.database, number)

    def _begin(self, selection: Selection, reason: str) -> int:
        now = self._clock.now()
        with self._side.transaction() as database:
            forgotten = (JobState.PLANNING.value, now - FORGOTTEN_S)
            database.execute(
                "DELETE FROM resend_item WHERE j IN (SELECT j FROM resend_job WHERE state = ? AND at < ?)", forgotten
            )
            database.execute("DELETE FROM resend_job WHERE state = ? AND at < ?", forgotten)
            number = int(database.execute("SELECT coalesce(max(j), 0) + 1 FROM resend_job").fetchone()[0])
            database.execute(
                "INSERT INTO resend_job (j, at, actor, reason, selection, summary, digest, state, number, pace,"
                " started_by, started_at, changed_at, ended_at, failed_before, code, holder, held_until)"
                " VALUES (?, ?, ?, ?, ?, ?, '', ?, 0, ?, '', 0.0, ?, 0.0, 0, '', '', 0.0)",
                (number, now, self._actor, reason, encoded(selection), encoded(Summary()), JobState.PLANNING.value,
                 encoded(Pace()), now),
            )  # fmt: skip
        return number

    def _pages(self, selection: Selection, tally: _Tally) -> Iterator[list[Any]]:
        """What is parked and fits, in order of acceptance."""
        if selection.deliveries:
            rows = self._named(selection.deliveries, tally)
            yield from (rows[start : start + PAGE] for start in range(0, len(rows), PAGE))
            return
        wanted = (
            ("e.municipality = ?", selection.municipality),
            ("d.target = ?", selection.target),
            ("e.operation = ?", selection.operation),
            ("d.code = ?", selection.code),
            ("e.received_at >= ?", selection.since),
            ("e.received_at < ?", selection.until),
        )
        where = "".join(f" AND {condition}" for condition, value in wanted if value)
        values = [value for _, value in wanted if value]
        query = f"{_FOUND} WHERE d.open = {HELD} AND d.next_attempt_at = 0 AND d.n > ?{where} ORDER BY d.n LIMIT ?"
        last = -1
        while rows := self._side.database.execute(query, (last, *values, PAGE)).fetchall():
            yield rows
            last = rows[-1][0]

    def _named(self, deliveries: Sequence[str], tally: _Tally) -> list[Any]:
        found: dict[int, Any] = {}
        for delivery_id in dict.fromkeys(deliveries):
            exchange_id, _, index = delivery_id.rpartition("-")
            row = None
            if index.isdecimal() and int(index) < FAN_OUT:
                row = self._side.database.execute(_FOUND + _NAMED, (exchange_id, int(index))).fetchone()
            if row is None:
                tally.not_parked.append(delivery_id)
            else:
                found[row[0]] = row
        return [found[n] for n in sorted(found)]

    def _write(self, database: Database, number: int, tally: _Tally, page: Sequence[Any]) -> None:
        now, values = self._clock.now(), []
        for row in page:
            tally.add(row, now)
            values.append((number, tally.number, row[1], row[0] % FAN_OUT, f"{row[2]}/{row[3]}", row[10] or 0,
                           ItemState.WAITING.value, now))  # fmt: skip
        database.executemany(
            "INSERT INTO resend_item (j, i, exchange_id, target_index, target, event, overtaken, state, code, at)"
            " VALUES (?, ?, ?, ?, ?, ?, 0, ?, '', ?)",
            values,
        )

    def _look_behind(self, first: int, tally: _Tally) -> None:
        """What came later with a key of the plan: arrived already, or waits behind it."""
        last = first
        while rows := self._side.database.execute(_LATER, (last, PAGE * 4)).fetchall():
            for n, state, municipality, target, keys in rows:
                lanes = [each for each in keys_of(f"{municipality}/{target}", keys) if n > tally.first.get(each, n)]
                if lanes and state in _ARRIVED:
                    tally.last.update((each, n) for each in lanes)
                elif lanes and state in _WAITS:
                    tally.behind += 1
            tally.looked_at += len(rows)
            last = rows[-1][0]
            if tally.looked_at >= self._looked:
                tally.complete = False
                return

    def _mark_overtaken(self, number: int, tally: _Tally) -> None:
        if not tally.last:
            return
        after = 0
        while rows := self._side.database.execute(
            f"SELECT r.i, d.n, r.target, e.ordering_keys FROM {OF_ITEM} WHERE r.j = ? AND r.i > ? ORDER BY r.i LIMIT ?",  # noqa: S608 (constant)
            (number, after, PAGE),
        ).fetchall():
            late = [
                (number, i)
                for i, n, target, keys in rows
                if any(tally.last.get(lane, n) > n for lane in keys_of(target, keys))
            ]
            tally.overtaken += len(late)
            with self._side.transaction() as database:
                database.executemany("UPDATE resend_item SET overtaken = 1 WHERE j = ? AND i = ?", late)
            after = rows[-1][0]
