"""One question asked twice on the page: how it is begun, what each is sent, what both sizes show, and who may."""

import json
import re
import threading
from contextlib import asynccontextmanager

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import expect

from chatbot.azureml import AzureMLChatOnlineEndpoint
from chatbot.conversation import (
    COMPARE,
    ConversationService,
    ConversationStore,
    Deployment,
    Deployments,
    EffectiveOptions,
    Options,
    Rate,
    UsageLimits,
    WindowMemory,
)
from chatbot.server import create_page_app
from chatbot.shutdown import Step
from chatbot.ui import Branding
from chatbot.ui.i18n import CODES, Language
from chatbot.ui.views.compare_form import compare_form
from tests.support.page_events import act, headers
from tests.support.scripted_model import ScriptedModel
from tests.support.serving import serving
from tests.support.wire import DONE, WireServer, event, json_reply, stream_reply

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(360)]


class Served:
    """A page of an application in this process, in front of two endpoints."""

    def __init__(self, client, wires):
        self.client = client
        self.wires = wires
        self.updates = []

    @asynccontextmanager
    async def page(self, visitor, name="a page"):
        """A page of a visitor: what is on it after each drawing."""
        async with self.client.stream("GET", "/chat/updates", headers=headers(name, visitor)) as reply:
            yield self.drawings(reply)

    async def drawings(self, reply):
        messages, box, notices = [], {}, []
        async for line in reply.aiter_lines():
            if not line.startswith("data: "):
                continue
            update = json.loads(line[6:])
            self.updates.append(update)
            if "tail" in update:
                kept, tail = update["tail"]
                messages[kept:] = tail
            for at, dropped, added in update.get("texts", ()):
                [part] = messages[at]["content"]
                part["text"] = part["text"][: len(part["text"]) - dropped] + added
            box |= update.get("components", {}).get("box", {})
            notices += [each["text"] for each in update.get("notices", ())]
            yield [each["content"][0]["text"] for each in messages], box, notices

    async def act(self, action, *values, visitor="ada", name="a page"):
        return await act(self.client, action, list(values), name, visitor)


@asynccontextmanager
async def served(folder, **options):
    with WireServer() as first, WireServer() as second:
        deployments = []
        for name, wire in (("large", first), ("small", second)):
            wire.default = stream_reply(event(f"I am {name}."), event(finish_reason="stop"), DONE)
            model = AzureMLChatOnlineEndpoint(
                endpoint_url=f"{wire.url}/v1/chat/completions", endpoint_api_key="key", max_retries=0
            )
            deployments.append(Deployment(name, model, WindowMemory(5, system_prompt=f"Be {name}.")))
        store = ConversationStore(f"sqlite:///{folder}/chat.db")
        service = ConversationService(Deployments(*deployments), store, **options)
        with serving(create_page_app(service, Branding("Test"), [Step("close", store.aclose, 5)])) as url:
            async with httpx.AsyncClient(base_url=url, timeout=60) as client:
                yield Served(client, (first, second))


@pytest_asyncio.fixture(loop_scope="session")
async def both(tmp_path):
    async with served(tmp_path) as both:
        yield both


async def shown(drawings, condition):
    """Draw on until a condition holds of what is on the page, and return that."""
    async for texts, box, notices in drawings:
        if condition("\n".join(texts), box, notices):
            return texts
    raise AssertionError("the stream ended")


def has_two(text, box, _):
    return text.count("card-foot") == 2 and box.get("submit_btn") and "undecided" in text


def on_the_wire(wire):
    """The messages of the latest request, in order."""
    return [message["content"] for message in wire.requests[-1].json["messages"]]


async def test_each_endpoint_is_sent_what_its_own_memory_holds(both):
    large, small = both.wires
    async with both.page("ada") as drawings:
        assert await both.act("send", "one") == 204
        await shown(drawings, lambda text, box, _: "I am large." in text and box.get("submit_btn"))
        assert await both.act("compare", "two", {"deployment": "small", "k": 0}) == 204
        texts = await shown(drawings, has_two)
        assert on_the_wire(large) == ["Be large.", "one", "I am large.", "two"]
        assert on_the_wire(small) == ["Be small.", "two"]
        heads = [at for at, text in enumerate(texts) if "card-head" in text]
        assert [re.search("· (\\w+)<", texts[at])[1] for at in heads] == ["large", "small"]
        # The first counts until one is kept, and the list of what was sent is that of the request.
        assert "answer 1 is kept" in texts[-1]
        sent = [re.findall(r"<summary>(.*?)</summary>", text) for text in texts if "card-foot" in text]
        assert [each[0].split(",")[0] for each in sent] == ["Sent: 1 earlier turn", "Sent: 0 earlier turns"]
        assert await both.act("keep", "1") == 204
        await shown(drawings, lambda text, *_: "card-head" not in text and "2/2" in text)
        assert await both.act("send", "three") == 204
        await shown(drawings, lambda text, box, _: text.count("I am small.") >= 2 and box.get("submit_btn"))
    # Kept is also how it was asked: without a memory.
    assert on_the_wire(small) == ["Be small.", "three"]
    assert (len(large.requests), len(small.requests)) == (2, 2)


