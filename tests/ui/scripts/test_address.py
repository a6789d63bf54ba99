"""A chat's address, and what is typed in it."""

import pytest
from playwright.async_api import expect

from tests.ui.scripts.conftest import SITE, run

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def shows(page, id, address=None, title=""):  # noqa: A002
    chat = {"id": id, "address": id if address is None else address, "title": title}
    await run(page, "address", "({ showChat }, chat) => showChat(chat)", chat)


async def pages(page):
    return await page.evaluate("history.length")


async def test_the_first_chat_is_no_step_another_is_and_a_beginning_is_none(page):
    before = await pages(page)
    await shows(page, "x", "new")
    assert page.url == f"{SITE}?chat=new"
    await shows(page, "x", title="Begun")
    assert (page.url, await pages(page)) == (f"{SITE}?chat=x", before)
    assert (await page.title()).startswith("Begun –")
    await shows(page, "y")
    assert (page.url, await pages(page)) == (f"{SITE}?chat=y", before + 1)
    await shows(page, "z", "")
    assert page.url == SITE


async def test_going_back_asks_for_the_chat_and_what_is_not_there_leaves_the_address(page):
    for each in ("x", "y", "z"):
        await shows(page, each)
    await page.go_back()
    await page.go_back()
    told = [each["details"] for each in await page.evaluate("window.told")]
    assert told == [["y"], ["x"]]
    # The chat of the first step is shown while the second is under way.
    await shows(page, "y")
    assert page.url == f"{SITE}?chat=x"
    await shows(page, "x")
    await page.go_forward()
    # It was deleted: the server tells what it shows once more.
    await shows(page, "x")
    assert page.url == f"{SITE}?chat=x"


async def test_a_draft_stays_with_its_chat_and_goes_along_to_a_new_one(page):
    box = page.locator("#box textarea")
    await shows(page, "x")
    await box.fill("for x")
    await shows(page, "y")
    await expect(box).to_have_value("")
    await box.fill("for y")
    await shows(page, "x")
    await expect(box).to_have_value("for x")
    await shows(page, "n", "new")
    await expect(box).to_have_value("for x")
    await shows(page, "y")
    await expect(box).to_have_value("for y")
    await shows(page, "x")
    await expect(box).to_have_value("")


async def test_a_draft_outlives_a_loading_and_what_was_typed_meanwhile_follows_it(page):
    box = page.locator("#box textarea")
    await shows(page, "x")
    await box.fill("half a ")
    await page.reload()
    await box.fill("thought")
    await shows(page, "x")
    await expect(box).to_have_value("half a thought")
    await run(page, "address", "({ leaveNoDrafts }) => leaveNoDrafts()")
    await page.reload()
    await shows(page, "x")
    await expect(box).to_have_value("")


async def test_what_was_sent_is_no_draft_and_few_are_kept(page):
    box = page.locator("#box textarea")
    await shows(page, "x")
    await box.fill("sent")
    await shows(page, "y")
    await run(page, "drawing", "({ receive }) => receive({ accepted: 'sent' })")
    await shows(page, "x")
    await expect(box).to_have_value("")
    for number in range(30):
        await box.fill("words")
        await shows(page, f"chat{number}")
    kept = await page.evaluate("Object.keys(JSON.parse(sessionStorage.getItem('chatbot_drafts'))).length")
    assert kept == 20
