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

SEALS: Final = """
CREATE TABLE touched (               -- what has to be sealed: deliveries that changed, one row for each commit
    t INTEGER PRIMARY KEY,
    deliveries BLOB NOT NULL         -- their numbers, 8 bytes each, big-endian
) STRICT;
CREATE TABLE seal (
    s INTEGER PRIMARY KEY,           -- 1, 2, ... without a gap
    at REAL NOT NULL,
    previous TEXT NOT NULL,          -- digest of the seal before
    number INTEGER NOT NULL,         -- how many entries
    digest TEXT NOT NULL,
    key TEXT NOT NULL,
    signature BLOB NOT NULL,
    entries BLOB NOT NULL            -- lines of text, packed by zlib
) STRICT;
CREATE TABLE sealing (               -- how far the sealing has come; the seals themselves do not depend on it
    name TEXT PRIMARY KEY,           -- exchange | audit | removal | again
    value INTEGER NOT NULL
) STRICT;
INSERT INTO sealing VALUES ('exchange', 0), ('audit', 0), ('removal', 0), ('again', -1);
ALTER TABLE removal ADD COLUMN key TEXT NOT NULL DEFAULT '';
ALTER TABLE removal ADD COLUMN signature BLOB NOT NULL DEFAULT x'';
"""
"""``again`` is the number of the last delivery looked at by a sweep over all of them, -1 when none is under way."""

DATA_KEYS: Final = """
CREATE TABLE data_key (              -- keys of payloads, wrapped: bus.journal.vault
    k INTEGER PRIMARY KEY,
    day INTEGER NOT NULL,            -- in Japan, counted from 1970
    master TEXT NOT NULL,            -- the name of the site's key that opens it
    wrapped BLOB NOT NULL
) STRICT;
"""
