"""The ledger of a simulated tax system: it applies what it is given and counts effects, so that doubles show."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS ledger (atena TEXT PRIMARY KEY, rireki TEXT NOT NULL, row TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS effect (
    atena TEXT NOT NULL, rireki TEXT NOT NULL, times INTEGER NOT NULL, PRIMARY KEY (atena, rireki)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unit (name TEXT PRIMARY KEY, records INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(slots=True)
class Ledger:
    """Rows by 宛名番号 as the vendor holds them, in SQLite.

    It keeps no order and knows no versions: whoever writes last wins, as a dumb system would behave.
    ``effect`` counts how often each (宛名番号, 履歴番号＋枝番号) was applied: more than once is a double effect.
    """

    path: Path
    _connection: sqlite3.Connection = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(self.path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        # a stand-in: it survives the end of its process, not of the machine
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.executescript(_SCHEMA)

    def apply(self, unit: str, rows: Iterable[Mapping[str, str]]) -> bool:
        """Apply the rows of one file (or call) in one transaction; a unit already applied is left alone."""
        taken = list(rows)
        with _Transaction(self._connection):
            if self._connection.execute("SELECT 1 FROM unit WHERE name = ?", (unit,)).fetchone():
                return False
            self._connection.execute("INSERT INTO unit VALUES (?, ?)", (unit, len(taken)))
            self._put(taken)
        return True

    def put(self, row: Mapping[str, str]) -> None:
        """Apply one row. The same row again changes nothing, so it is no effect (PUT is idempotent)."""
        with _Transaction(self._connection):
            if self.row(row["宛名番号"]) != row:
                self._put([row])

    def _put(self, rows: Iterable[Mapping[str, str]]) -> None:
        for row in rows:
            atena = row["宛名番号"]
            version = f"{row['履歴番号']}.{row.get('枝番号', '')}"
            text = json.dumps(dict(row), ensure_ascii=False)
            self._connection.execute(
                "INSERT INTO ledger VALUES (?, ?, ?)"
                " ON CONFLICT (atena) DO UPDATE SET rireki = excluded.rireki, row = excluded.row",
                (atena, row["履歴番号"], text),
            )
            self._connection.execute(
                "INSERT INTO effect VALUES (?, ?, 1) ON CONFLICT (atena, rireki) DO UPDATE SET times = times + 1",
                (atena, version),
            )

    def rows(self, after: str = "", limit: int = -1) -> Iterator[dict[str, str]]:
        """Rows in order of 宛名番号, those above ``after``."""
        query = "SELECT row FROM ledger WHERE atena > ? ORDER BY atena LIMIT ?"
        for (text,) in self._connection.execute(query, (after, limit)):
            yield json.loads(text)

    def row(self, atena: str) -> dict[str, str] | None:
        """One row, or ``None``."""
        found = self._connection.execute("SELECT row FROM ledger WHERE atena = ?", (atena,)).fetchone()
        return json.loads(found[0]) if found else None

    def stats(self) -> dict[str, int]:
        """Rows held, files or calls taken, effects applied, effects applied more than once."""
        one = self._connection.execute
        return {
            "residents": one("SELECT count(*) FROM ledger").fetchone()[0],
            "units": one("SELECT count(*) FROM unit").fetchone()[0],
            "effects": one("SELECT coalesce(sum(times), 0) FROM effect").fetchone()[0],
            "duplicates": one("SELECT coalesce(sum(times - 1), 0) FROM effect").fetchone()[0],
        }

    def versions(self) -> dict[str, str]:
        """The 履歴番号 held for each 宛名番号."""
        return dict(self._connection.execute("SELECT atena, rireki FROM ledger").fetchall())

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


@dataclass(slots=True)
class _Transaction:
    connection: sqlite3.Connection

    def __enter__(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        self.connection.execute("ROLLBACK" if kind else "COMMIT")
