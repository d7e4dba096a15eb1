"""A connection beside a running bus, for operators' commands: it reads, and changes rows in transactions of its own."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from bus.journal.database import Database
from bus.journal.message_key import message_key
from bus.journal.schema import BUSY_TIMEOUT_MS, check_version, connect, open_for_reading
from bus.journal.tally import add_removed
from bus.journal.writer import storing_failed

Removed = tuple[int, str, str, str]
"""A message whose rows go: number, exchange id, municipality, message id."""


class Side(Protocol):
    """What operators' commands work through."""

    @property
    def database(self) -> Database:
        """For questions outside a transaction."""
        ...

    def transaction(self) -> AbstractContextManager[Database]:
        """Durable at its end, undone by any error. Errors: CB4001 it could not be written."""
        ...

    def snapshot(self) -> AbstractContextManager[Database]:
        """Questions that see one moment. Errors: those of the engine's library."""
        ...

    def cancelled(self, number: int) -> None:
        """Inside a transaction: so many deliveries were cancelled in it."""
        ...

    def erase_for_good(self) -> None:
        """From now on what is removed is overwritten, where the engine can do that."""
        ...

    def uncount(self, numbers: Sequence[int]) -> None:
        """Inside a transaction, before their rows go: these messages stay counted."""
        ...

    def forget(self, messages: Sequence[Removed]) -> None:
        """Inside a transaction: their message ids are not known any more."""
        ...

    def reclaim(self, now: float) -> int:
        """Give back what is empty after a removal; how many days' worth."""
        ...

    def close(self) -> None:
        """Give up the connection."""
        ...


class SqliteSide:
    """A second connection to a SQLite journal. Errors: CB4003 no such journal."""

    def __init__(self, path: Path) -> None:
        open_for_reading(path).close()
        self._connection = connect(path)
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        check_version(self._connection, path)

    @property
    def database(self) -> Database:
        """The connection."""
        return self._connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Database]:
        """BEGIN IMMEDIATE to COMMIT."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo()
            raise storing_failed(error) from error
        except BaseException:
            self._undo()
            raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Database]:
        """A transaction that only reads."""
        self._connection.execute("BEGIN")
        try:
            yield self._connection
        finally:
            self._undo()

    def cancelled(self, number: int) -> None:
        """The owner counts for itself when it sees that somebody else wrote."""

    def erase_for_good(self) -> None:
        """Freed pages are filled with zeros."""
        self._connection.execute("PRAGMA secure_delete=ON")

    def uncount(self, numbers: Sequence[int]) -> None:
        """A count after a sudden end adds what was removed."""
        add_removed(self._connection, numbers)

    def forget(self, messages: Sequence[Removed]) -> None:
        """Their keys go."""
        self._connection.executemany(
            "DELETE FROM message_key WHERE key = ? AND n = ?",
            [(message_key(municipality, message_id), n) for n, _, municipality, message_id in messages],
        )

    def reclaim(self, now: float) -> int:
        """Free pages are used again; the file keeps its size."""
        del now
        return 0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
