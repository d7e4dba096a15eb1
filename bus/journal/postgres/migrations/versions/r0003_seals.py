"""Seals: what has to be sealed, the seals, how far it has come, and signatures under removals."""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"
branch_labels: Final = None
depends_on: Final = None

TABLES: Final = (
    "CREATE TABLE touched (t bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, deliveries bytea NOT NULL)",
    """
CREATE TABLE seal (
    s bigint PRIMARY KEY,
    at double precision NOT NULL,
    previous text NOT NULL,
    number bigint NOT NULL,
    digest text NOT NULL,
    key text NOT NULL,
    signature bytea NOT NULL,
    entries bytea NOT NULL
)
""",
    "ALTER TABLE seal ALTER COLUMN entries SET STORAGE EXTERNAL",
    "CREATE TABLE sealing (name text PRIMARY KEY, value bigint NOT NULL)",
    "INSERT INTO sealing VALUES ('exchange', 0), ('audit', 0), ('removal', 0), ('again', -1)",
    "ALTER TABLE removal ADD COLUMN key text NOT NULL DEFAULT ''",
    "ALTER TABLE removal ADD COLUMN signature bytea NOT NULL DEFAULT ''",
)


def upgrade() -> None:
    """Create and extend the tables."""
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    """There is no way back but a backup. Errors: RuntimeError."""
    raise RuntimeError("restore the backup made before the upgrade")
