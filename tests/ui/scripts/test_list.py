"""The list of conversations: grouped by the reader's own days, a menu for each row, few stops for the keyboard."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Browser, expect

from chatbot.conversation import Conversation
from chatbot.ui.i18n import Language
from chatbot.ui.views.panels import conversation_list
from tests.ui.scripts.conftest import page_in, run

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENGLISH = Language("en")

# Late in the evening in Los Angeles it is the next day nearly everywhere else; two days later its clocks go back.
ZONE = ZoneInfo("America/Los_Angeles")
NOW = datetime(2026, 10, 30, 23, 30, tzinfo=ZONE)


def at(*moment):
    return datetime(*moment, tzinfo=ZONE).timestamp()


WRITTEN = [
    (at(2026, 10, 30, 0, 5), "Today"),
    (at(2026, 10, 29, 23, 55), "Yesterday"),
    (at(2026, 10, 28, 12, 0), "Previous 7 days"),
    (at(2026, 10, 23, 0, 1), "Previous 7 days"),
    (at(2026, 10, 22, 23, 59), "October"),
    (at(2026, 3, 1, 12, 0), "March"),
    (at(2025, 12, 31, 23, 59), "December 2025"),
]


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en-US", [words for _, words in WRITTEN]),
        ("fr-FR", ["Aujourd'hui", "Hier", "7 derniers jours", "7 derniers jours", "Octobre", "Mars", "Décembre 2025"]),
        ("zh-CN", ["今天", "昨天", "过去 7 天", "过去 7 天", "十月", "三月", "2025年12月"]),
    ],
)
async def test_a_chat_belongs_to_a_day_as_its_readers_clock_and_language_have_it(browser: Browser, locale, words):
    context = await browser.new_context(locale=locale, timezone_id=str(ZONE))
    async with page_in(context) as there:
        code = "({ groupOf }, [times, now]) => times.map((time) => groupOf(time, new Date(1000 * now)))"
        found = await run(there, "list", code, [[time for time, _ in WRITTEN], NOW.timestamp()])
    await context.close()
    assert found == words


async def draw(page, conversations, shown="b"):
    """Draw a list as Gradio does."""
    html = conversation_list(ENGLISH, conversations, Conversation(shown, "o", 1))
    await run(page, "list", "(_, html) => (document.querySelector('#conversations').innerHTML = html)", html)


def chats(*ids, **marks):
    return [
        Conversation(id, "o", 1, f"Title {id}", updated_at=1.5e9, is_pinned=id in marks.get("pinned", ()))
        for id in ids  # noqa: A001
    ]


async def test_what_is_pinned_has_a_group_of_its_own_above_the_others(page):
    await draw(page, chats("a", "b", "c", pinned=["a"]))
    groups = """[...document.querySelectorAll("#conversations ul")].map((ul) => [ul.previousElementSibling.textContent,
      ul.getAttribute("aria-label"), ul.querySelectorAll("li").length])"""
    pinned, others = await page.evaluate(groups)
    assert (pinned[2], others[2]) == (1, 2)
    assert (pinned[0], others[0]) == (pinned[1], others[1])


async def test_the_list_is_two_stops_of_the_keyboard_and_arrows_lead_through_it(page):
    await draw(page, chats("a", "b", "c"))
    stops = '[...document.querySelectorAll("#conversations button")].filter((each) => each.tabIndex === 0).length'
    assert await page.evaluate(stops) == 2
    await page.get_by_role("button", name="Title b", exact=True).focus()
    focused = "document.activeElement.className.split(' ').slice(1).join(' ')"
    for key, place in (
        ("ArrowDown", "open c"),
        ("ArrowDown", "open c"),
        ("Home", "open a"),
        ("ArrowRight", "options a"),
        ("ArrowDown", "open b"),
        ("End", "open c"),
    ):
        await page.keyboard.press(key)
        assert await page.evaluate(focused) == place
    assert await page.evaluate(stops) == 2


async def test_the_focus_stays_at_its_place_when_the_list_is_drawn_anew(page):
    await draw(page, chats("a", "b", "c"))
    await page.get_by_role("button", name="Title b", exact=True).focus()
    await draw(page, chats("c", "a", "b"))
    await expect(page.get_by_role("button", name="Title b", exact=True)).to_be_focused()
    await draw(page, chats("c", "a"))
    await expect(page.get_by_role("button", name="Title a", exact=True)).to_be_focused()


async def test_a_menu_says_what_can_be_done_and_gives_the_focus_back(page):
    await draw(page, chats("a", "b", pinned=["a"]))
    options = page.locator("#conversations .row", has_text="Title a").locator("button.options")
    menu = page.get_by_role("menu")
    await options.focus()
    await page.keyboard.press("Enter")
    items = menu.get_by_role("menuitem")
    signs = [await each.get_attribute("class") for each in await items.locator(".glyph").all()]
    assert signs == ["glyph pencil", "glyph spark", "glyph pin", "glyph archive", "glyph bin"]
    await expect(options).to_have_attribute("aria-expanded", "true")
    await expect(items.first).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(items.last).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(menu).to_be_hidden()
    await expect(options).to_be_focused()
    await expect(options).to_have_attribute("aria-expanded", "false")
    for number in (2, -1):
        await options.click()
        await items.nth(number).click()
        await expect(menu).to_be_hidden()
    told = await page.evaluate("window.told")
    assert told == [{"action": "unpin", "details": ["a"]}, {"action": "delete", "details": ["a"]}]


async def test_enter_in_a_rename_opens_nothing_and_typing_outlives_a_drawing(page):
    await draw(page, chats("a", "b"))
    await page.locator("#conversations .row", has_text="Title a").locator("button.options").click()
    await page.get_by_role("menuitem").first.click()
    field = page.locator("#conversations input")
    await field.fill("Half a ti")
    await draw(page, chats("b", "a"))
    await expect(field).to_be_focused()
    await expect(field).to_have_value("Half a ti")
    await field.fill("A title")
    # Held down, it is pressed again and again.
    for _ in range(3):
        await page.keyboard.down("Enter")
    await page.keyboard.up("Enter")
    assert await page.evaluate("window.told") == [{"action": "rename", "details": ["a", "A title"]}]


async def test_what_is_searched_for_is_cleared_with_its_button_or_with_escape(page):
    await run(page, "list", "() => document.querySelector('#sidebar').innerHTML += '<div id=search><input></div>'")
    field = page.locator("#search input")
    clear = page.locator("#search .clear")
    await field.fill("words")
    await clear.click()
    await expect(field).to_have_value("")
    await expect(field).to_be_focused()
    await expect(clear).to_be_hidden()
    await field.fill("words")
    await field.press("Escape")
    await expect(field).to_have_value("")


async def test_a_title_is_no_html(page):
    evil = '<img src=x onerror="window.hurt=1">'
    await draw(page, [Conversation("a", "o", 1, evil)])
    await page.locator("#conversations button.options").click()
    assert await page.get_by_role("menu").get_attribute("aria-label") == f"More for “{evil}”"
    assert json.loads(await page.evaluate("JSON.stringify([window.hurt ?? null])")) == [None]
