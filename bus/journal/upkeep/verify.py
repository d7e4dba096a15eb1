"""Compares the journal with its seals: names every record that was altered, removed, put elsewhere, added or cut off.

Memory stays flat: what the seals say goes into a temporary file by id, then the rows are read once, page by page.
"""

from __future__ import annotations

import sqlite3
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bus.core.ports import Clock
from bus.core.states import State
from bus.journal.side import Side
from bus.journal.upkeep.records import (
    NOTHING,
    ExchangeRecord,
    StoryRecord,
    deliveries_between,
    digest_of,
    read_audit,
    read_exchanges,
    read_removals,
    read_stories,
)
from bus.journal.upkeep.retention import removed_ids
from bus.journal.upkeep.seal import FIRST, head_text
from bus.journal.upkeep.signing import Trust

ALTERED: Final = "CB4020"
MISSING: Final = "CB4021"
UNSEALED: Final = "CB4022"
DISORDERED: Final = "CB4023"
BROKEN: Final = "CB4024"
CUT_OFF: Final = "CB4025"

GRACE_S: Final = 300.0
"""What is younger than the newest seal less this need not be sealed yet."""

LOWEST: Final = -(1 << 62)
"""No number is smaller, also none that somebody made up."""

MOST_SHOWN: Final = 1000
BEGINNINGS: Final = frozenset({State.ACCEPTED, State.DISPATCHING, State.EARLY})
"""States in which a delivery may be before anything happened to it."""

_INDEX: Final = """
CREATE TABLE x (id TEXT PRIMARY KEY, digest TEXT, body TEXT, place INTEGER, seen INTEGER DEFAULT 0) WITHOUT ROWID;
CREATE TABLE d (id TEXT PRIMARY KEY, count INTEGER, told TEXT, row TEXT, reply TEXT, seen INTEGER DEFAULT 0)
 WITHOUT ROWID;
CREATE TABLE other (kind TEXT, n INTEGER, digest TEXT, seen INTEGER DEFAULT 0, PRIMARY KEY (kind, n)) WITHOUT ROWID;
CREATE TABLE gone (kind TEXT, id TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is not as it was sealed: what (a code), where, and what was expected and found."""

    code: str
    place: str
    expected: str = ""
    got: str = ""


@dataclass(slots=True)
class Verdict:
    """What a verification found; ``flaws`` holds the first thousand of ``number``."""

    seals: int = 0
    entries: int = 0
    messages: int = 0
    deliveries: int = 0
    unsealed: int = 0
    last_seal: int = 0
    last_digest: str = ""
    last_at: float = 0.0
    number: int = 0
    flaws: list[Flaw] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.number

    def add(self, flaw: Flaw) -> None:
        """Count a flaw."""
        self.number += 1
        if len(self.flaws) < MOST_SHOWN:
            self.flaws.append(flaw)


