"""SQLite's driver, with one change of threads for a statement.

aiosqlite has a thread for each connection. SQLAlchemy asks it for a cursor, a statement, its rows and the cursor's end,
one after the other, and for the end of a transaction whenever it is done with a connection, of which most began none:
five changes of threads to read a row, each of which waits for its turn in the event loop. Here a statement runs and is
read in one.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from functools import partial
from typing import Any, Final

import aiosqlite

READ_AT_ONCE: Final = 200
"""How many rows come with their statement; the rest of more is fetched as it is asked for."""


def connect(*arguments: Any, **named: Any) -> SQLiteConnection:
    """Return a connection that is open once it was awaited; takes what :func:`sqlite3.connect` takes."""
    return SQLiteConnection(partial(sqlite3.connect, *arguments, **named))


class SQLiteConnection(aiosqlite.Connection):
    """A connection to an SQLite database.

    Args:
        connector: Opens it, in the thread that it is used in.
    """

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, READ_AT_ONCE)
        # One that nobody closes does not keep the process from ending: SQLAlchemy does the same for aiosqlite's own.
        self._thread.daemon = True

    def cursor(self) -> SQLiteCursor:  # type: ignore[override]
        """Return a cursor that has no statement yet."""
        return SQLiteCursor(lambda: self._conn.cursor(), self._execute)

    async def commit(self) -> None:
        """Commit the transaction, where there is one."""
        if self.in_transaction:
            await super().commit()

    async def rollback(self) -> None:
        """Roll the transaction back, where there is one."""
        if self.in_transaction:
            await super().rollback()


class SQLiteCursor:
    """One statement at a time, with what SQLAlchemy asks of an asynchronous cursor.

    Args:
        begin: Returns a cursor of SQLite's own.
        perform: Calls a function with its arguments in the connection's thread.

    Attributes:
        description: The columns of what was found, as the DB-API tells them; None where the statement finds nothing.
        rowcount: How many rows the statement changed; -1 where it changes none.
        lastrowid: The number of the row that was inserted last.
        arraysize: How many rows :meth:`fetchmany` returns unless it is told.
    """

    def __init__(self, begin: Callable[[], sqlite3.Cursor], perform: Callable[..., Any]) -> None:
        self._begin = begin
        self._perform = perform
        self._rows: deque[Any] = deque()
        self._unread: sqlite3.Cursor | None = None
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> SQLiteCursor:
        return self

    def __await__(self) -> Generator[Any, None, SQLiteCursor]:
        # SQLAlchemy 2.0 awaits a cursor, where 2.1 enters it.
        return self.__aenter__().__await__()

    async def execute(self, statement: str, parameters: Any = ()) -> None:
        """Run a statement, and read the first of what it finds."""
        await self._perform(self._run, sqlite3.Cursor.execute, statement, parameters)

    async def executemany(self, statement: str, parameters: Any) -> None:
        """Run a statement once for each of several sets of parameters."""
        await self._perform(self._run, sqlite3.Cursor.executemany, statement, parameters)

    async def fetchone(self) -> Any:
        """Return the next row, or None."""
        return next(iter(await self.fetchmany(1)), None)

    async def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        """Return the next rows."""
        size = self.arraysize if size is None else size
        if size > len(self._rows) and self._unread is not None:
            await self._perform(self._read, self._unread, max(size - len(self._rows), READ_AT_ONCE))
        return [self._rows.popleft() for _ in range(min(size, len(self._rows)))]

    async def fetchall(self) -> Sequence[Any]:
        """Return all further rows."""
        if self._unread is not None:
            await self._perform(self._read, self._unread)
        rows, self._rows = self._rows, deque()
        return rows

    async def __aiter__(self) -> AsyncIterator[Any]:
        while rows := await self.fetchmany(READ_AT_ONCE):
            for row in rows:
                yield row

    async def close(self) -> None:
        """Let go of what nobody has read."""
        self._rows.clear()
        if self._unread is not None:
            await self._perform(self._let_go)

    def _run(self, how: Callable[..., Any], statement: str, parameters: Any) -> None:
        self._let_go()
        self._rows.clear()
        self._unread = cursor = self._begin()
        try:
            how(cursor, statement, parameters)
            self.description = cursor.description
            self._read(cursor, READ_AT_ONCE)
        except BaseException:
            self._let_go()
            raise
        # Not before: a statement that changes rows and returns them has changed all of them once they are read.
        self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid

    def _read(self, cursor: sqlite3.Cursor, size: int | None = None) -> None:
        rows = cursor.fetchall() if size is None else cursor.fetchmany(size)
        self._rows.extend(rows)
        if size is None or len(rows) < size:
            self._let_go()

    def _let_go(self) -> None:
        if self._unread is not None:
            self._unread.close()
            self._unread = None
