"""The tables of an adapter's store: opened, brought up to date and locked against a second process."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path

from bus.core.errors import AdapterError, EnvironmentFault
from bus.core.types import Finding

VERSION = 5

TABLES = """
CREATE TABLE inbox (             -- messages received from the bus, with the answer given
    message_id TEXT PRIMARY KEY, digest TEXT NOT NULL, operation TEXT NOT NULL, sender TEXT NOT NULL,
    received_at REAL NOT NULL, status INTEGER NOT NULL, reply BLOB NOT NULL
);
CREATE INDEX inbox_age ON inbox (received_at);
CREATE TABLE outbox (            -- messages for the bus, in the order in which they were made
    seq INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL UNIQUE, flow TEXT NOT NULL,
    operation TEXT NOT NULL, action TEXT NOT NULL, purpose TEXT NOT NULL, source TEXT NOT NULL,
    record_no INTEGER NOT NULL, records INTEGER NOT NULL, lanes TEXT NOT NULL, body BLOB, state TEXT NOT NULL,
    code TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '', created_at REAL NOT NULL,
    finished_at REAL NOT NULL DEFAULT 0
);
CREATE INDEX outbox_state ON outbox (state, seq);
CREATE INDEX outbox_source ON outbox (source, state);
CREATE TABLE files (             -- vendor files read; source is the first part of what their records are called
    flow TEXT NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL, source TEXT NOT NULL, size INTEGER NOT NULL,
    state TEXT NOT NULL, records INTEGER NOT NULL DEFAULT 0, code TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '', seen_at REAL NOT NULL, finished_at REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (flow, name, sha256)
);
CREATE INDEX files_source ON files (source);
CREATE TABLE held (              -- records that could not go on: held (to be tried again), refused or released
    id INTEGER PRIMARY KEY AUTOINCREMENT, flow TEXT NOT NULL, source TEXT NOT NULL, record_no INTEGER NOT NULL,
    raw BLOB, context TEXT NOT NULL DEFAULT '', state TEXT NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL,
    created_at REAL NOT NULL, finished_at REAL NOT NULL DEFAULT 0, UNIQUE (flow, source, record_no)
);
CREATE INDEX held_state ON held (state, id);
CREATE TABLE worklist (          -- characters that wait for a decision in the gaiji register
    character TEXT PRIMARY KEY, place TEXT NOT NULL, count INTEGER NOT NULL, state TEXT NOT NULL,
    first_at REAL NOT NULL, last_at REAL NOT NULL
);
CREATE TABLE versions (          -- the highest history number handed to the vendor, per record key
    record TEXT NOT NULL, key TEXT NOT NULL, rireki INTEGER NOT NULL, eda INTEGER NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (record, key)
) WITHOUT ROWID;
CREATE TABLE received (          -- records and requests accepted for the vendor, in the order of their acceptance
    seq INTEGER PRIMARY KEY AUTOINCREMENT, flow TEXT NOT NULL, operation TEXT NOT NULL, message_id TEXT NOT NULL,
    record_no INTEGER NOT NULL, lane TEXT NOT NULL, payload BLOB, context TEXT NOT NULL DEFAULT '',
    batch INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL, code TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '', received_at REAL NOT NULL, finished_at REAL NOT NULL DEFAULT 0
);
CREATE INDEX received_state ON received (flow, state, seq);
CREATE INDEX received_batch ON received (flow, batch);
CREATE TABLE batches (           -- vendor files written: open -> written (without end mark) -> published
    flow TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL, records INTEGER NOT NULL,
    created_at REAL NOT NULL, finished_at REAL NOT NULL DEFAULT 0, PRIMARY KEY (flow, number)
);
CREATE TABLE bulk (              -- bulk transfers, sent and received
    unit TEXT NOT NULL, ikkatsuid TEXT NOT NULL, direction TEXT NOT NULL, shubetsu TEXT NOT NULL, flow TEXT NOT NULL,
    source TEXT NOT NULL DEFAULT '', state TEXT NOT NULL, parts INTEGER NOT NULL DEFAULT 0,
    records INTEGER NOT NULL DEFAULT 0, held INTEGER NOT NULL DEFAULT 0, key_digest TEXT NOT NULL DEFAULT '',
    content_digest TEXT NOT NULL DEFAULT '', expected TEXT NOT NULL DEFAULT '', result TEXT NOT NULL DEFAULT '',
    code TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '', created_at REAL NOT NULL,
    finished_at REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (unit, ikkatsuid, direction)
);
CREATE TABLE bulk_confirmations ( -- what each receiver of a transfer sent said about it, its latest word
    unit TEXT NOT NULL, ikkatsuid TEXT NOT NULL, sender TEXT NOT NULL, result TEXT NOT NULL, held INTEGER NOT NULL,
    code TEXT NOT NULL, detail TEXT NOT NULL, confirmed_at REAL NOT NULL, PRIMARY KEY (unit, ikkatsuid, sender)
);
CREATE TABLE bulk_parts (        -- parts received of an unfinished transfer
    unit TEXT NOT NULL, ikkatsuid TEXT NOT NULL, part INTEGER NOT NULL, records INTEGER NOT NULL,
    PRIMARY KEY (unit, ikkatsuid, part)
);
CREATE TABLE bulk_lines (        -- canonical lines of an unfinished transfer, for its digests
    unit TEXT NOT NULL, ikkatsuid TEXT NOT NULL, part INTEGER NOT NULL, number INTEGER NOT NULL, key TEXT NOT NULL,
    line TEXT NOT NULL, PRIMARY KEY (unit, ikkatsuid, part, number)
);
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""

