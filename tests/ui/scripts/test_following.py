"""The chat follows what grows until its reader scrolls up; then what they read stays where it is."""

import pytest
from playwright.async_api import expect

from tests.support.scrolling import Scrolling
from tests.support.visitor import Visitor
from tests.ui.scripts.conftest import run

pytestmark = pytest.mark.asyncio(loop_scope="session")

ADD = """({ showEnd }, [where, number]) => {
  const html = Array.from({ length: number }, () => '<div class="message-row user-row"><p>words</p></div>').join("");
  document.querySelector("[role=log]").insertAdjacentHTML(where, html);
}"""

AT_END = """() => {
  const log = document.querySelector("[role=log]");
  return log.scrollTop > 0 && log.scrollHeight - log.clientHeight - log.scrollTop <= 1;
}"""


@pytest.fixture
def chat(page):
    return Scrolling(Visitor(page))


async def test_the_end_is_followed(page, chat):
    for _ in range(3):
        await run(page, "following", ADD, ["beforeend", 4])
        await expect(page.locator("#to-end")).to_be_hidden()
        await page.wait_for_function(AT_END)


async def test_who_reads_above_is_left_there_until_they_want_the_end(page, chat):
    await run(page, "following", ADD, ["beforeend", 10])
    await page.wait_for_function("document.querySelector('[role=log]').scrollTop > 1000")
    await chat.wheel(-400)
    await expect(chat.to_end).to_be_visible()
    at = await chat.top()
    await run(page, "following", ADD, ["beforeend", 4])
    await chat.rests()
    assert await chat.top() == at
    await chat.to_end.click()
    await expect(chat.to_end).to_be_hidden()
    assert await chat.gap() <= 1
