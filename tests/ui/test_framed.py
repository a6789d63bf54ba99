"""In a frame on another site, as on Hugging Face: no cookie is sent there, and a visitor is known all the same."""

import json

import pytest
from playwright.async_api import BrowserContext, Page, Request, Route, expect

from tests.support.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

OTHER_SITE = "https://somebody-chat.hf.space/"
STORED = 'localStorage.getItem("chatbot_visitor")'


async def show_in_frame(context: BrowserContext, app_url: str, site: str) -> Page:
    """Visit another site that shows the application in a frame, or tries to."""

    async def outer(route: Route) -> None:
        await route.fulfill(
            content_type="text/html", body=f'<iframe src="{app_url}" width="1200" height="700"></iframe>'
        )

    await context.route(site, outer)
    page = context.pages[0] if context.pages else await context.new_page()
    await page.goto(site)
    return page


async def framed(context: BrowserContext, app_url: str, site: str = OTHER_SITE) -> Visitor:
    """Visit another site that shows the application in a frame."""
    page = await show_in_frame(context, app_url, site)
    frame = next(each for each in page.frames if each.url.startswith(app_url))
    visitor = Visitor(frame)
    await expect(visitor.memory).not_to_be_empty()
    return visitor


async def test_a_framed_visitor_is_known_without_a_cookie_and_to_nobody_else(browser, demo_app):
    context, stranger = await browser.new_context(), await browser.new_context()
    requests: list[Request] = []
    context.on("request", lambda request: requests.append(request))
    ada = await framed(context, demo_app.url)
    await ada.ask("My name is Ada")
    known = await ada.page.evaluate(STORED)
    ada = await framed(context, demo_app.url)
    await expect(ada.titles).to_have_text(["My name is Ada"])
    assert "Ada" in await ada.ask("what is my name?")
    conversation = (await ada.titles.first.get_attribute("class")).split()[-1]
    asked = [each for each in requests if "/gradio_api/run/" in each.url or "/chat/updates" in each.url]
    assert asked
    for each in asked:
        headers = await each.all_headers()
        assert "chatbot_visitor=" not in headers.get("cookie", "")
        assert headers["x-chatbot-visitor"] == known

    grace = await framed(stranger, demo_app.url)
    await expect(grace.titles).to_have_count(0)
    assert await grace.page.evaluate(STORED) != known
    seen = await grace.page.content() + await grace.page.evaluate("fetch('config').then((reply) => reply.text())")
    for secret in (known, conversation):
        assert secret not in seen
        assert json.dumps(secret) not in seen
    await context.close()
    await stranger.close()


async def test_who_is_not_named_cannot_frame_the_page(browser, demo_app):
    context = await browser.new_context()
    page = await context.new_page()
    async with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        await show_in_frame(context, demo_app.url, "https://www.example.com/")
    assert not [each for each in page.frames if each.url.startswith(demo_app.url)]
    await context.close()


@pytest.mark.parametrize("named", ["self,https://*.example.com", "*"])
async def test_who_is_named_can_frame_the_page(browser, app, named):
    process = app(CHATBOT_FRAME_ANCESTORS=named)
    context = await browser.new_context()
    visitor = await framed(context, process.url, "https://www.example.com/")
    assert "Ada" in await visitor.ask("My name is Ada")
    await context.close()


async def test_outside_a_frame_no_script_knows_the_visitor(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        assert await visitor.page.evaluate(STORED) is None
        assert "chatbot_visitor" not in await visitor.page.evaluate("document.cookie")
