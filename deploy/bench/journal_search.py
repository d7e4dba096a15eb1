#!/usr/bin/env python3
"""Measures searches and counts in a large synthetic journal on SQLite or PostgreSQL.

    python deploy/bench/journal_search.py --sqlite [--exchanges N] [--rounds N]
    python deploy/bench/journal_search.py --dsn "host=/run/postgresql dbname=bench" [--exchanges N] [--rounds N]

With ``--sqlite`` a journal in a temporary folder (500,000 exchanges), removed at the end. Else fills a schema of its
own (``bench_search``; dropped first) with 5,000,000. The exchanges are invented, of 30 days, 40 municipalities and 22
units; one in 5,000 deliveries is parked, one in 10,000 waits, one in 20,000 has expired, one exchange in 500 was
refused. Then asks every search of the list in turn and prints median, 95th percentile and worst. Exit code 0.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from psycopg import sql

from bus.core.clock import SystemClock
from bus.journal.batch import EXCHANGE
from bus.journal.message_key import message_key
from bus.journal.postgres.database import Place, connect
from bus.journal.postgres.migrate import migrate
from bus.journal.postgres.reader import PostgresReader
from bus.journal.postgres.schema import DAY_S, JAPAN_S, day_of, ensure_day, first_of
from bus.journal.reader import SqliteReader, TableReader
from bus.journal.schema import FAN_OUT, HELD, WAITING, open_for_writing
from bus.journal.sqlite import SqliteJournal

SCHEMA: Final = "bench_search"
PORTION: Final = 100_000
_EXCHANGE: Final = """
INSERT INTO exchange SELECT n, lpad(to_hex(n), 32, '0'), to_char(990000 + s % 40, 'FM000000'), 'system' || s % 22,
 'urn:uuid:' || lpad(to_hex(s), 32, '0'), (s % 500 = 0)::int, repeat('0', 64), 'unit' || s % 22,
 'unit' || s % 22 || '.op' || s % 3, '1.0', 'jumin', 'queued', 'atena:' || s % 100000, at, at + 3600,
 'text/xml; charset=utf-8', 'urn:x-synthetic', '', repeat('0', 16), 1024, '' FROM
 (SELECT s, {first}::int8 + s - {start} AS n, {began}::float8 + (s - {start}) * {step}::float8 AS at
  FROM generate_series({start}::int8, {end}::int8) s) x
"""
_DELIVERY: Final = """
INSERT INTO delivery (n, target, state, open, updated_at, next_attempt_at)
 SELECT n * 4096, 'system' || (s * 7) % 22, CASE WHEN s % 5000 = 1 THEN 'PARKED' WHEN s % 10000 = 2 THEN 'RETRY_WAIT'
 WHEN s % 20000 = 3 THEN 'EXPIRED' ELSE 'DELIVERED' END, CASE WHEN s % 5000 = 1 THEN 3 WHEN s % 10000 = 2 THEN 2 END,
 0, 0 FROM (SELECT s, {first}::int8 + s - {start} AS n FROM generate_series({start}::int8, {end}::int8) s) x
 WHERE s % 500 <> 0
