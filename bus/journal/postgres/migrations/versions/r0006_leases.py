"""Who owns the journal, until when by the server's clock, and for the how manieth time it was taken."""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "0006"
down_revision: Final = "0005"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Create the table."""
    op.execute(
        "CREATE TABLE lease (name text PRIMARY KEY, holder text NOT NULL, token bigint NOT NULL,"
        " until double precision NOT NULL)"
    )
    op.execute("INSERT INTO lease VALUES ('owner', '', 0, 0)")


def downgrade() -> None:
    """There is no way back but a backup. Errors: RuntimeError."""
    raise RuntimeError("restore the backup made before the upgrade")
