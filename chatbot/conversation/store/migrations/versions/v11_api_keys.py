"""Keys of the API: their hashes, and what the owner knows them by."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "11"
down_revision = "10"


def upgrade(op: Operations) -> None:
    """Make the table."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("deployments", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("last_used_at", sa.Float),
        sa.Column("revoked_at", sa.Float),
    )
