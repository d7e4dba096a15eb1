"""Many rows with one statement: few new rows by INSERT in the pipeline, many by binary COPY, changes by arrays."""

from __future__ import annotations

from typing import Any, Final

from bus.journal.batch import BODY, DELIVERY, EVENT, EXCHANGE, Writers
from bus.journal.postgres.database import Link
from bus.journal.postgres.schema import day_of_number, first_of
from bus.journal.schema import FAN_OUT

TYPES: Final = {
    "n": "int8", "refused": "int2", "received_at": "float8", "expires_at": "float8", "size": "int8", "raw": "bytea",
    "open": "int2", "updated_at": "float8", "delivery": "int8", "at": "float8", "attempt": "int4", "status": "int4",
    "key": "int8",
}  # fmt: skip
"""Types of columns that are not text."""

KEYS: Final = "exchange_id,n,key"

_SIZES: Final = (8, 4, 2, 1)
"""Rows of one INSERT: few statements, so that all of them stay prepared."""

MOST_CHANGED: Final = 64
"""Rows of one UPDATE."""

_MOVE: Final = ("int8", "text", "int4", "text", "text", "float8", "float8", "float8", "float8")
_TURN: Final = (*_MOVE, "int2", "float8")
_UPDATE: Final = (
    "UPDATE delivery SET state=v.c2, attempt=greatest(attempt, v.c3), code=v.c4, detail=v.c5, updated_at=v.c6,"
    " request_out=greatest(request_out, v.c7), response_in=greatest(response_in, v.c8),"
    " response_out=greatest(response_out, v.c9){more} FROM unnest({arrays}) AS v({names})"
    " WHERE delivery.n = v.c1 AND delivery.n = ANY(?::int8[]) AND delivery.n >= {low} AND delivery.n < {high}"
)
_REPLY: Final = (
    "INSERT INTO reply (n, status, content_type, raw) SELECT * FROM unnest(?::int8[], ?::int4[], ?::text[], ?::bytea[])"
    " ON CONFLICT (n) DO UPDATE SET status=excluded.status, content_type=excluded.content_type, raw=excluded.raw"
)


MOST_INSERTED: Final = 64
"""More new rows of a table than this go in by COPY, which costs two rounds of its own and less for each row."""


class RowsWriter:
    """Appends rows to a table."""

    __slots__ = ("_copy", "_inserts", "_types", "_width")

    def __init__(self, table: str, columns: str, **types: str) -> None:
        """``types`` are those of columns that mean something else in this table than in the others."""
        names = columns.split(",")
        known = TYPES | types
        self._types = [known.get(name, "text") for name in names]
        self._width = len(names)
        self._copy = f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)".encode()
        row = f"({','.join(f'?::{each}' for each in self._types)})"
        self._inserts = {
            size: f"INSERT INTO {table} ({columns}) VALUES {','.join([row] * size)}"  # noqa: S608 (constants)
            for size in _SIZES
        }

    def write(self, connection: Link, values: list[object]) -> None:
        """Write all rows; ``values`` is their concatenation. Errors: ``psycopg.Error``."""
        width, start = self._width, 0
        if len(values) > MOST_INSERTED * width:
            self._copied(connection, values)
            return
        for size in _SIZES:
            while len(values) - start >= size * width:
                connection.execute(self._inserts[size], values[start : start + size * width])
                start += size * width

    def _copied(self, connection: Link, values: list[object]) -> None:
        width = self._width
        piped = connection.leave_pipeline()
        with connection.connection.cursor() as cursor, cursor.copy(self._copy) as copy:
            copy.set_types(self._types)
            for start in range(0, len(values), width):
                copy.write_row(values[start : start + width])
        if piped:
            connection.enter_pipeline()


class UpdateWriter:
    """Changes deliveries. The bounds of their days stand in the statement: other partitions are not looked at.

    Their numbers stand in it twice: a day that has just begun has no statistics, and for the join alone the server
    would go through the whole of it. Rows found are compared with the values one by one, so one statement takes few.
    """

    __slots__ = ("_more", "_types")

    def __init__(self, types: tuple[str, ...], more: str = "") -> None:
        self._types, self._more = types, more

    def write(self, connection: Link, values: list[object]) -> None:
        """Write all rows; ``values`` is their concatenation. Errors: ``psycopg.Error``."""
        if not values:
            return
        size = MOST_CHANGED * len(self._types)
        for start in range(0, len(values), size):
            self._changed(connection, values[start : start + size])

    def _changed(self, connection: Link, values: list[object]) -> None:
        width = len(self._types)
        columns: list[Any] = [values[start::width] for start in range(width)]
        for number, kind in enumerate(self._types):
            if kind == "float8":
                columns[number] = [float(each) for each in columns[number]]
        statement = _UPDATE.format(
            more=self._more,
            arrays=", ".join(f"?::{each}[]" for each in self._types),
            names=", ".join(f"c{number}" for number in range(1, width + 1)),
            low=first_of(day_of_number(min(columns[0]) // FAN_OUT)) * FAN_OUT,
            high=first_of(day_of_number(max(columns[0]) // FAN_OUT) + 1) * FAN_OUT,
        )
        connection.execute(statement, [*columns, columns[0]])


class ReplyWriter:
    """Keeps replies; a late one takes the place of the receipt that was kept before it."""

    __slots__ = ()

    def write(self, connection: Link, values: list[object]) -> None:
        """Write all rows; of several for one delivery the last. Errors: ``psycopg.Error``."""
        if not values:
            return
        rows = {values[start]: values[start : start + 4] for start in range(0, len(values), 4)}
        connection.execute(_REPLY, [list(column) for column in zip(*rows.values(), strict=True)])


def postgres_writers() -> Writers:
    """The statements of the PostgreSQL journal."""
    return Writers(
        exchanges=RowsWriter("exchange", EXCHANGE),
        bodies=RowsWriter("body", BODY),
        deliveries=RowsWriter("delivery", DELIVERY),
        replies=ReplyWriter(),
        events=RowsWriter("event", EVENT, n="int4"),
        moves=UpdateWriter(_MOVE),
        turns=UpdateWriter(_TURN, ", open=v.c10, next_attempt_at=v.c11"),
    )
