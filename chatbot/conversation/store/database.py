"""A database that is opened by whoever needs it first, and is at today's schema from then on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext

from sqlalchemy import Executable, RowMapping
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chatbot.conversation.store.engine import make_engine, make_folder
from chatbot.conversation.store.migrate import migrate


class Database:
    """A database by its URL.

    Raises:
        ValueError: The URL is none, or its database's driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self._engine = make_engine(url)
        self._is_open = False
        self._opening = asyncio.Lock()
        # One at a time may write to an SQLite file, and those who wait for its own lock wait in no order: under load
        # one of them goes on losing until its time is up. Here they queue; other processes are few.
        self._writing = asyncio.Lock() if self._engine.url.get_backend_name() == "sqlite" else nullcontext()

    async def open(self) -> AsyncEngine:
        """Return the engine, once what is missing has been made."""
        if not self._is_open:
            async with self._opening:
                if not self._is_open:
                    make_folder(self._engine.url)
                    await migrate(self._engine)
                    self._is_open = True
        return self._engine

    async def check(self) -> None:
        """Open the database once, make what is missing, and let go of it again.

        Raises:
            ValueError: It cannot be opened, with the database's own words, or is of a later version.
        """
        try:
            await self.open()
        except (SQLAlchemyError, OSError) as error:
            raise ValueError(f"the database cannot be opened ({getattr(error, 'orig', None) or error})") from error
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Close all connections; a later call opens the database again."""
        self._is_open = False
        await self._engine.dispose()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A connection to write with, in the order of asking where the database takes one writer at a time."""
        engine = await self.open()
        async with self._writing, engine.connect() as connection:
            yield connection

    async def read(self, query: Executable) -> Sequence[RowMapping]:
        """Return the rows of a query."""
        async with (await self.open()).connect() as connection:
            return (await connection.execute(query)).mappings().all()
