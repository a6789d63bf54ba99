"""Make the pictures in assets/screenshots: ``python .ci/screenshots.py``, with what the tests need installed.

With a folder (``python .ci/screenshots.py FOLDER``), pictures of every state of the page go there instead, to be looked
at. The application is used in Chromium as its visitors do: as anybody starts it, with nothing configured, and in front
of an endpoint that fails when it is told to.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.async_api import Browser, async_playwright, expect

from chatbot.emulator import Emulator
from tests.support.app_process import AppProcess
from tests.support.browser import CHROMIUM_ARGUMENTS, chromium
from tests.support.visitor import Visitor

SCREENS = {"desktop": (1280, 800), "phone": (390, 844)}
SCHEMES = ("light", "dark")
FOLDER = Path(__file__).parents[1] / "assets" / "screenshots"

DEPLOYMENTS = """
[[deployment]]
name = "Small & quick"
endpoint_url = "{0.chat_url}"
api_key_variable = "KEY"
[[deployment]]
name = "Large"
endpoint_url = "{0.chat_url}"
api_key_variable = "KEY"
max_tokens = 60
"""


@dataclass(frozen=True)
class Camera:
    """Takes pictures of one visitor's page."""

    visitor: Visitor
    folder: Path
    look: str

    async def take(self, state: str) -> None:
        """Take a picture once nothing moves any more."""
        await self.visitor.page.wait_for_timeout(500)
        await self.visitor.page.screenshot(path=self.folder / f"{state}-{self.look}.png")


Walk = Callable[[Camera], Awaitable[None]]


async def main(folder: Path | None) -> None:
    """Take every picture."""
    executable = chromium()
    if executable is None:
        sys.exit("There is no Chromium on the PATH (Debian and Ubuntu: apt-get install chromium).")
    (folder or FOLDER).mkdir(exist_ok=True, parents=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)
        with tempfile.TemporaryDirectory() as home, AppProcess(Path(home), {"CHATBOT_DEMO_TOKEN_DELAY": "0.02"}) as app:
            await _walk(browser, app.url, folder or FOLDER, first_sight)
        if folder is not None:
            with tempfile.TemporaryDirectory() as home, Emulator(token_delay=0.01) as endpoint:
                (Path(home) / "deployments.toml").write_text(DEPLOYMENTS.format(endpoint), encoding="utf-8")
                settings = {"KEY": endpoint.key, "CHATBOT_DEPLOYMENTS_FILE": "deployments.toml"}
                with AppProcess(Path(home), settings) as app:
                    await _walk(browser, app.url, folder, menus)
                    await _walk(browser, app.url, folder, rows_below_answers)
                    await _walk(browser, app.url, folder, lambda camera: failures(camera, endpoint))
                    await _walk(browser, app.url, folder, paper)
        await browser.close()


async def first_sight(camera: Camera) -> None:
    """The welcome, and a short talk."""
    await camera.take("welcome")
    for question in ("My name is Ada, and I prefer short answers.", "What do you remember?"):
        await camera.visitor.ask(question)
    await camera.take("chat")


async def menus(camera: Camera) -> None:
    """What the header opens."""
    visitor, page = camera.visitor, camera.visitor.page
    await visitor.ask("My name is Ada.")
    await visitor.badge.click()
    await camera.take("picker")
    await page.keyboard.press("Escape")
    await page.locator("#page-menu").click()
    await camera.take("page-menu")
    await page.get_by_role("menuitem", name="Keyboard shortcuts").click()
    await camera.take("shortcuts")
    await page.keyboard.press("Escape")
    await _open_panel(visitor)
    await page.locator("#settings .label-wrap").click()
    await camera.take("settings")


async def rows_below_answers(camera: Camera) -> None:
    """An answer that reached its limit, one of another deployment, versions, a thumb, a turn that was taken back."""
    visitor, page = camera.visitor, camera.visitor.page
    await visitor.choose_deployment("Large")
    await visitor.ask("Give me a long answer.")
    await camera.take("length-limit")
    await visitor.notes.get_by_role("button", name="Continue").click()
    await visitor.settled()
    await visitor.press("Retry with another model")
    await camera.take("retry-with")
    await page.get_by_role("menuitem", name="Small & quick").click()
    await visitor.settled()
    await visitor.facts.last.get_by_role("button", name="Good answer").click()
    await visitor.facts.last.locator(".chosen").wait_for()
    await camera.take("versions")
    await visitor.press("Edit")
    await camera.take("editing")
    await page.keyboard.press("Escape")
    await visitor.press("Undo")
    await camera.take("undone")


async def failures(camera: Camera, endpoint: Emulator) -> None:
    """An endpoint that does not answer, and a question that it refuses."""
    visitor = camera.visitor
    await visitor.ask("My name is Ada.")
    for name in ("content-filter", "unauthorized-managed"):
        endpoint.fail(name)
        await visitor.say("What is my name?")
        await expect(visitor.page.locator("#chat .note.failed").last).to_be_visible()
        await visitor.settled()
        await camera.take(f"failed-{name}")
    endpoint.heal()


async def paper(camera: Camera) -> None:
    """What is printed."""
    visitor, page = camera.visitor, camera.visitor.page
    await visitor.ask("Show me a table.")
    await visitor.ask("Show me code.")
    await page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    await page.emulate_media(media="print")
    await camera.take("printed")


async def _open_panel(visitor: Visitor) -> None:
    toggle = visitor.page.locator("#panel-toggle")
    if await toggle.get_attribute("aria-expanded") == "false":
        await toggle.click()


async def _walk(browser: Browser, url: str, folder: Path, walk: Walk) -> None:
    for screen, (width, height) in SCREENS.items():
        for scheme in SCHEMES:
            async with _visit(browser, url, width=width, height=height, scheme=scheme) as visitor:
                await walk(Camera(visitor, folder, f"{screen}-{scheme}"))


@asynccontextmanager
async def _visit(browser: Browser, url: str, *, width: int, height: int, scheme: str) -> AsyncIterator[Visitor]:
    viewport = {"width": width, "height": height}
    context = await browser.new_context(viewport=viewport, color_scheme=scheme, locale="en-US", reduced_motion="reduce")
    page = await context.new_page()
    await page.goto(url)
    visitor = Visitor(page)
    await expect(visitor.memory).not_to_be_empty()
    await page.wait_for_timeout(1_000)
    yield visitor
    await context.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
