"""Limits and a budget as visitors meet them: a card with the time, their words kept, and nothing that others notice."""

import asyncio
import json
import re

import httpx
import pytest
import pytest_asyncio
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.async_api import expect

from chatbot.conversation import (
    Prices,
    Rate,
    UsageLimits,
)
from chatbot.conversation.generation import task
from tests.support.page_events import act, headers
from tests.ui.test_export_and_import import saved
from tests.ui.test_statements import MOST, followed

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(540)]

CLOCK = re.compile(r"^\d?\d:\d\d$")


async def is_refused(visitor, text, words):
    """Send a message that is over a limit: a card says which, and the words stay in the box."""
    await visitor.say(text)
    await expect(visitor.toast).to_contain_text(words)
    await expect(visitor.box).to_have_value(text)


async def test_who_is_over_a_limit_is_told_until_when_and_keeps_their_words_and_others_go_on(app, visit):
    url = app(CHATBOT_VISITOR_MESSAGES="2/hour").url
    async with visit(url) as ada, visit(url) as grace:
        await expect(ada.memory).to_contain_text("2 of 2 messages per hour left")
        await ada.ask("one")
        await expect(ada.memory).to_contain_text("1 of 2 messages per hour left")
        await ada.press("Retry")
        await expect(ada.versions).to_have_count(1)
        await ada.settled()
        await expect(ada.memory).to_contain_text("0 of 2 messages per hour left")
        await is_refused(ada, "three", "One visitor may send 2 messages per hour")
        await expect(ada.toast).to_contain_text("Opens again at")
        clock = ada.toast.locator("time")
        await expect(clock).to_have_text(re.compile(r"^(1:0[0-4]:\d\d|59:\d\d)$"))
        before = await clock.inner_text()
        await expect(clock).not_to_have_text(before)
        await expect(ada.questions).to_have_count(1)
        # A title counts, too.
        await ada.do("one", "Let the model find a title")
        await expect(ada.toast).to_have_count(2)
        await grace.ask("hello")
        await expect(grace.memory).to_contain_text("1 of 2 messages per hour left")


@pytest.mark.exhaustive
async def test_the_card_tells_when_it_is_open_again(app, visit):
    url = app(CHATBOT_VISITOR_MESSAGES="1/minute").url
    async with visit(url) as visitor:
        await visitor.ask("one")
        await is_refused(visitor, "two", "One visitor may send 1 messages per minute")
        await expect(visitor.toast.locator("time")).to_have_text(CLOCK)
        # The next minute comes at once: the clock of this browser is put forward.
        await visitor.page.evaluate("() => { const now = Date.now; Date.now = () => now() + 66_000; }")
        await expect(visitor.toast).to_contain_text("You can try again now.")
        await expect(visitor.toast.locator("time")).to_have_count(0)


@pytest.mark.exhaustive
async def test_a_restart_forgets_nothing(app, visit):
    first = app(CHATBOT_ADDRESS_MESSAGES="1/day")
    async with visit(first.url) as visitor:
        await visitor.ask("one")
    first.kill()
    async with visit(app(CHATBOT_ADDRESS_MESSAGES="1/day").url) as visitor:
        await expect(visitor.memory).to_contain_text("0 of 1 messages per day left at your network address")
        await is_refused(visitor, "two", "From one network address 1 messages may be sent per day")


@pytest.mark.exhaustive
async def test_the_64_of_an_ipv6_address_is_one_address(app, visit, browser):
    url = app(CHATBOT_ADDRESS_MESSAGES="1/hour").url
    for address, is_let_in in (("2001:db8:1:2::1", True), ("2001:db8:1:2:ffff::9", False), ("2001:db8:1:3::1", True)):
        context = await browser.new_context(locale="en-US", extra_http_headers={"x-forwarded-for": address})
        async with visit(url, context=context) as visitor:
            if is_let_in:
                await visitor.ask("hello")
            else:
                await is_refused(visitor, "hello", "From one network address")
        await context.close()


async def test_who_has_no_cookie_counts_by_address(app):
    url = app(CHATBOT_VISITOR_MESSAGES="1/hour").url

    async def sent(client, page, address, visitor=None):
        """Whether the message of a page is let through: the list of its conversations tells."""
        at = {"x-forwarded-for": address}
        async with client.stream("GET", "/chat/updates", headers=headers(page, visitor) | at) as reply:
            updates = (json.loads(line[6:]) async for line in reply.aiter_lines() if line.startswith("data: "))
            await anext(updates)
            body = json.dumps(["hello there"])
            await client.post("/chat/send", content=body, headers=headers(page, visitor) | at)
            async for update in updates:
                if any("One visitor may send" in notice["text"] for notice in update.get("notices", ())):
                    return False
                if "accepted" in update:
                    return True
        raise AssertionError("the stream ended")

    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        assert await sent(client, "page 1", "192.0.2.1")
        assert not await sent(client, "page 2", "192.0.2.1"), "a page of its own is no visitor of its own"
        assert await sent(client, "page 3", "192.0.2.2")
        assert await sent(client, "page 4", "192.0.2.1", "a cookie")


