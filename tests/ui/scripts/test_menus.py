"""Menus: walked through by arrows, closed by Escape and by whatever is done elsewhere; and the two that there are."""

import json

import pytest
from playwright.async_api import expect

from tests.ui.scripts.conftest import run

pytestmark = pytest.mark.asyncio(loop_scope="session")

OPEN = """({ openMenu }) => {
  window.done = [];
  window.heard = 0;
  document.addEventListener("keydown", ({ key }) => (heard += key === "Escape"));
  const opener = document.querySelector("#sidebar-toggle");
  opener.onclick = () => openMenu(opener, "Which", [
    { label: "First", items: [{ text: "one", isChecked: false, act: () => done.push("one") },
                              { text: "<b>two</b>", isChecked: true, act: () => done.push("two") }] },
    { items: [{ text: "three", act: () => done.push("three") }] },
  ]);
}"""
CHOICES = [["one", False], ["two <b>", True], ["three", False]]
BADGE = """(html) => (document.querySelector("#badge").innerHTML = html)"""


async def test_a_menu_is_walked_through_by_keyboard_and_gives_the_focus_back(page):
    await run(page, "menus", OPEN)
    opener = page.locator("#sidebar-toggle")
    await opener.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menu", name="Which")).to_be_visible()
    await expect(opener).to_have_attribute("aria-expanded", "true")
    await expect(page.get_by_role("menuitemradio", name="<b>two</b>", checked=True)).to_be_focused()
    for key, name in (
        ("ArrowDown", "three"),
        ("ArrowDown", "one"),
        ("ArrowUp", "three"),
        ("Home", "one"),
        ("End", "three"),
    ):
        await page.keyboard.press(key)
        await expect(page.get_by_text(name, exact=True)).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("menu")).to_have_count(0)
    await expect(opener).to_be_focused()
    assert await page.evaluate("heard") == 0, "Escape does one thing at a time"
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    assert await page.evaluate("done") == ["two"]
    await expect(page.get_by_role("menu")).to_have_count(0)


async def test_a_menu_closes_with_what_opened_it_and_with_whatever_is_done_elsewhere(page):
    await run(page, "menus", OPEN)
    opener, menu = page.locator("#sidebar-toggle"), page.get_by_role("menu")
    await opener.click()
    await expect(menu).to_be_visible()
    await opener.click()
    await expect(menu).to_have_count(0)
    await opener.click()
    await page.locator("#box").click()
    await expect(menu).to_have_count(0)
    assert await page.evaluate("done") == []


async def test_who_answers_is_chosen_at_the_badge_and_once_below_an_answer(page):
    await run(page, "picker", "() => {}")
    choices = json.dumps(CHOICES).replace('"', "&quot;")
    await page.evaluate(BADGE, f'<button class="badge" data-chosen="one" data-choices="{choices}">one</button>')
    await page.locator("#badge button").click()
    await expect(page.get_by_role("menuitemradio")).to_have_text(["one", "two <b>", "three"])
    await expect(page.get_by_role("menuitemradio", checked=True)).to_have_text("one")
    await page.get_by_text("two <b>").click()
    token = await page.evaluate("document.querySelector('nav').dataset.token")
    await page.evaluate(
        "(token) => document.querySelector('[role=log]').insertAdjacentHTML('beforeend',"
        " `<button class='${token} retry_with'>again</button>`)",
        token,
    )
    await page.get_by_text("again").click()
    await expect(page.get_by_role("menuitem")).to_have_text(["two <b>", "three"])
    await page.get_by_text("three").click()
    assert await page.evaluate("told") == [
        {"action": "set_deployment", "details": ["two <b>"]},
        {"action": "retry_with", "details": ["three"]},
    ]


async def test_light_dark_and_the_language_are_chosen_and_remembered(page):
    await page.emulate_media(color_scheme="dark")
    await run(page, "page_menu", "({ showTheme }) => showTheme()")
    await page.evaluate("window.reloaded = 0; chatbotActions.then((perform) => (perform.reload = () => reloaded++))")

    async def choose(name: str) -> None:
        await page.locator("#page-menu").click()
        await page.get_by_role("menuitemradio", name=name, exact=True).click()

    body = page.locator("body")
    await expect(body).to_have_class("dark")
    await choose("Clair")
    await expect(body).not_to_have_class("dark")
    await page.emulate_media(color_scheme="light")
    await choose("Sombre")
    await expect(body).to_have_class("dark")
    assert await page.evaluate("localStorage.getItem('chatbot_theme')") == "dark"
    await choose("Comme le système")
    await expect(body).not_to_have_class("dark")
    await page.emulate_media(color_scheme="dark")
    await expect(body).to_have_class("dark")
    await choose("한국어")
    assert await page.evaluate("[localStorage.getItem('chatbot_language'), reloaded]") == ["ko", 1]
    await choose("Comme le navigateur")
    assert await page.evaluate("[localStorage.getItem('chatbot_language'), reloaded]") == [None, 2]


async def test_a_temporary_chat_is_not_lost_to_another_language_unasked(page):
    await run(page, "page_menu", "() => {}")
    await page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<div id=temporary><p class=temporary></p></div>')"
    )
    page.once("dialog", lambda dialog: dialog.dismiss())
    await page.locator("#page-menu").click()
    await page.get_by_role("menuitemradio", name="Español").click()
    assert await page.evaluate("localStorage.getItem('chatbot_language')") is None
