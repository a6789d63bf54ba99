"""What was chosen for a conversation, what its answers took; of each answer its thoughts, times and feedback."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "3"
down_revision = "2"

CONVERSATIONS = sa.table(
    "conversations",
    *(sa.column(name) for name in ("id", "input_tokens", "output_tokens")),
    sa.column("options", sa.JSON),
)
TURNS = sa.table("turns", sa.column("conversation_id"), sa.column("usage", sa.JSON))


def upgrade(op: Operations) -> None:
    """Add the columns; ``k`` becomes one of the options, and the totals are counted once."""
    for table, column in (
        ("conversations", sa.Column("options", sa.JSON, nullable=False, server_default="{}")),
        ("conversations", sa.Column("input_tokens", sa.BigInteger, nullable=False, server_default="0")),
        ("conversations", sa.Column("output_tokens", sa.BigInteger, nullable=False, server_default="0")),
        ("conversations", sa.Column("cost", sa.Float)),
        ("turns", sa.Column("reasoning", sa.Text, nullable=False, server_default="")),
        ("turns", sa.Column("timing", sa.JSON)),
        ("turns", sa.Column("deployment", sa.Text, nullable=False, server_default="")),
        ("turns", sa.Column("feedback", sa.JSON)),
    ):
        op.add_column(table, column)
    connection = op.get_bind()
    for id, k in connection.execute(sa.text("SELECT id, k FROM conversations WHERE k IS NOT NULL")).all():  # noqa: A001
        connection.execute(CONVERSATIONS.update().where(CONVERSATIONS.c.id == id).values(options={"k": k}))
    op.drop_column("conversations", "k")
    _count_tokens(connection)


def _count_tokens(connection: sa.Connection) -> None:
    totals: dict[str, list[int]] = {}
    for id, usage in connection.execute(sa.select(TURNS.c.conversation_id, TURNS.c.usage)):  # noqa: A001
        if usage:
            total = totals.setdefault(id, [0, 0])
            total[0] += usage["input_tokens"]
            total[1] += usage["output_tokens"]
    for id, (read, written) in totals.items():  # noqa: A001
        update = CONVERSATIONS.update().where(CONVERSATIONS.c.id == id)
        connection.execute(update.values(input_tokens=read, output_tokens=written))
