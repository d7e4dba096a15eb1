"""What is remembered of transports: files on their way, how far records were read, and what was read last of each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

HERE = "here"
"""Fetched and complete under a temporary name; the next thing is its appearance in the folder."""
FETCHED = "fetched"
SENDING = "sending"
STAGED = "staged"
"""Uploaded under a temporary name; the next thing is its appearance at the vendor's."""
PUBLISHED = "published"
SENT = "sent"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Carried:
    """A file's row."""

    name: str
    mark: str
    state: str
    sha256: str


def find(database: sqlite3.Connection, transport: str, name: str, mark: str) -> Carried | None:
    """What is known of a file in this version."""
    row = database.execute(
        "SELECT state, sha256 FROM carried WHERE transport = ? AND name = ? AND mark = ?", (transport, name, mark)
    ).fetchone()
    return None if row is None else Carried(name, mark, row["state"], row["sha256"])


def in_state(database: sqlite3.Connection, transport: str, state: str) -> list[Carried]:
    """The files of a transport in a state."""
    rows = database.execute(
        "SELECT name, mark, state, sha256 FROM carried WHERE transport = ? AND state = ?", (transport, state)
    )
    return [Carried(row["name"], row["mark"], row["state"], row["sha256"]) for row in rows]


def put(
    database: sqlite3.Connection,
    transport: str,
    name: str,
    mark: str,
    state: str,
    *,
    size: int = 0,
    sha256: str = "",
    code: str = "",
    now: float,
) -> None:
    """Note a file's state."""
    database.execute(
        "INSERT INTO carried (transport, name, mark, state, size, sha256, code, at) VALUES (?,?,?,?,?,?,?,?)"
        " ON CONFLICT (transport, name, mark) DO UPDATE SET state = excluded.state, code = excluded.code,"
        " at = excluded.at, size = excluded.size, sha256 = excluded.sha256",
        (transport, name, mark, state, size, sha256, code, now),
    )


def remove(database: sqlite3.Connection, transport: str, name: str, mark: str) -> None:
    """A file that is gone from the vendor's place needs no memory."""
    database.execute("DELETE FROM carried WHERE transport = ? AND name = ? AND mark = ?", (transport, name, mark))


def cursor(database: sqlite3.Connection, transport: str) -> tuple[str, int]:
    """How far was read (empty: nothing yet), and how many files were made of it."""
    row = database.execute("SELECT value, number FROM cursors WHERE transport = ?", (transport,)).fetchone()
    return ("", 0) if row is None else (str(row["value"]), int(row["number"]))


def known(database: sqlite3.Connection, transport: str, keys: Iterable[str]) -> dict[str, str]:
    """The digests under which these keys were read last."""
    found: dict[str, str] = {}
    for key in keys:
        row = database.execute("SELECT digest FROM pulled WHERE transport = ? AND key = ?", (transport, key)).fetchone()
        if row is not None:
            found[key] = row["digest"]
    return found


def advance(
    database: sqlite3.Connection, transport: str, value: str, number: int, digests: Mapping[str, str], now: float
) -> None:
    """What was read up to ``value`` lies in file ``number`` (or brought nothing new)."""
    database.execute(
        "INSERT INTO cursors (transport, value, number, at) VALUES (?,?,?,?) ON CONFLICT (transport)"
        " DO UPDATE SET value = excluded.value, number = excluded.number, at = excluded.at",
        (transport, value, number, now),
    )
    learn(database, transport, digests)


def learn(database: sqlite3.Connection, transport: str, digests: Mapping[str, str]) -> None:
    """Remember what was read last under each key."""
    database.executemany(
        "INSERT INTO pulled (transport, key, digest) VALUES (?,?,?) ON CONFLICT (transport, key)"
        " DO UPDATE SET digest = excluded.digest",
        [(transport, key, digest) for key, digest in digests.items()],
    )
