"""From a URL to an engine: which driver, and how its connections are set up."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from chatbot.conversation.store.urls import database_url, unusable

_BUSY_SECONDS: Final = 10


def make_engine(url: str) -> AsyncEngine:
    """Return an engine for a database URL; see :func:`~chatbot.conversation.store.urls.database_url`.

    Raises:
        ValueError: The URL is none, or its database's driver is not installed; says what to write.
    """
    parsed = database_url(url)
    try:
        # A connection to a server may die while it idles; one to a file does not.
        engine = create_async_engine(parsed, pool_pre_ping=parsed.get_backend_name() != "sqlite")
    except (SQLAlchemyError, ImportError, TypeError) as error:
        raise ValueError(f"this is no database URL that can be used here: {unusable(parsed, error)}") from None
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return engine


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
    cursor.close()
    # SQLite's own knows ASCII only, and a search must find "École" under "école".
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
