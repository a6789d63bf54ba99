"""Failures and notices as kinds with data, which the page says in its visitor's language; they were sentences before.

A sentence that is there stays readable: it becomes the ``text`` of its failure or notice.
"""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "6"
down_revision = "5"

KEY = ("conversation_id", "index", "version")
TURNS = sa.table(
    "turns",
    *(sa.column(name) for name in (*KEY, "notice")),
    sa.column("notices", sa.JSON),
    sa.column("failure", sa.JSON),
)
ESCAPE = "\x1a"

OURS = ("Interrupted", "StoreError")
"""Failures of the application's own, whose sentence was always the same: the kind says it."""


def upgrade(op: Operations) -> None:
    """Replace the column of notices, and the sentence in that of failures."""
    op.add_column("turns", sa.Column("notices", sa.JSON))
    connection = op.get_bind()
    key = [TURNS.c[name] for name in KEY]
    noticed = sa.select(*key, TURNS.c.notice).where(TURNS.c.notice != "")
    for *row, notice in connection.execute(noticed).all():
        text = notice.replace(ESCAPE + "0", "\0").replace(ESCAPE + "1", ESCAPE)
        _update(connection, row, notices=[{"kind": "text", "data": {"text": text}}])
    failed = sa.select(*key, TURNS.c.failure).where(TURNS.c.failure.is_not(None))
    for *row, failure in connection.execute(failed).all():
        if failure is not None and "message" in failure:
            text = failure.pop("message")
            _update(connection, row, failure=failure | {"data": {} if failure["kind"] in OURS else {"text": text}})
    op.drop_column("turns", "notice")


def _update(connection: sa.Connection, row: list[object], **values: object) -> None:
    it = sa.and_(*(TURNS.c[name] == value for name, value in zip(KEY, row, strict=True)))
    connection.execute(TURNS.update().where(it).values(**values))
