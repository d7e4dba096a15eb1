"""Days and partitions, and the version of the schema: what the PostgreSQL journal's tables look like from outside."""

from __future__ import annotations

import datetime
from typing import Any, Final

from psycopg import sql

from bus.core.errors import JournalError
from bus.core.types import Finding
from bus.journal.postgres.database import Link, Place, cannot_open
from bus.journal.schema import FAN_OUT

HEAD: Final = "0006"
"""The newest step of ``migrations``."""

DAY_BITS: Final = 36
"""``n`` is the day times two to this, plus a number within the day. Part of the stored keys: it never changes."""

DAY_S: Final = 86_400
JAPAN_S: Final = 9 * 3600
EPOCH: Final = datetime.date(1970, 1, 1)

BY_MESSAGE: Final = ("exchange", "body")
BY_DELIVERY: Final = ("delivery", "reply", "event")
"""Partitioned tables, by what their key counts."""

EMPTY_BYTES: Final = 32 * 1024
"""A partition without a row has no more: the first pages of its table, its TOAST table and its index."""

_FILL: Final = {"delivery": 70}
"""A delivery changes two or three times: room beside it keeps the changes on its page."""

_EXTERNAL: Final = {"body", "reply"}
"""Bodies are kept as they are: compressing them would cost more processor time than storing them."""


def day_of(at: float) -> int:
    """The day in Japan, counted from 1970."""
    return int((at + JAPAN_S) // DAY_S)


def first_of(day: int) -> int:
    """The smallest ``exchange.n`` of a day."""
    return day << DAY_BITS


def day_of_number(n: int) -> int:
    """The day of an ``exchange.n``."""
    return n >> DAY_BITS


def name_of(day: int) -> str:
    """The day as the names of its partitions end."""
    return (EPOCH + datetime.timedelta(days=day)).strftime("%Y%m%d")


def ensure_day(link: Link, day: int) -> None:
    """Make the partitions of a day where they are missing. Errors: ``psycopg.Error``.

    Each is made as a table of its own and then attached: ``CREATE TABLE ... PARTITION OF`` would lock out everybody
    who reads the whole.
    """
    if link.execute("SELECT 1 FROM day WHERE day = ?", (day,)).fetchone() is not None:
        return
    for table in (*BY_MESSAGE, *BY_DELIVERY):
        factor = 1 if table in BY_MESSAGE else FAN_OUT
        for statement in _partition(table, day, factor):
            link.connection.execute(statement)
    link.execute("INSERT INTO day (day) VALUES (?) ON CONFLICT DO NOTHING", (day,))


def _partition(table: str, day: int, factor: int) -> list[sql.Composed]:
    whole, part = sql.Identifier(table), sql.Identifier(f"{table}_{name_of(day)}")
    options = sql.SQL(f" WITH (fillfactor = {_FILL[table]})") if table in _FILL else sql.SQL("")
    made = [sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL){}").format(part, whole, options)]
    if table in _EXTERNAL:
        made.append(sql.SQL("ALTER TABLE {} ALTER COLUMN raw SET STORAGE EXTERNAL").format(part))
    low, high = sql.Literal(first_of(day) * factor), sql.Literal(first_of(day + 1) * factor)
    made.append(
        sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(whole, part, low, high)
    )
    return made


def drop_day(link: Link, day: int) -> bool:
    """Drop the partitions of a day without messages; whether there was none. Errors: ``psycopg.Error``."""
    if not _empty(link, "exchange", day) or not _empty(link, "delivery", day):
        return False
    for table in (*BY_MESSAGE, *BY_DELIVERY):
        link.connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_of_day(table, day)))
    link.execute("DELETE FROM day WHERE day = ?", (day,))
    return True


def empty_payloads(link: Link, day: int) -> bool:
    """Give back the room of payloads of which no row is left; whether there was any. Errors: ``psycopg.Error``."""
    gone = False
    for table in sorted(_EXTERNAL):
        part = _of_day(table, day)
        size: Any = link.connection.execute(
            sql.SQL("SELECT pg_total_relation_size({}::regclass)").format(part.as_string(link.connection))
        ).fetchone()
        if size[0] > EMPTY_BYTES and _empty(link, table, day):
            link.connection.execute(sql.SQL("TRUNCATE {}").format(part))
            gone = True
    return gone


def _of_day(table: str, day: int) -> sql.Identifier:
    return sql.Identifier(f"{table}_{name_of(day)}")


def _empty(link: Link, table: str, day: int) -> bool:
    """Whether a partition has no row."""
    row = link.connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(_of_day(table, day))).fetchone()
    return row is None


def version(link: Link) -> str:
    """The version of the schema, empty where there is none. Errors: ``psycopg.Error``."""
    if link.execute("SELECT to_regclass('alembic_version')").fetchone()[0] is None:
        return ""
    row: Any = link.execute("SELECT version_num FROM alembic_version").fetchone()
    return "" if row is None else str(row[0])


def check_version(link: Link, place: Place) -> None:
    """Refuse (CB4003) a schema of another version than this program's."""
    found = version(link)
    if not found:
        raise cannot_open(place, "no journal in this schema")
    if found != HEAD:
        raise wrong_version(place, found)


def wrong_version(place: Place, found: str) -> JournalError:
    """CB4003 for a schema that this program does not know."""
    got = f"{place.shown}: schema version {found}"
    return JournalError("CB4003", [Finding("CB4003", path="journal.dsn", expected=HEAD, got=got)])
