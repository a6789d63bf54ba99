"""Keys: one table, of which the first entry that may does what it does, and which is also the help."""

import pytest
from playwright.async_api import expect

from tests.ui.scripts.conftest import run

pytestmark = pytest.mark.asyncio(loop_scope="session")

ADD = """({ shortcut }, several) => {
  window.done ??= [];
  for (const [keys, name, may] of several) {
    shortcut({ keys, what: "key_new", act: () => done.push(name), when: () => may });
  }
}"""


async def added(page, *several: tuple[str, str, bool]):
    await run(page, "shortcuts", ADD, [list(each) for each in several])
    return lambda: page.evaluate("done")


async def test_the_first_that_may_does_it_and_nobody_else_hears_of_the_key(page):
    done = await added(page, ("Mod+Shift+O", "not now", False), ("Mod+Shift+O", "one", True), ("PageDown", "two", True))
    await page.keyboard.press("Control+Shift+O")
    await page.keyboard.press("PageDown")
    for other in ("O", "Control+O", "Alt+PageDown", "Shift+PageDown"):
        await page.keyboard.press(other)
    assert await done() == ["one", "two"]


async def test_a_key_alone_does_nothing_while_somebody_types_or_does_not_want_it(page):
    done = await added(page, ("b", "dark", True), ("?", "help", True))
    for key in ("b", "?"):
        await page.keyboard.press(key)
    await page.locator("textarea").press("b")
    assert await page.locator("textarea").input_value() == "b"
    await page.locator("textarea").blur()
    await page.evaluate("localStorage.setItem('chatbot_single_keys', 'off')")
    await page.keyboard.press("b")
    await page.evaluate("localStorage.clear()")
    assert await done() == ["dark", "help"]


async def test_the_help_tells_every_key_once_and_keys_do_nothing_behind_it(page):
    done = await added(page, ("Mod+P", "print", True), ("PageDown", "next", True), ("PageDown", "again", True))
    await run(page, "shortcuts", "({ showShortcuts }) => showShortcuts()")
    sheet = page.get_by_role("dialog", name="Raccourcis clavier")
    await expect(sheet.locator("dl > div")).to_have_count(3)
    await expect(sheet.locator("dt > span")).to_have_text(["Enter ↵", "ShiftEnter ↵", "CtrlP", "Page ↓"])
    await expect(sheet.locator("dd").last).to_have_text("Nouvelle discussion")
    await page.keyboard.press("PageDown")
    assert await done() == []
    await sheet.get_by_role("checkbox").uncheck()
    assert await page.evaluate("localStorage.getItem('chatbot_single_keys')") == "off"
    await sheet.get_by_role("checkbox").check()
    await page.keyboard.press("Escape")
    await expect(sheet).to_be_hidden()
    await page.keyboard.press("PageDown")
    assert await done() == ["next"]
