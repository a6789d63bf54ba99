"""What survives: closed tabs, killed processes, restarts."""

import asyncio
import signal
import sqlite3
import time
from contextlib import closing

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import expect

from chatbot import server
from chatbot.conversation import ConversationService, ConversationStore, Deployment, Deployments, WindowMemory
from chatbot.server import create_page_app
from chatbot.shutdown import Step
from chatbot.ui import Branding
from tests.conversation.conversing import until
from tests.support.page_events import act, headers
from tests.support.scripted_model import ScriptedModel
from tests.support.serving import serving

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_killed_process_loses_no_finished_turn(app, visit):
    process = app()
    async with visit(process.url) as visitor:
        await visitor.ask("My name is Ada")
        process.kill()
        process.start()
        await visitor.page.goto(process.url)
        await expect(visitor.questions).to_have_text(["My name is Ada"])
        assert "Ada" in await visitor.ask("what is my name?")


async def test_a_process_that_is_told_to_end_keeps_half_an_answer(app, visit, slow_endpoint):
    process = app(**behind(slow_endpoint), CHATBOT_DRAIN_SECONDS="0")
    async with visit(process.url) as visitor:
        await visitor.say("give me a long answer")
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        assert process.stop() == 0
        assert "Traceback" not in process.log
        process.start()
        await visitor.page.goto(process.url)
        await expect(visitor.answers.first).to_contain_text("conversation", ignore_case=True)
        await expect(visitor.notes).to_have_text("Stopped.")


def behind(endpoint):
    return {"AZUREML_ENDPOINT_URL": endpoint.chat_url, "AZUREML_ENDPOINT_API_KEY": endpoint.key}


async def test_a_process_that_is_told_to_end_finishes_what_it_began_and_begins_nothing_else(
    app, visit, slow_endpoint, tmp_path
):
    process = app(**behind(slow_endpoint), CHATBOT_DRAIN_SECONDS="120")
    async with visit(process.url) as visitor, httpx.AsyncClient(base_url=process.url, timeout=30) as client:
        assert (await client.get("/readyz")).status_code == 200
        await visitor.say("give me a long answer")
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        async with visit(process.url) as other:
            await other.box.fill("my precious words")
            process.signal(signal.SIGTERM)

            async def is_draining():
                return (await client.get("/readyz")).status_code == 503

            await until(is_draining)
            assert (await client.get("/readyz")).text == "not ready: the application is about to end"
            assert (await client.get("/healthz")).status_code == 200
            await other.box.press("Enter")
            await expect(other.toast).to_contain_text("about to restart")
            await expect(other.box).to_have_value("my precious words")
            # The answer was still growing all the while: it grows to its end, on the page too.
            await expect(visitor.stop).to_be_visible()
            await expect(visitor.facts).to_be_visible(timeout=60_000)
            await expect(visitor.notes).to_have_count(0)
            assert await asyncio.to_thread(process.ended) == 0
    with closing(sqlite3.connect(tmp_path / "data" / "conversations.db")) as file:
        assert file.execute('SELECT "user", status FROM turns').fetchall() == [("give me a long answer", "complete")]
    assert process.log == ""


async def test_told_twice_a_process_lets_nothing_go_on(app, visit, slow_endpoint):
    process = app(**behind(slow_endpoint), CHATBOT_DRAIN_SECONDS="600")
    async with visit(process.url) as visitor, httpx.AsyncClient(base_url=process.url, timeout=30) as client:
        await visitor.say("give me a long answer")
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        process.signal(signal.SIGTERM)

        async def is_draining():
            return (await client.get("/readyz")).status_code == 503

        await until(is_draining)
        process.signal(signal.SIGTERM)
        await expect(visitor.notes).to_have_text("Stopped.")
        assert await asyncio.to_thread(process.ended) == 0


async def test_a_second_process_on_the_same_port_loses_nobodys_words(app, visit, slow_endpoint):
    process = app(**behind(slow_endpoint), CHATBOT_DRAIN_SECONDS="0")
    async with visit(process.url) as visitor:
        await visitor.say("give me a long answer")
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        await visitor.box.fill("half a question")
        # Whoever opens a page now is not waited for, nor are Gradio's own streams.
        assert await asyncio.to_thread(process.stop) == 0
        assert process.log == ""
        app(**behind(slow_endpoint), CHATBOT_PORT=process.url.rstrip("/").rpartition(":")[2])
        await expect(visitor.connection).to_have_text("Back again.")
        await expect(visitor.questions).to_have_text(["give me a long answer"])
        await expect(visitor.answers.first).to_contain_text("conversation", ignore_case=True)
        await expect(visitor.notes).to_have_text("Stopped.")
        await expect(visitor.box).to_have_value("half a question")


