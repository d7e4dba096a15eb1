"""What the rows of a journal are read and written through, whichever engine keeps them.

Statements of the shared modules are the SQL that SQLite and PostgreSQL have in common, with ``?`` for a value. A
``sqlite3.Connection`` is such a database as it stands; PostgreSQL has ``bus.journal.postgres.database``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol


class Rows(Protocol):
    """The result of one statement. A row is addressed by position and, on a reader's connection, by name."""

    @property
    def rowcount(self) -> int:
        """How many rows a change concerned."""
        ...

    def fetchone(self) -> Any:
        """The next row, or ``None``."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Row after row."""
        ...


class Database(Protocol):
    """One connection; never used by two threads at a time."""

    def execute(self, statement: str, values: Sequence[Any] = ..., /) -> Rows:
        """Run one statement. Errors: those of the engine's library."""
        ...

    def executemany(self, statement: str, values: Sequence[Sequence[Any]], /) -> object:
        """Run one statement for each of these values."""
        ...
