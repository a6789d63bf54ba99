"""What is beyond a bound is refused on the server, in words, and what was typed stays in its field."""

import json

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import expect

from chatbot.conversation import ConversationService, ConversationStore, Deployment, Deployments, WindowMemory
from chatbot.server import create_page_app
from chatbot.shutdown import Step
from chatbot.ui import Branding
from tests.support.page_events import act, headers
from tests.support.scripted_model import ScriptedModel
from tests.support.serving import serving

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(360)]


@pytest_asyncio.fixture(loop_scope="session")
async def served(tmp_path):
    model = ScriptedModel()
    store = ConversationStore(f"sqlite:///{tmp_path}/chat.db")
    deployment = Deployment("test", model, WindowMemory(system_prompt="Be kind."), {"max_tokens": 256})
    other = Deployment("with a longer memory", model, WindowMemory(30))
    service = ConversationService(Deployments(deployment, other), store)
    app = create_page_app(service, Branding("Test"), [Step("close", store.aclose, 5)])
    with serving(app) as url:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            yield client, model


@pytest.mark.parametrize(
    ("action", "value", "words"),
    [
        ("send", "a" * 100_001, "100,001 characters"),
        ("set_system_prompt", "a" * 20_001, "20,001 characters"),
        ("search", "a" * 1_001, "1,001 characters"),
        ("set_max_tokens", 1_000_000, "1 to 256"),
        ("set_k", 25, "0 to 20"),
    ],
)
async def test_what_is_beyond_a_bound_is_refused_in_words(served, action, value, words):
    client, model = served
    async with client.stream("GET", "/chat/updates", headers=headers("a page", "ada")) as reply:
        updates = (json.loads(line[6:]) async for line in reply.aiter_lines() if line.startswith("data: "))
        await anext(updates)
        assert await act(client, action, [value], "a page", "ada") == 204
        async for update in updates:
            if any(words in notice["text"] for notice in update.get("notices", ())):
                break
        # A text stays in its field, to be shortened there.
        if isinstance(value, str):
            assert not {"system_prompt", "search"} & update.get("components", {}).keys()
            assert "accepted" not in update
        model.will_say("ok")
        assert await act(client, "send", ["hello"], "a page", "ada") == 204
        async for update in updates:
            if "ok" in json.dumps(update):
                break
    assert [each.text for each in model.asked[-1]] == ["Be kind.", "hello"]
    assert model.told[-1] == {"max_tokens": 256}


@pytest.mark.parametrize("length", [1_000_001, 9_000_000])
async def test_what_is_too_long_for_any_request_is_told_and_stays_in_the_box(wired_app, visit, length):
    async with visit(wired_app.url) as visitor:
        await visitor.box.evaluate(
            """(box, length) => {
                 const { set } = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value");
                 set.call(box, "a".repeat(length));
                 box.dispatchEvent(new Event("input"));
               }""",
            length,
        )
        await visitor.send.click()
        await expect(visitor.toast).to_contain_text("too long to be sent")
        assert await visitor.box.evaluate("(box) => box.value.length") == length
        await expect(visitor.connection).to_be_empty()
        await visitor.ask("short enough")
        await expect(visitor.answers).to_have_count(1)