async def test_of_two_that_grow_only_what_is_new_is_sent_and_a_stop_ends_both(both):
    goes_on, again = threading.Event(), threading.Event()
    for wire in both.wires:
        wire.default = stream_reply(event("Once"), goes_on, event(" upon"), again, event(" a time"), end="hang")

    def both_say(words):
        return lambda text, *_: text.count(words) == 2

    async with both.page("ada") as drawings:
        assert await both.act("compare", "tell", {"deployment": "small"}) == 204
        await shown(drawings, both_say("Once"))
        goes_on.set()
        await shown(drawings, both_say("Once upon"))
        again.set()
        both.updates.clear()
        await shown(drawings, both_say("Once upon a time"))
        assert both.updates
        assert all({"texts"} == update.keys() for update in both.updates)
        assert await both.act("stop") == 204
        texts = await shown(drawings, has_two)
    assert sum("Stopped." in text for text in texts) == 2
    for wire in both.wires:
        assert wire.requests[-1].left.wait(20)


async def test_one_that_fails_says_why_on_its_own_card(both):
    both.wires[1].default = json_reply({"error": {"message": "Out of order."}}, 500)
    async with both.page("ada") as drawings:
        assert await both.act("compare", "one", {"deployment": "small"}) == 204
        texts = await shown(drawings, has_two)
    first, second = (text for text in texts if "card-foot" in text)
    assert ("failed" in first, "failed" in second, "Out of order." in second) == (False, True, True)
    # How long it took until there was no answer is no fact about one.
    assert ("facts" in first, "facts" in second) == (True, False)
    assert ("keep" in first, ">Keep this one<" in second) == (True, False)
    assert any("I am large." in text for text in texts)


async def test_where_both_fail_there_is_none_to_keep_and_one_to_ask_for_again(both):
    for wire in both.wires:
        wire.default = json_reply({"error": {"message": "Out of order."}}, 500)
    async with both.page("ada") as drawings:
        assert await both.act("compare", "one", {"deployment": "small"}) == 204
        texts = await shown(drawings, has_two)
        assert "keep" not in "".join(texts).lower()
        assert ">Retry<" in texts[-1]
        for wire in both.wires:
            wire.default = stream_reply(event("Here again."), event(finish_reason="stop"), DONE)
        assert await both.act("retry") == 204
        await shown(drawings, lambda text, box, _: "Here again." in text and box.get("submit_btn"))


async def test_another_tab_and_a_reload_show_both(both):
    async with both.page("ada") as drawings:
        assert await both.act("compare", "one", {"deployment": "small"}) == 204
        here = await shown(drawings, has_two)
    async with both.page("ada", "another page") as drawings:
        assert await shown(drawings, has_two) == here


async def test_nobody_keeps_or_sees_somebody_elses(both):
    async with both.page("ada") as drawings:
        assert await both.act("compare", "one", {"deployment": "small"}) == 204
        before = await shown(drawings, has_two)
    async with both.page("eve", "eves page") as drawings:
        assert await both.act("keep", 1, visitor="eve", name="eves page") == 204
        texts = await shown(drawings, lambda _text, _box, notices: notices)
        assert "I am" not in "".join(texts)
    async with both.page("ada", "another page") as drawings:
        assert await shown(drawings, has_two) == before


@pytest.mark.parametrize(
    "beside",
    [
        None,
        [],
        {"temperature": 1},
        {"k": "5"},
        {"k": -1},
        {"k": 2**40},
        {"pins": "yes"},
        {"deployment": 5},
        {"deployment": "\ud800"},
        {"token_budget": float("nan")},
    ],
)
async def test_what_no_page_would_send_is_refused(both, beside):
    assert await both.act("compare", "one", beside) == 400
    assert [wire.requests for wire in both.wires] == [[], []]


async def test_what_cannot_be_compared_is_said_and_the_words_stay(both):
    async with both.page("ada") as drawings:
        for beside in ({}, {"deployment": "large"}, {"deployment": "no such one"}, {"k": 5}):
            assert await both.act("compare", "one", beside) == 204
            await shown(drawings, lambda _text, _box, notices: notices and "nothing was asked" in notices.pop())
    assert [wire.requests for wire in both.wires] == [[], []]


