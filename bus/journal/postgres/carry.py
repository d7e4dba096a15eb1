"""Carries an embedded journal over to PostgreSQL: in portions, each durable with its place, and compared row by row.

The source is only read. Messages keep their order and get numbers of the day on which they were received; what points
to them by number follows. Broken off, it goes on where it was; a bus cannot open the destination before it is done.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import psycopg

from bus.core.errors import JournalError
from bus.core.types import Finding
from bus.journal.batch import BODY, EVENT, EXCHANGE, REPLY
from bus.journal.message_key import message_key
from bus.journal.owner import OwnerLock
from bus.journal.packages import REPLY as OF_REPLY
from bus.journal.packages import REQUEST
from bus.journal.postgres.database import Place, cannot_open, connect
from bus.journal.postgres.migrate import migrate
from bus.journal.postgres.schema import day_of, ensure_day, first_of
from bus.journal.postgres.writers import KEYS, RowsWriter
from bus.journal.schema import FAN_OUT
from bus.journal.schema import connect as connect_sqlite
from bus.journal.schema import migrate as migrate_sqlite
from bus.journal.tally import counted

NOT_EMPTY: Final = "CB4009"
DIFFERENT: Final = "CB4010"

PORTION: Final = 1000
"""Messages of one transaction."""

DELIVERY: Final = (
    "n,target,state,open,updated_at,attempt,code,detail,next_attempt_at,request_out,response_in,response_out"
)
SEGMENT: Final = "kind,n,name,content_type,root_type,size,sha256,digest,mtom"
ATTACHMENT: Final = "kind,n,number,content_id,content_type,encoding,at,length,size,sha256"
SEQUENCE: Final = (
    "s,role,municipality,endpoint,identifier,identity,state,created_at,expires_at,changed_at,acks_to,partner,create_id,"
    "last_number,code,numbers,acknowledged"
)
WHOLE: Final[Mapping[str, str]] = {
    "seen": "value,until",
    "sequence": SEQUENCE,
    "arrival": "sequence,number,exchange_id,message_id,sha256,early,reply_number,status,answer",
    "departure": "sequence,number,delivery,delivery_id,acknowledged",
    "sequence_event": "sequence,n,at,state,code,reason,actor",
    "audit": "n,at,actor,action,municipality,subject,reason,detail",
    "removal": "r,at,actor,kind,number,bytes,first_at,last_at,ids,key,signature",
    "data_key": "k,day,master,wrapped",
    "seal": "s,at,previous,number,digest,key,signature,entries",
    "resend_job": "j,at,actor,reason,selection,summary,digest,state,number,pace,started_by,started_at,changed_at,"
    "ended_at,failed_before,code,holder,held_until",
    "resend_item": "j,i,exchange_id,target_index,target,event,overtaken,state,code,at",
}
"""Small tables, carried in one piece; the columns of all of them."""

TABLES: Final[Mapping[str, tuple[str, str]]] = {
    "exchange": (EXCHANGE, "n"),
    "body": (BODY, "n"),
    "delivery": (DELIVERY, "n"),
    "reply": (REPLY, "n"),
    "event": (EVENT, "delivery, n"),
    "segment": (SEGMENT, "kind, n"),
    "attachment": (ATTACHMENT, "kind, n, number"),
    "seen": (WHOLE["seen"], "value"),
    "sequence": (WHOLE["sequence"], "s"),
    "arrival": (WHOLE["arrival"], "sequence, number"),
    "departure": (WHOLE["departure"], "sequence, number"),
    "sequence_event": (WHOLE["sequence_event"], "sequence, n"),
    "audit": (WHOLE["audit"], "n"),
    "removal": (WHOLE["removal"], "r"),
    "seal": (WHOLE["seal"], "s"),
    "data_key": (WHOLE["data_key"], "k"),
    "resend_job": (WHOLE["resend_job"], "j"),
    "resend_item": (WHOLE["resend_item"], "j, i"),
}
"""Every table with its columns and the order in which both sides are compared."""

_TYPES: Final[Mapping[str, Mapping[str, str]]] = {
    "event": {"n": "int4"},
    "delivery": {"next_attempt_at": "float8", "request_out": "float8", "response_in": "float8",
                 "response_out": "float8"},
    "segment": {"kind": "int2", "mtom": "int2"},
    "attachment": {"kind": "int2", "number": "int4", "at": "int8", "length": "int8"},
    "seen": {"value": "bytea", "until": "float8"},
    "sequence": {"s": "int8", "created_at": "float8", "changed_at": "float8", "expires_at": "float8",
                 "last_number": "int8", "acknowledged": "text"},
    "arrival": {"sequence": "int8", "number": "int8", "early": "int2", "reply_number": "int8", "answer": "bytea"},
    "departure": {"sequence": "int8", "number": "int8", "acknowledged": "int2"},
    "sequence_event": {"sequence": "int8", "n": "int4"},
    "removal": {"r": "int8", "number": "int8", "bytes": "int8", "first_at": "float8", "last_at": "float8",
                "ids": "bytea", "key": "text", "signature": "bytea"},
    "data_key": {"k": "int8", "day": "int4", "wrapped": "bytea"},
    "seal": {"s": "int8", "number": "int8", "key": "text", "signature": "bytea", "entries": "bytea"},
    "resend_job": {"j": "int8", "number": "int8", "started_at": "float8", "changed_at": "float8", "ended_at": "float8",
                   "failed_before": "int8", "held_until": "float8"},
    "resend_item": {"j": "int8", "i": "int8", "target_index": "int4", "event": "int4", "overtaken": "int2"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compared:
    """One table on both sides; ``differences`` counts rows that are not the same, or only on one side."""

    table: str
    source: int
    carried: int
    differences: int


class Carrier:
    """Owns both journals while it works. Errors: CB4003 one of them is in use, CB4009 the destination holds others."""

    def __init__(self, source: Path, place: Place, told: Callable[[int, int], None]) -> None:
        """``told`` hears how many of how many messages are carried."""
        if not source.is_file():
            raise JournalError("CB4003", [Finding("CB4003", path="journal.path", got=f"{source}: no such file")])
        self._lock = OwnerLock(source)
        self._name = str(source)
        self._told = told
        self._lock.acquire()
        try:
            self._source = connect_sqlite(source)
            migrate_sqlite(self._source, source)
            migrate(place)
            self._link = connect(place, purpose="carrier")
        except (JournalError, sqlite3.Error):
            self._lock.release()
            raise
        self._place = place

    def close(self) -> None:
        """Give both up."""
        self._link.close()
        self._source.close()
        self._lock.release()

    def carry(self) -> None:
        """Carry what is not there yet. Errors: CB4009; CB4003 the server went away (start again: it goes on)."""
        try:
            self._carry()
        except psycopg.Error as error:
            raise cannot_open(self._place, error) from error

    def compare(self) -> list[Compared]:
        """Both sides row by row: numbers are compared as positions, everything else as it is."""
        return [self._compared(table, columns, order) for table, (columns, order) in TABLES.items()]

    def done(self) -> None:
        """Let a bus open the destination."""
        self._link.execute("UPDATE carry SET done = 1")

    # -- carrying ---------------------------------------------------------------------------------------------

    def _carry(self) -> None:
        last, new = self._begin()
        (total,) = self._source.execute("SELECT count(*) FROM exchange").fetchone()
        (carried,) = self._source.execute("SELECT count(*) FROM exchange WHERE n <= ?", (last,)).fetchone()
        while rows := self._source.execute(
            f"SELECT {EXCHANGE} FROM exchange WHERE n > ? ORDER BY n LIMIT ?",  # noqa: S608 (own names)
            (last, PORTION),
        ).fetchall():
            with self._link.connection.transaction():
                last, new = self._portion(rows, new)
            carried += len(rows)
            self._told(carried, total)
        with self._link.connection.transaction():
            self._rest()

    def _begin(self) -> tuple[int, int]:
        """Where the last try came to: the last number carried, and the number that it got."""
        with self._link.connection.transaction():
            batches, last_n, *_ = self._link.execute("SELECT batches, last_n FROM turn FOR UPDATE").fetchone()
            row: Any = self._link.execute("SELECT source, last, done FROM carry").fetchone()
            if row is None and (batches or last_n):
                raise JournalError(NOT_EMPTY, [Finding(NOT_EMPTY, path=self._place.shown, got="a journal in use")])
            if row is not None and (row[0] != self._name or row[2]):
                got = "carried already" if row[2] else f"begun from {row[0]}"
                raise JournalError(NOT_EMPTY, [Finding(NOT_EMPTY, path=self._place.shown, got=got)])
            if row is None:
                self._link.execute("INSERT INTO carry (source, last, done) VALUES (?, 0, 0)", (self._name,))
            return (0 if row is None else int(row[1])), int(last_n)

    def _portion(self, rows: Sequence[Sequence[Any]], new: int) -> tuple[int, int]:
        """One portion with everything that hangs on its messages."""
        first, last = rows[0][0], rows[-1][0]
        numbers: dict[int, int] = {}
        keys: list[object] = []
        exchanges: list[object] = []
        received = EXCHANGE.split(",").index("received_at")
        for row in rows:
            new = max(new + 1, first_of(day_of(row[received])))
            numbers[row[0]] = new
            keys += (row[1], new, message_key(row[2], row[4]))
            exchanges += (new, *row[1:])
        for day in sorted({number >> 36 for number in numbers.values()}):
            ensure_day(self._link, day)
        self._write("exchange", EXCHANGE, exchanges)
        RowsWriter("exchange_key", KEYS).write(self._link, keys)
        low, high = first * FAN_OUT, last * FAN_OUT + FAN_OUT - 1
        within = "n BETWEEN ? AND ?"
        self._copy("body", BODY, within, (first, last), lambda row: (numbers[row[0]], *row[1:]))
        for table, columns in (("delivery", DELIVERY), ("reply", REPLY), ("event", EVENT)):
            hanging = within.replace("n ", "delivery ", 1) if table == "event" else within
            self._copy(table, columns, hanging, (low, high), lambda row: (_moved(row[0], numbers), *row[1:]))
        for table, columns in (("segment", SEGMENT), ("attachment", ATTACHMENT)):
            for kind, bounds in ((REQUEST, (first, last)), (OF_REPLY, (low, high))):
                new_number = _moved if kind == OF_REPLY else _carried
                self._copy(
                    table,
                    columns,
                    f"kind = {kind} AND {within}",
                    bounds,
                    lambda row, new_number=new_number: (row[0], new_number(row[1], numbers), *row[2:]),  # type: ignore[misc]  # a bound default
                )
        self._link.execute("UPDATE turn SET last_n = ?", (new,))
        self._link.execute("UPDATE carry SET last = ?", (last,))
        return last, new

    def _rest(self) -> None:
        """The small tables, and the counters."""
        for table, columns in WHOLE.items():
            self._link.execute(f"DELETE FROM {table}")  # noqa: S608 (own names)
            self._copy(table, columns, "1 = 1", (), lambda row: row)
        self._link.execute(
            "UPDATE departure p SET delivery = k.n * ? + (p.delivery % ?) FROM exchange_key k"
            " WHERE k.exchange_id = regexp_replace(p.delivery_id, '-[0-9]+$', '')",
            (FAN_OUT, FAN_OUT),
        )
        self._link.execute(
            "SELECT setval(pg_get_serial_sequence('sequence', 's'),"
            " (SELECT coalesce(max(s), 0) + 1 FROM sequence), false)"
        )
        tally = counted(self._source)
        names = [field.name for field in fields(tally)]
        assigned = ", ".join(f"{name} = ?" for name in names)
        self._link.execute(f"UPDATE turn SET {assigned}", astuple(tally))  # noqa: S608 (own names)

        self._carry_sealing()

    def _carry_sealing(self) -> None:
        """How far the source was sealed; everything that changed since is looked for among all deliveries."""
        places = dict(self._source.execute("SELECT name, value FROM sealing").fetchall())
        last = self._source.execute(
            "SELECT exchange_id FROM exchange WHERE n <= ? ORDER BY n DESC LIMIT 1", (places["exchange"],)
        ).fetchone()
        places["exchange"], places["again"] = 0, 0 if places["exchange"] else -1
        if last is not None:
            row: Any = self._link.execute("SELECT n FROM exchange_key WHERE exchange_id = ?", last).fetchone()
            places["exchange"] = row[0]
        for name, value in places.items():
            self._link.execute("UPDATE sealing SET value = ? WHERE name = ?", (value, name))

    def _copy(
        self,
        table: str,
        columns: str,
        where: str,
        values: Sequence[object],
        turned: Callable[[Sequence[Any]], Sequence[object]],
    ) -> None:
        rows = self._source.execute(f"SELECT {columns} FROM {table} WHERE {where}", values)  # noqa: S608 (own names)
        self._write(table, columns, [value for row in rows for value in turned(row)])

    def _write(self, table: str, columns: str, values: list[object]) -> None:
        RowsWriter(table, columns, **_TYPES.get(table, {})).write(self._link, values)

    # -- comparing --------------------------------------------------------------------------------------------

    def _compared(self, table: str, columns: str, order: str) -> Compared:
        query = f"SELECT {columns} FROM {table} ORDER BY {order}"  # noqa: S608 (own names)
        counts, differences = [0, 0], 0
        names = columns.split(",")
        mine = _positions(table, names, iter(self._source.execute(query)))
        with self._link.connection.transaction(), self._link.connection.cursor("compare") as cursor:
            cursor.itersize = PORTION
            cursor.execute(query.encode())
            for ours, theirs in zip_longest(mine, _positions(table, names, iter(cursor))):
                counts[0] += ours is not None
                counts[1] += theirs is not None
                differences += ours != theirs
        return Compared(table, counts[0], counts[1], differences)


def _carried(message: int, numbers: Mapping[int, int]) -> int:
    """The new number of a message."""
    return numbers[message]


def _moved(delivery: int, numbers: Mapping[int, int]) -> int:
    """The new number of a delivery."""
    return numbers[delivery // FAN_OUT] * FAN_OUT + delivery % FAN_OUT


def _positions(table: str, names: Sequence[str], rows: Iterator[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    """Rows whose numbers of messages are replaced by how many different ones came before: each side has its own."""
    place = {"exchange": 0, "body": 0, "delivery": 0, "reply": 0, "event": 0, "segment": 1, "attachment": 1,
             "departure": 2}.get(table)  # fmt: skip
    by_delivery = table in {"delivery", "reply", "event", "departure"}
    known: dict[int, int] = {}
    last, position = -1, -1
    for row in rows:
        values: list[Any] = list(row)
        if place is not None:
            reply = by_delivery or (names[0] == "kind" and values[0] == OF_REPLY)
            number = values[place] // FAN_OUT if reply else values[place]
            if table == "departure":
                known.setdefault(number, len(known))
                position = known[number]
            elif number != last:
                last, position = number, position + 1
            values[place] = (position, values[place] % FAN_OUT if reply else 0)
        yield tuple(values)
