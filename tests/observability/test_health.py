"""Whether a process is alive, and whether it is ready: over a socket, with stores that are away."""

import asyncio

import psycopg
import pytest
from sqlalchemy.engine import make_url

from chatbot.conversation.store import database
from chatbot.observability import health
from tests.conversation.conversing import until
from tests.conversation.store.test_cost import statements

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(autouse=True)
def _looks_each_time(monkeypatch):
    monkeypatch.setattr(health, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(database, "LOOK_SECONDS", 0.0)


async def is_ready(client):
    """The store is opened by the first who asks, and that may take a while."""

    async def is_it():
        return (await client.get("/readyz")).status_code == 200

    await until(is_it)


async def test_a_process_with_its_store_is_ready(serve):
    with serve() as served:
        async with served.client() as client:
            await is_ready(client)
            reply = await client.get("/readyz")
            assert (reply.status_code, reply.text) == (200, "ready: configuration, store")
            assert reply.headers["cache-control"] == "no-store"
            assert (await client.head("/readyz")).status_code == 200
        # What costs money was not asked.
        assert served.model.asked == []


async def test_a_store_whose_file_is_gone_is_not_ready_and_says_so_without_its_place(serve, tmp_path, caplog):
    with serve() as served:
        async with served.client() as client:
            await is_ready(client)
            (tmp_path / "chat.db").rename(tmp_path / "elsewhere.db")
            reply = await client.get("/readyz")
            assert (reply.status_code, reply.text) == (
                503,
                "not ready: the store cannot be read (DatabaseMovedError)",
            )
            assert (await client.get("/healthz")).text == "ok"
            (tmp_path / "elsewhere.db").rename(tmp_path / "chat.db")
            await is_ready(client)
    assert "The store cannot be read" in caplog.text


async def test_a_store_that_does_not_answer_is_waited_for_once_and_not_for_long(serve, postgresql_url, monkeypatch):
    driverless = make_url(postgresql_url).set(drivername="postgresql")
    with serve(postgresql_url) as served:
        async with served.client() as client:
            await is_ready(client)
            with psycopg.connect(driverless.render_as_string(hide_password=False)) as other, statements() as sent:
                monkeypatch.setattr(health, "ANSWER_SECONDS", 0.2)
                other.execute("LOCK TABLE conversations IN ACCESS EXCLUSIVE MODE")
                replies = await asyncio.gather(*(client.get("/readyz") for _ in range(20)))
                assert {reply.status_code for reply in replies} == {503}
                assert {reply.text for reply in replies} == {f"not ready: {health.SILENT}"}
                assert len([each for each, _ in sent if "conversations" in each]) == 1
                other.rollback()
            monkeypatch.undo()
            await is_ready(client)


async def test_the_store_is_not_asked_for_each_who_asks(serve, monkeypatch):
    with serve() as served:
        async with served.client() as client:
            await is_ready(client)
            monkeypatch.setattr(health, "LOOK_SECONDS", 3600.0)
            with statements() as sent:
                for _ in range(20):
                    assert (await client.get("/readyz")).status_code == 200
            assert sent == []


async def test_a_process_that_drains_is_not_ready_whatever_its_store_says(serve):
    with serve() as served:
        await served.service.drain(0)
        async with served.client() as client:
            reply = await client.get("/readyz")
            assert (reply.status_code, reply.text) == (503, "not ready: the application is about to end")
            assert (await client.get("/healthz")).status_code == 200
