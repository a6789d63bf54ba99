"""Before Gradio has drawn the page there is a box to type into; what is typed there is not lost, nor does it move."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import expect

from chatbot.ui.early_box import early_box
from tests.support.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

DRAWS_THE_PAGE = "**/assets/Blocks*.js"


@pytest.fixture
def arriving(browser):
    """A page that Gradio does not draw as long as its program is held back; yields it, and what lets it go on."""

    @asynccontextmanager
    async def arriving(url, width=1280, height=800, scheme="light"):
        context = await browser.new_context(
            locale="en-US", viewport={"width": width, "height": height}, color_scheme=scheme
        )
        page = await context.new_page()
        released = asyncio.Event()

        async def hold(route):
            await released.wait()
            await route.continue_()

        await page.route(DRAWS_THE_PAGE, hold)
        await page.goto(url, wait_until="commit")
        yield page, released.set
        await context.close()

    return arriving


async def place(locator):
    return await locator.evaluate(
        "(box) => { const { x, y, width } = box.getBoundingClientRect(); return [x, y, width]; }"
    )


@pytest.mark.parametrize(("width", "height", "scheme"), [(1280, 800, "light"), (390, 844, "dark")])
async def test_what_is_typed_there_is_in_the_pages_box_and_is_sent(
    wired_app, endpoint, arriving, width, height, scheme
):
    async with arriving(wired_app.url, width, height, scheme) as (page, go_on):
        early = page.locator("#early textarea")
        await expect(early).to_be_focused()
        await page.keyboard.type("My name is Lovelace,  Ada")
        await page.keyboard.press("Enter")  # where to is not known yet
        for _ in "Ada":
            await page.keyboard.press("ArrowLeft")
        where = await place(early)
        go_on()
        visitor = Visitor(page)
        await expect(visitor.box).to_have_value("My name is Lovelace,  Ada")
        await expect(early).to_have_count(0)
        await expect(visitor.box).to_be_focused()
        then = await place(page.locator("#box"))
        assert [round(each) for each in then[::2]] == pytest.approx([round(each) for each in where[::2]], abs=1)
        assert then[1] == pytest.approx(where[1], abs=30)
        await page.keyboard.type("Augusta ")  # where the caret was
        await expect(visitor.memory).not_to_be_empty()
        await page.keyboard.press("Enter")
        await visitor.settled()
        await expect(visitor.answers).to_have_count(1)
        assert endpoint.requests[-1].body["messages"][-1]["content"] == "My name is Lovelace,  Augusta Ada"


async def test_words_that_are_being_composed_stay_in_their_field_until_they_are_there(wired_app, arriving):
    async with arriving(wired_app.url) as (page, go_on):
        early = page.locator("#early textarea")
        await expect(early).to_be_focused()
        input_method = await page.context.new_cdp_session(page)
        await input_method.send("Input.imeSetComposition", {"text": "にほ", "selectionStart": 2, "selectionEnd": 2})
        go_on()
        await expect(page.locator("#box textarea")).to_be_visible()
        await expect(early).to_have_value("にほ")
        await input_method.send("Input.insertText", {"text": "日本"})
        await expect(page.locator("#box textarea")).to_have_value("日本")
        await expect(early).to_have_count(0)


async def test_whoever_presents_has_none(wired_app, arriving):
    async with arriving(f"{wired_app.url}?present") as (page, go_on):
        await page.locator("gradio-app").wait_for(state="attached")
        await page.wait_for_function("document.querySelector('gradio-app')")
        assert await page.locator("#early").count() == 0
        go_on()
        await expect(page.locator("#box textarea")).to_be_visible()


async def test_it_speaks_every_language_and_knows_whether_there_is_a_panel():
    box = early_box("#123456", has_panel=False)
    for words in ("Type a message", "Écrivez un message"):
        assert words in box
    assert 'beside-panel"' not in box
    assert 'beside-panel"' in early_box("#123456", has_panel=True)
