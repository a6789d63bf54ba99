"""Make the pictures in assets/screenshots: ``python .ci/screenshots.py``, with what the tests need installed.

The application runs as anybody starts it, with nothing configured, and is used in Chromium as the README shows it.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.async_api import Browser, async_playwright, expect

from tests.support.app_process import AppProcess
from tests.support.browser import CHROMIUM_ARGUMENTS, chromium
from tests.support.visitor import Visitor

SCREENS = {"desktop": (1280, 800), "phone": (390, 844)}
SCHEMES = ("light", "dark")
FOLDER = Path(__file__).parents[1] / "assets" / "screenshots"


async def main() -> None:
    """Take every picture."""
    executable = chromium()
    if executable is None:
        sys.exit("There is no Chromium on the PATH (Debian and Ubuntu: apt-get install chromium).")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, AppProcess(Path(folder), {"CHATBOT_DEMO_TOKEN_DELAY": "0.02"}) as app:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)
            for screen, (width, height) in SCREENS.items():
                for scheme in SCHEMES:
                    await _take(browser, app.url, f"{screen}-{scheme}", width=width, height=height, scheme=scheme)
            await browser.close()


async def _take(browser: Browser, url: str, name: str, *, width: int, height: int, scheme: str) -> None:
    viewport = {"width": width, "height": height}
    context = await browser.new_context(viewport=viewport, color_scheme=scheme, locale="en-US", reduced_motion="reduce")
    page = await context.new_page()
    await page.goto(url)
    visitor = Visitor(page)
    await expect(visitor.memory).not_to_be_empty()
    await page.wait_for_timeout(1_000)
    await page.screenshot(path=FOLDER / f"welcome-{name}.png")
    for question in ("My name is Ada, and I prefer short answers.", "What do you remember?"):
        await visitor.ask(question)
    await page.wait_for_timeout(500)
    await page.screenshot(path=FOLDER / f"chat-{name}.png")
    await context.close()


if __name__ == "__main__":
    asyncio.run(main())
