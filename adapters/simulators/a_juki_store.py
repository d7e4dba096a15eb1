"""A社 住民記録 (simulated): its database of records by person and 異動連番, and the files it still owes."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rireki (
    seq INTEGER PRIMARY KEY, atena TEXT NOT NULL, renban INTEGER NOT NULL, ido TEXT NOT NULL, setai TEXT NOT NULL,
    genson INTEGER NOT NULL, juni INTEGER NOT NULL, current INTEGER NOT NULL, record BLOB NOT NULL,
    UNIQUE (atena, renban)
);
CREATE INDEX IF NOT EXISTS rireki_setai ON rireki (setai);
CREATE INDEX IF NOT EXISTS rireki_current ON rireki (current, seq);
CREATE TABLE IF NOT EXISTS shukko (
    name TEXT PRIMARY KEY, kind TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, folder TEXT NOT NULL,
    written INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS memo (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A record with what the database is asked for: ``ido`` is a western date, ``genson`` whether resident."""

    atena: str
    renban: int
    ido: str
    setai: str
    genson: bool
    juni: int
    current: bool
    record: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Planned:
    """A file to be written from the records ``first`` to ``last`` (by order of entry)."""

    name: str
    kind: str
    first: int
    last: int
    folder: str = "out"


@dataclass(slots=True)
class Store:
    """All records; SQLite, one writer."""

    path: Path
    _db: sqlite3.Connection = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def begin(self, keep: bool = True) -> None:
        """Start a transaction; without ``keep`` everything held so far goes."""
        self._db.execute("BEGIN IMMEDIATE")
        if not keep:
            for table in ("rireki", "shukko", "memo"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - our own table names

    def commit(self) -> None:
        """Make it durable."""
        self._db.execute("COMMIT")

    def rollback(self) -> None:
        """Undo what was begun."""
        self._db.execute("ROLLBACK")

    def add(self, row: Row) -> int:
        """Add a record and return its place in the order of entry."""
        cursor = self._db.execute(
            "INSERT INTO rireki (atena, renban, ido, setai, genson, juni, current, record) VALUES (?,?,?,?,?,?,?,?)",
            (
                row.atena,
                row.renban,
                row.ido,
                row.setai,
                row.genson,
                row.juni,
                row.current,
                zlib.compress(row.record, 1),
            ),
        )
        return int(cursor.lastrowid or 0)

    def newest(self, atena: str) -> tuple[int, bytes] | None:
        """Place and bytes of a person's latest record."""
        found = self._db.execute(
            "SELECT seq, record FROM rireki WHERE atena = ? ORDER BY renban DESC LIMIT 1", (atena,)
        ).fetchone()
        return (found[0], zlib.decompress(found[1])) if found else None

    def replace(self, seq: int, record: bytes) -> None:
        """The same record, no longer the latest."""
        self._db.execute("UPDATE rireki SET current = 0, record = ? WHERE seq = ?", (zlib.compress(record, 1), seq))

    def state(self, atena: str, on: str) -> bytes | None:
        """The record in force on a day."""
        found = self._db.execute(
            "SELECT record FROM rireki WHERE atena = ? AND ido <= ? ORDER BY renban DESC LIMIT 1", (atena, on)
        ).fetchone()
        return zlib.decompress(found[0]) if found else None

    def household(self, setai: str, on: str) -> list[bytes]:
        """Records of everybody who was a resident in the household on a day, in the order of their rank there."""
        found = self._db.execute(
            "SELECT record FROM rireki AS mine WHERE setai = :setai AND genson = 1 AND ido <= :on AND renban ="
            " (SELECT MAX(renban) FROM rireki AS last WHERE last.atena = mine.atena AND last.ido <= :on)"
            " ORDER BY juni, atena",
            {"setai": setai, "on": on},
        )
        return [zlib.decompress(record) for (record,) in found]

    def household_of(self, atena: str, on: str) -> str:
        """The household a person belonged to on a day, empty when there was no such person."""
        found = self._db.execute(
            "SELECT setai FROM rireki WHERE atena = ? AND ido <= ? ORDER BY renban DESC LIMIT 1", (atena, on)
        ).fetchone()
        return str(found[0]) if found else ""

    def current(self, after: int = 0) -> Iterator[bytes]:
        """The latest record of everybody, or of those changed since the entry ``after``, in order of entry."""
        for (record,) in self._db.execute(
            "SELECT record FROM rireki WHERE current = 1 AND seq > ? ORDER BY seq", (after,)
        ):
            yield zlib.decompress(record)

    def entries(self, first: int, last: int) -> Iterator[bytes]:
        """Records by order of entry."""
        rows = self._db.execute("SELECT record FROM rireki WHERE seq BETWEEN ? AND ? ORDER BY seq", (first, last))
        for (record,) in rows:
            yield zlib.decompress(record)

    def last_entry(self) -> int:
        """The place of the last record entered."""
        return int(self._db.execute("SELECT COALESCE(MAX(seq), 0) FROM rireki").fetchone()[0])

    def plan(self, files: Iterable[Planned]) -> None:
        """Remember files that have to be written."""
        self._db.executemany(
            "INSERT OR REPLACE INTO shukko VALUES (?, ?, ?, ?, ?, 0)",
            [(one.name, one.kind, one.first, one.last, one.folder) for one in files],
        )

    def planned(self) -> list[Planned]:
        """Files not written yet, in the order of their names."""
        rows = self._db.execute("SELECT name, kind, first, last, folder FROM shukko WHERE written = 0 ORDER BY name")
        return [Planned(*row) for row in rows]

    def written(self, name: str) -> None:
        """The file is complete in the folder."""
        self._db.execute("UPDATE shukko SET written = 1 WHERE name = ?", (name,))

    def files(self) -> int:
        """How many files were ever planned."""
        return int(self._db.execute("SELECT COUNT(*) FROM shukko").fetchone()[0])

    def memo(self, name: str, default: Any = None) -> Any:
        """A remembered value."""
        found = self._db.execute("SELECT value FROM memo WHERE name = ?", (name,)).fetchone()
        return json.loads(found[0]) if found else default

    def remember(self, name: str, value: Any) -> None:
        """Keep a value."""
        self._db.execute("INSERT OR REPLACE INTO memo VALUES (?, ?)", (name, json.dumps(value)))

    def counts(self) -> dict[str, int]:
        """Persons, records, and people who are residents now."""
        people, residents, records = self._db.execute(
            "SELECT SUM(current), SUM(current * genson), COUNT(*) FROM rireki"
        ).fetchone()
        return {"people": people or 0, "residents": residents or 0, "records": records}
