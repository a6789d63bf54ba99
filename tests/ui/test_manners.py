"""Failure has manners: each kind of error is named, says what to do, and leaves a page that can be used."""

import re

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

# One fault for each class of the chat model's errors, and what the page calls it.
DESKTOP, PHONE = (1280, 800), (390, 844)
KINDS = [
    ("unauthorized-managed", "The endpoint refused the key", DESKTOP),
    ("forbidden", "The endpoint may not be called with this key", PHONE),
    ("no-traffic", "There is no model at this address", DESKTOP),
    ("unsupported-media-type", "The endpoint refused the request", PHONE),
    ("content-filter", "Blocked by the content filter", DESKTOP),
    ("context-length", "Too long for the model", PHONE),
    ("rate-limit:600", "The endpoint is busy", DESKTOP),
    ("request-timeout", "No answer in time", PHONE),
    ("hang-up", "The endpoint could not be reached", DESKTOP),
    ("model-error", "The endpoint failed", PHONE),
    ("unknown-shape", "The endpoint failed", DESKTOP),
    ("error-after-events", "The endpoint failed", PHONE),
]


@pytest.mark.parametrize(("fault", "headline", "size"), KINDS, ids=[fault for fault, *_ in KINDS])
async def test_an_error_is_named_and_the_page_can_be_used(wired_app, endpoint, visit, fault, headline, size):
    async with visit(wired_app.url, width=size[0], height=size[1]) as visitor:
        endpoint.fail(fault, times=9)
        try:
            await visitor.say("my precious words")
            await expect(visitor.notes.locator("strong")).to_have_text(headline, timeout=30_000)
        finally:
            endpoint.heal()
        await visitor.settled()
        await expect(visitor.questions).to_have_text("my precious words")
        await expect(visitor.page.locator("#chat .typing")).to_have_count(0)
        await expect(visitor.notes.get_by_role("button", name="Retry")).to_be_in_viewport()
        await expect(visitor.box).to_be_editable()
        await visitor.notes.get_by_role("button", name="Retry").click()
        await expect(visitor.answers.last).to_contain_text("demo model")
        await expect(visitor.notes).to_have_count(0)
        await visitor.ask("and on")


async def test_the_seconds_to_wait_run_down_and_then_one_can_go_on(wired_app, endpoint, visit):
    async with visit(wired_app.url) as visitor:
        endpoint.fail("rate-limit:65", times=9)
        try:
            await visitor.say("hello")
            wait = visitor.notes.locator(".wait")
            await expect(wait).to_have_text(re.compile(r"Wait 6\d seconds"), timeout=30_000)
            seen = await wait.inner_text()
            await expect(wait).not_to_have_text(seen)
            assert int(re.search(r"\d+", await wait.inner_text())[0]) < int(re.search(r"\d+", seen)[0])
            await visitor.reload()
            await expect(wait).to_have_text(re.compile(r"Wait [1-6]\d seconds"))
            await expect(visitor.notes.locator(".ready")).to_be_hidden()
        finally:
            endpoint.heal()


async def test_a_blocked_message_names_the_category_and_is_said_to_be_forgotten(wired_app, endpoint, visit):
    async with visit(wired_app.url) as visitor:
        endpoint.fail("content-filter")
        await visitor.say("something dreadful")
        await expect(visitor.notes).to_contain_text("violence")
        await expect(visitor.notes).to_contain_text("kept out of what the model remembers")
        await visitor.settled()
        await visitor.ask("hello")
        assert "dreadful" not in str(endpoint.requests[-1].body)


async def test_a_busy_application_says_so_and_when_to_come_back(app, slow_endpoint, visit):
    process = app(
        AZUREML_ENDPOINT_URL=slow_endpoint.chat_url,
        AZUREML_ENDPOINT_API_KEY=slow_endpoint.key,
        CHATBOT_MAX_ANSWERS="1",
    )
    async with visit(process.url) as ada, visit(process.url, width=390, height=844) as grace:
        await ada.say("give me a long answer")
        await expect(ada.stop).to_be_visible()
        await grace.say("my precious words")
        await expect(grace.toast).to_contain_text("Try again in about ten seconds")
        await expect(grace.box).to_have_value("my precious words")
        await ada.stop.click()
        await ada.settled()
        await grace.box.press("Enter")
        await expect(grace.answers.last).to_contain_text("demo model")
