"""The owner's page of what was used: shut without the token, and in a browser as the chat looks."""

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import expect

from chatbot.access.owner import COOKIE, OwnerDoor
from chatbot.conversation import (
    ConversationService,
    ConversationStore,
    Deployment,
    Deployments,
    UsageLine,
    WindowMemory,
)
from chatbot.conversation.store import database
from chatbot.server import create_page_app
from chatbot.shutdown import Step
from chatbot.ui import USAGE, Branding
from chatbot.ui.views.usage import usage_page
from tests.conversation.conversing import say
from tests.support.scripted_model import ScriptedModel
from tests.support.serving import serving

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(360)]

TOKEN = "correct horse battery"
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest_asyncio.fixture(loop_scope="session")
async def serve(tmp_path):
    """Serve the page, with some answers in the store; yields a function that takes the owner's door."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        async def serve(door, *, name="Test & <b>", answers=3):
            url = f"sqlite:///{tmp_path}/chat.db"
            store, model = ConversationStore(url), ScriptedModel()
            service = ConversationService(Deployments(Deployment(name, model, WindowMemory())), store)
            for number in range(answers):
                model.will_say("An answer that nobody sees here.")
                await say(service, service.begin(f"owner {number}"), "A question that nobody sees here.")
            await service.aclose()
            await store.aclose()
            store = ConversationStore(url)
            service = ConversationService(Deployments(Deployment(name, model, WindowMemory())), store)
            app = create_page_app(service, Branding("Test"), [Step("close", store.aclose, 5)], owner=door)
            return stack.enter_context(serving(app))

        yield serve


@pytest_asyncio.fixture(loop_scope="session")
async def url(serve):
    return await serve(OwnerDoor(TOKEN))


async def test_without_the_setting_it_is_not_there(serve):
    async with httpx.AsyncClient(base_url=await serve(None), headers=BEARER) as client:
        for method in ("GET", "POST", "HEAD", "PUT"):
            reply = await client.request(method, USAGE)
            unknown = await client.request(method, "/owner/nothing")
            assert (reply.status_code, reply.content) == (404, unknown.content), method
            assert sorted(reply.headers) == sorted(unknown.headers)


async def test_a_stranger_is_asked_for_the_token_and_told_nothing_else(url):
    async with httpx.AsyncClient(base_url=url) as client:
        for options in ({}, {"headers": {"authorization": "Bearer another token of 16"}}, {"params": {"token": TOKEN}}):
            reply = await client.get(USAGE, **options)
            assert reply.status_code in (401, 429)
            assert "Demo" not in reply.text
            assert "by day" not in reply.text.lower()
            assert reply.headers["cache-control"] == "no-store"


async def test_the_token_shows_what_was_used_and_nothing_that_was_said(url):
    async with httpx.AsyncClient(base_url=url, headers=BEARER) as client:
        reply = await client.get(USAGE)
        assert reply.status_code == 200
        assert "Test &amp; &lt;b&gt;" in reply.text
        assert reply.text.count('<th scope="row">') == 1 + 1 + 3
        assert "nobody sees here" not in reply.text
        assert "owner 1" not in reply.text
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert "default-src 'self'" in (await client.get("/")).headers["content-security-policy"]
        for days, marked in (("7", "7"), ("365", "365"), ("0", "30"), ("-1", "30"), ("x", "30"), ("9" * 5000, "30")):
            page = (await client.get(USAGE, params={"days": days})).text
            assert f'href="?days={marked}" aria-current=page' in page, days


async def test_it_needs_no_font_for_signs_and_tells_what_costs_next_to_nothing():
    line = UsageLine("2026-11-28", messages=1, cost=0.00002, up=3, down=1)
    page = usage_page(Branding("Test"), "", 30, line, [line], [], [])
    assert page.count("&lt;$0.0001") == 2
    assert "<dt>Good / bad</dt><dd>3 / 1</dd>" in page
    assert max(page) < "\u2fff"


async def test_the_form_gives_a_cookie_that_is_not_the_token_and_takes_it_back(url):
    async with httpx.AsyncClient(base_url=url) as client:
        reply = await client.post(USAGE, data={"token": TOKEN})
        assert (reply.status_code, reply.headers["location"]) == (303, USAGE)
        cookie = reply.headers["set-cookie"]
        assert TOKEN not in cookie
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert (await client.get(USAGE)).status_code == 200
        await client.post(USAGE, data={"out": "1"})
        assert COOKIE not in client.cookies
        assert (await client.get(USAGE)).status_code == 401


async def test_who_guesses_is_told_to_wait_even_with_the_right_one(url):
    async with httpx.AsyncClient(base_url=url) as client:
        assert (await client.post(USAGE, data={"token": "wrong"})).status_code == 401
        reply = await client.post(USAGE, data={"token": TOKEN})
        assert (reply.status_code, reply.headers["retry-after"]) == (429, "1")


@pytest.mark.parametrize("body", [b"", b"token", b"token=" + b"x" * 20_000, b"\xff\x00%zz", b"&" * 5_000, b"a=1&" * 50])
async def test_whatever_is_sent_in_place_of_the_form_is_refused(url, body):
    async with httpx.AsyncClient(base_url=url) as client:
        assert (await client.post(USAGE, content=body)).status_code in (401, 413)


async def test_a_database_that_is_away_is_told(serve, monkeypatch):
    url = await serve(OwnerDoor(TOKEN))

    async def away(*_):
        raise OSError("gone")

    monkeypatch.setattr(database.Database, "read", away)
    async with httpx.AsyncClient(base_url=url, headers=BEARER) as client:
        reply = await client.get(USAGE)
    assert (reply.status_code, "does not answer" in reply.text, "gone" in reply.text) == (503, True, False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_browser_opens_it_on_a_phone_and_reads_it(url, browser, scheme):
    context = await browser.new_context(color_scheme=scheme, viewport={"width": 360, "height": 740})
    page = await context.new_page()
    problems = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    await page.goto(url.rstrip("/") + USAGE)
    problems.clear()  # the status itself is one: nobody is signed in
    await page.get_by_label("The owner's token").fill(TOKEN)
    await page.get_by_role("button", name="Open").click()
    await expect(page.get_by_role("heading", name="By visitor")).to_be_visible()
    await expect(page.get_by_role("row")).to_have_count(3 + 1 + 1 + 3)
    sides = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert sides[0] <= sides[1], "the page is wider than the phone"
    ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(248, 250, 252)", "dark": "rgb(2, 6, 23)"}[scheme]
    await page.get_by_role("link", name="7 days").click()
    await expect(page.get_by_role("link", name="7 days")).to_have_attribute("aria-current", "page")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("The owner's token")).to_be_visible()
    assert problems in ([], [each for each in problems if "401" in each]), problems
    await context.close()
