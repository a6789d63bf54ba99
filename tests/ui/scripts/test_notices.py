"""What the page has to say about what was done: the latest two, until they are closed or have been read."""

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
