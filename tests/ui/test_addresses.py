"""Each chat has an address: it is its owner's, a page is loaded again at it, and one can go back to the one before."""

import json
from contextlib import asynccontextmanager

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

NOT_HERE = "This chat is not here"


class Site:
    """An application in this process, and what it shows of itself."""

    def __init__(self, client, model):
        self.client, self.model = client, model

    @asynccontextmanager
    async def page(self, name, chat=None, visitor="ada"):
        """What a page's stream tells, an update at a time."""
        asked = {} if chat is None else {"params": {"chat": chat}}
        stream = self.client.stream("GET", "/chat/updates", headers=headers(name, visitor), **asked)
        async with stream as reply:
            updates = (json.loads(line[6:]) async for line in reply.aiter_lines() if line.startswith("data: "))
            yield updates

    async def first(self, name, chat=None, visitor="ada"):
        async with self.page(name, chat, visitor) as updates:
            return await anext(updates)

    async def begun(self, name, question, visitor="ada"):
        """Say something in a new chat on a page; return the address of the chat."""
        self.model.will_say("re: ", question)
        async with self.page(name, "new", visitor) as updates:
            assert (await anext(updates))["chat"]["address"] == "new"
            assert await act(self.client, "send", [question], name, visitor) == 204
            return await anext(each["chat"]["address"] async for each in updates if "chat" in each)


@pytest_asyncio.fixture(loop_scope="session")
async def site(tmp_path):
    model = ScriptedModel()
    store = ConversationStore(f"sqlite:///{tmp_path}/chat.db")
    service = ConversationService(Deployments(Deployment("test", model, WindowMemory())), store)
    with serving(create_page_app(service, Branding("Test"), [Step("close", store.aclose, 5)])) as url:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            yield Site(client, model)


def told(update):
    return [each["text"] for each in update.get("notices", ())]


async def test_a_page_shows_the_chat_of_its_address_and_without_one_the_latest(site):
    first = await site.begun("p1", "one")
    second = await site.begun("p2", "two")
    shown = await site.first("p3", first)
    assert (shown["chat"]["address"], shown["chat"]["title"], told(shown)) == (first, "one", [])
    assert (await site.first("p4"))["chat"]["address"] == second
    new = await site.first("p5", "new")
    assert (new["chat"]["address"], new["chat"]["title"], told(new)) == ("new", "", [])


async def test_an_unknown_address_and_somebody_elses_get_the_same_answer(site):
    mine = await site.begun("p1", "my secret", "ada")
    answers = []
    for number, chat in enumerate((mine, "unknown", "not an id", "x" * 200, "temporary-" + mine)):
        shown = await site.first(f"p2 {number}", chat, "eve")
        assert "my secret" not in json.dumps(shown)
        shown["chat"].pop("id")
        answers.append({"chat": shown["chat"], "told": told(shown), "messages": shown.get("tail")})
    assert answers[0]["told"][0].startswith(NOT_HERE)
    assert all(each == answers[0] for each in answers)


async def test_a_page_that_was_forgotten_comes_back_to_its_chat(site):
    first = await site.begun("p1", "one")
    await site.begun("p2", "two")
    # Its name is not known here any more: another process, or after a long sleep.
    assert (await site.first("p1, later", first))["chat"]["address"] == first


async def test_what_cannot_be_opened_has_the_address_told_again(site):
    mine = await site.begun("p1", "one")
    async with site.page("p1", mine) as updates:
        await anext(updates)
        assert await act(site.client, "open", ["gone"], "p1", "ada") == 204
        update = await anext(updates)
        assert update["chat"]["address"] == mine
        assert "not here any more" in told(update)[0]


async def test_a_temporary_chat_has_no_address(site):
    async with site.page("p1", "new") as updates:
        await anext(updates)
        assert await act(site.client, "temporary", [], "p1", "ada") == 204
        assert (await anext(updates))["chat"]["address"] == ""


async def listed(updates):
    drawn = (each["components"] async for each in updates if "conversations" in each.get("components", {}))
    return (await anext(drawn))["conversations"]["value"]


async def test_the_list_has_more_on_demand_and_what_is_archived_apart(site, monkeypatch):
    monkeypatch.setattr("chatbot.ui.handlers.conversations.LISTED", 2)
    monkeypatch.setattr("chatbot.ui.sessions.LISTED", 2)
    chats = [await site.begun(f"p{number}", f"question {number}") for number in range(3)]
    async with site.page("the page") as updates:
        shown = await listed(updates)
        assert ("question 0" in shown, "Show more" in shown, "Archived chats" in shown) == (False, True, False)
        await act(site.client, "more", [], "the page", "ada")
        shown = await listed(updates)
        assert ("question 0" in shown, "Show more" in shown) == (True, False)
        await act(site.client, "archive", [chats[0]], "the page", "ada")
        shown = await listed(updates)
        assert "Archived “question 0”" in shown
        assert "Archived chats" in shown
        assert f"open {chats[0]}" not in shown
        await act(site.client, "filter", ["archived"], "the page", "ada")
        assert f"open {chats[0]}" in await listed(updates)
        await act(site.client, "filter", ["none"], "the page", "ada")
        await listed(updates)
        await act(site.client, "search", ["QUESTION 0"], "the page", "ada")
        assert "<mark>question 0</mark>" in await listed(updates)
        await act(site.client, "unarchive", [chats[0]], "the page", "ada")
        assert "archived" not in await listed(updates)


