"""Signing in and out in Chromium: on a desk and on a phone, light and dark, in five languages, without scripts too."""

import asyncio
import json
import sys
from contextlib import contextmanager

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.access.conftest import PASSWORD
from tests.support.app_process import AppProcess
from tests.support.installing import environment
from tests.support.openid_provider import providing
from tests.support.visitor import Visitor
from tests.third_party.servers import HOST, free_port, running

pytestmark = pytest.mark.asyncio(loop_scope="session")

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LONG = "give me a long answer"

WORDS = {
    "en-US": ("Enter the password that you were given.", "Sign in", "That is not the password."),
    "es-ES": ("Escribe la contraseña que te han dado.", "Entrar", "Esa no es la contraseña."),
    "fr-FR": ("Saisissez le mot de passe que l'on vous a donné.", "Entrer", "Ce n'est pas le mot de passe."),
    "ko-KR": ("받은 비밀번호를 입력하세요.", "들어가기", "비밀번호가 맞지 않습니다."),
    "zh-CN": ("请输入您得到的密码。", "进入", "密码不对。"),
}


@pytest.fixture(scope="module")
def guarded(password_hash, tmp_path_factory):
    """The demo behind a password, as an owner sets it."""
    settings = {
        "CHATBOT_DOOR": "password",
        "CHATBOT_PASSWORD_HASH": password_hash,
        "CHATBOT_DEMO_TOKEN_DELAY": "0.02",
        "CHATBOT_TITLE": "Chat <b>of</b> Ada",
    }
    with AppProcess(tmp_path_factory.mktemp("guarded"), settings) as process:
        yield process


async def sign_in(page, password=PASSWORD):
    await page.locator("#password").fill(password)
    await page.locator("button[type=submit]").click()


async def signed_in(page):
    visitor = Visitor(page)
    await expect(visitor.memory).not_to_be_empty()
    return visitor


async def sign_out(visitor):
    button = visitor.page.locator("#sign-out")
    if not await button.is_visible():
        await visitor.page.locator("#sidebar-toggle").click()
    await button.click()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_in_reload_and_out_where_other_tabs_and_their_streams_end(guarded, browser, size):
    context = await browser.new_context(viewport=size, locale="en-US")
    page = await context.new_page()
    await page.goto(guarded.url)
    await expect(page.get_by_text("Enter the password that you were given.")).to_be_visible()
    await sign_in(page)
    visitor = await signed_in(page)
    assert "Ada" in await visitor.ask("My name is Ada")
    await visitor.reload()
    await expect(visitor.questions).to_have_text(["My name is Ada"])
    other = await context.new_page()
    await other.goto(guarded.url)
    theirs = await signed_in(other)
    await theirs.say(LONG)
    await expect(theirs.stop).to_be_visible()
    await sign_out(visitor)
    for each in (page, other):
        await expect(each.locator("#password")).to_be_visible()
        assert "My name is Ada" not in await each.content()
    await page.go_back()
    assert "My name is Ada" not in await page.locator("body").inner_text()
    await page.goto(guarded.url)
    await sign_in(page)
    await expect((await signed_in(page)).questions.first).to_have_text("My name is Ada")
    await context.close()


async def test_what_was_typed_while_a_session_ended_is_there_again(guarded, browser):
    context = await browser.new_context(locale="en-US")
    page = await context.new_page()
    await page.goto(guarded.url)
    await sign_in(page)
    visitor = await signed_in(page)
    await visitor.box.fill("half a question")
    await context.clear_cookies(name="chatbot_session")
    await visitor.box.press("Enter")
    await expect(page.locator("#password")).to_be_visible()
    await sign_in(page)
    await expect((await signed_in(page)).box).to_have_value("half a question")
    await context.close()


@pytest.mark.parametrize("locale", WORDS)
async def test_the_page_speaks_the_visitors_language_and_needs_no_script(guarded, browser, locale):
    context = await browser.new_context(locale=locale, java_script_enabled=False)
    page = await context.new_page()
    await page.goto(guarded.url)
    lead, label, wrong = WORDS[locale]
    await expect(page.locator("main p").first).to_have_text(lead)
    await expect(page.locator("button")).to_have_text(label)
    await sign_in(page, "wrong")
    await expect(page.locator("[role=alert]")).to_have_text(wrong)
    await sign_in(page)
    await page.wait_for_url(guarded.url)
    await context.close()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everybody_can_read_it(guarded, browser, size, scheme):
    context = await browser.new_context(viewport=size, color_scheme=scheme, locale="en-US", bypass_csp=True)
    page = await context.new_page()
    await page.goto(guarded.url)
    await expect(page.locator("h1")).to_have_text("Chat <b>of</b> Ada")
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert await page.evaluate(wide)
    await context.close()