TRANSPORTS = """
CREATE TABLE carried (           -- files on their way between a vendor's place and a local folder
    transport TEXT NOT NULL, name TEXT NOT NULL, mark TEXT NOT NULL, state TEXT NOT NULL, size INTEGER NOT NULL,
    sha256 TEXT NOT NULL DEFAULT '', code TEXT NOT NULL DEFAULT '', at REAL NOT NULL,
    PRIMARY KEY (transport, name, mark)
) WITHOUT ROWID;
CREATE TABLE cursors (           -- how far a vendor's records were read, and how many files were made of them
    transport TEXT PRIMARY KEY, value TEXT NOT NULL, number INTEGER NOT NULL, at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE pulled (            -- what of a vendor's record was read last, by the record's key
    transport TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (transport, key)
) WITHOUT ROWID;
"""
"""New in version 2."""

GAPS = """
CREATE TABLE gaps (              -- history numbers between two that came as notices: first to last are missing
    record TEXT NOT NULL, key TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, seen_at REAL NOT NULL,
    PRIMARY KEY (record, key, first)
) WITHOUT ROWID;
"""
"""New in version 3."""

TURNS = """
CREATE TABLE turns (             -- per lane, in order: a held record, and the letters that wait behind it
    lane TEXT NOT NULL, place INTEGER NOT NULL, held INTEGER NOT NULL DEFAULT 0, letter TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (lane, place)
) WITHOUT ROWID;
CREATE INDEX turns_place ON turns (place);
CREATE INDEX turns_held ON turns (held);
"""
"""New in version 4."""

QUESTIONS = """
CREATE TABLE question_files (    -- vendors' request files: asking -> waiting -> written (without end mark) -> published
    number INTEGER PRIMARY KEY AUTOINCREMENT, flow TEXT NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL,
    source TEXT NOT NULL, state TEXT NOT NULL, taken_at REAL NOT NULL, finished_at REAL NOT NULL DEFAULT 0
);
CREATE INDEX question_files_state ON question_files (flow, state, number);
CREATE TABLE questions (         -- their questions: open -> (later ->) answered | expired -> told; overdue: laid aside
    file INTEGER NOT NULL, record_no INTEGER NOT NULL, message_id TEXT NOT NULL UNIQUE, flow TEXT NOT NULL,
    operation TEXT NOT NULL, body BLOB, echo TEXT NOT NULL, state TEXT NOT NULL, rows BLOB, code TEXT NOT NULL,
    detail TEXT NOT NULL, asked_at REAL NOT NULL, expires_at REAL NOT NULL DEFAULT 0,
    finished_at REAL NOT NULL DEFAULT 0, PRIMARY KEY (file, record_no)
);
CREATE INDEX questions_state ON questions (flow, state, expires_at);
"""
"""New in version 5."""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection with the store's safety settings; nothing is acknowledged before it is on disk."""
    target = f"file:{path}?mode=ro" if read_only else f"file:{path}"
    database = sqlite3.connect(target, uri=True, isolation_level=None, check_same_thread=False, timeout=10.0)
    try:
        database.row_factory = sqlite3.Row
        database.execute("PRAGMA busy_timeout=10000")
        if not read_only:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.execute("PRAGMA temp_store=MEMORY")
    except sqlite3.Error:
        database.close()
        raise
    return database


def open_store(path: Path) -> sqlite3.Connection:
    """Open or create the store for writing, readable by its owner only. CB6012 when that is not possible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        database = connect(path)
        try:
            _bring_up_to_date(database, path)
        except BaseException:
            database.close()
            raise
    except (OSError, sqlite3.Error) as error:
        raise AdapterError("CB6012", [Finding("CB6012", path=path.name, got=str(error))]) from error
    return database


def _bring_up_to_date(database: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new store, add what an older one lacks; CB6012 for a version that is not known."""
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    steps = (TABLES, TRANSPORTS, GAPS, TURNS, QUESTIONS)
    if version < VERSION:
        missing = "".join(steps[version:])
        database.executescript(f"BEGIN IMMEDIATE;{missing}PRAGMA user_version={VERSION};COMMIT;")
    elif version != VERSION:
        finding = Finding("CB6012", path=path.name, expected=f"version {VERSION}", got=f"version {version}")
        raise AdapterError("CB6012", [finding])


def lock(path: Path) -> int:
    """Keep a second process of the same adapter away; the handle is held until the process ends. CB9003."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        finding = Finding("CB9003", path=path.name, got="already running")
        raise EnvironmentFault("CB9003", [finding]) from error
    return handle
