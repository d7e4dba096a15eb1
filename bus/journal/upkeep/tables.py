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

RESEND: Final = """
CREATE TABLE resend_job (            -- bus.journal.resend
    j INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    actor TEXT NOT NULL,             -- who planned it
    reason TEXT NOT NULL,
    selection TEXT NOT NULL,         -- JSON: what was asked for
    summary TEXT NOT NULL,           -- JSON: what was found
    digest TEXT NOT NULL,            -- SHA-256 of its items, which the audit holds too
    state TEXT NOT NULL,
    number INTEGER NOT NULL,
    pace TEXT NOT NULL,              -- JSON: how fast, how many at once, when to stop
    started_by TEXT NOT NULL,
    started_at REAL NOT NULL,
    changed_at REAL NOT NULL,
    ended_at REAL NOT NULL,
    failed_before INTEGER NOT NULL,  -- how many had failed when it was started the last time
    code TEXT NOT NULL,
    holder TEXT NOT NULL,            -- who runs it, and until when nobody else does
    held_until REAL NOT NULL
) STRICT;
CREATE TABLE resend_item (
    j INTEGER NOT NULL,
    i INTEGER NOT NULL,              -- 1, 2, ... in the order of sending
    exchange_id TEXT NOT NULL,
    target_index INTEGER NOT NULL,
    target TEXT NOT NULL,            -- municipality/endpoint
    event INTEGER NOT NULL,          -- the number of the event that parked it: this parking is resent, no other
    overtaken INTEGER NOT NULL,      -- 1: a later one with a key of its own had arrived
    state TEXT NOT NULL,
    code TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (j, i)
) STRICT, WITHOUT ROWID;
CREATE INDEX resend_item_state ON resend_item (j, state, i);
"""
