"""The page's scripts as modules, on a page with their own parts and without Gradio."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Route

from chatbot.ui.i18n import for_scripts
from chatbot.ui.views.action_buttons import TOKEN
from tests.support.selectors import SCRIPTS

SITE = "https://scripts.test/below/"

PAGE = """<!doctype html>
<meta charset="utf-8">
<style>#chat [role=log] { height: 200px; overflow-y: scroll } .message-row { height: 150px }</style>
<div id="layout">
  <div id="sidebar"><button class="close"></button></div>
  <div id="skip"><button></button></div>
  <div id="conversations"><nav data-token="{TOKEN}"></nav></div>
  <div id="talk">
    <div id="header">
      <button id="sidebar-toggle"></button><button id="page-menu"></button><button id="panel-toggle"></button>
    </div>
    <div id="badge"></div>
    <div id="chat"><div role="log"></div></div>
    <div id="box"><textarea></textarea></div>
  </div>
  <div id="panel"><button class="close"></button></div>
</div>
<script>
  const TEXTS = {TEXTS};
  const OUTPUTS = ["chat", "recall_hint", "k"];
  window.told = [];
  window.chatbotActions = Promise.resolve((action, details) => window.told.push({ action, details }));
  window.gradio_config = { root: location.href };
  window.drawn = [];
  window.chatbotDraw = () => window.drawn.push(window.chatbotDrawn());
</script>
"""


@pytest_asyncio.fixture(loop_scope="session")
async def french(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Somebody's browser, for one test: a clock that is paused in it is so for all of its pages, and draws no frame."""
    context = await browser.new_context(locale="fr-CA")
    yield context
    await context.close()


@asynccontextmanager
async def page_in(context: BrowserContext) -> AsyncIterator[Page]:
    """Open a page that has everything the scripts look for when they begin; none of them runs yet."""
    page = await context.new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))

    async def serve(route: Route) -> None:
        path = route.request.url.removeprefix(SITE).partition("?")[0]
        if not path:
            await route.fulfill(
                body=PAGE.replace("{TOKEN}", TOKEN).replace("{TEXTS}", for_scripts()), content_type="text/html"
            )
        elif path.startswith("scripts/"):
            script = (SCRIPTS / path.removeprefix("scripts/")).read_text(encoding="utf-8")
            await route.fulfill(body=script, content_type="text/javascript")
        else:
            await route.fulfill(status=404)

    await page.route("**", serve)
    await page.goto(SITE)
    yield page
    await page.close()
    assert broken == [], "a script failed"


@pytest_asyncio.fixture(loop_scope="session")
async def page(french: BrowserContext) -> AsyncIterator[Page]:
    """Such a page of somebody who reads French."""
    async with page_in(french) as page:
        yield page


async def run(page: Page, module: str, code: str, argument: object = None) -> object:
    """Import a module; return what a function of it and of an argument returns."""
    return await page.evaluate(
        f"async (argument) => ({code})(await import('{SITE}scripts/{module}.js'), argument)", argument
    )
