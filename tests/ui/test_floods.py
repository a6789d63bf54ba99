"""What one stranger sends in masses costs nobody else anything: over real sockets, to the server as it is run."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import httpx
import pytest
import pytest_asyncio
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from chatbot.conversation import ConversationService, ConversationStore, Deployment, Deployments, WindowMemory
from chatbot.conversation.generation.admission import MAX_ANSWERS, MAX_ANSWERS_PER_OWNER, SHARE_OF_ORIGIN
from chatbot.server import create_page_app
from chatbot.shutdown import Step
from chatbot.ui import Branding, sessions
from chatbot.ui.sessions import MAX_SESSIONS, MAX_STREAMS_PER_OWNER
from tests.conversation.conversing import until
from tests.support.page_events import act, headers
from tests.support.scripted_model import ScriptedModel
from tests.support.serving import serving

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900), pytest.mark.slow]

ANSWERS = 300
AT_ONCE = 30


class SilentForSome(ScriptedModel):
    """Says nothing to who asks for silence, and greets everybody else."""

    async def _astream(self, messages, stop=None, run_manager=None, **told):
        self.asked.append(messages)
        if messages[-1].text.startswith("silence"):
            await asyncio.Event().wait()
        yield ChatGenerationChunk(message=AIMessageChunk("Good day to you."))


@pytest_asyncio.fixture(loop_scope="session")
async def served(tmp_path):
    model = SilentForSome()
    store = ConversationStore(f"sqlite:///{tmp_path}/chat.db")
    service = ConversationService(Deployments(Deployment("test", model, WindowMemory())), store)
    app = create_page_app(service, Branding("Test"), [Step("close the database", store.aclose, 5)])
    with serving(app) as url:
        async with httpx.AsyncClient(
            base_url=url,
            timeout=240,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=AT_ONCE, keepalive_expiry=1),
        ) as client:
            yield client, app, model


async def all_of(count, one):
    """Do something so often, some at a time; what came of it, counted."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def within_limit(number):
        async with limit:
            return await one(number)

    return Counter(await asyncio.gather(*map(within_limit, range(count))))


@pytest.mark.parametrize(
    ("made_up_pages", "many", "most_sessions"),
    [(300, 60, MAX_SESSIONS // 10), pytest.param(3_000, 300, MAX_SESSIONS, marks=pytest.mark.exhaustive)],
)
async def test_masses_by_one_visitor_leave_room_for_the_others(served, monkeypatch, made_up_pages, many, most_sessions):
    client, app, model = served
    monkeypatch.setattr(sessions, "MAX_SESSIONS", most_sessions)

    async def made_up(number):
        if number % 2:
            return await act(client, "new", [], f"made up {number}")
        async with client.stream("GET", "/chat/updates", headers=headers(f"made up {number}")) as reply:
            return reply.status_code

    async def answer(number):
        await act(client, "new", [], f"asking {number}", "ada")
        return await act(client, "send", [f"silence {number}"], f"asking {number}", "ada")

    assert await all_of(made_up_pages, made_up) == {200: made_up_pages // 2, 204: made_up_pages // 2}
    assert len(app.state.sessions) <= most_sessions
    assert await all_of(many, answer) == {204: many}
    async with AsyncExitStack() as open_streams:

        async def follow(number):
            stream = client.stream("GET", "/chat/updates", headers=headers(f"follower {number}", "ada"))
            return (await open_streams.enter_async_context(stream)).status_code

        followers = await all_of(many, follow)
        assert followers == {200: MAX_STREAMS_PER_OWNER, 429: many - MAX_STREAMS_PER_OWNER}
        async with client.stream("GET", "/chat/updates", headers=headers("a page", "grace")) as reply:
            assert reply.status_code == 200
            assert await act(client, "send", ["hello"], "a page", "grace") == 204
            async for line in reply.aiter_lines():
                if "Good day to you." in line:
                    break
            else:
                pytest.fail("the other visitor's answer never came")

        async def only_those_are_open():
            return app.state.sessions.open_count <= MAX_STREAMS_PER_OWNER + 1

        await until(only_those_are_open)
    asked = [messages[-1].text for messages in model.asked]
    assert sum(text.startswith("silence") for text in asked) == MAX_ANSWERS_PER_OWNER
    assert asked[-1] == "hello"
    assert len(app.state.sessions) <= most_sessions


async def test_masses_without_a_cookie_from_one_address_leave_room_for_the_others(served):
    """Each is a new owner: only where they come from tells that they are one."""
    client, _, model = served

    async def answer(number):
        return await act(client, "send", [f"silence {number}"], f"asking {number}")

    assert await all_of(ANSWERS, answer) == {204: ANSWERS}
    assert len(model.asked) == MAX_ANSWERS * SHARE_OF_ORIGIN
    async with client.stream("GET", "/chat/updates", headers=headers("asking last")) as reply:
        assert await act(client, "send", ["silence"], "asking last") == 204
        async for line in reply.aiter_lines():
            if "for your network address" in line:
                break
    elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
    async with (
        httpx.AsyncClient(base_url=client.base_url, timeout=60, transport=elsewhere) as other,
        other.stream("GET", "/chat/updates", headers=headers("a page", "grace")) as reply,
    ):
        assert await act(other, "send", ["hello"], "a page", "grace") == 204
        async for line in reply.aiter_lines():
            if "Good day to you." in line:
                break
        else:
            pytest.fail("the other visitor's answer never came")
