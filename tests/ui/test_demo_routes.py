"""A demo on the page, without a browser: its steps, who may do them, and a conversation as a demo."""

import json
from contextlib import asynccontextmanager

import httpx
import pytest
import pytest_asyncio

from chatbot.conversation import ConversationService, ConversationStore, Deployment, Deployments, WindowMemory
from chatbot.demo.file import demo_from
from chatbot.server import create_page_app
from chatbot.shutdown import Step
from chatbot.ui import Branding, DemoOffer
from tests.support.page_events import act, headers
from tests.support.scripted_model import ScriptedModel
from tests.support.serving import serving

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(360)]

DEMO = demo_from("""
demo: 1
title: Three & more
first_word: 60
options: {k: 1}
turns:
- {question: My project is Contoso., answer: Noted., first_word: 0, seconds: 0}
- {question: Something else., answer: Well., first_word: 0, seconds: 0, options: {temperature: 0.5}}
- {question: 'How is Contoso?', answer: Fine., first_word: 0, seconds: 0, offers: 1}
""")
ELSEWHERE = {"x-forwarded-for": "203.0.113.7"}
STEPS = ("demo_begin", "demo_next", "demo_back", "demo_live")


class Page:
    """A page whose stream is followed."""

    def __init__(self, client, service, model, updates):
        self.client, self.service, self.model, self._updates = client, service, model, updates
        self.shown = {}

    async def do(self, action, *values):
        assert await act(self.client, action, list(values), "a page", "ada") == 204

    async def until(self, condition):
        """Follow the stream until something holds of all it has told; components are told by name."""
        while not condition(self.shown):
            update = await anext(self._updates)
            for name, properties in update.pop("components", {}).items():
                self.shown.setdefault(name, {}).update(properties)
            self.shown.update(update)

    async def until_at(self, place):
        await self.until(lambda shown: f"<span>{place}</span>" in bar(shown) and shown["box"]["submit_btn"])

    async def turns(self):
        [conversation] = (await self.service.list(await self.owner()))[:1]
        return conversation, await self.service.turns(conversation)

    async def owner(self):
        from chatbot.ui.identity import _owner_by

        return _owner_by("ada")


def bar(shown):
    return shown.get("demo", {}).get("value", "")


def service_in(folder):
    model = ScriptedModel()
    store = ConversationStore(f"sqlite:///{folder}/chat.db")
    service = ConversationService(Deployments(Deployment("test", model, WindowMemory())), store)
    service.model, service.closing = model, [Step("close", store.aclose, 5)]
    return service


@asynccontextmanager
async def page_of(service):
    with serving(create_page_app(service, Branding("Test", demo=DemoOffer(DEMO)), service.closing)) as url:
        async with (
            httpx.AsyncClient(base_url=url, timeout=60) as client,
            client.stream("GET", "/chat/updates", headers=headers("a page", "ada")) as reply,
        ):
            updates = (json.loads(line[6:]) async for line in reply.aiter_lines() if line.startswith("data: "))
            page = Page(client, service, service.model, updates)
            await page.until(bar)
            yield page


@pytest_asyncio.fixture(loop_scope="session")
async def service(tmp_path):
    return service_in(tmp_path)


@pytest_asyncio.fixture(loop_scope="session")
async def page(service):
    async with page_of(service) as page:
        yield page


async def test_each_step_does_what_comes_next_and_back_takes_it_back(page):
    assert "Three &amp; more" in bar(page.shown)
    page.model.will_say("Live.")
    await page.do("demo_next")
    await page.until_at("1 of 3")
    conversation, [turn] = await page.turns()
    assert (turn.question_text, turn.answer_text, conversation.options.k) == ("My project is Contoso.", "Live.", 1)
    assert conversation.options.temperature is None
    # Nobody is asked any more.
    await page.do("demo_live")
    await page.do("demo_next")
    await page.until_at("2 of 3")
    conversation, [_, turn] = await page.turns()
    assert (turn.answer_text, turn.is_recorded, conversation.options.temperature) == ("Well.", True, 0.5)
    assert "from the recording" in page.shown["plan"]["value"]
    assert len(page.model.asked) == 1
    # Typed, accepted, sent: and back again.
    await page.do("demo_next")
    await page.until(lambda shown: shown.get("words") == "How is Contoso?")
    assert "mark 0 pinned" in page.shown["recall_hint"]
    await page.do("demo_next")
    await page.until(lambda shown: " · pinned" in shown["plan"]["value"])
    await page.do("demo_back")
    await page.until(lambda shown: " · pinned" not in shown["plan"]["value"])
    await page.do("demo_back")
    await page.until(lambda shown: shown.get("accepted") == "How is Contoso?")
    for _ in range(3):
        await page.do("demo_next")
    await page.until_at("The end")
    _, [*_, turn] = await page.turns()
    assert (turn.question_text, turn.answer_text) == ("How is Contoso?", "Fine.")
    await page.do("demo_next")  # of nothing, nothing
    await page.do("demo_back")
    await page.until_at("2 of 3")
    conversation, turns = await page.turns()
    assert [turn.memory.value for turn in turns] == ["auto", "auto"]
    await page.do("demo_back")
    await page.until_at("1 of 3")
    conversation, turns = await page.turns()
    assert (len(turns), conversation.options.temperature) == (1, None)
    await page.do("demo_begin")
    await page.until_at("0 of 3")


