"""How many statements one message takes, from the request that sends it to the page that shows its answer as kept."""

import json
from contextlib import asynccontextmanager

import httpx
import pytest
import pytest_asyncio

from chatbot.conversation import ConversationService, ConversationStore, Deployment, Deployments, WindowMemory
from chatbot.conversation.generation import task
from chatbot.server import create_page_app
from chatbot.shutdown import Step
from chatbot.ui import Branding
from tests.conversation.store.test_cost import statements
from tests.support.page_events import act, headers
from tests.support.scripted_model import ScriptedModel
from tests.support.serving import serving

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(360)]

MOST = 11


class Page:
    """A page whose stream is followed."""

    def __init__(self, client, model, updates):
        self.client, self.model, self._updates = client, model, updates

    async def say(self, text, action="send", values=None):
        """Return the statements that a message took; those that keep a long answer while it grows come on top."""
        self.model.will_say("re: ", text)
        with statements() as sent:
            assert await act(self.client, action, [text] if values is None else values, "a page", "ada") == 204
            shown = ""
            async for update in self._updates:
                shown += json.dumps(update)
                if f"re: {text}" in shown and update.get("components", {}).get("box", {}).get("submit_btn"):
                    break
            return [statement for statement, _ in sent]


@asynccontextmanager
async def followed(folder, *, prices=None, **options):
    """A page of an application in this process, made with these options of its service."""
    model = ScriptedModel()
    store = ConversationStore(f"sqlite:///{folder}/chat.db")
    service = ConversationService(
        Deployments(Deployment("test", model, WindowMemory(), prices=prices)), store, **options
    )
    with serving(create_page_app(service, Branding("Test"), [Step("close", store.aclose, 5)])) as url:
        async with (
            httpx.AsyncClient(base_url=url, timeout=60) as client,
            client.stream("GET", "/chat/updates", headers=headers("a page", "ada")) as reply,
        ):
            updates = (json.loads(line[6:]) async for line in reply.aiter_lines() if line.startswith("data: "))
            await anext(updates)
            yield Page(client, model, updates)


@pytest_asyncio.fixture(loop_scope="session")
async def page(tmp_path, monkeypatch):
    monkeypatch.setattr(task, "CHECKPOINT_SECONDS", 3600)
    async with followed(tmp_path) as page:
        yield page


async def test_a_first_and_a_later_message_take_few_statements(page):
    first = await page.say("one")
    assert first, "nothing was counted"
    for text in ("two", "three", "four"):
        later = await page.say(text)
        assert len(later) <= MOST
    assert len(first) <= MOST


async def test_so_do_a_retry_and_a_message_after_it(page):
    await page.say("one")
    await page.say("two")
    for _ in range(2):
        assert len(await page.say("two", "retry", [])) <= 3 + MOST  # three read the question that is asked again
    assert len(await page.say("three")) <= MOST
