"""What an owner keeps on top of their list of conversations, and what out of it."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "12"
down_revision = "11"


def upgrade(op: Operations) -> None:
    """Add both columns: so far nothing is on top, and nothing out of the list."""
    for name in ("pinned", "archived"):
        # What an earlier version writes meanwhile has neither.
        op.add_column("conversations", sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false()))
