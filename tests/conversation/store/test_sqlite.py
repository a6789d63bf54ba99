"""SQLite's driver: what a statement finds arrives whole and in order, in as few changes of threads as there can be."""

import asyncio
import sqlite3

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from chatbot.conversation.store.engine import make_engine
from chatbot.conversation.store.sqlite import READ_AT_ONCE, SQLiteConnection, connect

COUNTS = [0, 1, READ_AT_ONCE - 1, READ_AT_ONCE, READ_AT_ONCE + 1, 2 * READ_AT_ONCE, 3 * READ_AT_ONCE + 7]

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT i FROM n WHERE i <= ?"


@pytest.fixture
async def connection(tmp_path):
    connection = await connect(tmp_path / "numbers.db")
    yield connection
    await connection.close()


@pytest.fixture
async def engine(tmp_path):
    engine = make_engine(f"sqlite+aiosqlite:///{tmp_path}/numbers.db")
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE numbers (i INTEGER PRIMARY KEY)"))
    yield engine
    await engine.dispose()


@pytest.fixture
def changes(monkeypatch):
    """How often a connection's thread was asked for something."""
    asked = []
    execute = SQLiteConnection._execute

    async def counted(self, function, *arguments, **named):
        asked.append(function)
        return await execute(self, function, *arguments, **named)

    monkeypatch.setattr(SQLiteConnection, "_execute", counted)
    return asked


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("size", [1, 7, READ_AT_ONCE, 10 * READ_AT_ONCE])
async def test_all_rows_arrive_in_order_however_many_are_asked_for_at_a_time(connection, count, size):
    cursor = connection.cursor()
    await cursor.execute(NUMBERS, (max(count, 1), count))
    found = []
    while rows := await cursor.fetchmany(size):
        assert len(rows) <= size
        found += rows
    assert found == [(number,) for number in range(1, count + 1)]
    assert await cursor.fetchone() is None


@pytest.mark.parametrize("count", COUNTS)
async def test_the_rest_can_be_asked_for_at_once_or_row_by_row(connection, count):
    cursor = connection.cursor()
    await cursor.execute(NUMBERS, (max(count, 1), count))
    first = await cursor.fetchone()
    rest = list(await cursor.fetchall())
    assert ([] if first is None else [first]) + rest == [(number,) for number in range(1, count + 1)]
    await cursor.execute(NUMBERS, (max(count, 1), count))
    assert [number async for (number,) in cursor] == list(range(1, count + 1))


async def test_a_cursor_that_is_used_again_forgets_what_nobody_read(connection):
    cursor = connection.cursor()
    await cursor.execute(NUMBERS, (3 * READ_AT_ONCE, 3 * READ_AT_ONCE))
    await cursor.execute("SELECT 'another'")
    assert list(await cursor.fetchall()) == [("another",)]
    await cursor.execute("CREATE TABLE numbers (i)")
    assert cursor.description is None
    assert list(await cursor.fetchall()) == []


@pytest.mark.parametrize("count", [1, READ_AT_ONCE + 1])
async def test_rows_that_are_changed_and_returned_are_all_changed(engine, count):
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO numbers VALUES (:i)"), [{"i": i} for i in range(count)])
        changed = await connection.execute(text("UPDATE numbers SET i = -i RETURNING i"))
        assert sorted(changed.scalars()) == sorted(-i for i in range(count))
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT sum(i) FROM numbers"))).scalar() == -sum(range(count))
        removed = await connection.execute(text("DELETE FROM numbers"))
        assert removed.rowcount == count
        await connection.rollback()
        assert (await connection.execute(text("SELECT count(*) FROM numbers"))).scalar() == count


async def test_a_statement_that_fails_says_why_and_leaves_the_connection_usable(engine):
    async with engine.connect() as connection:
        await connection.execute(text("INSERT INTO numbers VALUES (1)"))
        with pytest.raises(IntegrityError):
            await connection.execute(text("INSERT INTO numbers VALUES (:i)"), [{"i": 2}, {"i": 1}])
        with pytest.raises(OperationalError, match="no such table"):
            await connection.execute(text("SELECT * FROM nowhere"))
        await connection.rollback()
        assert (await connection.execute(text("SELECT count(*) FROM numbers"))).scalar() == 0


async def test_a_stream_that_nobody_reads_to_its_end_holds_no_writer_up(engine):
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO numbers VALUES (:i)"), [{"i": i} for i in range(5 * READ_AT_ONCE)])
    async with engine.connect() as connection, connection.stream(text("SELECT i FROM numbers")) as rows:
        assert (await anext(aiter(rows.scalars()))) == 0
    async with engine.begin() as connection:
        await connection.execute(text("DROP TABLE numbers"))


async def test_a_read_changes_threads_once_and_a_write_twice(engine, changes):
    async with engine.connect() as connection:
        (await connection.execute(text("SELECT i FROM numbers"))).all()
    assert len(changes) == 1
    changes.clear()
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO numbers VALUES (1)"))
    assert len(changes) == 2


async def test_what_was_written_and_not_committed_is_taken_back_when_the_connection_is_let_go(engine):
    async with engine.connect() as connection:
        await connection.execute(text("INSERT INTO numbers VALUES (1)"))
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM numbers"))).scalar() == 0


async def test_a_file_that_is_none_says_so(tmp_path):
    (tmp_path / "none.db").write_bytes(b"this is no database" * 100)
    connection = await connect(tmp_path / "none.db")
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        await connection.cursor().execute("SELECT * FROM sqlite_master")
    await connection.close()


def test_a_connection_that_nobody_closed_does_not_keep_the_process(tmp_path):
    async def leave() -> SQLiteConnection:
        return await connect(tmp_path / "left.db")

    connection = asyncio.run(leave())
    assert connection._thread.daemon
    connection.stop()
    connection._thread.join(10)
