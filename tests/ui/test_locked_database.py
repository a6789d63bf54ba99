"""The application as a process over a database file that another program holds locked."""

import asyncio
import sqlite3
from contextlib import closing

import httpx
import pytest

from tests.support.app_process import AppProcess
from tests.support.page_events import act, headers

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(360)]


async def test_it_ends_in_order_in_the_midst_of_an_answer(tmp_path):
    settings = {
        "CHATBOT_DEMO_TOKEN_DELAY": "0.5",
        "CHATBOT_DRAIN_SECONDS": "1",
        "CHATBOT_STORE_URL": f"sqlite:///{tmp_path}/chat.db",
    }
    with AppProcess(tmp_path, settings) as process:
        async with (
            httpx.AsyncClient(base_url=process.url, timeout=60) as client,
            client.stream("GET", "/chat/updates", headers=headers("a page", "ada")) as updates,
        ):
            assert await act(client, "send", ["give me a long answer"], "a page", "ada") == 204
            async for line in updates.aiter_lines():
                if '"begins":true' in line:
                    break
        with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            # Nothing waits for the lock longer than the end may take.
            assert await asyncio.to_thread(process.stop) == 0
    with closing(sqlite3.connect(tmp_path / "chat.db")) as after:
        assert after.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
