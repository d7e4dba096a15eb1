"""Jobs that resend what is parked, and their items."""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "0005"
down_revision: Final = "0004"
branch_labels: Final = None
depends_on: Final = None

TABLES: Final = (
    """
CREATE TABLE resend_job (
    j bigint PRIMARY KEY,
    at double precision NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    selection text NOT NULL,
    summary text NOT NULL,
    digest text NOT NULL,
    state text NOT NULL,
    number bigint NOT NULL,
    pace text NOT NULL,
    started_by text NOT NULL,
    started_at double precision NOT NULL,
    changed_at double precision NOT NULL,
    ended_at double precision NOT NULL,
    failed_before bigint NOT NULL,
    code text NOT NULL,
    holder text NOT NULL,
    held_until double precision NOT NULL
)
""",
    """
CREATE TABLE resend_item (
    j bigint NOT NULL,
    i bigint NOT NULL,
    exchange_id text NOT NULL,
    target_index integer NOT NULL,
    target text NOT NULL,
    event integer NOT NULL,
    overtaken smallint NOT NULL,
    state text NOT NULL,
    code text NOT NULL,
    at double precision NOT NULL,
    PRIMARY KEY (j, i)
)
""",
    "CREATE INDEX resend_item_state ON resend_item (j, state, i)",
)


def upgrade() -> None:
    """Create the tables."""
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    """There is no way back but a backup. Errors: RuntimeError."""
    raise RuntimeError("restore the backup made before the upgrade")
