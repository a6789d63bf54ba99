"""The schema, brought to today's version when the store is opened, by whoever opens it first."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from chatbot.conversation.store.engine import is_exclusive, write_ahead

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

MIGRATIONS: Final = Path(__file__).parent / "migrations"

UNVERSIONED: Final = "1"
"""The schema of the databases that were made before versions were written down."""

_LOCK: Final = 0x63686174
"""Any number that nobody else takes an advisory lock on: these letters spell "chat"."""


async def migrate(engine: AsyncEngine) -> None:
    """Make the tables, or bring those of an earlier version up to date, in one transaction.

    Raises:
        ValueError: The database is of a later version than this application.
    """
    if engine.dialect.name == "sqlite" and not is_exclusive(engine):
        await write_ahead(engine)
    scripts = await asyncio.to_thread(_scripts)
    async with engine.begin() as connection:
        await connection.run_sync(_migrate, scripts)


@cache
def _scripts() -> ScriptDirectory:
    """All migrations, and Alembic: read from files once, and not where the event loop waits for them."""
    # Imported here, because only opening a store needs them.
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(MIGRATIONS))
    list(scripts.walk_revisions())
    return scripts


def _migrate(connection: Connection, scripts: ScriptDirectory) -> None:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    _lock(connection)
    context = MigrationContext.configure(
        connection, opts={"fn": lambda revision, _: scripts._upgrade_revs("head", revision)}
    )
    at = set(context.get_current_heads())
    if at - {script.revision for script in scripts.walk_revisions()}:
        raise ValueError(
            f"the database was made by a later version of this application (schema {', '.join(sorted(at))}; this one "
            f"knows {scripts.get_current_head()}): nothing was changed, start that version or name another database"
        )
    if not at and inspect(connection).has_table("conversations"):
        context.stamp(scripts, UNVERSIONED)
    # Given to each migration, instead of the `alembic.op` they mostly import: that is one for the whole process,
    # and two stores may be opening.
    context.run_migrations(op=Operations(context))


def _lock(connection: Connection) -> None:
    """Let one process migrate at a time; the next one finds the work done."""
    if connection.dialect.name == "sqlite":
        # Its driver would begin a transaction with the first row that is written only, after the tables are made.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
