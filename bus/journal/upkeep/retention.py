"""Removes what is older than the site keeps it: payloads first, rows later, and never what is still open.

Beside a running bus, in pieces: each is one short transaction that also writes down what it removed. A piece that
took long makes the next one smaller, and between two pieces the bus has the journal for itself four times as long.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bus.core.keeping import DAY_S, Periods, RetentionSettings
from bus.core.ports import Clock
from bus.journal.database import Database
from bus.journal.packages import REPLY, REQUEST
from bus.journal.schema import FAN_OUT
from bus.journal.side import Side
from bus.journal.upkeep import audit
from bus.journal.upkeep.records import removal_text
from bus.journal.upkeep.signing import Signer
from bus.journal.vault import JAPAN_S

PIECE_MOST: Final = 200
PIECE_LEAST: Final = 10
LONG_S: Final = 0.01
"""A transaction that held the journal for longer makes the next piece half as large."""

REST: Final = 4.0
LEAST_REST_S: Final = 0.005
"""Between two pieces, in lengths of the last one, and in seconds."""

PAGE: Final = 500
"""Rows looked at in one question; nothing is held meanwhile."""

SLACK_S: Final = 3600.0
"""Rows follow each other in the order of their acceptance, which is only about that of their reception."""

ENDED_SEQUENCES: Final = ("TERMINATED", "EXPIRED", "BROKEN")

_DELIVERIES: Final = f"BETWEEN e.n * {FAN_OUT} AND e.n * {FAN_OUT} + {FAN_OUT - 1}"
_OPEN: Final = f"(SELECT count(d.open) FROM delivery d WHERE d.n {_DELIVERIES})"  # noqa: S608 (constants)
_ABOUT: Final = f"e.n, e.exchange_id, e.municipality, e.operation, e.received_at, e.message_id, {_OPEN}"
_REPLIES: Final = f"(SELECT coalesce(sum(length(r.raw)), 0) FROM reply r WHERE r.n {_DELIVERIES})"  # noqa: S608 (constants)
_WALKS: Final = {
    "payload": (
        f"SELECT b.n, {_ABOUT}, length(b.raw) + {_REPLIES} FROM body b JOIN exchange e ON e.n = b.n"  # noqa: S608 (constants)
        " WHERE b.n > ? ORDER BY b.n LIMIT ?",
        f"SELECT o.n, {_ABOUT}, length(o.raw) FROM reply o JOIN exchange e ON e.n = o.n / {FAN_OUT}"  # noqa: S608 (constants)
        " WHERE o.n > ? ORDER BY o.n LIMIT ?",
        f"SELECT s.n, {_ABOUT}, s.size FROM segment s JOIN exchange e ON e.n = s.n"  # noqa: S608 (constants)
        f" WHERE s.kind = {REQUEST} AND s.n > ? ORDER BY s.n LIMIT ?",
        f"SELECT s.n, {_ABOUT}, s.size FROM segment s JOIN exchange e ON e.n = s.n / {FAN_OUT}"  # noqa: S608 (constants)
        f" WHERE s.kind = {REPLY} AND s.n > ? ORDER BY s.n LIMIT ?",
    ),
    "metadata": (
        f"SELECT e.n, {_ABOUT}, 0 FROM exchange e WHERE e.n > ? AND e.n < (SELECT max(n) FROM exchange)"  # noqa: S608 (constants)
        " ORDER BY e.n LIMIT ?",
    ),
}
"""Old rows in order, with the message they belong to and how many of its deliveries are open. The newest message
stays whatever its age: its number says which one is next."""

_OLDEST_PAYLOADS: Final = (
    "SELECT e.received_at FROM body b JOIN exchange e ON e.n = b.n ORDER BY b.n LIMIT 1",
    f"SELECT e.received_at FROM reply r JOIN exchange e ON e.n = r.n / {FAN_OUT} ORDER BY r.n LIMIT 1",  # noqa: S608 (constant)
)

Told = Callable[["Piece"], object]


@dataclass(frozen=True, slots=True)
class Old:
    """A message that has something to remove."""

    n: int
    exchange_id: str
    municipality: str
    received_at: float
    message_id: str
    size: int


@dataclass(frozen=True, slots=True)
class Piece:
    """What one transaction removed (or would): messages, sequences or rows of the audit, and how long it took."""

    kind: str
    number: int
    bytes: int
    seconds: float = 0.0


@dataclass(slots=True)
class Report:
    """What a run removed, or would remove, by kind; numbers of what it kept; the longest transaction."""

    removed: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    kept: set[int] = field(default_factory=set, repr=False)
    pieces: int = 0
    longest_s: float = 0.0
    reclaimed: int = 0

    @property
    def kept_open(self) -> int:
        """Messages that stay although they are old, because a delivery of them is open."""
        return len(self.kept)

    def add(self, piece: Piece) -> None:
        """Count one piece."""
        self.removed[piece.kind] = self.removed.get(piece.kind, 0) + piece.number
        self.bytes += piece.bytes
        self.pieces += 1
        self.longest_s = max(self.longest_s, piece.seconds)


def _nobody(piece: Piece) -> None:
    """Where nobody wants to hear of progress."""
    del piece


class Retention:
    """One run over a journal. Errors: CB4001 a piece could not be written; what was removed before stays removed."""

    def __init__(
        self,
        side: Side,
        settings: RetentionSettings,
        clock: Clock,
        *,
        actor: str,
        signer: Signer | None = None,
        told: Told = _nobody,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """``actor`` is written into the books, ``signer`` signs them in a sealed journal; ``pause`` waits between two
        pieces (a test does not)."""
        self._side = side
        self._settings = settings
        self._clock = clock
        self._actor = actor
        self._signer = signer
        self._told = told
        self._pause = pause
        self._piece = PIECE_MOST
        self._report = Report()

    def preview(self) -> Report:
        """What a run would remove now; nothing is changed."""
        report = self._report = Report()
        for kind in ("payload", "metadata"):
            seen: set[int] = set()
            for old in self._old(kind):
                if old.n not in seen:
                    seen.add(old.n)
                    report.bytes += old.size
            report.removed[kind] = len(seen)
        report.removed["sequence"] = len(self._sequences(1 << 30))
        report.removed["resend"] = len(self._jobs(1 << 30))
        report.removed["audit"] = self._audit_rows()
        return report

    def run(self) -> Report:
        """Remove everything that is old, piece by piece; the run itself is written into the audit."""
        report = self._report = Report()
        self._side.erase_for_good()
        for kind in ("payload", "metadata"):
            for some in self._pieces(kind):
                self._remove(kind, some)
        while sequences := self._sequences(20):
            self._remove_sequences(sequences)
        for number, ended_at in self._jobs(1 << 30):
            self._remove_job(number, ended_at)
        self._remove_audit()
        self._destroy_keys()
        report.reclaimed = self._side.reclaim(self._clock.now())
        detail = {"removed": report.removed, "bytes": report.bytes, "kept_open": report.kept_open}
        with self._side.transaction() as database:
            audit.note(database, self._clock.now(), self._actor, "retention.run", detail=detail)
        return report

    # -- what is old ------------------------------------------------------------------------------------------

    def _old(self, kind: str) -> Iterator[Old]:
        """Messages whose period is over and of which nothing is open, in order."""
        now, shortest = self._clock.now(), self._settings.shortest
        last = now - _days(shortest, kind) * DAY_S + SLACK_S
        for walk in _WALKS[kind]:
            place = 0
            while rows := self._side.database.execute(walk, (place, PAGE)).fetchall():
                place = int(rows[-1][0])
                for _, n, exchange_id, municipality, operation, received_at, message_id, still_open, size in rows:
                    if received_at > now - _days(self._settings.of(municipality, operation), kind) * DAY_S:
                        continue
                    if still_open:
                        self._report.kept.add(n)
                        continue
                    yield Old(n, exchange_id, municipality, received_at, message_id, size)
                if rows[-1][5] > last:
                    break

    def _pieces(self, kind: str) -> Iterator[list[Old]]:
        some: dict[int, Old] = {}
        for old in self._old(kind):
            some.setdefault(old.n, old)
            if len(some) >= self._piece:
                yield list(some.values())
                some = {}
        if some:
            yield list(some.values())

    def _sequences(self, limit: int) -> list[Any]:
        """Ended sequences of which nothing has moved for as long as rows are kept."""
        before = self._clock.now() - self._settings.periods.metadata_days * DAY_S
        marks = ",".join("?" * len(ENDED_SEQUENCES))
        return self._side.database.execute(
            f"SELECT s, changed_at FROM sequence WHERE state IN ({marks}) AND changed_at < ? ORDER BY s LIMIT ?",  # noqa: S608 (marks)
            (*ENDED_SEQUENCES, before, limit),
        ).fetchall()

    def _jobs(self, limit: int) -> list[Any]:
        """Resend jobs that ended as long ago as rows are kept; the newest stays, it says which number is next."""
        before = self._clock.now() - self._settings.periods.metadata_days * DAY_S
        return self._side.database.execute(
            "SELECT j, ended_at FROM resend_job WHERE state IN ('DONE', 'CANCELLED') AND ended_at < ?"
            " AND j < (SELECT max(j) FROM resend_job) ORDER BY j LIMIT ?",
            (before, limit),
        ).fetchall()

    def _audit_rows(self) -> int:
        row = self._side.database.execute(
            "SELECT count(*) FROM audit WHERE at < ? AND n < (SELECT max(n) FROM audit)", (self._audit_until(),)
        ).fetchone()
        return int(row[0])

    def _audit_until(self) -> float:
        return self._clock.now() - self._settings.audit_days * DAY_S

    # -- removing ---------------------------------------------------------------------------------------------

    def _remove(self, kind: str, some: Sequence[Old]) -> None:
        """One transaction. Whether something is open is asked again inside it."""
        started = time.monotonic()
        with self._side.transaction() as database:
            held = _open_among(database, [old.n for old in some])
            going = {old.n: old for old in some if old.n not in held}
            if going:
                size = sum(old.size for old in going.values())
                if kind == "metadata":
                    self._remove_rows(database, list(going.values()))
                else:
                    _remove_payloads(database, list(going))
                self._book(database, kind, list(going.values()), size)
        self._report.kept |= held
        self._done(Piece(kind, len(going), sum(old.size for old in going.values()), time.monotonic() - started))

    def _remove_rows(self, database: Database, going: Sequence[Old]) -> None:
        numbers = [old.n for old in going]
        self._side.uncount(numbers)
        _remove_payloads(database, numbers)
        spans = [(n * FAN_OUT, n * FAN_OUT + FAN_OUT - 1) for n in numbers]
        database.executemany("DELETE FROM event WHERE delivery BETWEEN ? AND ?", spans)
        database.executemany("DELETE FROM delivery WHERE n BETWEEN ? AND ?", spans)
        database.executemany(f"DELETE FROM attachment WHERE kind = {REPLY} AND n BETWEEN ? AND ?", spans)  # noqa: S608 (constant)
        database.executemany(
            f"DELETE FROM attachment WHERE kind = {REQUEST} AND n = ?",  # noqa: S608 (constant)
            [(n,) for n in numbers],
        )
        database.executemany("DELETE FROM exchange WHERE n = ?", [(n,) for n in numbers])
        self._side.forget([(old.n, old.exchange_id, old.municipality, old.message_id) for old in going])

    def _remove_sequences(self, sequences: Sequence[Any]) -> None:
        started = time.monotonic()
        keys = [(row[0],) for row in sequences]
        with self._side.transaction() as database:
            for table in ("arrival", "departure", "sequence_event"):
                database.executemany(f"DELETE FROM {table} WHERE sequence = ?", keys)  # noqa: S608 (own names)
            database.executemany("DELETE FROM sequence WHERE s = ?", keys)
            times = [row[1] for row in sequences]
            self._write_down(database, "sequence", [str(row[0]) for row in sequences], 0, min(times), max(times))
        self._done(Piece("sequence", len(keys), 0, time.monotonic() - started))

    def _remove_job(self, number: int, ended_at: float) -> None:
        """Its items in pieces, then the job itself."""
        last = self._side.database.execute("SELECT max(i) FROM resend_item WHERE j = ?", (number,)).fetchone()[0] or 0
        for start in range(0, last, PIECE_MOST):
            started = time.monotonic()
            with self._side.transaction() as database:
                bounds = (number, start + 1, start + PIECE_MOST)
                database.execute("DELETE FROM resend_item WHERE j = ? AND i BETWEEN ? AND ?", bounds)
            self._done(Piece("resend", 0, 0, time.monotonic() - started))
        started = time.monotonic()
        with self._side.transaction() as database:
            database.execute("DELETE FROM resend_job WHERE j = ?", (number,))
            self._write_down(database, "resend", [str(number)], 0, ended_at, ended_at)
        self._done(Piece("resend", 1, 0, time.monotonic() - started))

    def _remove_audit(self) -> None:
        """Rows of the audit older than their period; the last one stays, it says which number is next."""
        until, database = self._audit_until(), self._side.database
        while rows := database.execute(
            "SELECT n, at FROM audit WHERE at < ? AND n < (SELECT max(n) FROM audit) ORDER BY n LIMIT ?",
            (until, PIECE_MOST),
        ).fetchall():
            started = time.monotonic()
            with self._side.transaction() as within:
                within.executemany("DELETE FROM audit WHERE n = ?", [(row[0],) for row in rows])
                times = [row[1] for row in rows]
                self._write_down(within, "audit", [str(row[0]) for row in rows], 0, min(times), max(times))
            self._done(Piece("audit", len(rows), 0, time.monotonic() - started))

    def _destroy_keys(self) -> None:
        """Keys of days from before the oldest payload that is left: nothing that they encrypted may be read again,
        whatever a disk or a page still holds."""
        database = self._side.database
        oldest = [row[0] for query in _OLDEST_PAYLOADS if (row := database.execute(query).fetchone()) is not None]
        first = min([*oldest, self._clock.now()])
        until = int((first + JAPAN_S) // DAY_S) - 1
        rows = database.execute("SELECT k, day FROM data_key WHERE day < ? ORDER BY k", (until,)).fetchall()
        if rows:
            with self._side.transaction() as within:
                within.executemany("DELETE FROM data_key WHERE k = ?", [(row[0],) for row in rows])
                days = [row[1] * DAY_S - JAPAN_S for row in rows]
                self._write_down(within, "key", [str(row[0]) for row in rows], 0, min(days), max(days))
            self._done(Piece("key", len(rows), 0))

    def _book(self, database: Database, kind: str, going: Sequence[Old], size: int) -> None:
        times = [old.received_at for old in going]
        self._write_down(database, kind, [old.exchange_id for old in going], size, min(times), max(times))

    def _write_down(
        self, database: Database, kind: str, ids: Sequence[str], size: int, first_at: float, last_at: float
    ) -> None:
        """What this transaction removes, in the same transaction."""
        number = database.execute("SELECT coalesce(max(r), 0) + 1 FROM removal").fetchone()[0]
        packed = zlib.compress("\n".join(ids).encode())
        values = (number, self._clock.now(), self._actor, kind, len(ids), size, first_at, last_at)
        key, signature = "", b""
        if self._signer is not None:
            key, signature = self._signer.name, self._signer.sign(removal_text(values, packed))
        database.execute(
            "INSERT INTO removal (r, at, actor, kind, number, bytes, first_at, last_at, ids, key, signature)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, packed, key, signature),
        )

    def _done(self, piece: Piece) -> None:
        """Make room for the bus, and choose the size of the next piece."""
        if piece.number:
            self._report.add(piece)
        self._told(piece)
        if piece.seconds > LONG_S:
            self._piece = max(PIECE_LEAST, self._piece // 2)
        elif piece.seconds < LONG_S / 4:
            self._piece = min(PIECE_MOST, self._piece * 2)
        self._pause(max(piece.seconds * REST, LEAST_REST_S))


def removed_ids(packed: bytes) -> list[str]:
    """The ids of a row of ``removal``."""
    text = zlib.decompress(packed).decode()
    return text.split("\n") if text else []


def _days(periods: Periods, kind: str) -> int:
    return periods.payload_days if kind == "payload" else periods.metadata_days


def _open_among(database: Database, numbers: Sequence[int]) -> set[int]:
    """Those of these messages of which a delivery is open."""
    marks = ",".join("?" * len(numbers))
    found = f"SELECT e.n FROM exchange e WHERE e.n IN ({marks}) AND {_OPEN} > 0"  # noqa: S608 (marks)
    return {row[0] for row in database.execute(found, tuple(numbers)).fetchall()}


def _remove_payloads(database: Database, numbers: Sequence[int]) -> None:
    """Bodies, replies, and the rows that hold segments: the bus sweeps files that no row names."""
    each = [(n,) for n in numbers]
    spans = [(n * FAN_OUT, n * FAN_OUT + FAN_OUT - 1) for n in numbers]
    database.executemany("DELETE FROM body WHERE n = ?", each)
    database.executemany("DELETE FROM reply WHERE n BETWEEN ? AND ?", spans)
    database.executemany(f"DELETE FROM segment WHERE kind = {REQUEST} AND n = ?", each)  # noqa: S608 (constant)
    database.executemany(f"DELETE FROM segment WHERE kind = {REPLY} AND n BETWEEN ? AND ?", spans)  # noqa: S608 (constant)
