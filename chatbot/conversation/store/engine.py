"""From a URL to an engine: which driver, and how its connections are set up."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from chatbot.conversation.store import sqlite
from chatbot.conversation.store.urls import database_url, unusable

_BUSY_SECONDS: Final = 10

_EXCLUSIVE: Final = "exclusive"
"""The parameter of an SQLite URL that says that nobody else opens the file, and that it may have no locks."""


def make_engine(url: str) -> AsyncEngine:
    """Return an engine for a database URL; see :func:`~chatbot.conversation.store.urls.database_url`.

    ``?exclusive=true`` at the end of an SQLite URL is for a file system without locks and shared memory, as a bucket is
    that is mounted: one lasting connection, whose journal is a plain file beside the database.

    Raises:
        ValueError: The URL is none, or its database's driver is not installed; says what to write.
    """
    parsed = database_url(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    exclusive = is_sqlite and parsed.query.get(_EXCLUSIVE, "false") == "true"
    if is_sqlite:
        parsed = parsed.difference_update_query([_EXCLUSIVE])
    try:
        # A connection to a server may die while it idles; one to a file does not.
        options: dict[str, Any] = {"pool_pre_ping": not is_sqlite}
        if exclusive or (is_sqlite and parsed.database in (None, "", ":memory:")):
            # In memory it is its connection, which transactions must not share: whoever wants it waits for it.
            options = {"poolclass": AsyncAdaptedQueuePool, "pool_size": 1, "max_overflow": 0}
        # What people said stands in no error, and so in no log; the driver would tell it all to one that is verbose.
        logging.getLogger("aiosqlite").setLevel(logging.WARNING)
        if is_sqlite:
            options["connect_args"] = {"async_creator_fn": sqlite.connect}
        engine = create_async_engine(parsed, hide_parameters=True, execution_options={_EXCLUSIVE: exclusive}, **options)
    except (SQLAlchemyError, ImportError, TypeError) as error:
        raise ValueError(f"this is no database URL that can be used here: {unusable(parsed, error)}") from None
    if exclusive:
        event.listen(engine.sync_engine, "do_connect", _without_locks)
        # Before anything else is said to it, for only then a file that was in the other mode can be read.
        event.listen(engine.sync_engine, "connect", _prepare_exclusive)
    if is_sqlite:
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    if exclusive:
        event.listen(engine.sync_engine, "connect", _write_through)
    return engine


def is_exclusive(engine: AsyncEngine) -> bool:
    """Say whether a database is an SQLite file that nobody else opens, and that may have no locks."""
    return bool(engine.get_execution_options()[_EXCLUSIVE])


def make_folder(url: URL) -> None:
    """Make the folder of an SQLite file."""
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)


def file_of(url: URL) -> tuple[int, int] | None:
    """Return which file an SQLite database is, by device and number; None where it is none, or gone."""
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    try:
        found = Path(url.database).stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


async def write_ahead(engine: AsyncEngine) -> None:
    """Put an SQLite file into the mode where readers do not wait for the writer; it stays in it."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            async with engine.connect() as connection:
                await connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        except OperationalError as error:
            # Whoever opens the file at the same moment is in the way, and SQLite does not wait for this as for a lock.
            busy = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.02)
        else:
            return


def _prepare_sqlite(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")
    # A crash of the process loses nothing that was committed; nor does one of the machine tear the file.
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    # What is sorted or taken back is written to no other file.
    cursor.execute("PRAGMA temp_store=MEMORY")
    cursor.close()
    # SQLite's own knows ASCII only, and a search must find "École" under "école".
    connection.create_function("lower", 1, _lower, deterministic=True)


def _without_locks(_: Any, __: Any, arguments: list[Any], named: dict[str, Any]) -> None:
    """Open a file with SQLite's own file system that asks for no locks; elsewhere than on Unix there is none."""
    if os.name == "posix":
        arguments[0] = f"{Path(arguments[0]).absolute().as_uri()}?vfs=unix-none"
        named["uri"] = True


def _prepare_exclusive(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    # With it a write-ahead log that was left is read without the memory that its readers would share.
    cursor.execute("PRAGMA locking_mode=EXCLUSIVE")
    # The journal is neither made nor removed with each transaction, of which a bucket would be told each time.
    cursor.execute("PRAGMA journal_mode=TRUNCATE")
    cursor.close()


def _write_through(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    # Without the write-ahead log it takes more that a crash of the machine does not tear the file.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
