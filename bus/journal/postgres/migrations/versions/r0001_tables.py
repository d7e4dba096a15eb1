"""The tables of the first version.

``n`` numbers messages in the order of their acceptance, as in SQLite; its upper bits are the day (in Japan) on which
the message was accepted, so that the tables that grow are partitioned by day and every key says where its row is.
"""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "0001"
down_revision: Final = None
branch_labels: Final = None
depends_on: Final = None

PARTITIONED: Final = (
    """
CREATE TABLE exchange (
    n bigint PRIMARY KEY,
    exchange_id text NOT NULL,
    municipality text COLLATE "C" NOT NULL,
    sender text COLLATE "C" NOT NULL,
    message_id text NOT NULL,
    refused smallint NOT NULL,
    sha256 text NOT NULL,
    unit text NOT NULL,
    operation text COLLATE "C" NOT NULL,
    edition text NOT NULL,
    purpose text NOT NULL,
    mode text NOT NULL,
    ordering_keys text NOT NULL,
    received_at double precision NOT NULL,
    expires_at double precision NOT NULL,
    content_type text NOT NULL,
    soap_action text NOT NULL,
    relates_to text NOT NULL,
    tables_hash text NOT NULL,
    size bigint NOT NULL,
    code text NOT NULL
) PARTITION BY RANGE (n)
""",
    "CREATE INDEX exchange_municipality ON exchange (municipality, n)",
    "CREATE INDEX exchange_received ON exchange (municipality, received_at)",
    "CREATE INDEX exchange_operation ON exchange (operation, municipality, n)",
    "CREATE INDEX exchange_sender ON exchange (sender, municipality, n)",
    "CREATE INDEX exchange_refused ON exchange (n) WHERE refused = 1",
    "CREATE TABLE body (n bigint PRIMARY KEY, raw bytea NOT NULL) PARTITION BY RANGE (n)",
    """
CREATE TABLE delivery (
    n bigint PRIMARY KEY,
    target text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    open smallint,
    updated_at double precision NOT NULL,
    attempt integer NOT NULL DEFAULT 0,
    code text NOT NULL DEFAULT '',
    detail text NOT NULL DEFAULT '',
    next_attempt_at double precision NOT NULL DEFAULT 0,
    request_out double precision NOT NULL DEFAULT 0,
    response_in double precision NOT NULL DEFAULT 0,
    response_out double precision NOT NULL DEFAULT 0,
    ended smallint GENERATED ALWAYS AS (CASE state WHEN 'EXPIRED' THEN 1 WHEN 'CANCELLED' THEN 2 END) STORED
) PARTITION BY RANGE (n)
""",
    "CREATE INDEX delivery_open ON delivery (open, n) WHERE open IS NOT NULL",
    "CREATE INDEX delivery_due ON delivery (next_attempt_at, n) WHERE open = 2",
    "CREATE INDEX delivery_target ON delivery (target, n)",
    "CREATE INDEX delivery_ended ON delivery (ended, n) WHERE ended IS NOT NULL",
    """
CREATE TABLE reply (
    n bigint PRIMARY KEY,
    status integer NOT NULL,
    content_type text NOT NULL,
    raw bytea NOT NULL
) PARTITION BY RANGE (n)
""",
    """
CREATE TABLE event (
    delivery bigint NOT NULL,
    n integer NOT NULL,
    at double precision NOT NULL,
    state text NOT NULL,
    attempt integer NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    actor text NOT NULL,
    PRIMARY KEY (delivery, n)
) PARTITION BY RANGE (delivery)
""",
)

WHOLE: Final = (
    # One row: whoever writes a batch holds it, so batches follow each other and n is in the order of the commits.
    """
CREATE TABLE turn (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    batches bigint NOT NULL DEFAULT 0,
    last_n bigint NOT NULL DEFAULT 0,
    owner text NOT NULL DEFAULT '',
    serial bigint NOT NULL DEFAULT 0,
    accepted bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    deliveries bigint NOT NULL DEFAULT 0,
    delivered bigint NOT NULL DEFAULT 0,
    replied bigint NOT NULL DEFAULT 0,
    expired bigint NOT NULL DEFAULT 0,
    cancelled bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20)
""",
    "INSERT INTO turn DEFAULT VALUES",
    """
CREATE TABLE exchange_key (
    exchange_id text COLLATE "C" PRIMARY KEY,
    n bigint NOT NULL,
    key bigint NOT NULL
)
""",
    "CREATE INDEX exchange_key_key ON exchange_key (key)",
    "CREATE TABLE day (day integer PRIMARY KEY)",
    # An embedded journal that is being carried over, and how far; no bus opens the journal before it is done.
    "CREATE TABLE carry (source text PRIMARY KEY, last bigint NOT NULL, done smallint NOT NULL)",
    """
CREATE TABLE segment (
    kind smallint NOT NULL,
    n bigint NOT NULL,
    name text NOT NULL,
    content_type text NOT NULL,
    root_type text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    digest text NOT NULL,
    mtom smallint NOT NULL,
    PRIMARY KEY (kind, n)
)
""",
    "CREATE INDEX segment_name ON segment (name)",
    """
CREATE TABLE attachment (
    kind smallint NOT NULL,
    n bigint NOT NULL,
    number integer NOT NULL,
    content_id text NOT NULL,
    content_type text NOT NULL,
    encoding text NOT NULL,
    at bigint NOT NULL,
    length bigint NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    PRIMARY KEY (kind, n, number)
)
""",
    "CREATE TABLE seen (value bytea PRIMARY KEY, until double precision NOT NULL)",
    "CREATE INDEX seen_until ON seen (until)",
    """
CREATE TABLE sequence (
    s bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    role text NOT NULL,
    municipality text NOT NULL,
    endpoint text NOT NULL,
    identifier text NOT NULL,
    identity text NOT NULL,
    state text NOT NULL,
    created_at double precision NOT NULL,
    expires_at double precision NOT NULL,
    changed_at double precision NOT NULL,
    acks_to text NOT NULL,
    partner text NOT NULL,
    create_id text NOT NULL,
    last_number bigint NOT NULL,
    code text NOT NULL,
    numbers text NOT NULL,
    acknowledged text NOT NULL
)
""",
    "CREATE UNIQUE INDEX sequence_name ON sequence (role, municipality, endpoint, identifier)",
    """
CREATE TABLE arrival (
    sequence bigint NOT NULL,
    number bigint NOT NULL,
    exchange_id text COLLATE "C" NOT NULL,
    message_id text NOT NULL,
    sha256 text NOT NULL,
    early smallint NOT NULL,
    reply_number bigint NOT NULL,
    status integer NOT NULL,
    answer bytea NOT NULL,
    PRIMARY KEY (sequence, number)
)
""",
    "CREATE INDEX arrival_early ON arrival (sequence, number) WHERE early = 1",
    """
CREATE TABLE departure (
    sequence bigint NOT NULL,
    number bigint NOT NULL,
    delivery bigint NOT NULL,
    delivery_id text NOT NULL,
    acknowledged smallint NOT NULL,
    PRIMARY KEY (sequence, number)
)
""",
    """
CREATE TABLE sequence_event (
    sequence bigint NOT NULL,
    n integer NOT NULL,
    at double precision NOT NULL,
    state text NOT NULL,
    code text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    PRIMARY KEY (sequence, n)
)
""",
)


def upgrade() -> None:
    """Create everything; partitions are made day by day."""
    for statement in (*PARTITIONED, *WHOLE):
        op.execute(statement)


def downgrade() -> None:
    """There is no way back but a backup. Errors: RuntimeError."""
    raise RuntimeError("restore the backup made before the upgrade")
