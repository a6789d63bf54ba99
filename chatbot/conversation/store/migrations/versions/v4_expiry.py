"""When a conversation is removed: none before its owner, who may come back, has stayed away for long."""

import time

import sqlalchemy as sa
from alembic.operations import Operations

revision = "4"
down_revision = "3"

LASTING_SECONDS = 400 * 24 * 3600.0
UNDELETE_SECONDS = 3600.0


def upgrade(op: Operations) -> None:
    """Add the column; whose owners cannot come back was not written down, so all have their full time from now on.

    What an earlier version writes meanwhile has no such time, and is not removed.
    """
    op.add_column("conversations", sa.Column("expires_at", sa.Float))
    op.get_bind().execute(
        sa.text(
            "UPDATE conversations SET expires_at = CASE WHEN deleted_at IS NULL THEN :kept ELSE deleted_at + :back END"
        ),
        {"kept": time.time() + LASTING_SECONDS, "back": UNDELETE_SECONDS},
    )
    op.drop_index("conversations_deleted", "conversations")
    op.create_index("conversations_expiring", "conversations", ["expires_at"])