async def test_the_policy_lets_what_is_typed_go_nowhere_else(guarded):
    async with httpx.AsyncClient(base_url=guarded.url) as client:
        policy = (await client.get("/", headers={"accept": "text/html"})).headers["content-security-policy"]
    assert {"default-src 'none'", "form-action 'self'", "base-uri 'none'"} <= set(policy.split("; "))


async def test_the_policy_lets_its_own_style_in(guarded, browser):
    context = await browser.new_context(locale="en-US")
    page = await context.new_page()
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    await page.goto(guarded.url)
    assert await page.locator("main").evaluate("(main) => getComputedStyle(main).borderRadius") == "12px"
    assert [each for each in refused if "Content Security Policy" in each] == []
    await context.close()


@pytest.fixture(scope="module")
def mock(third_party_cache, tmp_path_factory):
    """Somebody else's provider, from an environment of its own."""
    python = environment("oidc_provider_mock", sys.executable, [["oidc-provider-mock>=0.3.4,<0.4"]], third_party_cache)
    port = free_port()
    people = [{"sub": "ada", "preferred_username": "ada", "groups": ["staff"]}, {"sub": "grace"}]
    arguments = ["-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true"]
    for person in people:
        arguments += ["--user-claims", json.dumps(person)]
    work = tmp_path_factory.mktemp("oidc_provider_mock")
    health = "/.well-known/openid-configuration"
    with running(python, arguments, port=port, health=health, work=work, variables={}):
        yield f"http://{HOST}:{port}"


DEPLOYMENTS = """
[[deployment]]
name = "For staff"
endpoint_url = "{url}"
api_key_variable = "KEY"
allowed = ["staff"]
[[deployment]]
name = "For all"
endpoint_url = "{url}"
api_key_variable = "KEY"
"""


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_a_person_of_a_provider_finds_their_chats_on_another_device(mock, endpoint, browser, tmp_path, size):
    (tmp_path / "deployments.toml").write_text(DEPLOYMENTS.format(url=endpoint.chat_url), encoding="utf-8")
    settings = {"KEY": endpoint.key, "CHATBOT_DEPLOYMENTS_FILE": "deployments.toml"}
    process = AppProcess(tmp_path, settings)
    phone, desk, graces = [await browser.new_context(viewport=size, locale="en-US") for _ in range(3)]
    await asyncio.to_thread(process.start)
    try:
        # At first there is no door: Ada is a visitor.
        page = await phone.new_page()
        await page.goto(process.url)
        await (await signed_in(page)).ask("said before")
        await asyncio.to_thread(process.stop)
        process = AppProcess(
            tmp_path,
            {
                **settings,
                "CHATBOT_DOOR": "oidc",
                "CHATBOT_OIDC_ISSUER": mock,
                "CHATBOT_OIDC_CLIENT_ID": "chatbot",
                "CHATBOT_OIDC_CLIENT_SECRET": "secret",
                "CHATBOT_PORT": process.url.rstrip("/").rpartition(":")[2],
            },
        )
        await asyncio.to_thread(process.start)
        for context, name in ((phone, "ada"), (desk, "ada"), (graces, "grace")):
            page = context.pages[0] if context.pages else await context.new_page()
            await page.goto(process.url)
            await page.get_by_role("link", name="Sign in").click()
            await page.get_by_role("button", name=name, exact=True).click()
            visitor = await signed_in(page)
            await expect(visitor.questions).to_have_text(["said before"] if name == "ada" else [])
            await expect(visitor.badge).to_have_text("For staff" if name == "ada" else "For all")
        assert "For staff" not in await graces.pages[0].content()
        answer = await Visitor(desk.pages[0]).ask("and here")
        assert answer
        await sign_out(Visitor(desk.pages[0]))
        # It signs people out, too, and says so first; it remembers none, so that it asks again in any case.
        await desk.pages[0].get_by_role("button", name="End session").click()
        await expect(desk.pages[0].get_by_role("link", name="Sign in")).to_be_visible()
        await desk.pages[0].wait_for_url(process.url)
        await expect(Visitor(phone.pages[0]).memory).to_be_visible()
    finally:
        await asyncio.to_thread(process.stop)
        for context in (phone, desk, graces):
            await context.close()


