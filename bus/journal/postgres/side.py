"""A connection beside a running bus, for operators' commands: its transactions take the same turn as the bus's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import psycopg

from bus.core.errors import JournalError
from bus.journal.database import Database
from bus.journal.postgres.database import Link, Place, cannot_open, connect, reason
from bus.journal.postgres.ledger import HOLDER_BOUND, TURN
from bus.journal.postgres.schema import check_version, day_of, drop_day, empty_payloads
from bus.journal.side import Removed
from bus.journal.writer import storing_failed


def open_link(place: Place, *, purpose: str, named: bool = False) -> Link:
    """A connection to a journal that is there in this program's version. Errors: CB4003."""
    link = connect(place, purpose=purpose, named=named)
    try:
        check_version(link, place)
    except psycopg.Error as error:
        link.close()
        raise cannot_open(place, reason(error)) from error
    except JournalError:
        link.close()
        raise
    return link


class PostgresSide:
    """Implements ``bus.journal.side.Side``. Errors: CB4003 no such journal."""

    def __init__(self, place: Place) -> None:
        self._link = open_link(place, purpose="operator")
        self._cancelled = 0

    @property
    def database(self) -> Database:
        """The connection."""
        return self._link

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Database]:
        """Holds the turn, so the bus sees at its next batch that somebody wrote. Errors: CB4001."""
        link = self._link
        self._cancelled = 0
        try:
            link.execute("BEGIN")
            link.execute(HOLDER_BOUND)
            link.execute(TURN)
            yield link
            link.execute("UPDATE turn SET batches = batches + 1, cancelled = cancelled + ?", (self._cancelled,))
            link.execute("COMMIT")
        except psycopg.Error as error:
            link.rollback()
            raise storing_failed(error) from error
        except BaseException:
            link.rollback()
            raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Database]:
        """A transaction that only reads."""
        self._link.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield self._link
        finally:
            self._link.rollback()

    def cancelled(self, number: int) -> None:
        """Counted with the transaction."""
        self._cancelled += number

    def erase_for_good(self) -> None:
        """PostgreSQL gives dropped files back to the system; what a page held goes with the vacuum."""

    def uncount(self, numbers: Sequence[int]) -> None:
        """The counters stand in the turn's row, whatever rows there are."""

    def forget(self, messages: Sequence[Removed]) -> None:
        """Their keys go."""
        self._link.executemany("DELETE FROM exchange_key WHERE exchange_id = ?", [(each[1],) for each in messages])

    def reclaim(self, now: float) -> int:
        """Drop the partitions of days of which nothing is left, empty those of which only rows are left."""
        days = self._link.execute("SELECT day FROM day WHERE day < ? ORDER BY day", (day_of(now) - 1,)).fetchall()
        return sum(self._reclaim(row[0]) for row in days)

    def _reclaim(self, day: int) -> int:
        """Whoever reads the whole table is waited for only a moment; the next run tries again."""
        try:
            with self.transaction():
                self._link.execute("SET LOCAL lock_timeout = '500ms'")
                return int(drop_day(self._link, day) or empty_payloads(self._link, day))
        except JournalError:
            return 0

    def close(self) -> None:
        """Close the connection."""
        self._link.close()
