"""A database that is opened by whoever needs it first, and is at today's schema from then on.

Whoever comes after its end is served all the same: what a visitor said may be among it. The last one to leave closes
what was opened for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from sqlalchemy import Executable, RowMapping, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

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
        self._is_sqlite = self._engine.url.get_backend_name() == "sqlite"
        self._timed = timed
        self._is_open = False
        self._has_ended = False
        self._opening = asyncio.Lock()
        """Held to open the database, and to close it."""
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._file: tuple[int, int] | None = None
        """Which file it is, of an SQLite one: whatever becomes of its name, what is open goes on being written to."""
        self._looked_at = 0.0
        file = self._engine.url.database
        self._claim = Claim(Path(file)) if file and is_exclusive(self._engine) else None
        # One at a time may write to an SQLite file, and those who wait for its own lock wait in no order: under load
        # one of them goes on losing until its time is up. Here they queue; other processes are few.
        self._writing = asyncio.Lock() if self._is_sqlite else nullcontext()

    async def check(self) -> None:
        """Open the database once, make what is missing, and let go of it again.

        Raises:
            ValueError: It cannot be opened, with the database's own words, or is of a later version.
        """
        try:
            async with self._in_use():
                pass
        except (SQLAlchemyError, OSError) as error:
            raise ValueError(f"the database cannot be opened ({getattr(error, 'orig', None) or error})") from error
        finally:
            await to_its_end(self._let_go())

    async def aclose(self) -> None:
        """Close all connections, once nobody uses one.

        Whoever uses one for longer closes them, and so does whoever asks for something later: nothing stays open.
        """
        self._has_ended = True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), IN_USE_SECONDS)
        await to_its_end(self._let_go())

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A connection to write with, in the order of asking where the database takes one writer at a time.

        Raises:
            DatabaseMovedError: The SQLite file was removed or replaced, or another process has taken it over: what is
                written would be lost.
        """
        with self._clock("write"):
            async with self._in_use(), self._writing:
                await self._check_file()
                async with self._engine.connect() as connection:
                    yield connection

    async def read(self, query: Executable, parameters: Mapping[str, Any] | None = None) -> Sequence[RowMapping]:
        """Return the rows of a query; whoever leaves before they are there takes no connection along."""
        with self._clock("read"):
            reading = self._read(query, parameters)
            # A connection to an SQLite file that is cut within a statement is never closed.
            return await (asyncio.shield(reading) if self._is_sqlite else reading)

    async def _read(self, query: Executable, parameters: Mapping[str, Any] | None) -> Sequence[RowMapping]:
        async with self._in_use(), self._engine.connect() as connection:
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
        async with self._in_use(), self._engine.connect() as connection, connection.stream(query) as result:
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
        if await asyncio.to_thread(self._has_moved):
            raise DatabaseMovedError
        self._looked_at = time.monotonic()

    def _has_moved(self) -> bool:
        if file_of(self._engine.url) != self._file:
            return True
        return self._claim is not None and not (self._claim.holds() if self._is_open else self._claim.is_free())

    @asynccontextmanager
    async def _in_use(self) -> AsyncIterator[None]:
        """Have the database open; once it has ended, the last who leaves closes it."""
        self._users += 1
        self._idle.clear()
        try:
            await self._open()
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._idle.set()
                if self._has_ended:
                    await to_its_end(self._let_go())

    async def _open(self) -> None:
        if self._is_open:
            return
        async with self._opening:
            if not self._is_open:
                # One that was closed is opened again only where it still is what it was.
                if self._file is not None and await asyncio.to_thread(self._has_moved):
                    raise DatabaseMovedError
                await asyncio.to_thread(make_folder, self._engine.url)
                if self._claim is not None and await asyncio.to_thread(self._claim.take):
                    await asyncio.sleep(LOOK_SECONDS)  # By then the other one has seen it.
                await migrate(self._engine)
                self._file = await asyncio.to_thread(file_of, self._engine.url)
                self._is_open = True

    async def _let_go(self) -> None:
        """Close all connections, unless somebody uses one: one that is out of its pool then would never be closed."""
        async with self._opening:
            if self._users:
                return
            self._is_open = False
            await self._engine.dispose()
            if self._claim is not None:
                await asyncio.to_thread(self._claim.give_back)


async def to_its_end(step: Coroutine[Any, Any, _T]) -> _T:
    """Await a step that a cancellation ends after, and not within: a statement cut short may leave its lock behind."""
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