PORTAL = "http://127.0.0.1:12345"
"""Another origin of the same site: in a frame there one is signed in."""


@pytest.fixture
def remembering():
    """A provider that knows people again, and takes its time to sign them out."""
    with providing() as provider:
        provider.asks = True
        provider.end_session_endpoint = f"{provider.url}/end-session"
        yield provider


@contextmanager
def behind_provider(folder, provider, **settings):
    with AppProcess(
        folder,
        {
            "CHATBOT_DOOR": "oidc",
            "CHATBOT_OIDC_ISSUER": provider.url,
            "CHATBOT_OIDC_CLIENT_ID": "chatbot",
            "CHATBOT_OIDC_CLIENT_SECRET": "secret",
            "CHATBOT_FRAME_ANCESTORS": f"self,{PORTAL}",
            **settings,
        },
    ) as process:
        yield process


async def come_in(page, process):
    """Sign in where the provider asks who one is."""
    await page.goto(process.url)
    await page.get_by_role("link", name="Sign in").click()
    await page.get_by_role("button", name="I am Ada").click()
    return await signed_in(page)


async def test_who_signs_out_is_asked_again_by_the_provider_however_long_it_takes(browser, remembering, tmp_path):
    # Longer than the page waits before it looks for a stream that has ended.
    remembering.seconds = 8
    with behind_provider(tmp_path, remembering) as process:
        context = await browser.new_context(locale="en-US")
        page = await context.new_page()
        visitor = await come_in(page, process)
        # As long as one is signed in there, a link is enough.
        await context.clear_cookies(name="chatbot_session")
        await page.goto(process.url)
        await page.get_by_role("link", name="Sign in").click()
        visitor = await signed_in(page)
        await sign_out(visitor)
        await page.wait_for_url(process.url)
        await page.get_by_role("link", name="Sign in").click()
        await expect(page.get_by_role("button", name="I am Ada")).to_be_visible()
        assert len(remembering.signed_out) == 1
        await context.close()


async def test_where_the_owner_does_not_want_it_the_provider_asks_nobody_again(browser, remembering, tmp_path):
    with behind_provider(tmp_path, remembering, CHATBOT_OIDC_PROVIDER_SIGN_OUT="false") as process:
        context = await browser.new_context(locale="en-US")
        page = await context.new_page()
        await sign_out(await come_in(page, process))
        await page.get_by_role("link", name="Sign in").click()
        await signed_in(page)
        assert remembering.signed_out == []
        await context.close()


async def test_in_a_frame_the_provider_signs_one_out_in_a_window_of_its_own(browser, remembering, tmp_path):
    with behind_provider(tmp_path, remembering) as process:
        context = await browser.new_context(locale="en-US")
        body = f'<iframe src="{process.url}" width="1200" height="700"></iframe>'
        await context.route(f"{PORTAL}/", lambda route: route.fulfill(content_type="text/html", body=body))
        page = await context.new_page()
        await come_in(page, process)
        await page.goto(f"{PORTAL}/")
        frame = next(each for each in page.frames if each.url.startswith(process.url))
        visitor = await signed_in(frame)
        async with context.expect_page() as opened:
            await visitor.page.locator("#sign-out").click()
        await (await opened.value).wait_for_url(process.url)
        await expect(page.frame_locator("iframe").get_by_role("link", name="Sign in")).to_be_visible()
        assert len(remembering.signed_out) == 1
        await context.close()


async def test_in_a_frame_on_another_site_where_no_session_is_kept_the_way_in_is_a_tab(browser, guarded):
    context = await browser.new_context(locale="en-US")
    site = "https://somebody-chat.hf.space/"
    body = f'<iframe src="{guarded.url}"></iframe>'
    await context.route(site, lambda route: route.fulfill(content_type="text/html", body=body))
    page = await context.new_page()
    await page.goto(site)
    frame = page.frame_locator("iframe")
    async with context.expect_page() as opened:
        await frame.get_by_role("link", name="Open the chat in a new tab").click()
    await expect(frame.locator("#password")).to_have_count(0)
    await sign_in(await opened.value)
    await signed_in(await opened.value)
    await context.close()
