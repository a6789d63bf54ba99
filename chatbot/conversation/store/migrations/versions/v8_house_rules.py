"""Who has accepted which terms, how much a turn takes, and conversations by when they were last written to."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "8"
down_revision = "7"

WORDS = ("user", "assistant", "reasoning")
PARTS = ("question_parts", "answer_parts")


def upgrade(op: Operations) -> None:
    """Add the table, the column and the indexes; what a turn takes that is there is counted once."""
    op.create_table(
        "acceptances",
        sa.Column("owner", sa.String(128), primary_key=True),
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("accepted_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
    )
    op.create_index("acceptances_expiring", "acceptances", ["expires_at"])
    op.create_index("conversations_written", "conversations", ["updated_at"])
    # What an earlier version writes meanwhile has no size, and is not counted.
    op.add_column("turns", sa.Column("size", sa.BigInteger))
    bind = op.get_bind()
    size = "length(CAST({} AS BLOB))" if bind.dialect.name == "sqlite" else "octet_length(CAST({} AS TEXT))"
    sizes = " + ".join(f"coalesce({size.format(f'{chr(34)}{name}{chr(34)}')}, 0)" for name in (*WORDS, *PARTS))
    bind.execute(sa.text(f"UPDATE turns SET size = {sizes}"))  # noqa: S608 - names of ours
    op.create_index("turns_sized", "turns", ["conversation_id", "size"])
    # Where two indexes seem as good as each other, SQLite takes the one that was made last.
    for name, condition in (("turns_growing", "status = 'streaming'"), ("turns_pinned", "memory = 'pinned'")):
        op.drop_index(name, "turns", if_exists=True)
        where = sa.text(condition)
        op.create_index(name, "turns", ["conversation_id", "index"], sqlite_where=where, postgresql_where=where)
