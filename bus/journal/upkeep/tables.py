"""The tables of the upkeep in the SQLite journal; PostgreSQL has the same in ``migrations``."""

from __future__ import annotations

from typing import Final

RETENTION: Final = """
CREATE TABLE audit (                 -- who did what: bus.journal.upkeep.audit
    n INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    municipality TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL             -- JSON
) STRICT;
CREATE TABLE removal (               -- what retention removed, one row for each transaction
    r INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    actor TEXT NOT NULL,
    kind TEXT NOT NULL,              -- payload | metadata | sequence | audit
    number INTEGER NOT NULL,         -- how many messages, sequences or rows
    bytes INTEGER NOT NULL,
    first_at REAL NOT NULL,          -- received (or written) from .. to
    last_at REAL NOT NULL,
    ids BLOB NOT NULL                -- their ids, one a line, packed by zlib
) STRICT;
"""