async def test_while_an_answer_grows_next_does_nothing_and_back_ends_it_from_the_recording(page):
    page.model.will_say("Not", ends=False)
    await page.do("demo_next")
    await page.until(lambda shown: shown["box"]["stop_btn"] and "Not" in json.dumps(shown["tail"]))
    await page.do("demo_next")
    await page.do("demo_back")
    await page.until_at("1 of 3")
    _, [turn] = await page.turns()
    assert turn.answer_text == "Noted."
    assert [each.kind for each in turn.notices] == ["recording_goes_on", "recording_skipped"]


async def test_after_a_restart_it_goes_on_where_it_was(tmp_path):
    async with page_of(service_in(tmp_path)) as page:
        page.model.will_say("Live.")
        page.model.will_say("Who knows?")
        page.model.will_say("Lively.")
        await page.do("demo_next")
        await page.until_at("1 of 3")
        # Somebody in the audience has a question.
        await page.do("send", "And what of the price?")
        await page.until(lambda shown: "Who knows?" in json.dumps(shown) and shown["box"]["submit_btn"])
        await page.do("demo_next")
        await page.until_at("2 of 3")
    async with page_of(service_in(tmp_path)) as page:
        assert "<span>2 of 3</span>" in bar(page.shown)
        await page.do("demo_next")
        await page.until(lambda shown: shown.get("words") == "How is Contoso?")
        await page.do("demo_back")
        await page.do("demo_back")
        await page.until_at("1 of 3")
        conversation, turns = await page.turns()
        assert [turn.question_text for turn in turns] == ["My project is Contoso.", "And what of the price?"]
        assert conversation.options.k == 1


async def test_the_conversation_on_the_page_becomes_a_demo(page):
    path = "/chat/export/demo"
    assert (await page.client.get(path, headers=headers("a page", "ada"))).status_code == 409
    page.model.will_say("Live.")
    await page.do("demo_next")
    await page.until_at("1 of 3")
    reply = await page.client.get(path, headers=headers("a page", "ada"))
    assert (reply.status_code, reply.headers["x-chatbot-file"]) == (200, "My%20project%20is%20Contoso.yaml")
    recorded = demo_from(reply.text)
    assert [(turn.question, turn.answer) for turn in recorded.turns] == [("My project is Contoso.", "Live.")]
    assert recorded.options.k == 1
    markdown = await page.client.get("/chat/export/markdown", headers=headers("a page", "ada"))
    assert "recording" not in markdown.text
    await page.do("demo_live")
    await page.do("demo_next")
    await page.until_at("2 of 3")
    markdown = await page.client.get("/chat/export/markdown", headers=headers("a page", "ada"))
    assert "*This answer is from the recording: the model was not asked\\.*" in markdown.text.replace(".*", "\\.*")


@pytest.mark.parametrize("offer", [None, DemoOffer(DEMO), DemoOffer(DEMO, is_public=True)])
async def test_whom_it_is_not_for_cannot_tell_that_there_is_one(service, offer):
    is_for_them = offer is not None and offer.is_public
    with serving(create_page_app(service, Branding("Test", demo=offer), service.closing)) as url:
        async with httpx.AsyncClient(base_url=url, timeout=60, headers=ELSEWHERE) as client:
            unknown = await client.post("/chat/no_such_thing", content="[]", headers=headers("p", "a"))
            for step in STEPS:
                reply = await client.post(f"/chat/{step}", content="[]", headers=headers("p", "a"))
                if is_for_them:
                    assert reply.status_code == 204
                else:
                    assert (reply.status_code, reply.content) == (unknown.status_code, unknown.content)
            exported = await client.get("/chat/export/demo", headers=headers("p", "b"))
            assert exported.status_code == (409 if is_for_them else 404)
            async with client.stream("GET", "/chat/updates", headers=headers("p", "b")) as stream:
                first = await anext(line async for line in stream.aiter_lines() if line.startswith("data: "))
            assert ("demo_next" in first, DEMO.title.split()[0] in first) == (is_for_them, is_for_them)
            # The page itself is the same for everybody: the demo is not in it.
            assert "Contoso" not in (await client.get("/config")).text
