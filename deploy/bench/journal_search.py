#!/usr/bin/env python3
"""Measures searches and counts in a large synthetic journal on PostgreSQL.

    python deploy/bench/journal_search.py --dsn "host=/run/postgresql dbname=bench" [--exchanges N] [--rounds N]

Fills a schema of its own (``bench_search``; dropped first) with N invented exchanges of N days, 40 municipalities, 22
units; one in 5,000 deliveries is parked, one in 10,000 waits, one in 20,000 has expired, one exchange in 500 was
refused. Then asks every search of the list in turn and prints median, 95th percentile and worst. Exit code 0.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from psycopg import sql

from bus.core.clock import SystemClock
from bus.journal.message_key import message_key
from bus.journal.postgres.database import Place, connect
from bus.journal.postgres.migrate import migrate
from bus.journal.postgres.reader import PostgresReader
from bus.journal.postgres.schema import DAY_S, JAPAN_S, day_of, ensure_day, first_of

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
        "cancelled, of which there are none": lambda: {"state": "CANCELLED"},
        "message id": message,
        "message id, municipality unknown": lambda: {"message_id": message()["message_id"]},
        "an hour of a municipality": hours,
    }


def main() -> int:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description="Searches in a large synthetic journal on PostgreSQL.")
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--exchanges", type=int, default=5_000_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--filled", action="store_true", help="ask only: the schema is filled already")
    wanted = parser.parse_args()
    place = Place(wanted.dsn, SCHEMA)
    if not wanted.filled:
        fill(place, wanted.exchanges, wanted.days)
    chance = random.Random(wanted.seed)
    reader = PostgresReader(place)
    for name, values in searches(wanted.exchanges, chance).items():
        times: list[float] = []
        rows = 0
        for _ in range(wanted.rounds):
            asked = values()
            begin = time.perf_counter()
            rows += len(reader.search(**asked))
            times.append((time.perf_counter() - begin) * 1e3)
        times.sort()
        print(json.dumps({
            "search": name, "rows": rows // wanted.rounds, "p50_ms": round(times[len(times) // 2], 2),
            "p95_ms": round(times[len(times) * 95 // 100], 2), "max_ms": round(times[-1], 1),
        }))  # fmt: skip
    reader.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
