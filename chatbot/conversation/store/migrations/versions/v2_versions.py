"""Versions of turns beside each other, what is remembered of them, deleting with a way back, and text with NUL in it.

The key of a turn changes, which SQLite cannot do to a table that is there, and foreign keys are on: dropping a table of
conversations would drop their turns. So the rows step aside, both tables are made anew, and the rows come back.
"""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "2"
down_revision = "1"

ESCAPE = {"escape": "\x1a", "escaped": "\x1a1"}


def upgrade(op: Operations) -> None:
    """Make the tables anew, with the rows they had."""
    for name in ("turns", "conversations"):
        op.execute(f"CREATE TEMPORARY TABLE old_{name} AS SELECT * FROM {name}")  # noqa: S608
        op.drop_table(name)
    _make_tables(op)
    fill = op.get_bind().execute
    fill(
        sa.text(
            "INSERT INTO conversations (id, owner, title, revision, updated_at)"
            " SELECT id, owner, replace(title, :escape, :escaped), revision, updated_at FROM old_conversations"
        ),
        ESCAPE,
    )
    fill(
        sa.text(
            'INSERT INTO turns (conversation_id, "index", version, parent, shown, "user", assistant, status,'
            " finish_reason, usage, failure, memory, notice, touched_at)"
            ' SELECT conversation_id, "index", 0, CASE WHEN "index" > 0 THEN 0 END, true,'
            ' replace("user", :escape, :escaped), replace(assistant, :escape, :escaped), status,'
            " replace(finish_reason, :escape, :escaped), usage, failure, 'auto', '', created_at FROM old_turns"
        ),
        ESCAPE,
    )
    for name in ("turns", "conversations"):
        op.drop_table(f"old_{name}")


def _make_tables(op: Operations) -> None:
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("k", sa.Integer),
        sa.Column("updated_at", sa.Float, nullable=False),
        sa.Column("deleted_at", sa.Float),
        sa.Index("conversations_of_owner", "owner", "updated_at"),
    )
    op.create_table(
        "turns",
        sa.Column(
            "conversation_id", sa.String(64), sa.ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("parent", sa.Integer),
        sa.Column("shown", sa.Boolean, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("assistant", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("finish_reason", sa.Text),
        sa.Column("usage", sa.JSON),
        sa.Column("failure", sa.JSON),
        sa.Column("memory", sa.String(16), nullable=False),
        sa.Column("notice", sa.Text, nullable=False),
        sa.Column("writer", sa.String(32)),
        sa.Column("touched_at", sa.Float, nullable=False),
    )
    for name, table, columns, where in (
        ("conversations_deleted", "conversations", ["deleted_at"], "deleted_at IS NOT NULL"),
        ("turns_growing", "turns", ["conversation_id", "index"], "status = 'streaming'"),
        ("turns_pinned", "turns", ["conversation_id", "index"], "memory = 'pinned'"),
    ):
        op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