"""


def fill(place: Place, exchanges: int, days: int) -> None:
    """The synthetic journal."""
    link = connect(place, purpose="bench")
    link.connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(SCHEMA)))
    migrate(place)
    link.connection.execute("SET statement_timeout = 0")
    link.connection.bound_s = 3600.0
    today, each = day_of(SystemClock().now()), exchanges // days
    for number in range(days):
        day = today - days + 1 + number
        ensure_day(link, day)
        for start in range(number * each, (number + 1) * each, PORTION):
            end = min(start + PORTION, (number + 1) * each) - 1
            offset = start - number * each
            began = day * DAY_S - JAPAN_S + offset * DAY_S / each
            bounds = {"first": first_of(day) + 1 + offset, "start": start, "end": end, "began": began,
                      "step": DAY_S / each}  # fmt: skip
            values = {name: sql.Literal(value) for name, value in bounds.items()}
            for statement in (_EXCHANGE, _DELIVERY):
                link.connection.execute(sql.SQL(statement).format(**values))
            numbers = range(start, end + 1)
            with (
                link.connection.cursor() as cursor,
                cursor.copy("COPY exchange_key (exchange_id, n, key) FROM STDIN (FORMAT BINARY)") as copy,
            ):
                copy.set_types(["text", "int8", "int8"])
                for s in numbers:
                    n = bounds["first"] + s - start
                    key = message_key(f"{990000 + s % 40:06d}", f"urn:uuid:{s:032x}")
                    copy.write_row((f"{int(n):032x}", n, key))
        print(f"{(number + 1) * each} / {exchanges}", file=sys.stderr)
    link.connection.execute("ANALYZE")
    link.close()


def fill_sqlite(path: Path, exchanges: int, days: int) -> None:
    """The same synthetic journal in a file."""
    connection = open_for_writing(path)
    connection.execute("PRAGMA synchronous=OFF")
    began, step = SystemClock().now() - days * DAY_S, days * DAY_S / exchanges
    marks = ",".join("?" * len(EXCHANGE.split(",")))
    for start in range(0, exchanges, PORTION):
        numbers = range(start, min(start + PORTION, exchanges))
        connection.execute("BEGIN")
        connection.executemany(
            f"INSERT INTO exchange ({EXCHANGE}) VALUES ({marks})",
            (
                (s + 1, f"{s + 1:032x}", f"{990000 + s % 40:06d}", f"system{s % 22}", f"urn:uuid:{s:032x}",
                 int(s % 500 == 0), "0" * 64, f"unit{s % 22}", f"unit{s % 22}.op{s % 3}", "1.0", "jumin", "queued",
                 f"atena:{s % 100000}", began + s * step, began + s * step + 3600, "text/xml; charset=utf-8",
                 "urn:x-synthetic", "", "0" * 16, 1024, "")
                for s in numbers
            ),
        )  # fmt: skip
        connection.executemany(
            "INSERT INTO delivery (n, target, state, open, updated_at) VALUES (?, ?, ?, ?, 0)",
            (((s + 1) * FAN_OUT, f"system{s * 7 % 22}", *_state(s)) for s in numbers if s % 500),
        )
        connection.executemany(
            "INSERT INTO message_key (key, n) VALUES (?, ?)",
            sorted((message_key(f"{990000 + s % 40:06d}", f"urn:uuid:{s:032x}"), s + 1) for s in numbers),
        )
        connection.execute("UPDATE progress SET value = ? WHERE name = 'message_key'", (numbers[-1] + 1,))
        connection.execute("COMMIT")
    connection.close()


def _state(s: int) -> tuple[str, int | None]:
    """Where the delivery of message ``s`` stands: as rarely as on PostgreSQL."""
    if s % 5000 == 1:
        return "PARKED", HELD
    if s % 10000 == 2:
        return "RETRY_WAIT", WAITING
    return ("EXPIRED", None) if s % 20000 == 3 else ("DELIVERED", None)


def searches(exchanges: int, chance: random.Random) -> dict[str, Callable[[], dict[str, Any]]]:
    """What is asked, each time with other values."""

    def municipality() -> str:
        return f"{990000 + chance.randrange(40):06d}"

    def unit() -> int:
        return chance.randrange(22)

    def message() -> dict[str, Any]:
        s = chance.randrange(exchanges)
        return {"message_id": f"urn:uuid:{s:032x}", "municipality": f"{990000 + s % 40:06d}"}

    def endpoint() -> dict[str, Any]:
        s = chance.randrange(exchanges)
        return {"municipality": f"{990000 + s % 40:06d}", "endpoint": f"system{s % 22}"}

    now = SystemClock().now()

    def hours() -> dict[str, Any]:
        at = now - chance.random() * 20 * DAY_S
        return {"municipality": municipality(), "since": at, "until": at + 3600}

    return {
        "newest": lambda: {},
        "municipality": lambda: {"municipality": municipality()},
        "operation": lambda: {"operation": f"unit{unit()}.op{chance.randrange(3)}"},
        "municipality and operation": lambda: {"municipality": municipality(), "operation": f"unit{unit()}.op0"},
        "endpoint": endpoint,
        "parked": lambda: {"state": "PARKED"},
        "parked of a municipality": lambda: {"state": "PARKED", "municipality": municipality()},
        "waiting": lambda: {"state": "RETRY_WAIT"},
        "expired": lambda: {"state": "EXPIRED"},
        "refused": lambda: {"state": "REJECTED"},
        "an operation that nobody uses": lambda: {"operation": "unit99.op9"},
        "an endpoint that nobody is": lambda: {"endpoint": "system99"},
        "cancelled, of which there are none": lambda: {"state": "CANCELLED"},
        "message id": message,
        "message id, municipality unknown": lambda: {"message_id": message()["message_id"]},
        "an hour of a municipality": hours,
    }


def ask(reader: TableReader, exchanges: int, rounds: int, seed: int) -> None:
    """Every search so many times, each time with other values; one line each."""
    for name, values in searches(exchanges, random.Random(seed)).items():
        times: list[float] = []
        rows = 0
        for _ in range(rounds):
            asked = values()
            begin = time.perf_counter()
            rows += len(reader.search(**asked))
            times.append((time.perf_counter() - begin) * 1e3)
        times.sort()
        print(json.dumps({
            "search": name, "rows": rows // rounds, "p50_ms": round(times[len(times) // 2], 2),
            "p95_ms": round(times[len(times) * 95 // 100], 2), "max_ms": round(times[-1], 1),
        }))  # fmt: skip
    reader.close()


async def count(path: Path, rounds: int) -> None:
    """``counts()`` of the bus that owns the file."""
    journal = SqliteJournal(path, clock=SystemClock())
    begin = time.perf_counter()
    await journal.open()
    opened, times = (time.perf_counter() - begin) * 1e3, []
    for _ in range(rounds):
        begin = time.perf_counter()
        journal.counts()
        times.append((time.perf_counter() - begin) * 1e3)
    await journal.close()
    times.sort()
    p95 = round(times[len(times) * 95 // 100], 2)
    print(json.dumps({"counts": "p95_ms", "p95_ms": p95, "opened_after_a_sudden_end_ms": round(opened, 1)}))


def main() -> int:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description="Searches in a large synthetic journal.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--dsn")
    where.add_argument("--sqlite", action="store_true")
    parser.add_argument("--exchanges", type=int, default=0)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--filled", action="store_true", help="ask only: the schema is filled already")
    wanted = parser.parse_args()
    exchanges = wanted.exchanges or (500_000 if wanted.sqlite else 5_000_000)
    if wanted.sqlite:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "journal.sqlite"
            fill_sqlite(path, exchanges, wanted.days)
            asyncio.run(count(path, wanted.rounds))
            ask(
                SqliteReader(path, [f"{990000 + number:06d}" for number in range(40)]),
                exchanges,
                wanted.rounds,
                wanted.seed,
            )
        return 0
    place = Place(wanted.dsn, SCHEMA)
    if not wanted.filled:
        fill(place, exchanges, wanted.days)
    known = [f"{990000 + number:06d}" for number in range(40)]
    ask(PostgresReader(place, known), exchanges, wanted.rounds, wanted.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