async def with_address(updates):
    """The next update that names a chat: a page that is slow is told what else changed before it."""
    async for update in updates:
        if "chat" in update:
            return update
    raise AssertionError("the stream ended")


async def test_what_is_archived_on_the_page_gives_way_to_a_new_chat_and_comes_back(site):
    chat = await site.begun("p1", "one")
    async with site.page("p1", chat) as updates:
        await anext(updates)
        await act(site.client, "archive", [chat], "p1", "ada")
        assert (await with_address(updates))["chat"]["address"] == "new"
        await act(site.client, "restore", [chat], "p1", "ada")
        update = await with_address(updates)
        assert update["chat"]["address"] == chat
        assert "Archived" not in update["components"]["conversations"]["value"]


@pytest.mark.parametrize("action", ["pin", "unpin", "archive", "unarchive"])
async def test_nobody_pins_or_archives_what_is_somebody_elses(site, action):
    mine = await site.begun("p1", "one")
    for chat in (mine, "unknown"):
        async with site.page("eve's", "new", "eve") as updates:
            await anext(updates)
            await act(site.client, action, [chat], "eve's", "eve")
            assert "not here any more" in told(await anext(updates))[0]
    assert "row pinned" not in json.dumps(await site.first("p2"))


async def test_a_title_that_is_found_by_itself_reaches_the_open_pages(tmp_path):
    model = ScriptedModel()
    store = ConversationStore(f"sqlite:///{tmp_path}/chat.db")
    deployments = Deployments(Deployment("test", model, WindowMemory()))
    service = ConversationService(deployments, store, auto_titles=True)
    with serving(create_page_app(service, Branding("Test"), [Step("close", store.aclose, 5)])) as url:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            site = Site(client, model)
            async with site.page("p1", "new") as updates:
                await anext(updates)
                model.will_say("Hello.")
                model.will_say("Greetings")
                await act(client, "send", ["hello there"], "p1", "ada")
                titles = []
                async for update in updates:
                    titles += [update["chat"]["title"]] if "chat" in update else []
                    if titles and titles[-1] == "Greetings":
                        break
            assert titles == ["hello there", "Greetings"]


async def test_back_and_forward_lead_from_chat_to_chat_and_loading_shows_the_same_with_its_draft(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        page = visitor.page
        await expect(page).to_have_url(f"{demo_app.url}?chat=new")
        await visitor.ask("first things first")
        await expect(page).to_have_title("first things first – Azure ML Chat")
        first = page.url
        assert first.startswith(f"{demo_app.url}?chat=")
        await visitor.new_chat()
        await expect(page).to_have_url(f"{demo_app.url}?chat=new")
        await expect(page).to_have_title("Azure ML Chat")
        await visitor.ask("second thoughts")
        await visitor.box.fill("a draft\nfor the second")
        await page.go_back()
        await expect(visitor.questions).to_have_text(["first things first"])
        await expect(page).to_have_url(first)
        await expect(visitor.box).to_have_value("")
        await visitor.box.fill("one for the first")
        await page.go_forward()
        await expect(visitor.questions).to_have_text(["second thoughts"])
        await expect(visitor.box).to_have_value("a draft\nfor the second")
        await page.go_back()
        await expect(visitor.box).to_have_value("one for the first")
        await visitor.reload()
        await expect(visitor.questions).to_have_text(["first things first"])
        await expect(visitor.box).to_have_value("one for the first")
        await expect(page).to_have_title("first things first – Azure ML Chat")
        # To a new chat the words go along.
        await page.locator("#new-chat").click()
        await expect(visitor.questions).to_have_count(0)
        await expect(visitor.box).to_have_value("one for the first")
        await visitor.open("first things first")
        await expect(visitor.box).to_have_value("")
        await page.goto(f"{demo_app.url}?chat=nobodys")
        await expect(visitor.toast).to_contain_text(NOT_HERE)
        await expect(page).to_have_url(f"{demo_app.url}?chat=new")


async def test_a_phone_has_a_new_chat_in_one_tap(demo_app, visit):
    async with visit(demo_app.url, width=390, height=844) as visitor:
        await visitor.ask("hello")
        await visitor.page.locator("#new-chat-here").click()
        await expect(visitor.questions).to_have_count(0)
        await expect(visitor.page).to_have_url(f"{demo_app.url}?chat=new")
