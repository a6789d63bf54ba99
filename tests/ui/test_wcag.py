"""What WCAG 2.2 asks for that no rule of axe finds: docs/accessibility.md names each criterion and its test."""

import threading
from contextlib import suppress

import pytest
from playwright.async_api import TimeoutError as PlaywrightTimeoutError
from playwright.async_api import expect

from tests.support.accessibility_tree import properties, tree
from tests.support.app_process import AppProcess
from tests.support.completions import piece
from tests.support.wire import DONE, WireServer, event, sample_reply, stream_reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

FINISH = piece({}, "stop", usage={"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18})

sizes = pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)], ids=["desktop", "phone"])


# --- As a screen reader has it


@pytest.fixture(scope="module")
def wire():
    with WireServer(stream_reply(event("unscripted"), FINISH, DONE)) as server:
        yield server


@pytest.fixture(scope="module")
def app(wire, tmp_path_factory):
    settings = {"AZUREML_ENDPOINT_URL": f"{wire.url}/v1/chat/completions", "AZUREML_ENDPOINT_API_KEY": "key"}
    with AppProcess(tmp_path_factory.mktemp("wcag"), settings) as process:
        yield process


async def test_a_whole_turn_as_a_screen_reader_has_it(app, wire, visit):
    goes_on = threading.Event()
    async with visit(app.url) as visitor:
        page = visitor.page
        await expect(visitor.box).to_be_focused()
        now = await tree(page)
        assert properties(now.one("textbox", "Message"))["focused"]
        now.one("button", "Send")
        assert properties(now.one("log", "Conversation"))["live"] == "polite"
        assert now.all("navigation", "Your conversations")

        wire.script(stream_reply(event("It has "), goes_on, event("come to its end."), FINISH, DONE))
        await visitor.say("is it long?")
        await expect(visitor.answers.last).to_have_text("It has")
        now = await tree(page)
        log = now.one("log")
        # A busy live region is not read out: else each word would be, and all before it again.
        assert (properties(log)["busy"], properties(log)["live"]) == (True, "polite")
        assert "is it long?" in now.text(log)
        assert properties(now.one("textbox", "Message"))["focused"], "whoever types goes on typing"
        now.one("button", "Stop")
        assert now.all("button", "Send") == []

        goes_on.set()
        await visitor.settled()
        now = await tree(page)
        log = now.one("log")
        read = now.text(log)
        assert not properties(log).get("busy")
        assert read.count("It has come to its end.") == 1
        assert now.text(now.one("group", "Your message")) == "is it long?"
        assert now.text(now.one("group", "Answer")).startswith("It has come to its end.")
        assert read.index("is it long?") < read.index("It has come to its end.")
        for name in ("Good answer", "Bad answer", "Retry", "Copy message"):
            assert now.all("button", name), name

        wire.script(sample_reply("maas_401_bad_key"))
        await visitor.say("and now?")
        await expect(visitor.notes).to_be_visible()
        await visitor.settled()
        now = await tree(page)
        [note] = [each for each in now.all("status") if "refused the key" in now.text(each)]
        assert properties(note)["live"] == "polite"
        assert [each for each in now.all("button") if "Retry" in each["name"]["value"]]


LETTER = """Voici la lettre que vous m'avez demandée, et la traduction de chaque ligne.

| français | coréen | anglais |
|---|---|---|
| la mer | 바다로 갑시다 | That is the sea, and we are on it. |

~~~
the code that is in it is not of a language
~~~

Je reste à votre disposition pour la suite, et pour ce que vous voulez changer dans les phrases : elles ne sont pas
toutes dans un style qui est le vôtre.
"""


async def test_what_is_in_another_language_than_the_page_is_read_in_its_own(app, wire, visit):
    async with visit(app.url) as visitor:
        spoken = "(part) => part.closest('[lang]').lang"
        wire.script(stream_reply(event(LETTER), FINISH, DONE), stream_reply(event("It is the sea."), FINISH, DONE))
        await visitor.ask("Je veux une lettre pour les voisins, et je ne sais pas ce qui est important.")
        await expect(visitor.page.locator("#chat .md[lang=fr]")).to_have_count(2)
        first = visitor.answers.first
        for part, language in (("p", "fr"), ("td >> nth=1", "ko"), ("td >> nth=2", "en"), ("th >> nth=1", "fr")):
            assert await first.locator(part).first.evaluate(spoken) == language, part
        assert await visitor.facts.first.evaluate(spoken) == "en"
        await visitor.ask("What is the name of it in English?")
        assert await visitor.answers.last.locator("p").evaluate(spoken) == "en"
        assert await visitor.page.locator("#chat .md[lang=en]").count() == 0, "it is the page's own"
        await visitor.new_chat()
        assert await visitor.page.locator("#chat [lang]").count() == 0