async def test_where_there_is_room_for_one_message_neither_is_asked(tmp_path):
    async with (
        served(tmp_path, limits=UsageLimits(visitor_messages=[Rate(1, "hour")])) as both,
        both.page("ada") as drawings,
    ):
        assert await both.act("compare", "one", {"deployment": "small"}) == 204
        await shown(drawings, lambda _text, _box, notices: any("One visitor may send" in each for each in notices))
        assert [wire.requests for wire in both.wires] == [[], []]


# ------------------------------------------------------------------------------------------------ the form


def form(*names, locked=(), options=None):
    deployments = [Deployment(name, ScriptedModel(), WindowMemory(5, 4000)) for name in names]
    return compare_form(Language("en"), EffectiveOptions(deployments[0], options or Options()), deployments, locked)


@pytest.mark.parametrize(
    ("names", "locked", "fields"),
    [
        (("a", "b"), (), ["deployment", "k", "token_budget", "pins"]),
        (("a",), (), ["k", "token_budget", "pins"]),
        (("a", "b"), ("deployment",), ["k", "token_budget", "pins"]),
        (("a", "b"), ("k", "token_budget", "pins"), ["deployment"]),
        (("a",), ("k", "token_budget", "pins"), []),
        (("a", "b"), (COMPARE,), []),
    ],
)
async def test_the_form_has_what_can_differ_and_is_not_there_where_nothing_can(names, locked, fields):
    drawn = form(*names, locked=locked)
    assert re.findall(r' name="(\w+)"', drawn) == fields
    assert bool(drawn) is bool(fields)


async def test_the_form_begins_with_something_to_compare():
    assert re.search('<option value="b" selected>', form("a", "b", "c"))
    assert re.search('name="k" min="0" max="20" step="1" value="0"', form("a"))
    assert 'name="pins" checked' in form("a")
    assert 'name="pins" checked' not in form("a", options=Options(pins=False))
    assert "&lt;b&gt;" in form("a", "<b>")


@pytest.mark.parametrize("code", CODES)
async def test_the_form_is_in_every_language(code):
    deployments = [Deployment(name, ScriptedModel(), WindowMemory(5, 4000)) for name in ("a", "b")]
    t = Language(code)
    drawn = compare_form(t, EffectiveOptions(deployments[0], Options()), deployments, ())
    assert t("label.token_budget") in drawn
    assert "{" not in drawn


# ------------------------------------------------------------------------------------------------ in a browser


@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_a_visitor_compares_keeps_one_and_goes_on(demo_app, visit, size):
    width, height = (1280, 800) if size == "desktop" else (390, 844)
    async with visit(demo_app.url, width=width, height=height) as visitor:
        page = visitor.page
        heads, keep = page.locator("#chat .card-head"), page.locator("#chat .keep button")
        await visitor.ask("My name is Ada.")
        # By keyboard alone: it is opened, and has somebody else to compare with.
        await page.locator("#compare summary").press("Enter")
        await expect(page.locator("#compare select")).to_have_value("Demo endpoint, thinking aloud")
        # It is seen to be a list.
        await expect(page.locator("#compare select")).to_have_css("appearance", "auto")
        await visitor.say("What is my name?")
        await expect(heads).to_have_count(2)
        await expect(visitor.box).to_have_value("")
        # Once both have ended they are where they stay.
        await expect(keep).to_have_count(2)
        boxes = [await heads.nth(number).bounding_box() for number in range(2)]
        if size == "desktop":
            assert boxes[0]["y"] == boxes[1]["y"]
            assert boxes[0]["x"] + boxes[0]["width"] < boxes[1]["x"]
        else:
            assert boxes[0]["x"] == boxes[1]["x"]
            assert boxes[0]["y"] < boxes[1]["y"]
        await visitor.settled()
        await expect(page.locator("#chat .undecided")).to_contain_text("answer 1 is kept")
        await expect(page.locator("#chat .card-foot .facts")).to_have_count(2)
        # What each was sent is the list that the panel has, without anything to decide about.
        sent = page.locator("#chat .sent").first
        await sent.locator("summary").click()
        await expect(sent.locator("li").filter(has_text="My name is Ada.")).to_be_visible()
        await expect(sent.locator("button")).to_have_count(0)
        await visitor.reload()
        await expect(keep).to_have_count(2)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await keep.last.press("Enter")
        await expect(heads).to_have_count(0)
        await expect(visitor.box).to_be_focused()
        await expect(visitor.versions).to_contain_text("2/2")
        await expect(visitor.badge).to_have_text("Demo endpoint, thinking aloud")
        await expect(visitor.facts.last).to_contain_text("Compared with another answer")
        # The form was closed by the reload, so this is asked once.
        assert "Ada" in await visitor.ask("And what is my name again?")
        await expect(heads).to_have_count(0)
