"""The tables of the SQLite journal, their versions, and how a connection to them is set up.

``exchange.n`` numbers messages in the order of their acceptance; ``delivery.n`` is ``exchange.n * FAN_OUT`` plus
the index of the target, so that no further index joins the two.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bus.core.errors import JournalError
from bus.core.states import State
from bus.core.types import Finding
from bus.journal.seen import TABLE as SEEN
from bus.journal.upkeep.tables import DATA_KEYS, RESEND, RETENTION, SEALS

FAN_OUT: Final = 4096
"""No message has more targets than this; the number is part of the stored keys and never changes."""

MOVING: Final = 1
WAITING: Final = 2
HELD: Final = 3
CALLING: Final = 4
GATHERED: Final = 5
"""Values of ``delivery.open``: in motion, waiting to retry, parked, a direct caller waits, arrived before its turn.

NULL when final."""

OPEN_CLASS: Final[dict[State, int | None]] = {
    State.ACCEPTED: MOVING,
    State.PUBLISHED: MOVING,
    State.DISPATCHING: MOVING,
    State.RETRY_WAIT: WAITING,
    State.PARKED: HELD,
    State.EARLY: GATHERED,
}
"""The value of ``delivery.open`` for a state of a queued delivery; states not listed are final."""

VERSION_1: Final = """
CREATE TABLE exchange (
    n INTEGER PRIMARY KEY,
    exchange_id TEXT NOT NULL,
    municipality TEXT NOT NULL,
    sender TEXT NOT NULL,
    message_id TEXT NOT NULL,
    refused INTEGER NOT NULL,        -- 1: refused, and then its message id is not used up
    sha256 TEXT NOT NULL,
    unit TEXT NOT NULL,
    operation TEXT NOT NULL,
    edition TEXT NOT NULL,
    purpose TEXT NOT NULL,
    mode TEXT NOT NULL,
    ordering_keys TEXT NOT NULL,     -- separated by U+001F
    received_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    content_type TEXT NOT NULL,
    soap_action TEXT NOT NULL,
    relates_to TEXT NOT NULL,
    tables_hash TEXT NOT NULL,
    size INTEGER NOT NULL,
    code TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX exchange_id ON exchange (exchange_id);
CREATE TABLE message_key (           -- finds messages by id; bus.journal.message_index says why it lags behind
    key INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (key, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE progress (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
INSERT INTO progress VALUES ('message_key', 0);
CREATE TABLE body (n INTEGER PRIMARY KEY, raw BLOB NOT NULL) STRICT;
CREATE TABLE delivery (
    n INTEGER PRIMARY KEY,
    target TEXT NOT NULL,
    state TEXT NOT NULL,
    open INTEGER,
    updated_at REAL NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    code TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    next_attempt_at REAL NOT NULL DEFAULT 0,
    request_out REAL NOT NULL DEFAULT 0,
    response_in REAL NOT NULL DEFAULT 0,
    response_out REAL NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX delivery_open ON delivery (open, next_attempt_at) WHERE open IS NOT NULL;
CREATE TABLE reply (
    n INTEGER PRIMARY KEY,           -- delivery.n
    status INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    raw BLOB NOT NULL
) STRICT;
CREATE TABLE event (
    delivery INTEGER NOT NULL,
    n INTEGER NOT NULL,              -- 1, 2, ... in order of recording, whoever recorded it
    at REAL NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    actor TEXT NOT NULL,
    PRIMARY KEY (delivery, n)
) STRICT, WITHOUT ROWID;
"""

SEGMENTS: Final = """
CREATE TABLE segment (               -- bytes of a message with attachments: a file in the folder of attachments
    kind INTEGER NOT NULL,           -- 0: of a message, n is exchange.n; 1: of a reply, n is delivery.n
    n INTEGER NOT NULL,
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    root_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    digest TEXT NOT NULL,
    mtom INTEGER NOT NULL,
    PRIMARY KEY (kind, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX segment_name ON segment (name);
CREATE TABLE attachment (
    kind INTEGER NOT NULL,
    n INTEGER NOT NULL,
    number INTEGER NOT NULL,
    content_id TEXT NOT NULL,
    content_type TEXT NOT NULL,
    encoding TEXT NOT NULL,
    at INTEGER NOT NULL,             -- where its encoded content begins in the segment, and how long it is
    length INTEGER NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (kind, n, number)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER segment_gone AFTER DELETE ON exchange BEGIN
    DELETE FROM segment WHERE (kind = 0 AND n = OLD.n) OR (kind = 1 AND n BETWEEN OLD.n * 4096 AND OLD.n * 4096 + 4095);
    DELETE FROM attachment
        WHERE (kind = 0 AND n = OLD.n) OR (kind = 1 AND n BETWEEN OLD.n * 4096 AND OLD.n * 4096 + 4095);
END;
"""
"""A segment whose last row goes with its exchange is found by the next sweep of the folder."""

SEQUENCES: Final = """
CREATE TABLE sequence (
    s INTEGER PRIMARY KEY,
    role TEXT NOT NULL,
    municipality TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    identifier TEXT NOT NULL,
    identity TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    changed_at REAL NOT NULL,
    acks_to TEXT NOT NULL,
    partner TEXT NOT NULL,
    create_id TEXT NOT NULL,
    last_number INTEGER NOT NULL,
    code TEXT NOT NULL,
    numbers TEXT NOT NULL,           -- ranges: 1-5,7-7
    acknowledged TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX sequence_name ON sequence (role, municipality, endpoint, identifier);
CREATE TABLE arrival (               -- a number that was received
    sequence INTEGER NOT NULL,
    number INTEGER NOT NULL,
    exchange_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    early INTEGER NOT NULL,          -- 1: waits for an earlier number
    reply_number INTEGER NOT NULL,   -- of the answer in the offered sequence, 0 for none yet
    status INTEGER NOT NULL,         -- of the answer to a refused message, else 0
    answer BLOB NOT NULL,
    PRIMARY KEY (sequence, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX arrival_early ON arrival (sequence, number) WHERE early = 1;
CREATE TABLE departure (             -- a number that was given to a delivery
    sequence INTEGER NOT NULL,
    number INTEGER NOT NULL,
    delivery INTEGER NOT NULL,
    delivery_id TEXT NOT NULL,
    acknowledged INTEGER NOT NULL,
    PRIMARY KEY (sequence, number)
) STRICT, WITHOUT ROWID;
"""

SEQUENCE_EVENTS: Final = """
CREATE TABLE sequence_event (        -- what became of a sequence, and who wanted it
    sequence INTEGER NOT NULL,
    n INTEGER NOT NULL,              -- 1, 2, ... in order of recording, whoever recorded it
    at REAL NOT NULL,
    state TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,            -- an operator's words
    actor TEXT NOT NULL,
    PRIMARY KEY (sequence, n)
) STRICT, WITHOUT ROWID;
"""

EXCHANGE_KEYS: Final = """
CREATE VIEW exchange_key AS SELECT exchange_id, n FROM exchange;
"""
"""Numbers by exchange id under one name in every engine; in PostgreSQL it is a table, since partitions have no index
in common."""

RARE: Final = """
CREATE INDEX delivery_ended ON delivery (state) WHERE state IN ('EXPIRED', 'CANCELLED');
CREATE INDEX exchange_refused ON exchange (refused) WHERE refused = 1;
"""
"""Indexes of what is rare: a message that is accepted and delivered is in none of them."""

MIGRATIONS: Final[tuple[str, ...]] = (
    VERSION_1,
    SEGMENTS,
    SEEN,
    SEQUENCES,
    SEQUENCE_EVENTS,
    EXCHANGE_KEYS,
    RETENTION,
    SEALS,
    DATA_KEYS,
    RARE,
    RESEND,
)
"""``MIGRATIONS[i]`` brings a journal from version ``i`` to ``i + 1``; a released entry is never edited."""

BUSY_TIMEOUT_MS: Final = 5000
STATEMENT_CACHE: Final = 512

Connect = Callable[[Path], sqlite3.Connection]
"""Makes a bare connection; injected where a test wants a failing disk."""


def connect(path: Path) -> sqlite3.Connection:
    """A bare connection in autocommit mode, usable from any one thread at a time."""
    return sqlite3.connect(
        path,
        timeout=BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENT_CACHE,
    )


def cannot_open(path: Path, why: object) -> JournalError:
    """CB4003 with the path and the reason; paths are configuration, not personal data."""
    return JournalError("CB4003", [Finding("CB4003", path="journal.path", got=f"{path}: {why}")])


def open_for_writing(path: Path, make: Connect = connect, *, max_pages: int = 0) -> sqlite3.Connection:
    """A connection for the one writer: WAL, an fsync per commit, the schema brought up to date.

    ``max_pages`` bounds the file (pages of 4096 bytes, 0 for no bound). Errors: CB4003.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600, exist_ok=True)
        connection = make(path)
    except (OSError, sqlite3.Error) as error:
        raise cannot_open(path, error) from error
    try:
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode != "wal":
            raise cannot_open(path, f"journal_mode is {mode}")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        if max_pages:
            connection.execute(f"PRAGMA max_page_count={max_pages}")
        migrate(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise cannot_open(path, error) from error
    except JournalError:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path, make: Connect = connect) -> sqlite3.Connection:
    """A connection that only reads; it never creates a journal. Errors: CB4003."""
    if not path.is_file():
        raise cannot_open(path, "no such file")
    try:
        connection = make(path)
    except sqlite3.Error as error:
        raise cannot_open(path, error) from error
    try:
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA query_only=1")
        check_version(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise cannot_open(path, error) from error
    except JournalError:
        connection.close()
        raise
    return connection


def version(connection: sqlite3.Connection) -> int:
    """The schema version stored in the file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse (CB4003) a file of another version than this program's."""
    found = version(connection)
    if found != len(MIGRATIONS):
        raise cannot_open(path, f"schema version {found}, this program has {len(MIGRATIONS)}")


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Apply the missing migrations, each in its own transaction; CB4003 for a file from a newer program."""
    if version(connection) > len(MIGRATIONS):
        check_version(connection, path)
    while (present := version(connection)) < len(MIGRATIONS):
        connection.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[present]}; PRAGMA user_version={present + 1}; COMMIT;")
