"""The wrapped keys of encrypted payloads."""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Create the table."""
    op.execute(
        "CREATE TABLE data_key (k bigint PRIMARY KEY, day integer NOT NULL, master text NOT NULL,"
        " wrapped bytea NOT NULL)"
    )


def downgrade() -> None:
    """There is no way back but a backup. Errors: RuntimeError."""
    raise RuntimeError("restore the backup made before the upgrade")
