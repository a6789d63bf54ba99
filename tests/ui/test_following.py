"""The chat follows a growing answer until its reader scrolls up; what they read then stays where it is."""

import threading

import pytest
from playwright.async_api import Browser, expect

from tests.support.app_process import AppProcess
from tests.support.scrolling import Scrolling
from tests.support.visitor import Visitor
from tests.support.wire import DONE, Reply, WireServer, event, stream_reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIZES = [(1280, 800), (1920, 1080), (1024, 768), (390, 844), (844, 390)]
READ = "Paragraph 3 of old"


def paragraphs(name: str, count: int = 40) -> list[str]:
    return [f"Paragraph {number} of {name}, which is long enough to be read.\n\n" for number in range(count)]


def whole(name: str, count: int = 40) -> Reply:
    return stream_reply(event("".join(paragraphs(name, count))), event(finish_reason="stop"), DONE)


def growing(name: str = "new", count: int = 400) -> Reply:
    """An answer that grows by a paragraph 10 times a second until it is stopped."""
    return stream_reply(*(piece for text in paragraphs(name, count) for piece in (event(text), 0.1)), end="hang")


@pytest.fixture(scope="module")
def wire():
    with WireServer(whole("unscripted")) as server:
        yield server


@pytest.fixture(scope="module")
def app(wire, tmp_path_factory):
    settings = {"AZUREML_ENDPOINT_URL": f"{wire.url}/v1/chat/completions", "AZUREML_ENDPOINT_API_KEY": "key"}
    with AppProcess(tmp_path_factory.mktemp("following"), settings) as process:
        yield process


async def begun(wire: WireServer, visitor: Visitor, answer: Reply | None = None) -> Scrolling:
    """A conversation with a long answer, and one that grows below it."""
    wire.script(whole("old"), answer or growing())
    await visitor.ask("first question")
    await visitor.say("second question")
    await expect(visitor.answers.last).to_contain_text("Paragraph 2 of new")
    return Scrolling(visitor)


async def ended(visitor: Visitor) -> None:
    await visitor.stop.click()
    await expect(visitor.notes.last).to_have_text("Stopped.")
    await visitor.settled()


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_one_can_read_while_an_answer_grows_and_go_back_to_its_end(app, wire, visit, width, height):
    async with visit(app.url, width=width, height=height) as visitor:
        scrolling = await begun(wire, visitor)
        await scrolling.follows()
        await scrolling.wheel(-400)
        assert await scrolling.gap() > 300
        await expect(scrolling.to_end).to_be_in_viewport(ratio=1)
        await scrolling.log.evaluate("(log) => log.scrollTop = 200")
        await scrolling.rests()
        async with scrolling.stays(READ):
            await scrolling.grows(600)
            await ended(visitor)
            await expect(visitor.facts).to_have_count(2)
        await scrolling.to_end.click()
        await scrolling.is_at_end()
        await expect(visitor.facts.last).to_be_in_viewport()


@pytest.mark.exhaustive
async def test_the_button_makes_the_page_follow_again(app, wire, visit):
    async with visit(app.url) as visitor:
        scrolling = await begun(wire, visitor)
        await scrolling.wheel(-400)
        await scrolling.grows(200)
        await visitor.box.focus()
        await visitor.page.get_by_role("button", name="To the end").click()
        await scrolling.follows()
        await expect(visitor.box).to_be_focused()
        await ended(visitor)
        await scrolling.is_at_end()


async def test_whoever_scrolls_back_to_the_end_is_followed_again(app, wire, visit):
    async with visit(app.url) as visitor:
        scrolling = await begun(wire, visitor)
        await scrolling.wheel(-300)
        await expect(scrolling.to_end).to_be_visible()
        await scrolling.log.hover()
        await visitor.page.mouse.wheel(0, 100_000)
        await scrolling.follows()
        await ended(visitor)


async def test_by_keyboard(app, wire, visit):
    async with visit(app.url) as visitor:
        scrolling = await begun(wire, visitor)
        keyboard = visitor.page.keyboard
        await scrolling.log.focus()
        for key in ("PageUp", "ArrowUp", "Home"):
            before = await scrolling.top()
            await keyboard.press(key)
            await scrolling.rests()
            assert await scrolling.top() < before
            async with scrolling.stays(READ):
                await scrolling.grows(200)
        await keyboard.press("PageDown")
        await scrolling.rests()
        assert await scrolling.top() > 0
        await expect(scrolling.to_end).to_be_visible()
        await keyboard.press("End")
        await scrolling.follows()
        await keyboard.press("PageUp")
        await scrolling.rests()
        await scrolling.to_end.focus()
        await keyboard.press("Enter")
        await expect(scrolling.log).to_be_focused()
        await scrolling.follows()
        await ended(visitor)