class Verifier:
    """One verification, beside a running bus or after it; nothing is changed."""

    def __init__(self, side: Side, trust: Trust, clock: Clock) -> None:
        self._side = side
        self._trust = trust
        self._clock = clock
        self._verdict = Verdict()
        self._place = 0
        self._suspects: list[tuple[str, str, Flaw]] = []
        self._removals = 0

    def verify(self, expected: Sequence[tuple[int, str]] = ()) -> Verdict:
        """``expected`` are numbers and digests of seals that somebody outside of the journal has kept."""
        with tempfile.TemporaryDirectory() as folder:
            self._index = sqlite3.connect(Path(folder) / "seals.sqlite", isolation_level=None)
            try:
                self._index.execute("PRAGMA synchronous=OFF")
                self._index.executescript(_INDEX)
                self._index.execute("BEGIN")
                self._read_chain(dict(expected))
                self._read_removals()
                self._walk_messages()
                self._walk_audit()
                self._read_removals()
                self._name_what_is_missing()
            finally:
                self._index.close()
        return self._verdict

    # -- the seals --------------------------------------------------------------------------------------------

    def _read_chain(self, expected: dict[int, str]) -> None:
        verdict, previous, following = self._verdict, FIRST, 1
        while True:
            row = self._side.database.execute(
                "SELECT s, at, previous, number, digest, key, signature, entries FROM seal WHERE s >= ?"
                " ORDER BY s LIMIT 1",
                (following,),
            ).fetchone()
            if row is None:
                break
            number, at, before, count, digest, key, signature, packed = tuple(row)
            place = f"seal {number}"
            if number != following:
                verdict.add(Flaw(MISSING, f"seal {following}", got=place))
            elif before != previous:
                verdict.add(Flaw(BROKEN, place, f"previous {previous[:16]}", before[:16]))
            try:
                entries = zlib.decompress(packed)
            except zlib.error:
                entries = b""
            head = head_text(number, at, before, count, entries)
            if digest_of(head) != digest:
                verdict.add(Flaw(BROKEN, place, f"digest {digest[:16]}", digest_of(head)[:16]))
            elif not self._trust.holds(key, bytes(signature), head):
                verdict.add(Flaw(BROKEN, place, "a signature by a key of the trust folder", f"key {key}"))
            if number in expected and expected.pop(number) != digest:
                verdict.add(Flaw(BROKEN, place, "the digest kept elsewhere", digest[:16]))
            self._note(entries)
            verdict.seals += 1
            verdict.last_seal, verdict.last_digest, verdict.last_at = number, digest, at
            previous, following = digest, number + 1
        for number in sorted(expected):
            verdict.add(Flaw(CUT_OFF, f"seal {number}", f"{number} seals", str(verdict.last_seal)))

    def _note(self, entries: bytes) -> None:
        """What one seal says, by id. Later entries take the place of earlier ones."""
        index = self._index
        for line in entries.decode(errors="replace").split("\n") if entries else ():
            kind, *values = line.split(" ")
            self._verdict.entries += 1
            if kind == "X" and len(values) == 3:
                self._place += 1
                known = index.execute("SELECT digest, body FROM x WHERE id = ?", values[:1]).fetchone()
                if known is not None and known != tuple(values[1:]):
                    self._verdict.add(Flaw(ALTERED, values[0], "sealed twice alike", "sealed twice differently"))
                    continue
                index.execute(
                    "INSERT OR REPLACE INTO x (id, digest, body, place) VALUES (?, ?, ?, ?)", (*values, self._place)
                )
            elif kind == "D" and len(values) == 5:
                index.execute(
                    "INSERT OR REPLACE INTO d (id, count, told, row, reply) VALUES (?, ?, ?, ?, ?)",
                    (values[0], int(values[1]), *values[2:]),
                )
            elif kind in {"A", "R"} and len(values) == 2:
                index.execute("INSERT OR REPLACE INTO other (kind, n, digest) VALUES (?, ?, ?)", (kind, *values))
            else:
                self._verdict.add(Flaw(BROKEN, f"seal {self._verdict.seals + 1}", "an entry", line[:40]))

    def _read_removals(self) -> None:
        """Which records may be missing: those that a signed removal names. Asked twice: the bus goes on meanwhile."""
        while page := read_removals(self._side.database, self._removals):
            for number, text, packed, key, signature in page:
                self._removals = number
                self._compare("R", number, text, f"removal {number}")
                if not key and not signature:
                    continue  # from before the journal was sealed: it excuses nothing
                if not self._trust.holds(key, signature, text):
                    self._verdict.add(Flaw(BROKEN, f"removal {number}", "a signature of the upkeep", f"key {key}"))
                    continue
                kind = text.decode().split('"')[3]
                self._index.executemany(
                    "INSERT OR IGNORE INTO gone VALUES (?, ?)", [(kind, each) for each in removed_ids(packed)]
                )

    # -- the rows ---------------------------------------------------------------------------------------------

    def _walk_messages(self) -> None:
        after, highest = LOWEST, 0
        waiting: list[ExchangeRecord] = []
        while True:
            with self._side.snapshot() as database:
                page = read_exchanges(database, after)
                if not page:
                    break
                stories = read_stories(database, deliveries_between(database, page[0].n, page[-1].n))
            after = page[-1].n
            for record in page:
                self._verdict.messages += 1
                sealed = self._index.execute(
                    "SELECT digest, body, place FROM x WHERE id = ?", (record.exchange_id,)
                ).fetchone()
                if sealed is None:
                    waiting.append(record)
                    continue
                for each in waiting:
                    self._verdict.add(Flaw(UNSEALED, each.exchange_id, "a seal", "none, but later messages have one"))
                waiting.clear()
                if sealed[2] < highest:
                    self._verdict.add(Flaw(DISORDERED, record.exchange_id, f"place {sealed[2]}", f"after {highest}"))
                highest = max(highest, sealed[2])
                self._compare_message(record, sealed[0], sealed[1])
            self._index.executemany("UPDATE x SET seen = 1 WHERE id = ?", [(each.exchange_id,) for each in page])
            self._index.executemany("UPDATE d SET seen = 1 WHERE id = ?", [(each.delivery_id,) for each in stories])
            for story in stories:
                self._compare_story(story)
        self._verdict.unsealed = len(waiting)

    def _compare_message(self, record: ExchangeRecord, digest: str, body: str) -> None:
        found = digest_of(record.text)
        if found != digest:
            self._verdict.add(Flaw(ALTERED, record.exchange_id, digest[:16], found[:16]))
        if record.body != body:
            flaw = Flaw(ALTERED, f"{record.exchange_id} body", body[:16], record.body[:16])
            if record.body == NOTHING:
                flaw = Flaw(MISSING, f"{record.exchange_id} body", body[:16])
                self._suspects.append(("payload", record.exchange_id, flaw))
            else:
                self._verdict.add(flaw)

    def _compare_story(self, story: StoryRecord) -> None:
        """A delivery: what was sealed of it stands, and what came later is young."""
        verdict = self._verdict
        verdict.deliveries += 1
        sealed = self._index.execute(
            "SELECT count, told, row, reply FROM d WHERE id = ?", (story.delivery_id,)
        ).fetchone()
        count, told, row, reply = sealed or (0, "", "", NOTHING)
        place, there = story.delivery_id, len(story.events)
        if there < count:
            verdict.add(Flaw(MISSING, f"{place} event", f"{count} events", str(there)))
            return
        if count and story.told(count) != told:
            verdict.add(Flaw(ALTERED, f"{place} event", told[:16], story.told(count)[:16]))
            return
        if there > count:
            youngest, now = verdict.last_at - GRACE_S, self._clock.now() + GRACE_S
            if verdict.seals and not all(youngest <= at <= now for at in story.times[count:]):
                verdict.add(Flaw(UNSEALED, f"{place} event {count + 1}", "a seal", "none, although it is old"))
            return
        if not count:
            if story.state not in BEGINNINGS:
                verdict.add(Flaw(ALTERED, place, " | ".join(sorted(BEGINNINGS)), story.state))
            return
        if digest_of(story.row) != row:
            verdict.add(Flaw(ALTERED, place, row[:16], digest_of(story.row)[:16]))
        if story.reply != reply:
            flaw = Flaw(ALTERED, f"{place} reply", reply[:16], story.reply[:16])
            if story.reply == NOTHING:
                flaw = Flaw(MISSING, f"{place} reply", reply[:16])
                self._suspects.append(("payload", place.rpartition("-")[0], flaw))
            else:
                verdict.add(flaw)

    def _walk_audit(self) -> None:
        after = 0
        while page := read_audit(self._side.database, after):
            for number, text in page:
                after = number
                self._compare("A", number, text, f"audit {number}")

    def _compare(self, kind: str, number: int, text: bytes, place: str) -> None:
        """A row of a book against its entry; the newest need not be sealed yet."""
        sealed = self._index.execute("SELECT digest FROM other WHERE kind = ? AND n = ?", (kind, number)).fetchone()
        if sealed is None:
            later = self._index.execute("SELECT 1 FROM other WHERE kind = ? AND n > ? LIMIT 1", (kind, number))
            if later.fetchone() is not None:
                self._verdict.add(Flaw(UNSEALED, place, "a seal", "none, but later rows have one"))
            return
        if sealed[0] != digest_of(text):
            self._verdict.add(Flaw(ALTERED, place, sealed[0][:16], digest_of(text)[:16]))
        self._index.execute("UPDATE other SET seen = 1 WHERE kind = ? AND n = ?", (kind, number))

    # -- what is not there ------------------------------------------------------------------------------------

    def _name_what_is_missing(self) -> None:
        for kind, name, flaw in self._suspects:
            if not self._gone(kind, name) and not self._gone("metadata", name):
                self._verdict.add(flaw)
        rows: Any = self._index.execute(
            "SELECT id, place FROM x WHERE seen = 0 AND NOT EXISTS"
            " (SELECT 1 FROM gone WHERE gone.kind = 'metadata' AND gone.id = x.id) ORDER BY place"
        )
        for name, place in rows:
            self._verdict.add(Flaw(MISSING, name, f"message {place} of the seals"))
        rows = self._index.execute("SELECT id FROM d WHERE seen = 0 ORDER BY id")
        for (name,) in rows:
            exchange = name.rpartition("-")[0]
            there = self._index.execute("SELECT seen FROM x WHERE id = ?", (exchange,)).fetchone()
            if there is not None and there[0]:
                self._verdict.add(Flaw(MISSING, name, "a delivery"))
        names = {"A": "audit", "R": "removal"}
        for kind, number in self._index.execute("SELECT kind, n FROM other WHERE seen = 0 ORDER BY kind, n"):
            if kind == "R" or not self._gone("audit", str(number)):
                self._verdict.add(Flaw(MISSING, f"{names[kind]} {number}"))

    def _gone(self, kind: str, name: str) -> bool:
        found = self._index.execute("SELECT 1 FROM gone WHERE kind = ? AND id = ?", (kind, name)).fetchone()
        return found is not None
