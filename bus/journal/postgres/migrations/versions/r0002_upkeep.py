"""The books of the upkeep: what operators did, and what retention removed."""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"
branch_labels: Final = None
depends_on: Final = None

TABLES: Final = (
    """
CREATE TABLE audit (
    n bigint PRIMARY KEY,
    at double precision NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    municipality text NOT NULL,
    subject text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL
)
""",
    """
CREATE TABLE removal (
    r bigint PRIMARY KEY,
    at double precision NOT NULL,
    actor text NOT NULL,
    kind text NOT NULL,
    number bigint NOT NULL,
    bytes bigint NOT NULL,
    first_at double precision NOT NULL,
    last_at double precision NOT NULL,
    ids bytea NOT NULL
)
""",
)


def upgrade() -> None:
    """Create the tables."""
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    """There is no way back but a backup. Errors: RuntimeError."""
    raise RuntimeError("restore the backup made before the upgrade")
