"""A connection beside a running bus, for operators' commands: its transactions take the same turn as the bus's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg

from bus.core.errors import JournalError
from bus.journal.database import Database
from bus.journal.postgres.database import Link, Place, cannot_open, connect, reason
from bus.journal.postgres.ledger import TURN
from bus.journal.postgres.schema import check_version
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

    def cancelled(self, number: int) -> None:
        """Counted with the transaction."""
        self._cancelled += number

    def close(self) -> None:
        """Close the connection."""
        self._link.close()
