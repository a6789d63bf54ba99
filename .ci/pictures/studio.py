"""Where pictures are taken: the application as an owner has set it, in a browser of each size, light and dark."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Page, expect

from chatbot.emulator import Emulator
from tests.support.app_process import AppProcess
from tests.support.visitor import Visitor

SCREENS: Final = {"desktop": (1280, 800), "phone": (390, 844)}
PROJECTORS: Final = {"1024x768": (1024, 768), "1920x1080": (1920, 1080)}
SCHEMES: Final = ("light", "dark")


@dataclass(frozen=True)
class Camera:
    """Takes pictures of one page.

    Attributes:
        page: What it looks at.
        visitor: Whoever uses that.
        folder: Where pictures go.
        look: In which size and scheme, for their names.
    """

    page: Page
    visitor: Visitor
    folder: Path
    look: str

    @property
    def is_phone(self) -> bool:
        """Whether the page has little room."""
        return self.look.startswith("phone")

    async def take(self, state: str, *, still: bool = True, whole: bool = False) -> None:
        """Take a picture.

        Args:
            state: What is on it.
            still: Whether nothing moves soon, for which there is a wait.
            whole: Whether it has what is below the window, too.
        """
        if still:
            await self.page.wait_for_timeout(500)
        await self.page.screenshot(path=self.folder / f"{state}-{self.look}.png", full_page=whole)

    async def goto(self, url: str) -> None:
        """Look at another page."""
        await self.page.goto(url)
        await self.page.wait_for_load_state()

    async def open_sidebar(self) -> None:
        """Open the list of conversations where it is not open."""
        await self._open("#sidebar-toggle")

    async def open_panel(self) -> None:
        """Open settings and memory where they are not open."""
        await self._open("#panel-toggle")

    async def _open(self, toggle: str) -> None:
        button = self.page.locator(toggle)
        if await button.get_attribute("aria-expanded") == "false":
            await button.click()


Walk = Callable[[Camera], Awaitable[None]]


@dataclass(frozen=True)
class Studio:
    """Where pictures are taken.

    Attributes:
        browser: With this.
        folder: Where they go.
    """

    browser: Browser
    folder: Path

    async def walk(
        self,
        url: str,
        walk: Walk,
        *,
        screens: Mapping[str, tuple[int, int]] = SCREENS,
        is_chat: bool = True,
    ) -> None:
        """Take the pictures of a walk in each size, light and dark, as somebody new each time.

        Args:
            url: Where it begins.
            walk: What is done and pictured.
            screens: The sizes.
            is_chat: Whether the chat is there at once.
        """
        for screen in screens:
            for scheme in SCHEMES:
                async with self._visit(url, screens[screen], scheme, f"{screen}-{scheme}") as camera:
                    if is_chat:
                        await expect(camera.visitor.memory).not_to_be_empty()
                        await camera.page.wait_for_timeout(1_000)
                    await walk(camera)

    @asynccontextmanager
    async def _visit(self, url: str, size: tuple[int, int], scheme: str, look: str) -> AsyncIterator[Camera]:
        context = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            locale="en-US",
            reduced_motion="reduce",
        )
        page = await context.new_page()
        await page.goto(url)
        yield Camera(page, Visitor(page), self.folder, look)
        await context.close()


@contextmanager
def application(settings: Mapping[str, str] | None = None, **files: str) -> Iterator[AppProcess]:
    """Start the application in a folder of its own.

    Args:
        settings: Environment variables.
        files: Text files of the folder, by their name without its ending, ``.toml`` or of terms ``.md``.
    """
    with tempfile.TemporaryDirectory() as home:
        for name, text in files.items():
            ending = "md" if name == "terms" else "toml"
            (Path(home) / f"{name}.{ending}").write_text(text, encoding="utf-8")
        with AppProcess(Path(home), dict(settings or {})) as app:
            yield app


def behind(endpoint: Emulator) -> dict[str, str]:
    """Return the settings with which one endpoint answers."""
    return {"AZUREML_ENDPOINT_URL": endpoint.chat_url, "AZUREML_ENDPOINT_API_KEY": endpoint.key}


@contextmanager
def several_deployments(file: str, *, token_delay: float = 0.01, **settings: str) -> Iterator[tuple[str, Emulator]]:
    """Start the application in front of an endpoint under several names; yield its address, and the endpoint.

    Args:
        file: The file of deployments, in which ``{0}`` is the endpoint and ``KEY`` the variable with its key.
        token_delay: Seconds between its words.
        settings: Further environment variables.
    """
    with Emulator(token_delay=token_delay) as endpoint:
        known = {"KEY": endpoint.key, "CHATBOT_DEPLOYMENTS_FILE": "deployments.toml", **settings}
        with application(known, deployments=file.format(endpoint)) as app:
            yield app.url, endpoint
