"""Links by which others may read a conversation: the hashes of their tokens, and what each shows."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "13"
down_revision = "12"


def upgrade(op: Operations) -> None:
    """Make the table."""
    op.create_table(
        "shares",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column(
            "conversation_id",
            sa.String(64),
            sa.ForeignKey("conversations.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("page", sa.LargeBinary, nullable=False),
    )
    op.create_index("shares_of_conversation", "shares", ["conversation_id"])
    op.create_index("shares_expiring", "shares", ["expires_at"])
