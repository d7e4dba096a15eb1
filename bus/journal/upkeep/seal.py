"""Seals what was committed: entries for new and changed records, chained to the seal before, signed.

Works beside the bus on committed rows. A seal is bounded; what is left is sealed by the next one at once.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bus.core.ports import Clock
from bus.journal.database import Database
from bus.journal.schema import FAN_OUT
from bus.journal.side import Side
from bus.journal.upkeep.records import (
    deliveries_between,
    digest_of,
    read_audit,
    read_exchanges,
    read_removals,
    read_stories,
)
from bus.journal.upkeep.signing import Signer
from bus.journal.upkeep.trace import unpacked

FORM: Final = "chiikibus-seal-1"
FIRST: Final = "0" * 64
"""What the first seal names as the one before it."""

MOST_EXCHANGES: Final = 2000
MOST_TOUCHED: Final = 2000
"""Messages, and commits that changed deliveries, of one seal."""

PACKING: Final = 1
"""Level of zlib: digests do not become smaller than half, however long it tries."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal without its entries."""

    number: int
    at: float
    previous: str
    count: int
    digest: str


@dataclass(slots=True)
class _Look:
    """What one seal is about, and how far it comes."""

    entries: list[str] = field(default_factory=list)
    commits: list[int] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    full: bool = False


def head_text(number: int, at: float, previous: str, count: int, entries: bytes) -> bytes:
    """What is signed, and whose digest the next seal names."""
    return f"{FORM}\n{number}\n{at!r}\n{previous}\n{count}\n{digest_of(entries)}\n".encode()


class Sealer:
    """Errors: CB4001 a seal could not be written; nothing is lost, the next try seals the same and more."""

    def __init__(self, side: Side, signer: Signer, clock: Clock, anchor: Path) -> None:
        self._side = side
        self._signer = signer
        self._clock = clock
        self._anchor = anchor

    def seal(self) -> list[Seal]:
        """Seal everything that is not sealed yet; the new seals, none where there is nothing new."""
        made: list[Seal] = []
        while True:
            with self._side.snapshot() as database:
                last, look = last_seal(database), _look(database)
            if not look.entries and not look.commits and not look.places:
                break
            written = self._write(last, look)
            if written is not None:
                made.append(written)
            elif look.entries:
                break  # somebody else seals this journal too: it has what we had
            if not look.full:
                break
        if made:
            write_anchor(self._anchor, made[-1])
        return made

    def _write(self, last: Seal | None, look: _Look) -> Seal | None:
        """One seal, unless another one came first; without entries only the places are moved."""
        at = self._clock.now()
        entries = "\n".join(look.entries).encode()
        number, previous = (1, FIRST) if last is None else (last.number + 1, last.digest)
        head = head_text(number, at, previous, len(look.entries), entries)
        seal = Seal(number, at, previous, len(look.entries), digest_of(head))
        packed, signature = zlib.compress(entries, PACKING), self._signer.sign(head)
        with self._side.transaction() as database:
            if last_seal(database) != last:
                return None
            if look.entries:
                database.execute(
                    "INSERT INTO seal (s, at, previous, number, digest, key, signature, entries)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (number, at, previous, seal.count, seal.digest, self._signer.name, signature, packed),
                )
            database.executemany("DELETE FROM touched WHERE t = ?", [(commit,) for commit in look.commits])
            database.executemany(
                "UPDATE sealing SET value = ? WHERE name = ?", [(value, name) for name, value in look.places.items()]
            )
        return seal if look.entries else None


def last_seal(database: Database) -> Seal | None:
    """The newest seal."""
    row = database.execute("SELECT s, at, previous, number, digest FROM seal ORDER BY s DESC LIMIT 1").fetchone()
    return None if row is None else Seal(*tuple(row))


def write_anchor(path: Path, seal: Seal) -> None:
    """The newest seal beside the journal, replaced as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_suffix(".tmp")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"seal": seal.number, "digest": seal.digest, "at": seal.at}, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_anchor(path: Path) -> tuple[int, str] | None:
    """Number and digest of the seal that the anchor names; ``None`` where there is no readable anchor."""
    try:
        told = json.loads(path.read_text("utf-8"))
        return int(told["seal"]), str(told["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _look(database: Database) -> _Look:
    """What is new, of one moment: messages by their order, deliveries by the traces of commits."""
    places = dict(tuple(row) for row in database.execute("SELECT name, value FROM sealing").fetchall())
    look, sealed = _Look(), places["exchange"]
    stories: set[int] = set()
    after = sealed
    while len(look.entries) < MOST_EXCHANGES:
        page = read_exchanges(database, after)
        if not page:
            break
        look.entries += [each.entry for each in page]
        stories.update(deliveries_between(database, page[0].n, page[-1].n))
        after = page[-1].n
    else:
        look.full = True
    _note(look, places, "exchange", after)
    fresh = after
    rows = database.execute("SELECT t, deliveries FROM touched ORDER BY t LIMIT ?", (MOST_TOUCHED,)).fetchall()
    look.full = look.full or len(rows) == MOST_TOUCHED
    look.commits = [row[0] for row in rows]
    # A delivery of a message that is not sealed yet is sealed with its message, as it stands then.
    stories.update(n for row in rows for n in unpacked(bytes(row[1])) if n // FAN_OUT <= fresh)
    stories.update(_again(database, look, places))
    look.entries += [each.entry for each in read_stories(database, sorted(stories)) if each.events]
    for name, read in (("audit", read_audit), ("removal", read_removals)):
        found: Sequence[Any] = read(database, places[name], MOST_EXCHANGES)
        look.entries += [f"{name[0].upper()} {each[0]} {digest_of(each[1])}" for each in found]
        look.full = look.full or len(found) == MOST_EXCHANGES
        if found:
            _note(look, places, name, found[-1][0])
    return look


def _again(database: Database, look: _Look, places: dict[str, int]) -> list[int]:
    """The next deliveries of a sweep over everything, where a bus has left no traces for a while."""
    if places["again"] < 0:
        return []
    rows = database.execute(
        "SELECT n FROM delivery WHERE n > ? AND n <= ? ORDER BY n LIMIT ?",
        (places["again"], places["exchange"] * FAN_OUT + FAN_OUT - 1, MOST_EXCHANGES),
    ).fetchall()
    look.full = look.full or len(rows) == MOST_EXCHANGES
    _note(look, places, "again", rows[-1][0] if len(rows) == MOST_EXCHANGES else -1)
    return [row[0] for row in rows]


def _note(look: _Look, places: dict[str, int], name: str, value: int) -> None:
    """A place that has moved."""
    if value != places[name]:
        look.places[name] = value
