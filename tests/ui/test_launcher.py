"""The bubble on another site: by mouse, keyboard and finger, without cookies, and where it is not allowed."""

import json
import re
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Frame, Locator, Page, Route, async_playwright, expect

from chatbot.ui import Branding, Launcher
from tests.support.app_process import ROOT, AppProcess
from tests.support.browser import CHROMIUM_ARGUMENTS, chromium
from tests.support.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

SITE, STRANGER = "https://www.example.com/", "https://www.other.org/"
MANUAL = (ROOT / "docs" / "launcher.md").read_text(encoding="utf-8")
[TAG, DRESSED] = re.findall(r"```html\n(.+?)```", MANUAL, re.DOTALL)
[POLICY] = re.findall(r"```text\n(.+?)\n```", MANUAL, re.DOTALL)
STRICT = f"default-src 'none'; require-trusted-types-for 'script'; {POLICY}"
LOUD = "button, dialog, svg { display: none !important } * { color: red !important; font-size: 40px !important }"


@pytest.fixture(scope="module")
def chat(tmp_path_factory) -> AppProcess:
    """The application, which example.com may show."""
    [allowed] = re.findall(r"```sh\nCHATBOT_FRAME_ANCESTORS=(.+)\n```", MANUAL)
    with AppProcess(tmp_path_factory.mktemp("launcher"), {"CHATBOT_FRAME_ANCESTORS": allowed}) as process:
        yield process


class Site:
    """Somebody's website that has the launcher, as a visitor sees it."""

    def __init__(self, page: Page, chat_url: str) -> None:
        self.page = page
        self.console: list[str] = []
        page.on("console", lambda message: self.console.append(message.text))
        self._chat_url = chat_url
        self.bubble = page.locator("chatbot-launcher .bubble")
        self.panel = page.locator("chatbot-launcher dialog")

    @property
    def frames(self) -> list[Frame]:
        return [each for each in self.page.frames if each.url.startswith(self._chat_url)]

    async def visitor(self) -> Visitor:
        """Return the visitor of the page in the panel, once it is drawn."""
        inner = self.panel.locator("iframe").content_frame
        await expect(inner.locator("#memory")).not_to_be_empty()
        [frame] = self.frames
        return Visitor(frame)

    def button(self, name: str) -> Locator:
        return self.panel.locator(f"[aria-label='{name}']")


async def site(
    context: BrowserContext, chat: AppProcess, url: str = SITE, tag: str = TAG, policy: str = "", style: str = ""
) -> Site:
    """Visit a website with the launcher."""

    def for_chat(text: str) -> str:
        return text.replace("https://chat.example.com", chat.url.rstrip("/"))

    async def serve(route: Route) -> None:
        head = '<meta name="viewport" content="width=device-width"><title>Shop</title>'
        body = f"<!doctype html><html lang=en>{head}<style>{style}</style>{for_chat(tag)}<h1>A shop</h1>"
        headers = {"content-security-policy": for_chat(policy)} if policy else {}
        await route.fulfill(content_type="text/html", body=body, headers=headers)

    await context.route(url, serve)
    found = Site(await context.new_page(), chat.url)
    await found.page.goto(url)
    await expect(found.bubble).to_be_visible()
    return found


@pytest_asyncio.fixture(loop_scope="session")
async def new_context(browser: Browser) -> AsyncIterator[Callable[..., object]]:
    contexts: list[BrowserContext] = []

    async def new(**options: object) -> BrowserContext:
        contexts.append(await browser.new_context(**{"locale": "en-US", **options}))
        return contexts[-1]

    yield new
    for each in contexts:
        await each.close()


async def is_focused(part: Locator) -> bool:
    return await part.evaluate("(part) => part.getRootNode().activeElement === part")


async def test_a_visitor_chats_by_keyboard_under_a_strict_policy(chat, new_context):
    context = await new_context()
    shop = await site(context, chat, policy=STRICT)
    assert shop.frames == [], "nothing is loaded before somebody asks for it"
    await shop.page.keyboard.press("Tab")
    assert await is_focused(shop.bubble)
    await expect(shop.bubble).to_have_attribute("aria-expanded", "false")
    await expect(shop.bubble).to_have_attribute("aria-label", "Azure ML Chat")
    await shop.page.keyboard.press("Enter")
    await expect(shop.bubble).to_have_attribute("aria-expanded", "true")
    await expect(shop.page.get_by_role("dialog", name="Azure ML Chat")).to_be_visible()

    ada = await shop.visitor()
    await expect(ada.box).to_be_focused()
    await shop.page.keyboard.type("My name is Ada")
    await shop.page.keyboard.press("Enter")
    await expect(ada.questions).to_have_count(1)
    await ada.settled()
    await ada.page.locator("#sidebar-toggle").click()
    await shop.page.keyboard.press("Escape")
    await expect(ada.page.locator("#sidebar-toggle")).to_have_attribute("aria-expanded", "false")
    await expect(shop.panel).to_be_visible()
    await shop.page.keyboard.press("Escape")
    await expect(shop.panel).to_be_hidden()
    await expect(shop.bubble).to_have_attribute("aria-expanded", "false")
    assert await is_focused(shop.bubble)

    await shop.bubble.click()
    assert "Ada" in await ada.ask("what is my name?")
    await shop.button("Close").click()
    assert await is_focused(shop.bubble)
    assert await context.cookies() == []
    # The site's own style, which its policy refuses, is all that anybody complains of.
    assert [each for each in shop.console if "Content Security Policy" in each and "inline style" not in each] == []


