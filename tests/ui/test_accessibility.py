"""For everyone: at first sight, by keyboard alone, in five languages, with a screen reader, in light and dark."""

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, expect

from tests.support.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

DESKTOP, PHONE = SIZES = [(1280, 800), (390, 844)]
SCHEMES = ["light", "dark"]


async def violations(visitor: Visitor) -> list[str]:
    """What axe finds serious, ours or Gradio's: the rule, and where."""
    found = await Axe().run(visitor.page)
    return [
        f"{each['id']}: {node['target']} {node.get('failureSummary', '')[:300]}"
        for each in found.response["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.mark.parametrize(("width", "height", "scheme"), [(*DESKTOP, "light"), (*PHONE, "dark")])
async def test_axe_finds_nothing_serious(demo_app, visit, width, height, scheme):
    async with visit(demo_app.url, width=width, height=height, scheme=scheme) as visitor:
        await visitor.page.emulate_media(reduced_motion="reduce", color_scheme=scheme)
        assert await violations(visitor) == []
        await visitor.ask("My name is Ada")
        await visitor.ask("show me a table")
        await visitor.ask("show me code")
        await visitor.press("Retry")
        await expect(visitor.versions).to_have_count(1)
        await visitor.settled()
        await visitor.facts.last.get_by_role("button", name="Good answer").click()
        await expect(visitor.facts.last.locator(".chosen")).to_be_visible()
        assert await violations(visitor) == []
        if width < 900:
            await visitor.page.locator("#panel-toggle").click()
        await visitor.page.locator("#settings .label-wrap").click()
        await expect(visitor.page.locator("#system-prompt textarea")).to_be_visible()
        assert await violations(visitor) == []
        if width < 900:
            await visitor.page.keyboard.press("Escape")
        await visitor.page.locator("#page-menu").click()
        assert await violations(visitor) == []
        await visitor.page.get_by_role("menuitem", name="Keyboard shortcuts").click()
        assert await violations(visitor) == []


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_axe_finds_nothing_serious_in_an_error(wired_app, endpoint, visit, scheme):
    async with visit(wired_app.url, scheme=scheme) as visitor:
        endpoint.fail("content-filter")
        await visitor.say("hello")
        await expect(visitor.notes).to_be_visible()
        await visitor.settled()
        assert await violations(visitor) == []


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_first_sight_is_whole(app, visit, width, height, tmp_path):
    (tmp_path / "prompts.toml").write_text(
        '[[example]]\nicon = "code"\nlabel = "Write <code>"\nprompt = "Write some code, please."\n', encoding="utf-8"
    )
    (tmp_path / "own.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4"/></svg>',
        encoding="utf-8",
    )
    process = app(
        CHATBOT_TITLE="Contoso & Sons",
        CHATBOT_TAGLINE="Ask <us> anything.",
        CHATBOT_ACCENT="#b45309",
        CHATBOT_LOGO="own.svg",
        CHATBOT_PROMPTS_FILE="prompts.toml",
    )
    async with visit(process.url, width=width, height=height) as visitor:
        page = visitor.page
        await expect(page).to_have_title("Contoso & Sons")
        welcome = page.locator(".welcome")
        example = page.locator("#chat .example")
        for part in (
            page.locator("#brand h1"),
            welcome.locator("h2"),
            welcome.locator("p"),
            example,
            visitor.badge,
            visitor.box,
        ):
            await expect(part).to_be_in_viewport(ratio=1)
        await expect(welcome.locator("p")).to_have_text("Ask <us> anything.")
        assert await page.evaluate(
            "[...document.querySelectorAll('.welcome img, #chat .example img')].every((each) => each.naturalWidth > 0)"
        )
        assert await page.evaluate("getComputedStyle(document.body).getPropertyValue('--primary-600')") == "#b45309"
        await expect(example).to_have_text("Write <code>")
        await example.click()
        await expect(visitor.questions).to_have_text("Write some code, please.")
        assert "circle" in await (await page.request.get(process.url.rstrip("/") + "/favicon.ico")).text()


async def test_escape_stops_an_answer(slow_app, slow_endpoint, visit):
    cancelled = slow_endpoint.cancelled_streams
    async with visit(slow_app.url) as visitor:
        await visitor.say("give me a long answer")
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        await visitor.page.keyboard.press("Escape")
        await visitor.settled()
        await expect(visitor.notes).to_have_text("Stopped.")
        assert slow_endpoint.cancelled_streams == cancelled + 1


async def test_shift_enter_is_a_line_and_up_edits_the_last_question(demo_app, visit):
    typed = "My <b>name</b> is Ada & co\n  $$x$$"
    async with visit(demo_app.url) as visitor:
        keyboard = visitor.page.keyboard
        await visitor.ask("hello")
        await visitor.box.focus()
        for number, line in enumerate(typed.split("\n")):
            if number:
                await keyboard.press("Shift+Enter")
            await keyboard.type(line)
        await keyboard.press("Enter")
        await expect(visitor.questions).to_have_count(2)
        await visitor.settled()
        assert await visitor.questions.last.locator("pre").text_content() == typed
        await keyboard.press("ArrowUp")
        editor = visitor.page.locator("#chat textarea")
        await expect(editor).to_be_focused()
        await expect(editor).to_have_value(typed)
        await keyboard.press("Escape")
        await expect(editor).to_have_count(0)
        await expect(visitor.box).to_be_focused()
        await keyboard.press("ArrowUp")
        await expect(editor).to_be_focused()
        await keyboard.press("Control+A")
        await keyboard.type("what is my name?")
        await keyboard.press("Enter")
        await expect(visitor.questions.last).to_have_text("what is my name?")
        await visitor.settled()
        await expect(visitor.questions).to_have_count(2)


async def test_everything_can_be_reached_and_seen_by_tab(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.ask("hello")
        reached = set()
        for _ in range(60):
            await visitor.page.keyboard.press("Tab")
            element = await visitor.page.evaluate(
                """() => {
                  const on = document.activeElement, style = getComputedStyle(on);
                  const ring = style.outlineStyle !== "none" || style.boxShadow !== "none" || style.borderColor;
                  const name = on.getAttribute("aria-label") || on.title || on.innerText;
                  return [on.closest("[id]")?.id, on.className, name, !!ring];
                }"""
            )
            reached.add(" ".join(map(str, element)))
        for part in (
            "new-chat",
            "Skip to",
            "search",
            "open",
            "options",
            "sidebar-toggle",
            "panel-toggle",
            "Good answer",
            "Retry",
            "Pin",
        ):
            assert any(part in each for each in reached), (part, reached)


async def test_a_growing_answer_is_read_out_once_it_is_whole(slow_app, visit):
    async with visit(slow_app.url) as visitor:
        log = visitor.page.get_by_role("log")
        await expect(log).to_have_attribute("aria-live", "polite")
        await visitor.say("give me a long answer")
        await expect(log).to_have_attribute("aria-busy", "true")
        await visitor.stop.click()
        await visitor.settled()
        await expect(log).to_have_attribute("aria-busy", "false")


async def test_nothing_moves_for_those_who_wish_so(slow_app, visit):
    async with visit(slow_app.url) as visitor:
        await visitor.page.emulate_media(reduced_motion="reduce")
        await visitor.say("give me a long answer")
        moving = """document.getAnimations().filter(
          (each) => each.playState === "running" && each.effect.getTiming().iterations > 1
        ).length"""
        assert await visitor.page.evaluate(moving) == 0


@pytest.mark.parametrize(
    ("locale", "new_chat", "placeholder", "settings", "remembering", "size"),
    [
        ("es-MX", "Nuevo chat", "Escribe un mensaje", "Ajustes", "Recuerda el turno 1 de 1", PHONE),
        ("fr-FR", "Nouvelle discussion", "Écrivez un message", "Réglages", "Mémorise le tour 1 sur 1", PHONE),
        ("zh-CN", "新对话", "输入消息", "设置", "记得 1 轮中的第 1 轮", DESKTOP),
        ("ko-KR", "새 대화", "메시지를 입력하세요", "설정", "1차례 중 1번째를 기억합니다", DESKTOP),
        ("de-DE", "New chat", "Type a message", "Settings", "Remembering turn 1 of 1", PHONE),
    ],
)
async def test_the_page_speaks_the_browsers_language(
    demo_app, visit, browser: Browser, locale, new_chat, placeholder, settings, remembering, size
):
    width, height = size
    context = await browser.new_context(locale=locale, viewport={"width": width, "height": height})
    async with visit(demo_app.url, context=context) as visitor:
        await expect(visitor.page.locator("#new-chat")).to_have_text(new_chat)
        await expect(visitor.box).to_have_attribute("placeholder", placeholder)
        await expect(visitor.page.locator("#panel-toggle")).to_have_text(settings)
        await visitor.ask("hello")
        await expect(visitor.memory).to_have_text(remembering)
        size = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        assert await visitor.page.evaluate(size) == [width, height]
    await context.close()


ARABIC = "مرحبا، كيف حالك؟"


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_text_from_right_to_left_long_lines_and_formulas_fit(wired_app, visit, width, height):
    async with visit(wired_app.url, width=width, height=height) as visitor:
        await visitor.ask(f"repeat {ARABIC}")
        align = "(each) => getComputedStyle(each).unicodeBidi"
        assert await visitor.answers.last.locator("p").first.evaluate(align) == "plaintext"
        await visitor.ask("repeat " + "x" * 400)
        await visitor.ask("repeat $$\\int_0^1 x^2\\,dx$$")
        await expect(visitor.answers.last.locator(".katex").first).to_be_visible()
        size = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        assert await visitor.page.evaluate(size) == [width, height]