async def test_the_api_counts_and_says_when_it_is_open_again(app):
    url = app(CHATBOT_ADDRESS_MESSAGES="1/hour").url
    client = Client(url, verbose=False)
    assert client.predict("hello", api_name="/chat")
    with pytest.raises(
        AppError, match=r"1 messages may be sent per hour.* Open again at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    ):
        client.predict("hello", api_name="/chat")
    client.close()


async def test_over_the_budget_everybody_is_refused_until_midnight(app, visit):
    url = app(CHATBOT_DAILY_TOKENS="1").url
    async with visit(url) as ada, visit(url) as grace:
        await expect(grace.memory).to_contain_text("100% of today's budget left")
        await ada.ask("one")
        await expect(ada.memory).to_contain_text("today's budget is used up")
        await is_refused(grace, "hello", "Today's budget of this application is used up")
        await expect(grace.toast).to_contain_text("Opens again at")
        await expect(grace.memory).to_contain_text("today's budget is used up")


async def test_over_the_budget_the_demo_takes_over_and_says_so_on_every_answer(app, endpoint, visit):
    before = endpoint.requests
    url = app(
        AZUREML_ENDPOINT_URL=endpoint.chat_url,
        AZUREML_ENDPOINT_API_KEY=endpoint.key,
        CHATBOT_INPUT_PRICE="1000000",
        CHATBOT_OUTPUT_PRICE="1000000",
        CHATBOT_DAILY_BUDGET="1",
        CHATBOT_OVER_BUDGET="demo",
    ).url
    async with visit(url) as ada, visit(url) as grace:
        await expect(ada.badge).to_have_text("127.0.0.1")
        await ada.ask("My name is Ada.")
        await expect(ada.notes).to_have_count(0)
        await expect(ada.badge).to_have_text("Demo endpoint")
        assert "Ada" in await ada.ask("What is my name?")
        await ada.ask("And once more?")
        await expect(ada.notes).to_have_count(2)
        for number in range(2):
            await expect(ada.notes.nth(number)).to_contain_text(
                "So “Demo endpoint” answered this, and not “127.0.0.1”."
            )
        await grace.ask("hello")
        await expect(grace.notes).to_contain_text("Demo endpoint")
        await expect(grace.badge).to_have_class("badge demo")
        document = await (await saved(ada, "This chat as Markdown")).path()
        document = await asyncio.to_thread(document.read_text, encoding="utf-8")
        assert document.count("So “Demo endpoint” answered this") == 2
        await ada.do("My name is Ada.", "Let the model find a title")
        await expect(ada.toast).to_contain_text("Today's budget of this application is used up")
    assert endpoint.requests[-2:-1] == before[-1:], "it was asked once"


async def test_a_program_is_told_too_who_stood_in(app):
    url = app(CHATBOT_DAILY_TOKENS="1", CHATBOT_OVER_BUDGET="demo").url
    client = Client(url, verbose=False)
    assert not client.predict("hello", api_name="/chat").startswith("Today's budget")
    job = client.submit("hello", api_name="/chat")
    said = job.result()
    assert re.match(r"Today's budget of this application is used up.*\n\n\w", said)
    client.close()


@pytest_asyncio.fixture(loop_scope="session")
async def limited_page(tmp_path, monkeypatch):
    """A page of an application with every limit there is."""
    monkeypatch.setattr(task, "CHECKPOINT_SECONDS", 3600)
    many = [Rate(1_000, "hour"), Rate(10_000, "day")]
    tokens = [Rate(10**9, "hour"), Rate(10**10, "day")]
    limits = UsageLimits(many, tokens, many, tokens, daily_tokens=10**10, daily_cost=10_000.0)
    async with followed(tmp_path, prices=Prices(1, 1), limits=limits) as page:
        yield page


async def test_with_every_limit_a_message_takes_three_statements_more(limited_page):
    await limited_page.say("one")
    for text in ("two", "three", "four"):
        said = await limited_page.say(text)
        counted = [statement for statement in said if "usage_counters" in statement]
        assert len(counted) == 3, counted
        assert len(said) <= MOST + 3
    retried = await limited_page.say("four", "retry", [])
    assert sum("usage_counters" in statement for statement in retried) <= 4  # one more for what it draws on the way


async def test_an_action_that_is_refused_holds_nothing_up(limited_page):
    assert await act(limited_page.client, "send", [""], "a page", "ada") == 204
    await limited_page.say("still here")