async def test_on_a_phone_it_is_the_whole_screen(chat, new_context):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    shop = await site(await new_context(**phone, color_scheme="dark", reduced_motion="reduce"), chat)
    await shop.page.keyboard.press("Tab")
    await shop.bubble.tap()
    assert (await shop.panel.bounding_box()).items() >= {"x": 0, "y": 0, "width": 390}.items()
    assert await shop.panel.evaluate("(panel) => panel.matches(':modal')"), "what it covers can be reached"
    assert await shop.panel.evaluate("(panel) => getComputedStyle(panel).animationName") == "none"
    ada = await shop.visitor()
    assert await ada.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    await shop.page.set_viewport_size({"width": 1000, "height": 800})
    await expect(shop.panel).to_have_css("width", "400px")
    await expect(shop.bubble).to_have_attribute("aria-expanded", "true")
    await shop.button("Close").click()
    assert await is_focused(shop.bubble)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_looks_as_it_is_told_whatever_the_sites_style(chat, new_context, scheme):
    shop = await site(await new_context(color_scheme=scheme), chat, STRANGER, tag=DRESSED, style=LOUD)
    await expect(shop.bubble).to_have_css("background-color", "rgb(15, 118, 110)")
    await expect(shop.bubble).to_have_css("color", "rgb(255, 255, 255)")
    assert (await shop.bubble.bounding_box())["x"] == 20
    await shop.bubble.click()
    await expect(shop.page.get_by_role("dialog", name="Ask us")).to_be_visible()
    await expect(shop.button("Fermer")).to_be_visible()
    await expect(shop.panel.locator("h2")).to_have_css("font-size", "15px")
    assert await shop.page.evaluate("document.querySelector('h1').matches(':not([class]):not([style])')")
    found = await Axe().run(shop.page)
    assert [each["id"] for each in found.response["violations"] if each["impact"] in ("serious", "critical")] == []


async def test_a_site_that_is_not_named_is_told_so_and_visitors_have_a_tab(chat, new_context):
    context = await new_context()
    shop = await site(context, chat, STRANGER)
    [told] = [each for each in shop.console if "launcher.md" in each]
    assert "add https://www.other.org to CHATBOT_FRAME_ANCESTORS" in told
    await shop.bubble.click()
    assert await is_focused(shop.panel.locator("main a"))
    async with context.expect_page() as opened:
        await shop.page.keyboard.press("Enter")
    assert (await opened.value).url == chat.url
    assert shop.frames == []
    await shop.page.keyboard.press("Escape")
    await expect(shop.panel).to_be_hidden()


async def test_a_site_whose_policy_forbids_the_frame_is_told_what_to_allow(chat, new_context):
    shop = await site(await new_context(), chat, policy=STRICT.partition("; frame-src")[0])
    await shop.bubble.click()
    await expect(shop.panel.locator("main a")).to_have_text("Open the chat in a new tab")
    assert any(f"allow frame-src {chat.url.rstrip('/')}" in each for each in shop.console)


BLOCKED = {
    "third-party cookies": {"block_third_party_cookies": True, "cookie_controls_mode": 1},
    "cookies and storage": {"default_content_setting_values": {"cookies": 2}},
}


@pytest.mark.parametrize("what", BLOCKED)
async def test_who_blocks_cookies_owns_their_conversation_alone(chat, tmp_path, browser, what):
    profile = tmp_path / "Default" / "Preferences"
    profile.parent.mkdir()
    profile.write_text(json.dumps({"profile": BLOCKED[what]}), encoding="utf-8")
    async with async_playwright() as playwright:
        options = {"executable_path": chromium(), "args": CHROMIUM_ARGUMENTS, "locale": "en-US"}
        context = await playwright.chromium.launch_persistent_context(tmp_path, **options)
        shop = await site(context, chat)
        await shop.bubble.click()
        ada = await shop.visitor()
        await ada.ask("My name is Ada")
        assert "Ada" in await ada.ask("what is my name?")
        # Without storage each page that is open is a visitor of its own.
        again = await site(context, chat)
        await again.bubble.click()
        keeps = what == "third-party cookies"
        await expect((await again.visitor()).titles).to_have_count(1 if keeps else 0)
        assert await context.cookies() == []
        await context.close()


ORIGINS = [
    ("https://www.example.com", "https://www.example.com", True),
    ("https://www.example.com", "http://www.example.com", False),
    ("https://www.example.com", "https://www.example.com:8443", False),
    ("https://www.example.com", "https://wwwxexample.com", False),
    ("https://www.example.com:443", "https://www.example.com", True),
    ("http://localhost:8000", "https://localhost:8000", True),
    ("https://*.example.com", "https://a.b.example.com", True),
    ("https://*.example.com", "https://example.com", False),
    ("https://*.example.com", "https://www.example.com.other.org", False),
    ("*", "http://localhost:8000", True),
    ("*", "null", False),
    ("'none'", "https://www.example.com", False),
    ("'self'", "https://www.example.com", False),
]


@pytest.mark.parametrize(("source", "origin", "allowed"), ORIGINS)
async def test_the_script_reads_the_policy_as_browsers_do(chat, source, origin, allowed):
    script = Launcher(Branding("Test"), (source,)).text
    [known] = re.findall(r"const CHAT = (.+);", script)
    assert bool(re.search(json.loads(known)["sites"], origin)) is allowed


async def test_the_script_is_small_and_the_same_for_everybody(chat):
    async with httpx.AsyncClient(base_url=chat.url) as client:
        reply = await client.get("launcher.js")
    assert reply.headers["content-type"] == "text/javascript; charset=utf-8"
    assert reply.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "set-cookie" not in reply.headers
    assert len(reply.content) < 8_000
