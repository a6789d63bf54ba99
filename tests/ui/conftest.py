"""A real Chromium, and visitors who use the page as people do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Request, async_playwright, expect
from playwright.async_api import Error as PlaywrightError

from chatbot.emulator import Emulator
from tests.support.app_process import AppProcess, several
from tests.support.browser import CHROMIUM_ARGUMENTS, chromium
from tests.support.visitor import COUNT_DRAWINGS, Visitor

expect.set_options(timeout=30_000)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    executable = chromium()
    if executable is None:
        pytest.skip("browser tests need Chromium on the PATH (Debian and Ubuntu: apt-get install chromium)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def free_contexts(browser: Browser) -> AsyncIterator[list[BrowserContext]]:
    """Contexts that nobody uses and that know nobody; what they have cached, a page need not load again."""
    contexts: list[BrowserContext] = []
    yield contexts
    for context in contexts:
        await context.close()


@pytest.fixture
def visit(browser: Browser, free_contexts: list[BrowserContext]):
    """Open a page as a new visitor, or (with ``context``) in a further tab of a known one."""

    @asynccontextmanager
    async def visit(
        url: str, *, context: BrowserContext | None = None, width: int = 1280, height: int = 800, scheme: str = "light"
    ) -> AsyncIterator[Visitor]:
        own = context or (free_contexts.pop() if free_contexts else await browser.new_context(locale="en-US"))
        page = await own.new_page()
        if context is None:
            await page.set_viewport_size({"width": width, "height": height})
            await page.emulate_media(color_scheme=scheme)
        elsewhere: list[str] = []
        broken: list[str] = []

        def look_where(request: Request) -> None:
            if urlsplit(request.url).hostname not in ("127.0.0.1", None):
                elsewhere.append(request.url)

        page.on("request", look_where)
        page.on("pageerror", lambda error: broken.append(str(error)))
        await page.add_init_script(COUNT_DRAWINGS)
        await page.goto(url)
        visitor = Visitor(page)
        await expect(visitor.memory).not_to_be_empty()
        yield visitor
        if context is None:
            with suppress(PlaywrightError):  # the server, and the page with it, may be gone
                await page.evaluate("localStorage.clear()")
        await page.close()
        if context is None and not own.pages:
            await own.clear_cookies()
            free_contexts.append(own)
        assert elsewhere == [], "the page talked to somebody else"
        assert broken == [], "a script of the page failed"

    return visit


@pytest_asyncio.fixture(loop_scope="session")
async def french(browser: Browser, visit, app) -> AsyncIterator[Visitor]:
    """Somebody who reads French, at the application of the file of tests."""
    context = await browser.new_context(locale="fr-FR")
    async with visit(app.url, context=context) as visitor:
        yield visitor
    await context.close()


@pytest.fixture
def app(tmp_path: Path):
    """Start the application with some settings; it ends with the test."""
    with several(tmp_path) as start:
        yield start


@pytest.fixture(scope="session")
def demo_app(tmp_path_factory: pytest.TempPathFactory):
    """The application with nothing configured but its pace, shared by the tests that leave it as it is."""
    with AppProcess(tmp_path_factory.mktemp("demo")) as process:
        yield process


@pytest.fixture(scope="session")
def endpoint():
    """An endpoint that answers at once and remembers what it was sent; a test that makes it fail heals it."""
    with Emulator(token_delay=0) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def wired_app(endpoint, tmp_path_factory: pytest.TempPathFactory):
    """The application in front of the endpoint, as a user configures it."""
    settings = {"AZUREML_ENDPOINT_URL": endpoint.chat_url, "AZUREML_ENDPOINT_API_KEY": endpoint.key}
    with AppProcess(tmp_path_factory.mktemp("wired"), settings) as process:
        yield process


@pytest.fixture(scope="session")
def slow_endpoint():
    """An endpoint that takes its time, with counters of what reached it."""
    with Emulator(token_delay=0.03) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def slow_app(slow_endpoint, tmp_path_factory: pytest.TempPathFactory):
    """The application in front of the slow endpoint, as a user configures it."""
    settings = {"AZUREML_ENDPOINT_URL": slow_endpoint.chat_url, "AZUREML_ENDPOINT_API_KEY": slow_endpoint.key}
    with AppProcess(tmp_path_factory.mktemp("slow"), settings) as process:
        yield process
