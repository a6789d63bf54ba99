"""What is typed is asked about when the typing pauses, and only where it can matter."""

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.ui.scripts.conftest import SITE, run

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def asked(page):
    """What the server was asked about; it answers with what it was asked. Time passes when a test lets it."""
    asked = []

    async def answer(route):
        asked.append(route.request.post_data)
        await route.fulfill(body=f"about {route.request.post_data}")

    await page.route(f"{SITE}chat/mention", answer)
    await page.clock.install()
    await run(page, "recall_hint", "({ mayMention }) => mayMention(true)")
    return asked


async def offers(page):
    return [update[1]["value"] for update in await page.evaluate("window.drawn")]


async def test_a_pause_is_asked_about_once(page, asked):
    await page.locator("textarea").press_sequentially("budget")
    assert asked == []
    await page.clock.run_for(1000)
    await page.wait_for_function("window.drawn.at(-1)?.[1].value === 'about budget'")
    assert asked == ["budget"]


async def test_an_answer_to_words_that_have_changed_is_not_drawn(page, asked):
    async def late(route):
        asked.append(route.request.post_data)
        await page.locator("textarea").press("s")
        await route.fulfill(body="too late")

    await page.locator("textarea").fill("budget")
    await page.route(f"{SITE}chat/mention", late, times=1)
    async with page.expect_response("**/chat/mention"):
        await page.clock.run_for(1000)
    await page.clock.run_for(1000)
    await page.wait_for_function("window.drawn.at(-1)?.[1].value === 'about budgets'")
    assert asked == ["budget", "budgets"]
    assert "too late" not in await offers(page)


async def test_what_can_mention_nothing_is_not_asked_about(page, asked):
    await page.locator("textarea").fill("it")
    await page.clock.run_for(1000)
    await page.locator("textarea").fill("예산")
    await page.clock.run_for(1000)
    await page.wait_for_function("window.drawn.at(-1)?.[1].value === 'about 예산'")
    assert asked == ["예산"]


async def test_nothing_is_asked_where_nothing_is_forgotten(page, asked):
    await run(page, "recall_hint", "({ mayMention }) => mayMention(false)")
    await page.locator("textarea").fill("budget")
    await page.clock.run_for(1000)
    await expect(page.locator("textarea")).to_have_value("budget")
    assert (asked, await offers(page)) == ([], [""])
