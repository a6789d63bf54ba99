"""The banner that stays closed, the focus after the terms, and what a closed page says of a temporary chat."""

import pytest
from playwright.async_api import expect

from chatbot.ui.views import house_rules
from chatbot.ui.views.action_buttons import TOKEN
from tests.ui.scripts.conftest import SITE, run

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOTHING = "() => null"


async def with_banner(page, text):
    await page.evaluate(
        "(html) => document.querySelector('#talk').insertAdjacentHTML('afterbegin', html)",
        f'<div id="banner">{house_rules.banner(text)}</div>',
    )
    await run(page, "house_rules", NOTHING)


async def test_the_banner_stays_closed_until_its_text_changes(page):
    banner = page.locator("#banner .banner")
    await with_banner(page, "Down on Sunday.")
    await expect(banner).to_be_visible()
    await banner.locator("button").click()
    await expect(banner).to_be_hidden()
    await page.goto(SITE)
    await with_banner(page, "Down on Sunday.")
    await expect(banner).to_be_hidden()
    await page.goto(SITE)
    await with_banner(page, "Down on Monday.")
    await expect(banner).to_be_visible()
    await page.evaluate("localStorage.clear()")


async def test_it_closes_where_storage_is_refused(page):
    await page.evaluate(
        "Object.defineProperty(window, 'localStorage', { get: () => { throw new DOMException('no') } })"
    )
    await with_banner(page, "Down on Sunday.")
    await page.locator("#banner button").click()
    await expect(page.locator("#banner .banner")).to_be_hidden()


async def test_who_accepts_goes_on_in_the_box(page):
    await page.evaluate(
        "() => document.querySelector('#talk').insertAdjacentHTML('afterbegin', '<div id=\"terms\"><p></p></div>')"
    )
    await run(page, "house_rules", NOTHING)
    place = "(html) => (document.querySelector('#terms p').innerHTML = html)"
    # Accepted long ago: nothing is to be moved.
    await page.evaluate(place, house_rules.ACCEPTED)
    await expect(page.locator("#box textarea")).not_to_be_focused()
    await page.evaluate(place, '<span class="asking"></span>')
    await page.evaluate("new Promise(requestAnimationFrame)")
    await page.evaluate(place, house_rules.ACCEPTED)
    await expect(page.locator("#box textarea")).to_be_focused()


async def test_what_was_opened_to_be_sure_is_closed_when_it_is_done(page):
    await page.evaluate(
        "(html) => document.querySelector('#sidebar').insertAdjacentHTML('beforeend', html)",
        f'<div id="house"><details open><button class="{TOKEN} erase">Do</button></details></div>',
    )
    await run(page, "house_rules", NOTHING)
    await page.locator("#house button").click()
    await expect(page.locator("#house details")).not_to_have_attribute("open", "")


@pytest.mark.parametrize("is_temporary", [True, False])
async def test_a_page_that_is_closed_says_so_where_its_chat_is_temporary(page, is_temporary):
    words = '<p class="temporary"></p>' if is_temporary else ""
    await page.evaluate(
        "(html) => document.querySelector('#talk').insertAdjacentHTML('afterbegin', html)",
        f'<div id="temporary">{words}</div>',
    )
    await run(page, "house_rules", NOTHING)
    asked = []
    page.on("request", lambda request: asked.append((request.method, request.url, request.post_data)))
    await page.evaluate("window.dispatchEvent(new Event('pagehide'))")
    await page.evaluate("fetch('nothing')")
    left = [each for each in asked if "chat/leave" in each[1]]
    assert left == ([("POST", f"{SITE}chat/leave", "[]")] if is_temporary else [])