# --- Enlarged


WIDER = """() => {
  const scrolls = (element) => element && (["auto", "scroll"].includes(getComputedStyle(element).overflowX)
    && element.matches("pre, table, .katex-display, .diagram") || scrolls(element.parentElement));
  return [...document.querySelectorAll("#layout *")].filter((each) => {
    const { left, right, width, height } = each.getBoundingClientRect();
    const isSeen = width > 1 && height > 1 && each.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    return isSeen && (right > innerWidth + 1 || left < -1) && !scrolls(each.parentElement) && !each.matches("pre *");
  }).map((each) => `${each.tagName} ${each.id} ${each.className}`.slice(0, 80));
}"""


async def can_be_reached(part) -> None:
    await part.scroll_into_view_if_needed()
    await expect(part).to_be_in_viewport(ratio=0.9)


async def test_nothing_is_lost_at_200_and_400_percent(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        page = visitor.page
        await visitor.ask("show me a table")
        await visitor.ask("show me code")
        for width, height in ((640, 400), (320, 256)):
            await page.set_viewport_size({"width": width, "height": height})
            for part in (visitor.box, visitor.send, page.locator("#sidebar-toggle"), page.locator("#panel-toggle")):
                await expect(part).to_be_in_viewport(ratio=1)
            for part in (visitor.answers.first, visitor.facts.last, visitor.questions.first):
                await part.scroll_into_view_if_needed()
                await expect(part).to_be_in_viewport()
            assert await page.evaluate(WIDER) == []
            await page.locator("#sidebar-toggle").click()
            for part in (
                page.locator("#new-chat"),
                visitor.search,
                visitor.titles.first,
                page.locator("#house summary"),
            ):
                await can_be_reached(part)
            await visitor.open_menu("show me a table")
            for item in await page.get_by_role("menuitem").all():
                await can_be_reached(item)
            assert await page.evaluate(WIDER) == []
            await page.keyboard.press("Escape")
            await page.keyboard.press("Escape")
            await page.locator("#panel-toggle").click()
            for part in (page.locator("#k"), visitor.plan.first, visitor.total):
                await can_be_reached(part)
            assert await page.evaluate(WIDER) == []
            await page.keyboard.press("Escape")
        size = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        assert await page.evaluate(size) == [320, 320]


SPACED = """* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }
p { margin-bottom: 2em !important; }"""

CUT = """() => [...document.querySelectorAll("#layout :is(button, summary, h1, h2, h3, label, p, li, td)")]
.filter((each) => {
  const { overflowX, overflowY, textOverflow, webkitLineClamp } = getComputedStyle(each);
  const isCut = each.scrollWidth > each.clientWidth + 1 && overflowX !== "visible" && textOverflow !== "ellipsis";
  const isLow = each.scrollHeight > each.clientHeight + 2 && overflowY === "hidden" && webkitLineClamp === "none";
  return each.checkVisibility() && each.clientWidth > 4 && each.clientHeight > 4 && (isCut || isLow);
}).map((each) => `${each.tagName} ${each.id} ${each.className} ${each.innerText}`.slice(0, 100))"""

TARGETS = """() => [...document.querySelectorAll(
  "#layout :is(button, summary, input:not([type=range]), textarea, [role=button], [role=menuitem], [role=option])")]
  .filter((each) => each.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
  .map((each) => [each, each.getBoundingClientRect()])
  .filter(([, { width, height }]) => width > 2 && height > 2 && (width < 24 || height < 24))
  .map(([each, { width, height }]) => `${each.className || each.id} ${each.title} ${width}x${height}`.slice(0, 120))"""

MISNAMED = """() => [...document.querySelectorAll("#layout button[aria-label]")].map((each) => {
  const shown = each.cloneNode(true);
  for (const unseen of shown.querySelectorAll("svg, .said")) unseen.remove();
  return [shown.textContent.trim().toLowerCase(), each.getAttribute("aria-label").toLowerCase()];
}).filter(([words, name]) => !name.includes(words))"""

OBSCURED = """() => {
  const on = document.activeElement, { left, top, width, height } = on.getBoundingClientRect();
  const points = [[0.5, 0.5], [0.1, 0.5], [0.9, 0.5], [0.5, 0.1], [0.5, 0.9]];
  const isSeen = points.some(([x, y]) => {
    const there = document.elementFromPoint(left + x * width, top + y * height);
    return there && (on.contains(there) || there.contains(on));
  });
  const style = getComputedStyle(on);
  const marks = [style, getComputedStyle(on.parentElement), getComputedStyle(on.closest("#box, #preset .wrap") ?? on)];
  const isMarked = marks.some((each) => each.outlineStyle !== "none" && parseFloat(each.outlineWidth) >= 1
    || each.boxShadow !== "none");
  return [`${on.tagName} ${on.id} ${on.className}`.slice(0, 80), isSeen, isMarked, on === document.body];
}"""


@sizes
async def test_targets_are_large_spaced_text_is_whole_and_the_focus_is_seen(demo_app, visit, width, height):
    async with visit(demo_app.url, width=width, height=height) as visitor:
        page = visitor.page
        await visitor.ask("show me code")
        await visitor.press("Retry")
        await expect(visitor.versions).to_have_count(1)
        await visitor.settled()
        states = [page.locator("#sidebar-toggle"), page.locator("#panel-toggle")] if width < 900 else [None]
        for opener in states:
            if opener is not None:
                await opener.click()
            for folded in await page.locator("#settings .label-wrap, #exchange .label-wrap").all():
                if await folded.is_visible():
                    await folded.click()
            assert await page.evaluate(TARGETS) == []
            if opener is not None:
                await page.keyboard.press("Escape")
        assert await page.evaluate(MISNAMED) == []
        skip = page.locator("#skip button")
        await skip.focus()
        await expect(skip).to_be_in_viewport(ratio=1)
        await page.keyboard.press("Enter")
        await expect(visitor.box).to_be_focused()
        await skip.focus()
        hidden, unmarked = [], []
        for _ in range(70):
            await page.keyboard.press("Tab")
            name, is_seen, is_marked, is_body = await page.evaluate(OBSCURED)
            if not is_seen:
                # A list that unfolded for the stop before is on its way.
                with suppress(PlaywrightTimeoutError):
                    is_seen = await page.wait_for_function(f"({OBSCURED})()[1]", timeout=5_000)
            if not is_body:
                hidden += [] if is_seen else [name]
                unmarked += [] if is_marked else [name]
        assert hidden == []
        assert unmarked == []
        await page.add_style_tag(content=SPACED)
        assert await page.evaluate(CUT) == []
        await expect(visitor.box).to_be_in_viewport(ratio=1)


# --- In colours of the visitor's own

PALE = """() => {
  const probe = document.createElement("i");
  probe.style.color = "Canvas";
  document.body.append(probe);
  const canvas = getComputedStyle(probe).color;
  probe.remove();
  const isSeen = (each) => each.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const glyphs = [...document.querySelectorAll("#layout .glyph")].filter(isSeen)
    .filter((each) => getComputedStyle(each).backgroundColor === canvas);
  const flat = [...document.querySelectorAll("#box button, #header button, #new-chats button")].filter(isSeen)
    .filter((each) => getComputedStyle(each).borderTopStyle === "none");
  return [...glyphs, ...flat].map((each) => `${each.tagName} ${each.id} ${each.className}`);
}"""


async def test_with_forced_colours_icons_buttons_and_the_focus_are_seen(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        page = visitor.page
        await visitor.ask("hello")
        await page.emulate_media(forced_colors="active")
        await visitor.open_menu("hello")
        assert await page.evaluate(PALE) == []
        await page.keyboard.press("Escape")
        unmarked = []
        for _ in range(30):
            await page.keyboard.press("Tab")
            name, _, _, is_body = await page.evaluate(OBSCURED)
            outline = await page.evaluate(
                """() => [document.activeElement, document.activeElement.closest("#box, #search, #preset .wrap")].some(
                  (each) => each && getComputedStyle(each).outlineStyle !== "none")"""
            )
            unmarked += [] if outline or is_body else [name]
        assert unmarked == []
        shown = await page.locator("#conversations .row.shown").evaluate("(row) => getComputedStyle(row).outlineStyle")
        assert shown != "none", "which chat is shown is told by colour alone"
