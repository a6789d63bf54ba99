"""What a page is told beside what is drawn: once, whatever becomes of the streams that tell it."""

import asyncio
import json

import httpx
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from playwright.async_api import expect

from chatbot.conversation import ConversationService, ConversationStore, Deployment, Deployments, WindowMemory
from chatbot.server import create_page_app
from chatbot.shutdown import Step
from chatbot.ui import Branding
from chatbot.ui.outbox import SEVERAL, Outbox
from tests.conversation.conversing import until
from tests.support.page_events import act, headers
from tests.support.relay import LosingFront
from tests.support.scripted_model import ScriptedModel
from tests.support.serving import serving

UPDATES = "/chat/updates"

STEPS = st.lists(st.sampled_from(["words", "notices", "stream gives", "stream breaks"]), max_size=14).filter(
    lambda steps: all(steps.count(kind) <= most for kind, most in SEVERAL.items())
)


@given(STEPS, st.booleans())
def test_a_browser_gets_each_word_and_notice_once_and_in_order(steps, loses):
    """A stream that breaks loses what it was given last, or it does not."""
    outbox, told, got, received = Outbox(), [], [], 0
    under_way = []

    def arrive(updates):
        nonlocal received
        for update in updates:
            got.extend(("words", words) for words in update.get("words", "").split("\n") if words)
            got.extend(("notices", notice) for notice in update.get("notices", ()))
            received = update.get("posted", received)

    for number, step in enumerate(steps):
        if step == "stream gives":
            under_way.append(outbox.take())
        elif step == "stream breaks":
            arrive(under_way[:-1] if loses else under_way)
            under_way.clear()
            outbox.resume(received)
        else:
            told.append((step, str(number)))
            outbox.post(step, str(number))
    arrive([*under_way, outbox.take()])
    for kind in SEVERAL:
        assert [value for each, value in got if each == kind] == [value for each, value in told if each == kind]


def test_what_is_kept_for_a_browser_that_never_says_anything_is_bounded():
    outbox = Outbox()
    for number in range(1_000):
        for name in ("words", "notices", "accepted", "recall_hint"):
            outbox.post(name, f"{name} {number}")
        outbox.take()
    outbox.resume(0)
    again = outbox.take()
    assert again["notices"] == [f"notices {number}" for number in range(997, 1_000)]
    assert len(again["words"].split("\n")) == SEVERAL["words"]
    assert (again["accepted"], again["recall_hint"]) == ("accepted 999", "recall_hint 999")


def test_a_browser_that_knows_a_higher_number_is_told_what_is_new():
    """Its page was forgotten here meanwhile, and is another one now."""
    outbox = Outbox()
    outbox.resume(57)
    assert outbox.take() == {}
    outbox.post("words", "hello")
    assert outbox.take() == {"words": "hello", "posted": 58}


@pytest_asyncio.fixture(loop_scope="session")
async def served(tmp_path):
    store = ConversationStore(f"sqlite:///{tmp_path}/chat.db")
    service = ConversationService(Deployments(Deployment("test", ScriptedModel(), WindowMemory())), store)
    app = create_page_app(service, Branding("Test"), [Step("close", store.aclose, 5)])
    with serving(app) as url:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            yield client, service


def updates_of(reply):
    return (json.loads(line[6:]) async for line in reply.aiter_lines() if line.startswith("data: "))


def stream(client, posted=None):
    return client.stream("GET", UPDATES, params={} if posted is None else {"posted": posted}, headers=headers("p", "a"))


@pytest.mark.timeout(180)
@pytest.mark.asyncio(loop_scope="session")
async def test_a_stream_in_the_place_of_another_is_given_what_did_not_arrive_and_nothing_else(served):
    client, _ = served
    async with stream(client) as reply:
        updates = updates_of(reply)
        await anext(updates)
        assert await act(client, "send", ["a" * 100_001], "p", "a") == 204
        async for update in updates:
            if "notices" in update:
                break
    for posted, is_told in ((None, True), ("0", True), ("nonsense", True), (str(update["posted"]), False)):
        async with stream(client, posted) as reply:
            again = await anext(updates_of(reply))
        assert ("notices" in again) is is_told
        assert "memory" in again["components"]


@pytest.mark.timeout(180)
@pytest.mark.asyncio(loop_scope="session")
async def test_what_is_drawn_for_a_stream_whose_place_is_taken_is_drawn_for_the_other(served, monkeypatch):
    client, service = served
    waiting, view = [], service.view

    async def held(*args, **options):
        go = asyncio.Event()
        waiting.append((asyncio.get_running_loop(), go))
        await go.wait()
        return await view(*args, **options)

    async def ahead(count):
        async def is_there():
            return len(waiting) == count

        await until(is_there)
        loop, go = waiting[-1]
        return lambda: loop.call_soon_threadsafe(go.set)

    monkeypatch.setattr(service, "view", held)
    async with stream(client) as former:
        draw_former = await ahead(1)
        async with stream(client) as latter:
            draw_latter = await ahead(2)
            draw_former()
            assert [update async for update in updates_of(former)] == []
            draw_latter()
            assert "memory" in (await anext(updates_of(latter)))["components"]
            monkeypatch.undo()


@pytest.mark.asyncio(loop_scope="session")
async def test_what_is_told_as_the_stream_breaks_is_told_again_and_once(wired_app, visit):
    with LosingFront(wired_app, UPDATES) as front:
        async with visit(front.url) as visitor:
            await visitor.ask("hello")
            await visitor.box.fill("x" * 100_001)
            front.lose()
            await visitor.send.click()
            assert await asyncio.to_thread(front.lost.wait, 10)
            front.cut()
            await expect(visitor.toast).to_contain_text("100,001 characters")
            await visitor.box.fill("")
            front.lose()
            await visitor.press("Undo")
            assert await asyncio.to_thread(front.lost.wait, 10)
            front.cut()
            await expect(visitor.box).to_have_value("hello")
            await expect(visitor.questions).to_have_count(0)
            await visitor.box.fill("mine")
            await expect(visitor.toast).to_have_count(0)
            front.cut()
            await expect(visitor.connection).to_contain_text("cannot be reached")
            await expect(visitor.connection).to_contain_text("Back again.")
            await expect(visitor.box).to_have_value("mine")
            await expect(visitor.toast).to_have_count(0)
            front.lose()
            await visitor.box.press("Enter")
            assert await asyncio.to_thread(front.lost.wait, 10)
            front.cut()
            await expect(visitor.box).to_have_value("")
            await expect(visitor.questions).to_have_text(["mine"])
