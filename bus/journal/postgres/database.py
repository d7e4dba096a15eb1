"""Connections to PostgreSQL: how they are made, what they wait for and how long, and errors as the journal's codes."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import conninfo, pq
from psycopg.abc import PQGen
from psycopg.rows import tuple_row

from bus.core.errors import JournalError
from bus.core.types import Finding

WRITE_WAIT_S: Final = 20.0
READ_WAIT_S: Final = 3.0
"""So long one statement may take before its connection is given up: a server that is silent must not stop the bus. The
event loop reads, so its bound is short; a command that an operator waits for has the longer one."""

CONNECT_S: Final = 5
KEEPALIVE: Final = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
                    "tcp_user_timeout": 15_000}  # fmt: skip
"""A connection whose other end is gone is noticed within half a minute even when nothing is sent."""

SETTINGS: Final = {
    # Written out although it is the default: a commit that returned is on the disk (and on the synchronous standby).
    "synchronous_commit": "on",
    "statement_timeout": "60s",
    "lock_timeout": "15s",
    "idle_in_transaction_session_timeout": "60s",
    # The server too notices a bus that is gone, and gives its locks back.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    # Every statement goes along keys; statistics that are out of date must not turn one into a scan of everything.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    # Planning over many partitions costs more than any of these statements: each is planned once for a connection.
    "plan_cache_mode": "force_generic_plan",
    "timezone": "UTC",
}

LOST: Final = (psycopg.OperationalError, psycopg.InterfaceError)
"""Errors after which a connection may be gone; whether it is, ``Link.lost`` says."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a journal is: a libpq connection string without its secret, the schema, and who knows the secret."""

    dsn: str
    schema: str = "chiikibus"
    password: Callable[[], str] | None = None

    @property
    def shown(self) -> str:
        """Host, database and schema, for findings."""
        known = conninfo.conninfo_to_dict(self.dsn)
        host, port = known.get("host") or known.get("hostaddr") or "", known.get("port") or "5432"
        return f"{host}:{port}/{known.get('dbname') or ''} {self.schema}"


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that never waits longer than ``bound_s`` for the server."""

    bound_s: float = WRITE_WAIT_S

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """Errors: ``psycopg.OperationalError`` when the bound is passed; the connection is closed then."""
        try:
            return super().wait(gen, interval, self.bound_s if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


class Row(tuple[Any, ...]):
    """A row that is also addressed by name, like ``sqlite3.Row``; ``dict(row)`` works."""

    names: tuple[str, ...] = ()

    def keys(self) -> tuple[str, ...]:
        """The names of the columns."""
        return self.names

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.names.index(key) if isinstance(key, str) else key)


def named_row(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Any]:
    """The row factory of readers."""
    names = tuple(column.name for column in cursor.description or ())
    made = type("Row", (Row,), {"names": names})
    return made


class Link:
    """A connection as ``bus.journal.database.Database``. Errors: ``psycopg.Error``."""

    def __init__(self, connection: BoundedConnection) -> None:
        self.connection = connection
        self._pipeline = contextlib.ExitStack()
        self._piped = False

    def enter_pipeline(self) -> None:
        """From now on statements are sent without waiting for what became of those before them."""
        if not self._piped:
            self._pipeline.enter_context(self.connection.pipeline())
            self._piped = True

    def leave_pipeline(self) -> bool:
        """Wait for everything that was sent; whether anything could be on its way. Errors: the first one of it."""
        piped, self._piped = self._piped, False
        self._pipeline.close()
        return piped

    @property
    def lost(self) -> bool:
        """Whether the connection is of no use any more."""
        return self.connection.closed or self.connection.broken

    @property
    def pid(self) -> int:
        """The process of the server behind it."""
        return self.connection.info.backend_pid

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Any:
        """Run one statement, prepared by the server; what comes back are ``Rows``."""
        return self.connection.execute(translated(statement), values or None, prepare=True)

    def executemany(self, statement: str, values: Sequence[Sequence[Any]], /) -> None:
        """Run one statement for each of these values, sent together."""
        with self.connection.cursor() as cursor:
            cursor.executemany(translated(statement), values)

    def rollback(self) -> None:
        """Undo what is open, where that is still possible."""
        with contextlib.suppress(psycopg.Error):
            self.leave_pipeline()
        with contextlib.suppress(psycopg.Error):
            if not self.lost and self.connection.info.transaction_status != pq.TransactionStatus.IDLE:
                self.connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close; never raises."""
        with contextlib.suppress(psycopg.Error):
            self.connection.close()


@lru_cache(maxsize=512)
def translated(statement: str) -> bytes:
    """The shared SQL as psycopg wants it. Its statements are constants: there are a few dozen of them."""
    return statement.replace("%", "%%").replace("?", "%s").encode() if "?" in statement else statement.encode()


def connect(place: Place, *, purpose: str, wait_s: float = WRITE_WAIT_S, named: bool = False) -> Link:
    """A connection in autocommit mode to a server that takes writes. Errors: CB4003 with the reason, CB7069."""
    options = {"search_path": place.schema, **SETTINGS}
    parameters: dict[str, Any] = {
        **KEEPALIVE,
        "connect_timeout": CONNECT_S,
        "target_session_attrs": "read-write",
        "client_encoding": "UTF8",
        "application_name": f"chiikibus {purpose}",
        "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
    }
    given = conninfo.conninfo_to_dict(place.dsn)
    parameters |= {name: value for name, value in given.items() if name != "options"}
    if place.password is not None:
        parameters["password"] = place.password()
    # The library logs what it raises, and what it quotes may be a value; here every failure becomes a code.
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)
    try:
        connection = BoundedConnection.connect(**parameters, autocommit=True)
    except psycopg.Error as error:
        raise cannot_open(place, error) from error
    connection.bound_s = wait_s
    connection.row_factory = named_row if named else tuple_row
    return Link(connection)


def cannot_open(place: Place, why: object) -> JournalError:
    """CB4003 with the place and the first line of the reason."""
    return JournalError("CB4003", [Finding("CB4003", path="journal.dsn", got=f"{place.shown}: {reason(why)}")])


def reason(why: object) -> str:
    """The first line of an error, without what may quote a value."""
    if isinstance(why, psycopg.Error) and why.sqlstate is not None:
        return f"{type(why).__name__} {why.sqlstate}"
    return (str(why).strip().splitlines() or [type(why).__name__])[0][:200]


def read_password(path: Path) -> Callable[[], str]:
    """A reader of a password file, asked at every connection: a changed password needs no restart."""
    return lambda: path.read_text("utf-8").strip()
