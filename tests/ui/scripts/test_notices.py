"""What the page has to say about what was done: the latest two, until they are closed or have been read."""

import re
from datetime import datetime

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.ui.scripts.conftest import run

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOTIFY = "({ notify }, [text, lasting]) => notify({ text, lasting })"


@pytest_asyncio.fixture(loop_scope="session")
async def notices(page):
    await page.clock.install()
    return page.locator(".notice span")


async def test_the_latest_two_are_shown_as_the_text_they_are(page, notices):
    for text in ("one", "two", "<b>three</b>"):
        await run(page, "notices", NOTIFY, [text, True])
    await expect(notices).to_have_text(["two", "<b>three</b>"])
    await page.get_by_role("button", name="Fermer").first.click()
    await expect(notices).to_have_text(["<b>three</b>"])


async def test_what_does_not_last_goes_once_it_is_read(page, notices):
    await run(page, "notices", NOTIFY, ["lasts", True])
    await run(page, "notices", NOTIFY, ["goes", False])
    await expect(notices).to_have_text(["lasts", "goes"])
    await page.clock.run_for(10_000)
    await expect(notices).to_have_text(["lasts"])


async def test_what_lasts_is_over_once_the_next_answer_begins(page, notices):
    await run(page, "notices", NOTIFY, ["The endpoint could not be reached.", True])
    await run(page, "drawing", "({ receive }) => receive({ begins: true, notices: [{ text: 'new', lasting: true }] })")
    await expect(notices).to_have_text(["new"])


async def test_what_holds_until_a_time_tells_it_counts_down_and_goes_a_while_after(page, notices):
    await page.clock.pause_at(datetime(2100, 1, 1, 12))
    until = "({ notify }, seconds) => notify({ text: 'Trop.', until: Date.now() / 1000 + seconds })"
    await run(page, "notices", until, 3700)
    await expect(notices).to_have_text(["Trop. De nouveau possible à 13 h 01."])
    clock = page.locator(".notice time")
    await expect(clock).to_have_text("1:01:40")
    await page.clock.run_for(41_000)
    await expect(clock).to_have_text("1:00:59")
    await page.clock.run_for(60_000)
    await expect(clock).to_have_text("59:59")
    await page.clock.run_for(3_599_000)
    await expect(notices).to_have_text(["Vous pouvez réessayer maintenant."])
    await expect(clock).to_have_count(0)
    await page.clock.run_for(10_000)
    await expect(notices).to_have_count(0)


async def test_a_time_on_another_day_is_told_with_the_day(page, notices):
    await page.clock.pause_at(datetime(2100, 1, 1, 12))
    until = "({ notify }, seconds) => notify({ text: 'Trop.', until: Date.now() / 1000 + seconds })"
    await run(page, "notices", until, 24 * 3600)
    await expect(notices).to_have_text([re.compile("sam.* 2 janv.*12 h 00")])


async def test_what_somebody_points_at_stays(page, notices):
    await run(page, "notices", NOTIFY, ["read me slowly", False])
    await page.locator(".notice button").focus()
    await page.clock.run_for(30_000)
    await expect(notices).to_have_count(1)
    await page.locator(".notice button").blur()
    await page.clock.run_for(10_000)
    await expect(notices).to_have_count(0)
