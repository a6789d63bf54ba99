"""What processes share of those who sign in: secrets, and sessions that were ended before their time."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "10"
down_revision = "9"


def upgrade(op: Operations) -> None:
    """Make both tables."""
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "revoked_sessions",
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("revoked_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
    )
