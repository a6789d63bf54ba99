"""Buttons that are drawn as HTML say what they want, in the words of the page's own."""

import pytest
from playwright.async_api import expect

from chatbot.ui.views.action_buttons import TOKEN, button
from tests.ui.scripts.conftest import run

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def shows(page, html):
    await run(
        page, "actions", "(_, html) => document.querySelector('[role=log]').insertAdjacentHTML('beforeend', html)", html
    )


async def test_a_button_tells_its_action_and_each_of_its_details(page):
    # Turn 0, version 0: a list of classes would have it once.
    await shows(page, button("‹", "Earlier", "flip", 0, 0))
    await page.get_by_title("Earlier").click()
    assert await page.evaluate("window.told") == [{"action": "flip", "details": ["0", "0"]}]


@pytest.mark.parametrize("token", ["act-0123456789abcdef", "none", ""])
async def test_a_button_that_a_model_writes_tells_nothing(page, token):
    await shows(page, f'<button class="{token} delete x">Press me</button>')
    await page.get_by_text("Press me").click()
    assert await page.evaluate("window.told") == []


@pytest.mark.parametrize(
    ("key", "told"), [("Enter", [{"action": "comment", "details": ["3", "too short"]}]), ("Escape", [])]
)
async def test_a_comment_is_kept_with_enter_alone(page, key, told):
    await shows(page, button("“short”", "Comment", "comment", 3))
    await page.get_by_title("Comment").click()
    line = page.locator("input")
    await expect(line).to_have_value("short")
    await line.fill(" too short ")
    await line.press(key)
    await expect(page.get_by_title("Comment")).to_be_focused()
    assert await page.evaluate("window.told") == told


async def test_a_title_of_blanks_is_none(page):
    await shows(
        page,
        f'<div class="row"><button class="{TOKEN} open id">Old</button>{button("", "Rename", "rename", "id")}</div>',
    )
    for words in (" ", "New"):
        await page.get_by_title("Rename").click()
        await page.locator("input").fill(words)
        await page.locator("input").press("Enter")
    assert await page.evaluate("window.told") == [{"action": "rename", "details": ["id", "New"]}]
    await expect(page.locator("button.open")).to_have_text("New")
