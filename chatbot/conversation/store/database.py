"""A database that is opened by whoever needs it first, and is at today's schema from then on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from sqlalchemy import Executable, RowMapping, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chatbot.conversation.errors import DatabaseMovedError
from chatbot.conversation.store.claim import Claim
from chatbot.conversation.store.engine import file_of, is_exclusive, make_engine, make_folder
from chatbot.conversation.store.migrate import migrate
from chatbot.conversation.store.schema import conversations

_T = TypeVar("_T")

IN_USE_SECONDS: Final = 5.0
"""How long closing waits for those who are using a connection: a database that does not answer holds nothing up."""

LOOK_SECONDS: Final = 1.0
"""How often it is looked at, while there is something to write, whether an SQLite file is still at its place."""

PAGE_ROWS: Final = 50
"""How many rows are made anything of at a time: a few milliseconds' work."""


Timed = Callable[[Literal["read", "write"], float], None]
"""Told how many seconds something took, the wait for a connection and for its turn among the writers included."""


class Database:
    """A database by its URL.

    Args:
        url: The URL.
        timed: Told how long each reading and writing takes.

    Raises:
        ValueError: The URL is none, or its database's driver is not installed.
    """

    def __init__(self, url: str, timed: Timed | None = None) -> None:
        self._engine = make_engine(url)
        self._timed = timed
        self._is_open = False
        self._opening = asyncio.Lock()
        self._connections = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._file: tuple[int, int] | None = None
        """Which file it is, of an SQLite one: whatever becomes of its name, what is open goes on being written to."""
        self._looked_at = 0.0
        file = self._engine.url.database
        self._claim = Claim(Path(file)) if file and is_exclusive(self._engine) else None
        # One at a time may write to an SQLite file, and those who wait for its own lock wait in no order: under load
        # one of them goes on losing until its time is up. Here they queue; other processes are few.
        self._writing = asyncio.Lock() if self._engine.url.get_backend_name() == "sqlite" else nullcontext()

    async def open(self) -> AsyncEngine:
        """Return the engine, once what is missing has been made."""
        if not self._is_open:
            async with self._opening:
                if not self._is_open:
                    await asyncio.to_thread(make_folder, self._engine.url)
                    if self._claim is not None and await asyncio.to_thread(self._claim.take):
                        await asyncio.sleep(LOOK_SECONDS)  # By then the other one has seen it.
                    await migrate(self._engine)
                    self._file = await asyncio.to_thread(file_of, self._engine.url)
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
        """Close all connections, once nobody uses one; a later call opens the database again."""
        self._is_open = False
        # One that is in use when its pool goes would come back to no pool, and never be closed.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), IN_USE_SECONDS)
        await self._engine.dispose()
        if self._claim is not None:
            await asyncio.to_thread(self._claim.give_back)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A connection to write with, in the order of asking where the database takes one writer at a time.

        Raises:
            DatabaseMovedError: The SQLite file was removed or replaced, or another process has taken it over: what is
                written would be lost.
        """
        with self._clock("write"):
            async with self._writing:
                await self._check_file()
                async with self._connected() as connection:
                    yield connection

    async def read(self, query: Executable, parameters: Mapping[str, Any] | None = None) -> Sequence[RowMapping]:
        """Return the rows of a query."""
        with self._clock("read"):
            async with self._connected() as connection:
                return (await connection.execute(query, parameters)).mappings().all()

    async def ping(self) -> None:
        """Read as little as there is to read.

        Raises:
            DatabaseMovedError: The SQLite file was removed or replaced, or another process has taken it over.
            SQLAlchemyError: The database cannot be read.
        """
        await self._check_file()
        # Not one that reads no table: SQLite answers that without looking at its file.
        await self.read(select(conversations.c.id).limit(1))

    async def pages(self, query: Executable, size: int = PAGE_ROWS) -> AsyncGenerator[Sequence[RowMapping]]:
        """Yield the rows of a query that may have many, as they are at one moment, a few at a time.

        What is made of rows is made in the event loop: of thousands at once it would hold everybody up.
        """
        async with self._connected() as connection, connection.stream(query) as result:
            async for rows in result.mappings().partitions(size):
                yield rows

    @contextmanager
    def _clock(self, what: Literal["read", "write"]) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            if self._timed is not None:
                self._timed(what, time.perf_counter() - began)

    async def _check_file(self) -> None:
        if self._file is None or time.monotonic() < self._looked_at + LOOK_SECONDS:
            return
        if await asyncio.to_thread(file_of, self._engine.url) != self._file:
            raise DatabaseMovedError
        if self._claim is not None and not await asyncio.to_thread(self._claim.holds):
            raise DatabaseMovedError
        self._looked_at = time.monotonic()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        engine = await self.open()
        self._connections += 1
        self._idle.clear()
        try:
            async with engine.connect() as connection:
                pool = engine.pool
                try:
                    yield connection
                finally:
                    if engine.pool is not pool:
                        # The database was closed meanwhile: nobody would ever close what went back to its old pool.
                        await connection.invalidate()
        finally:
            self._connections -= 1
            if not self._connections:
                self._idle.set()


async def to_its_end(step: Coroutine[Any, Any, _T]) -> _T:
    """Await a step that a cancellation ends after, and not within: a statement cut short may leave its lock behind."""
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