async def test_a_page_that_is_older_than_the_server_can_go_on(app, visit):
    process = app()
    async with visit(process.url) as visitor:
        await visitor.ask("My name is Ada")
        process.kill()
        app(CHATBOT_PORT=process.url.rstrip("/").rpartition(":")[2])
        await expect(visitor.connection).to_have_text("Back again.")
        assert "Ada" in await visitor.ask("what is my name?")


@pytest_asyncio.fixture(loop_scope="session")
async def served(tmp_path):
    """The page in this process, over a model that waits for the test: its URL and what is behind it."""
    model = ScriptedModel()
    store = ConversationStore(f"sqlite:///{tmp_path}/chat.db")
    service = ConversationService(Deployments(Deployment("test", model, WindowMemory())), store)
    app = create_page_app(service, Branding("Test"), [Step("close the database", store.aclose, 5)])
    with serving(app) as url:
        yield url, app, model


async def test_a_closed_tab_frees_its_place_while_the_endpoint_is_silent(served, visit):
    url, app, model = served
    async with visit(url) as visitor:
        await visitor.say("hello")
        await expect(visitor.stop).to_be_visible()
        await expect(visitor.questions).to_have_count(1)
        assert app.state.sessions.open_count == 1

    async def is_free():
        return app.state.sessions.open_count == 0

    await until(is_free)
    # Nobody looks, but nobody said stop either.
    assert model.closed == 0


async def test_a_store_that_breaks_is_told_in_words_and_the_words_stay(served, visit, tmp_path, caplog):
    url, _, model = served
    async with visit(url) as visitor:
        model.will_say("fine")
        await visitor.ask("hello")
        with closing(sqlite3.connect(tmp_path / "chat.db")) as file:
            file.execute("alter table turns rename to elsewhere")
        await visitor.say("my precious words")
        await expect(visitor.toast).to_contain_text("Something went wrong in this application")
        await expect(visitor.box).to_have_value("my precious words")
        assert "no such table" in caplog.text
        assert "precious" not in caplog.text
        with closing(sqlite3.connect(tmp_path / "chat.db")) as file:
            file.execute("alter table elsewhere rename to turns")
        model.will_say("fine again")
        await visitor.box.press("Enter")
        await expect(visitor.answers.last).to_have_text("fine again")


async def test_what_nobody_can_come_back_for_is_removed_while_the_application_runs(tmp_path, monkeypatch, caplog):
    """Also without a cookie, whoever has a page open is there: theirs is kept, however long they write nothing."""
    monkeypatch.setattr(server, "FIRST_REMOVAL_SECONDS", 0.05)
    monkeypatch.setattr(server, "REMOVAL_SECONDS", 0.05)
    model = ScriptedModel()
    model.will_say("hello")
    model.will_say("hello")
    store = ConversationStore(f"sqlite:///{tmp_path}/chat.db")
    service = ConversationService(Deployments(Deployment("test", model, WindowMemory())), store)
    app = create_page_app(service, Branding("Test"), [Step("close the database", store.aclose, 5)])

    def sql(statement):
        with closing(sqlite3.connect(tmp_path / "chat.db", timeout=20)) as file, file:
            return file.execute(statement).fetchall()

    async def eventually(expected, statement):
        async def holds():
            return await asyncio.to_thread(sql, statement) == expected

        await until(holds)

    with serving(app) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            for name in ("closed page", "open page"):
                assert await act(client, "send", [name], name) == 204
            await eventually([(2,)], "SELECT count(*) FROM turns WHERE status = 'complete'")
            async with client.stream("GET", "/chat/updates", headers=headers("open page")) as reply:
                assert reply.status_code == 200
                soon = time.time() + 600
                sql(f"UPDATE conversations SET expires_at = {soon} WHERE title = 'open page'")
                sql("UPDATE conversations SET expires_at = 1 WHERE title = 'closed page'")
                await eventually([("open page",)], "SELECT title FROM conversations")
                await eventually([(1,)], f"SELECT count(*) FROM conversations WHERE expires_at > {soon}")
    assert sql('SELECT "user" FROM turns') == [("open page",)]
    assert caplog.messages == []


@pytest.mark.parametrize("fault", ["hangs", "fails"])
async def test_an_end_that_hangs_or_fails_is_told_to_the_log_and_the_page_ends_all_the_same(tmp_path, caplog, fault):
    store = ConversationStore(f"sqlite:///{tmp_path}/chat.db")
    service = ConversationService(Deployments(Deployment("test", ScriptedModel(), WindowMemory())), store)

    async def close():
        if fault == "fails":
            raise RuntimeError("broken")
        await asyncio.Event().wait()

    closing = [Step("close what is broken", close, 0.2), Step("close the database", store.aclose, 5)]
    with serving(create_page_app(service, Branding("Test"), closing)) as url:
        port = int(url.rstrip("/").rpartition(":")[2])
    assert "The end did not close what is broken" in caplog.text
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
