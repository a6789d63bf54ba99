"""The seconds of a wait run down where they are drawn, however often they are drawn anew."""

import pytest
from playwright.async_api import expect

from tests.ui.scripts.conftest import run

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_seconds_run_down_and_the_line_goes(page):
    # Paused: time goes on only as the test says.
    await page.clock.install(time=0)
    await page.clock.pause_at(1)
    html = '<div class="note"><span class="wait left-70">Réessayez dans 1 234,5 s.</span></div>'
    show = "(_, html) => document.querySelector('[role=log]').insertAdjacentHTML('beforeend', html)"
    await run(page, "countdown", show, html)
    await page.clock.run_for(1_000)
    await expect(page.locator(".wait")).to_have_text("Réessayez dans 70 s.")
    await page.clock.run_for(30_000)
    await expect(page.locator(".wait")).to_have_text("Réessayez dans 40 s.")
    await page.clock.run_for(41_000)
    await expect(page.locator(".wait")).to_be_hidden()