async def test_by_a_finger(app, wire, visit, browser: Browser):
    context = await browser.new_context(
        locale="en-US", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    async with visit(app.url, context=context) as visitor:
        scrolling = await begun(wire, visitor)
        touch = await context.new_cdp_session(visitor.page)

        async def at(kind: str, *points: int) -> None:
            points_there = [{"x": 195, "y": y} for y in points]
            await touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points_there})

        await at("touchStart", 300)
        for y in range(310, 640, 10):
            await at("touchMove", y)
        await scrolling.grows(100)  # with the finger still down
        await at("touchEnd")
        await scrolling.rests()
        assert await scrolling.gap() > 100
        seen = await scrolling.top()
        await scrolling.grows(300)
        assert await scrolling.top() == seen
        size = await scrolling.to_end.bounding_box()
        assert size is not None
        assert min(size["width"], size["height"]) >= 44
        await scrolling.to_end.tap()
        await scrolling.follows()
        await ended(visitor)
    await context.close()


async def test_a_question_that_is_sent_is_shown(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(whole("old"), whole("second"), growing())
        await visitor.ask("first question")
        scrolling = Scrolling(visitor)
        for question in ("second question", "third question"):
            await scrolling.wheel(-100_000)
            await expect(visitor.questions.first).to_be_in_viewport()
            await visitor.say(question)
            await expect(visitor.questions.last).to_have_text(question)
            if question == "third question":
                await expect(visitor.answers.last).to_contain_text("Paragraph 2 of new")
            else:
                await visitor.settled()
            await scrolling.is_at_end()
        await scrolling.follows()
        await ended(visitor)


@pytest.mark.exhaustive
async def test_a_retry_and_an_edit_are_followed_from_further_up(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(whole("old"), growing(), growing())
        await visitor.ask("question")
        scrolling = Scrolling(visitor)
        await visitor.press("Retry")
        await expect(visitor.answers.last).to_contain_text("Paragraph 2 of new")
        await scrolling.follows()
        await ended(visitor)
        await visitor.edit_question(1, "another question")
        await expect(visitor.questions.last).to_have_text("another question")
        await expect(visitor.answers.last).to_contain_text("Paragraph 2 of new")
        await scrolling.follows()
        await ended(visitor)


async def test_nothing_that_is_drawn_moves_what_is_read(app, wire, visit):
    """Ratings, pins, versions, a longer box, another window."""
    async with visit(app.url, height=700) as visitor:
        wire.script(whole("old"), whole("new"), whole("newer"))
        await visitor.ask("first question")
        await visitor.ask("second question")
        await visitor.press("Retry")
        await expect(visitor.versions).to_have_count(1)
        await visitor.settled()
        scrolling = Scrolling(visitor)
        await scrolling.wheel(-100_000)
        await scrolling.wheel(300)
        async with scrolling.stays("Paragraph 9 of old"):
            await visitor.facts.first.get_by_role("button", name="Good answer").evaluate("(button) => button.click()")
            await expect(visitor.facts.first.locator(".chosen")).to_have_count(1)
            await visitor.mark(1, "Exclude")
            await expect(visitor.forgotten).to_have_count(1)
            await visitor.versions.locator("button").first.evaluate("(button) => button.click()")
            await expect(visitor.versions).to_contain_text("1/2")
            await visitor.box.fill("\n".join("a draft of several lines" for _ in range(9)))
            await visitor.page.set_viewport_size({"width": 1280, "height": 500})
            await scrolling.rests()
            await visitor.page.set_viewport_size({"width": 1280, "height": 760})
            await scrolling.rests()


async def test_a_line_that_comes_above_moves_nothing(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(whole("old"), whole("new"))
        await visitor.ask("first question")
        await visitor.ask("second question")
        scrolling = Scrolling(visitor)
        # The second question is at the top of what is seen, the line about the first turn comes above it.
        await visitor.questions.last.evaluate("(each) => each.scrollIntoView()")
        await scrolling.rests()
        async with scrolling.stays("Paragraph 2 of new"):
            await visitor.mark(1, "Exclude")
            await expect(visitor.forgotten).to_have_count(1)
            await visitor.planned(1).get_by_role("button", name="Include", exact=True).click()
            await expect(visitor.forgotten).to_have_count(0)


async def test_at_the_end_one_stays_at_the_end(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(whole("old"))
        await visitor.ask("first question")
        scrolling = Scrolling(visitor)
        await visitor.box.fill("\n".join("a draft of several lines" for _ in range(9)))
        await scrolling.rests()
        await scrolling.is_at_end()
        for height in (500, 900):
            await visitor.page.set_viewport_size({"width": 1000, "height": height})
            await scrolling.rests()
            await scrolling.is_at_end()
        await visitor.mark(1, "Exclude")
        await expect(visitor.forgotten).to_be_in_viewport(ratio=1)
        await visitor.reload()
        await expect(visitor.forgotten).to_be_in_viewport(ratio=1)
        await scrolling.is_at_end()


async def test_what_is_drawn_late_above_what_is_read_moves_nothing(app, wire, visit):
    """A diagram is drawn long after its answer; an answer that grows draws it again and again."""
    diagram = (
        "```mermaid\ngraph TD\n" + "\n".join(f"  N{number} --> N{number + 1}" for number in range(9)) + "\n```\n\n"
    )
    held = threading.Event()
    answer = stream_reply(
        event(diagram), event("".join(paragraphs("new"))), held, *(event(text) for text in paragraphs("more")), DONE
    )
    async with visit(app.url) as visitor:
        wire.script(answer)
        await visitor.say("question")
        await expect(visitor.answers.last).to_contain_text("Paragraph 39 of new")
        await expect(visitor.answers.last.locator(".mermaid > svg")).to_be_visible()
        scrolling = Scrolling(visitor)
        await scrolling.wheel(-300)
        async with scrolling.stays("Paragraph 30 of new"):
            held.set()
            await expect(visitor.answers.last).to_contain_text("Paragraph 39 of more")
            await visitor.settled()
            await expect(visitor.answers.last.locator(".mermaid > svg")).to_have_count(1)
            await scrolling.rests()


@pytest.mark.exhaustive
async def test_show_earlier_leaves_what_is_read_where_it_was(app, wire, visit):
    async with visit(app.url, width=390, height=844) as visitor:
        turns = 24
        wire.script(*(whole(f"answer {number}", 6) for number in range(turns)))
        for number in range(turns):
            await visitor.say(f"question {number}")
            await expect(visitor.answers.last).to_contain_text(f"of answer {number},")
            await expect(visitor.send).to_be_visible()
        await visitor.settled()
        await expect(visitor.page.locator("#chat .earlier button")).to_be_visible()
        scrolling = Scrolling(visitor)
        await scrolling.is_at_end()
        await scrolling.wheel(-100_000)
        first = await visitor.questions.first.inner_text()
        async with scrolling.stays(first):
            await visitor.page.locator("#chat .earlier button").click()
            await expect(visitor.questions).to_have_count(turns)
            await scrolling.rests()
        await scrolling.wheel(-100_000)
        await expect(visitor.questions.first).to_be_in_viewport()


@pytest.mark.exhaustive
async def test_another_conversation_is_shown_from_its_end(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(whole("old"), whole("new"))
        await visitor.ask("first conversation")
        await visitor.new_chat()
        await visitor.ask("second conversation")
        scrolling = Scrolling(visitor)
        for title in ("first conversation", "second conversation"):
            await scrolling.wheel(-100_000)
            await expect(scrolling.to_end).to_be_visible()
            await visitor.open(title)
            await expect(visitor.questions).to_have_text([title])
            await scrolling.rests()
            await scrolling.is_at_end()


@pytest.mark.parametrize(
    ("locale", "name"),
    [
        ("en-US", "To the end"),
        ("fr-FR", "Aller à la fin"),
        ("es-ES", "Ir al final"),
        ("ko-KR", "맨 아래로"),
        ("zh-CN", "到最新内容"),
    ],
)
async def test_the_button_has_a_name(app, wire, visit, browser: Browser, locale, name):
    context = await browser.new_context(locale=locale)
    async with visit(app.url, context=context) as visitor:
        wire.script(whole("old"))
        await visitor.ask("question")
        scrolling = Scrolling(visitor)
        await scrolling.wheel(-400)
        await expect(visitor.page.get_by_role("button", name=name)).to_be_visible()
    await context.close()
