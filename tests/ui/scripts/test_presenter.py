"""The presenter's view: its address, and its keys, which are letters again where somebody types."""

import pytest
from playwright.async_api import expect

from tests.ui.scripts.conftest import SITE, run

pytestmark = pytest.mark.asyncio(loop_scope="session")

BAR = '<div id="demo"><div class="demo"></div></div>'


async def begin(page, *, offered=True, address=SITE):
    if address != SITE:
        await page.evaluate("(address) => history.replaceState(null, '', address)", address)
    if offered:
        await page.evaluate("(html) => document.body.insertAdjacentHTML('beforeend', html)", BAR)
    await run(page, "presenter", "() => null")


async def press(page, *keys):
    for key in keys:
        await page.keyboard.press(key)


def told(page):
    return page.evaluate("window.told.map((each) => each.action)")


async def test_the_keys_play_the_demo_in_the_presenters_view_only(page):
    await begin(page)
    await press(page, "PageDown", "b", "l")
    assert await told(page) == []
    await press(page, "Alt+p", "PageDown", "PageUp", "l")
    assert await told(page) == ["demo_next", "demo_back", "demo_live"]
    assert page.url == f"{SITE}?present"
    await press(page, "Alt+p", "PageDown")
    assert (await told(page), page.url) == (["demo_next", "demo_back", "demo_live"], SITE)


async def test_the_address_leads_there_and_the_first_key_brings_a_blanked_page_back(page):
    await begin(page, address=f"{SITE}?present&x=1#here")
    assert page.url == f"{SITE}?present&x=1#here"
    curtain = page.locator("#curtain")
    for back in ("b", ".", "PageDown", "PageUp"):
        await press(page, "b")
        await expect(curtain).not_to_have_attribute("hidden", "")
        await press(page, back)
        await expect(curtain).to_have_attribute("hidden", "")
    assert await told(page) == []


async def test_a_letter_in_the_box_is_a_letter_and_a_step_leaves_the_box(page):
    await begin(page, address=f"{SITE}?present")
    box = page.locator("#box textarea")
    await box.click()
    await press(page, "b", "l", ".")
    await expect(box).to_have_value("bl.")
    await press(page, "PageDown")
    await expect(box).not_to_be_focused()
    assert await told(page) == ["demo_next"]


async def test_the_memory_is_shown_and_hidden_and_no_list_of_conversations_comes_instead(page):
    await page.set_viewport_size({"width": 1024, "height": 768})
    await begin(page, address=f"{SITE}?present")
    layout = page.locator("#layout")
    await press(page, "m")
    await expect(layout).to_contain_class("panel-open")
    await press(page, "m")
    await expect(layout).not_to_contain_class("panel-open")
    await expect(layout).not_to_contain_class("sidebar-open")


async def test_without_a_demo_page_down_is_the_browsers(page):
    await begin(page, offered=False, address=f"{SITE}?present")
    await page.evaluate("document.addEventListener('keydown', (event) => (window.left = event.defaultPrevented))")
    await press(page, "PageDown")
    assert (await told(page), await page.evaluate("window.left")) == ([], False)
