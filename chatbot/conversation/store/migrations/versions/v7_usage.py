"""What was used of what is limited, counted for all processes."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "7"
down_revision = "6"


def upgrade(op: Operations) -> None:
    """Make the table of counters; nothing was counted before."""
    op.create_table(
        "usage_counters",
        sa.Column("subject", sa.String(160), primary_key=True),
        sa.Column("began_at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("messages", sa.BigInteger, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("cost", sa.Float, nullable=False),
        sa.Column("held_tokens", sa.BigInteger, nullable=False),
        sa.Column("held_cost", sa.Float, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.create_index("usage_counters_expiring", "usage_counters", ["expires_at"])
