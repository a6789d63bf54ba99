"""The answers that are compared: a column of their conversation, empty for all that there are."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "14"
down_revision = "13"


def upgrade(op: Operations) -> None:
    """Add the column."""
    op.add_column("conversations", sa.Column("comparison", sa.JSON()))
