"""A vendor's database: a view read by keyset, a staging table written by key. The only module that imports SQLAlchemy.

Reading happens in read-only transactions; nothing but the declared staging table is ever written. Every value is text:
dates in ISO 8601, numbers with the digits they have; what has no exact text (floats, bytes) is refused.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, NoSuchTableError, SQLAlchemyError

from bus.core.errors import AdapterError, ConfigurationError
from bus.core.types import Finding

CONNECT_S = 5
DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


@dataclass(frozen=True, slots=True)
class Row:
    """A row as a JSON object of texts, its key, its place in the order of reading, and its cursor."""

    line: bytes = field(repr=False)
    key: str
    place: tuple[Any, ...]
    cursor: str


@dataclass(slots=True)
class Database:
    """A vendor's database. ``url`` carries no password; ``password`` is a file's text.

    Errors: CB6009 away, CB6011 too slow, CB6061 refused, CB6071 table or column unusable.
    """

    url: str
    folder: Path
    password: str = field(default="", repr=False)
    deadline_s: float = 30.0
    read_only: bool = True
    _engine: sa.Engine | None = field(default=None, init=False)

    @property
    def address(self) -> str:
        """Host and database, without user and password."""
        found = sa.make_url(self.url)
        return f"{found.host or found.drivername}/{Path(found.database or '').name}"

    @property
    def engine(self) -> sa.Engine:
        """The engine; ConfigurationError CB7001 for an address that cannot be used."""
        if self._engine is None:
            self._engine = self._make()
        return self._engine

    def _make(self) -> sa.Engine:
        try:
            url = sa.make_url(self.url)
        except SQLAlchemyError as error:
            raise _address("a database address") from error
        if url.drivername not in DRIVERS or url.password:
            raise _address("sqlite:///… or postgresql://user@host/database, without a password")
        if url.drivername == "sqlite":
            path = (self.folder / (url.database or "")).resolve()
            mode = "ro" if self.read_only else "rw"
            url = sa.URL.create("sqlite", database=f"file:{path}", query={"mode": mode, "uri": "true"})
            arguments: dict[str, Any] = {"timeout": self.deadline_s}
        else:
            options = (
                f"-c statement_timeout={int(self.deadline_s * 1000)} -c lock_timeout={int(self.deadline_s * 1000)}"
            )
            if self.read_only:
                options += " -c default_transaction_read_only=on"
            url = url.set(drivername=DRIVERS[url.drivername], password=self.password or None)
            arguments = {"connect_timeout": CONNECT_S, "options": options}
        try:
            return sa.create_engine(url, pool_size=2, max_overflow=2, pool_pre_ping=True, connect_args=arguments)
        except (SQLAlchemyError, ImportError) as error:
            raise _address("an installed driver (chiikibus[postgresql])") from error

    def close(self) -> None:
        """Close the connections."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def coded(self, error: SQLAlchemyError, where: str) -> AdapterError:
        """What a database says, as one of our codes; never its text, which may quote values."""
        kind = type(error).__name__
        state = str(getattr(getattr(error, "orig", None), "sqlstate", "") or "")
        if state.startswith("28"):
            code = "CB6061"
        elif state == "57014":
            code = "CB6011"
        elif isinstance(error, DBAPIError) and (error.connection_invalidated or kind == "OperationalError"):
            missing = any(text in str(error.orig) for text in ("no such table", "no such column"))
            code = "CB6071" if missing else "CB6009"
        else:
            code = "CB6071"
        return AdapterError(code, [Finding(code, path=where, got=f"{kind} {state}".strip())])


def _address(expected: str) -> ConfigurationError:
    return ConfigurationError("CB7001", [Finding("CB7001", path="adapters.toml", expected=expected, got="other")])


@dataclass(slots=True)
class ViewReader:
    """Reads a view in the order of (``cursor``, ``key``), ``limit`` rows at a time, each page from where one ended."""

    database: Database
    view: str
    key: Sequence[str]
    cursor: str = ""
    limit: int = 1000

    def page(self, since: str, place: Sequence[Any]) -> list[Row]:
        """The rows behind ``place``; with an empty one from ``since`` on, that value included.

        Errors: those of the database; CB6065 a value that has no exact text, or no key.
        """
        try:
            with self.database.engine.connect() as connection, connection.begin():
                table = self._table(connection)
                query = self._query(table, since, place)
                return [self._row(found) for found in connection.execute(query).mappings()]
        except SQLAlchemyError as error:
            raise self.database.coded(error, self.view) from error

    def _table(self, connection: sa.Connection) -> sa.Table:
        schema, _, view = self.view.rpartition(".")
        try:
            table = sa.Table(view, sa.MetaData(), schema=schema or None, autoload_with=connection)
        except NoSuchTableError as error:
            raise AdapterError(
                "CB6071", [Finding("CB6071", path=self.view, expected="a view", got="nothing")]
            ) from error
        for name in self._order:
            if name not in table.c:
                known = ", ".join(table.c.keys()[:12])
                raise AdapterError("CB6071", [Finding("CB6071", path=name, expected=known, got="no such column")])
        if connection.dialect.name == "sqlite":
            # SQLite has no dates: they are compared as the vendor wrote them
            for column in table.c:
                if isinstance(column.type, sa.Date | sa.DateTime | sa.Time):
                    column.type = sa.String()
        return table

    @property
    def _order(self) -> list[str]:
        return [*((self.cursor,) if self.cursor else ()), *self.key]

    def _query(self, table: sa.Table, since: str, place: Sequence[Any]) -> sa.Select[Any]:
        columns = [table.c[name] for name in self._order]
        query = sa.select(table).order_by(*columns).limit(self.limit)
        if place:
            values = [typed(column, text) for column, text in zip(columns, place, strict=True)]
            return query.where(sa.tuple_(*columns) > sa.tuple_(*values, types=[column.type for column in columns]))
        if since and self.cursor:
            return query.where(columns[0] >= typed(columns[0], since))
        return query

    def _row(self, found: Mapping[Any, Any]) -> Row:
        values = {str(name): text_of(str(name), value) for name, value in found.items()}
        place = tuple(values[name] for name in self._order)
        if any(one is None for one in place):
            expected = "a value in every column of cursor and key"
            raise AdapterError("CB6065", [Finding("CB6065", path=self.view, expected=expected, got="null")])
        key = "\x1f".join(str(values[name]) for name in self.key)
        cursor = str(values[self.cursor]) if self.cursor else ""
        return Row(msgspec.json.encode(values), key, place, cursor)


