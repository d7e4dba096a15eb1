"""What a simulated vendor holds: its own records by unit, and what came for its units from others. Synthetic only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from adapters.simulators.dialects import Column, columns
from schemas.model import Edition, RecordType, Unit

Row = Mapping[str, str]

BASE_DATE: Final = "kijunbi"
"""The item of a question that says for which day; a simulated system holds one state only."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS own (record TEXT, key TEXT, row TEXT, PRIMARY KEY (record, key));
CREATE TABLE IF NOT EXISTS received (
    unit TEXT, record TEXT, key TEXT, row TEXT, times INTEGER, PRIMARY KEY (unit, record, key)
);
CREATE TABLE IF NOT EXISTS file (unit TEXT, name TEXT, rows INTEGER, PRIMARY KEY (unit, name));
"""


@dataclass(frozen=True, slots=True)
class Interface:
    """One record as the vendor writes it. ``key`` are its columns that say what a row is about."""

    vendor: str
    unit: Unit
    record: RecordType
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    def key_of(self, row: Row) -> str:
        """The key of a row as one text."""
        return "\x1f".join(row.get(name, "") for name in self.key)


def interface(vendor: str, edition: Edition, name: str) -> Interface:
    """The interface of ``<unit>.<record>``. KeyError when the standard has no such record."""
    unit_key, _, record_name = name.partition(".")
    unit = edition.units[unit_key]
    record = unit.records[record_name]
    found = columns(vendor, unit, record)
    names = {one.item.name: one.name for one in found if one.item is not None}
    return Interface(vendor, unit, record, found, tuple(names[item] for item in record.key))


@dataclass(slots=True)
class Holdings:
    """Rows in SQLite. It knows no versions and keeps no order: whoever writes last wins, as a dumb system would."""

    path: Path
    _connection: sqlite3.Connection = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        # a stand-in: it survives the end of its process, not of the machine
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.executescript(_SCHEMA)

    def put_own(self, face: Interface, rows: Iterable[Row]) -> None:
        """Enter rows into the vendor's own register."""
        name = f"{face.unit.key}.{face.record.name}"
        self._connection.executemany(
            "INSERT OR REPLACE INTO own VALUES (?, ?, ?)",
            [(name, face.key_of(row), json.dumps(dict(row), ensure_ascii=False)) for row in rows],
        )

    def find(self, asked: Interface, question: Row, answer: Interface) -> list[dict[str, str]]:
        """The own rows that agree with every item of the question which they have; none for an empty question."""
        places = {one.item.name: one.name for one in answer.columns if one.item is not None}
        wanted = {
            places[one.item.name]: question[one.name]
            for one in asked.columns
            if one.item is not None
            and one.item.name in places
            and one.item.name != BASE_DATE
            and question.get(one.name)
        }
        name = f"{answer.unit.key}.{answer.record.name}"
        rows = (
            json.loads(text) for (text,) in self._connection.execute("SELECT row FROM own WHERE record = ?", (name,))
        )
        return [row for row in rows if wanted and all(row.get(at) == text for at, text in wanted.items())]

    def receive_file(self, unit: str, file: str, face: Interface, rows: list[dict[str, str]]) -> None:
        """Take the rows of a file once; a file of the same name again changes nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        new = self._connection.execute(
            "INSERT INTO file VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (unit, file, len(rows))
        ).rowcount
        for row in rows if new else ():
            self._receive(unit, face, row)
        self._connection.execute("COMMIT")

    def receive(self, unit: str, face: Interface, row: Row) -> None:
        """Take one row. The same row again is no effect (PUT is idempotent)."""
        found = self._connection.execute(
            "SELECT row FROM received WHERE unit = ? AND record = ? AND key = ?",
            (unit, f"{face.unit.key}.{face.record.name}", face.key_of(row)),
        ).fetchone()
        if found is None or json.loads(found[0]) != dict(row):
            self._receive(unit, face, row)

    def _receive(self, unit: str, face: Interface, row: Row) -> None:
        self._connection.execute(
            "INSERT INTO received VALUES (?, ?, ?, ?, 1) ON CONFLICT (unit, record, key)"
            " DO UPDATE SET row = excluded.row, times = times + 1",
            (
                unit,
                f"{face.unit.key}.{face.record.name}",
                face.key_of(row),
                json.dumps(dict(row), ensure_ascii=False),
            ),
        )

    def received(self, unit: str, record: str) -> Iterator[tuple[dict[str, str], int]]:
        """What came for a unit, with how often each row was written."""
        query = "SELECT row, times FROM received WHERE unit = ? AND record = ? ORDER BY key"
        for text, times in self._connection.execute(query, (unit, record)):
            yield json.loads(text), times

    def counts(self) -> dict[str, int]:
        """Rows per unit and record that came from others."""
        query = "SELECT unit || '/' || record, COUNT(*) FROM received GROUP BY unit, record"
        return dict(self._connection.execute(query))

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
