"""Counts of what is used, from now on: what was used before this is not known by day."""

import secrets

import sqlalchemy as sa
from alembic.operations import Operations

revision = "9"
down_revision = "8"


def upgrade(op: Operations) -> None:
    """Make the table, and the salt with which the names of visitors are hashed in it."""
    op.create_table(
        "usage",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("deployment", sa.Text, primary_key=True),
        sa.Column("visitor", sa.String(16), primary_key=True),
        sa.Column("event", sa.String(64), primary_key=True),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost", sa.Float),
    )
    salt = op.create_table("usage_salt", sa.Column("salt", sa.String(64), primary_key=True))
    op.bulk_insert(salt, [{"salt": secrets.token_hex(32)}])