@dataclass(slots=True)
class StagingTable:
    """Writes rows into one table, each under its key: a row that is there already with the same values is no error."""

    database: Database
    table: str
    key_column: str
    _known: sa.Table | None = field(default=None, init=False)

    def write(self, key: str, values: Mapping[str, str]) -> None:
        """Insert one row, durably.

        Errors: those of the database; CB6072 another row has the key, or the table's rules refuse the row.
        """
        try:
            table = self._reflected()
            row = self._row(table, key, values)
            with self.database.engine.begin() as connection:
                connection.execute(table.insert().values(row))
        except IntegrityError as error:
            if not self._same(key, values):
                raise self._refused("another row under this key, or a rule of the table") from error
        except SQLAlchemyError as error:
            if type(error).__name__ == "DataError":
                raise self._refused("a value that its column cannot hold") from error
            raise self.database.coded(error, self.table) from error

    def check(self, columns: Sequence[str]) -> None:
        """CB6071 when a column does not exist."""
        try:
            known = self._reflected().c
        except SQLAlchemyError as error:
            raise self.database.coded(error, self.table) from error
        missing = [one for one in (self.key_column, *columns) if one not in known]
        if missing:
            findings = [Finding("CB6071", path=one, expected=self.table, got="no such column") for one in missing]
            raise AdapterError("CB6071", findings)

    def _reflected(self) -> sa.Table:
        if self._known is None:
            schema, _, name = self.table.rpartition(".")
            try:
                self._known = sa.Table(name, sa.MetaData(), schema=schema or None, autoload_with=self.database.engine)
            except NoSuchTableError as error:
                finding = Finding("CB6071", path=self.table, expected="a table", got="nothing")
                raise AdapterError("CB6071", [finding]) from error
        return self._known

    def _row(self, table: sa.Table, key: str, values: Mapping[str, str]) -> dict[str, Any]:
        self.check(list(values))
        row = {name: typed(table.c[name], text) if text else None for name, text in values.items()}
        return row | {self.key_column: typed(table.c[self.key_column], key)}

    def _same(self, key: str, values: Mapping[str, str]) -> bool:
        table = self._reflected()
        where = table.c[self.key_column] == typed(table.c[self.key_column], key)
        try:
            with self.database.engine.connect() as connection:
                found = connection.execute(sa.select(table).where(where)).mappings().one_or_none()
        except SQLAlchemyError as error:
            raise self.database.coded(error, self.table) from error
        return found is not None and all((text_of(name, found[name]) or "") == text for name, text in values.items())

    def _refused(self, got: str) -> AdapterError:
        return AdapterError("CB6072", [Finding("CB6072", path=self.table, got=got)])


def text_of(name: str, value: Any) -> str | None:
    """A column's value as text; CB6065 for a value without an exact one."""
    match value:
        case None | str():
            return value
        case bool():
            return "1" if value else "0"
        case int():
            return str(value)
        case decimal.Decimal():
            return format(value, "f")
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
    finding = Finding(
        "CB6065", path=name, expected="text, whole number, NUMERIC, date or time", got=type(value).__name__
    )
    raise AdapterError("CB6065", [finding])


def typed(column: sa.ColumnElement[Any], text: str) -> Any:
    """A text as its column's type wants it; CB6072 when it is no such value."""
    try:
        kind = column.type.python_type
    except RuntimeError:  # a type without one
        kind = str
    try:
        if kind in {int, decimal.Decimal}:
            return kind(text)
        if kind in {dt.date, dt.datetime, dt.time}:
            return kind.fromisoformat(text)
        if kind is bool:
            return {"1": True, "0": False, "true": True, "false": False}[text]
    except (ValueError, KeyError, decimal.InvalidOperation) as error:
        finding = Finding("CB6072", path=str(column.key), expected=kind.__name__, got=f"{len(text)} characters")
        raise AdapterError("CB6072", [finding]) from error
    return text
