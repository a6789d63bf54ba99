"""A very long answer is drawn as several messages; for whoever looks, listens, copies, searches or prints it is one."""

import hashlib
import json
from itertools import pairwise

import pytest
import pytest_asyncio
from playwright.async_api import expect

from chatbot.conversation import Conversation, ConversationStore, TurnStatus
from chatbot.conversation.store import StoredTurn
from chatbot.ui.answer_markdown import PIECE, prepare, prepare_pieces
from tests.support.accessibility_tree import tree
from tests.support.app_process import AppProcess
from tests.support.scrolling import Scrolling
from tests.support.turns import text_turn
from tests.support.visitor import Visitor
from tests.support.wire import DONE, Reply, WireServer, event, stream_reply

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(360)]

sizes = pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)], ids=["desktop", "phone"])

COOKIE = "visitor-of-the-long-answers-test"
SEAMS = {
    "paragraphs": ("Words before, with **bold** ones.", "Words after."),
    "heading": ("Words before a heading.", "## After"),
    "below a heading": ("### Before", "Words after a heading."),
    "below a list": ("- an item\n- the last item", "Words after a list."),
    "two lists": ("- an item\n\n- a loose one", "1. a first\n2. a second"),
    "two tables": ("| a | b |\n|---|---|\n| 1 | 2 |", "| c | d |\n|---|---|\n| 3 | 4 |"),
    "below a table": ("| a | b |\n|---|---|\n| 5 | 6 |", "Words after a table."),
    "two blocks of code": ("```python\nprint('before')\n```", "```js\nconsole.log('after')\n```"),
    "code": ("Words before code.", "```\nafter\n```"),
    "two quotes": ("> before", "> after\n>\n> it"),
    "two notes": ("[^1]: The first note.", "[^2]: The second note."),
    "below a note": ("[^3]: The third note.", "Words after a note."),
    "two formulas": (
        "$$\n\\begin{equation}a=b\\end{equation}\n$$",
        "$$\n\\begin{equation}c=d\\end{equation}\n$$",
    ),
}
MIDDLE = "Words in the middle."
SHORT = "\n\n".join([*(f"{MIDDLE}\n\n{one}\n\n{two}" for one, two in SEAMS.values()), "The end."])
"""The same neighbours within one message."""


def filling(room: int) -> list[str]:
    """Paragraphs that are drawn from so many characters."""
    around, line = len(prepare("x")) - 1, 500
    lengths = [line] * (room // (around + line) - 1)
    lengths.append(room - (around + line) * len(lengths) - around)
    return [("word " * length)[: length - 1] + "." for length in lengths]


def long_answer() -> str:
    blocks: list[str] = []
    length = 0
    for before, after in SEAMS.values():
        blocks += [*filling(PIECE - length - len(prepare(before))), before, after]
        length = len(prepare(after))
    return "\n\n".join([*blocks, "The very end."])


LONG = long_answer()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("long-answers")
    store = ConversationStore(f"sqlite:///{folder}/data/conversations.db")
    turns = [
        text_turn(0, "a short one", SHORT, TurnStatus.COMPLETE),
        text_turn(1, "a long one", LONG, TurnStatus.COMPLETE, parent=0),
    ]
    owner = hashlib.sha256(COOKIE.encode()).hexdigest()
    await store.add(Conversation("long", owner, title="Long"), [StoredTurn(turn, shown=True) for turn in turns])
    await store.aclose()
    return folder


@pytest.fixture(scope="module")
def url(folder):
    with AppProcess(folder) as process:
        yield process.url


GAPS = """() => {
  const [short, long] = document.querySelectorAll("#chat .bot-row");
  const place = (part) => part.getBoundingClientRect();
  const words = (part) => part.textContent.replace(/\\s+/g, " ").trim();
  const neighbours = (row) => {
    const all = [...row.querySelectorAll("[data-testid=bot] .md > *")].filter((part) => place(part).height > 0);
    return new Map(all.slice(1).map((part, at) => [
      `${words(all[at])} | ${words(part)}`,
      [place(part).top - place(all[at]).bottom, getComputedStyle(part).borderTopWidth],
    ]));
  };
  const known = neighbours(short);
  return [...neighbours(long)].filter(([pair]) => known.has(pair)).map(([pair, gap]) => [pair, gap, known.get(pair)]);
}"""
"""Of each pair of neighbours in both answers: their words, and how they stand in the long one and the short."""


async def shown(browser, url, width, height, scheme="light") -> Visitor:
    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, locale="en-US"
    )
    await context.add_cookies([{"name": "chatbot_visitor", "value": COOKIE, "url": url}])
    page = await context.new_page()
    await page.goto(url)
    visitor = Visitor(page)
    await expect(visitor.answers.last).to_contain_text("The very end.")
    await visitor.settled()
    return visitor


def cut() -> bool:
    """Whether the answer is cut where it is looked at."""
    found = zip(SEAMS.values(), pairwise(prepare_pieces(LONG)), strict=True)
    return all(
        one.endswith(prepare(before)) and two.startswith(prepare(after)) for (before, after), (one, two) in found
    )


NUMBERING = "all => all.map((each) => getComputedStyle(each).counterReset.startsWith('katexEqnNo'))"


@sizes
async def test_where_one_message_ends_and_the_next_begins_nothing_is_seen(browser, url, width, height):
    assert cut()
    visitor = await shown(browser, url, width, height)
    page = visitor.page
    await expect(visitor.answers).to_have_count(len(SEAMS) + 2)
    for media in ("screen", "print"):
        await page.emulate_media(media=media)
        found = await visitor.answers.first.evaluate(GAPS)
        assert len(found) == len(SEAMS)
        apart = [each for each in found if abs(each[1][0] - each[2][0]) > 0.5 or each[1][1] != each[2][1]]
        assert not apart, "\n".join(map(str, apart))
    begins = await page.locator("#chat .bot-row").last.locator(".message .message").evaluate_all(NUMBERING)
    assert begins[: len(SEAMS) + 1] == [True] + [False] * len(SEAMS), "equations are numbered anew in the middle"
    await page.context.close()


async def test_it_is_one_answer_to_listen_to_to_copy_and_to_search(browser, url):
    visitor = await shown(browser, url, 1280, 800)
    page = visitor.page
    row = page.locator("#chat .bot-row").last
    await expect(row.locator("button.copy")).to_have_count(1)
    place, end = await row.locator("button.copy").bounding_box(), await visitor.answers.last.bounding_box()
    assert place["y"] > end["y"]
    now = await tree(page)
    answers = [now.text(each) for each in now.all("group", "Answer")]
    assert [each.count("The very end.") for each in answers] == [0, 1]
    assert now.text(now.one("log")).count("The very end.") == 1, "it is said twice"
    assert now.all("group", "Your message")
    assert not [each for each in now.all("generic") if "<" in each.get("name", {}).get("value", "")]
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await row.locator("button.copy").click()
    await expect(row.get_by_role("button", name="Copied")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == LONG
    # From its beginning on the page's words are found in every message.
    await row.locator("p").first.evaluate("(part) => getSelection().collapse(part, 0)")
    for words in ("Words before, with bold ones.", "The first note.", "The very end."):
        assert await page.evaluate("(words) => find(words, true)", words), words
    await page.context.close()


ADD_WORDS = """() => {
  document.querySelector("#chat [data-testid=bot] .md").append(document.createElement("p"));
  return document.querySelector("#chat [role=log]").scrollHeight;
}"""


async def test_what_is_drawn_anew_is_styled_anew_and_not_the_whole_page(browser, url):
    """A selector with something unnamed behind ``:has`` makes a browser style all that is there, with every word."""
    visitor = await shown(browser, url, 1280, 800)
    page = visitor.page
    there = await page.evaluate("document.querySelectorAll('#chat *').length")
    await browser.start_tracing(page=page, categories=["devtools.timeline"])
    await page.evaluate(ADD_WORDS)
    events = json.loads(await browser.stop_tracing())["traceEvents"]
    styled = [each["args"].get("elementCount", 0) for each in events if each["name"] == "UpdateLayoutTree"]
    assert 0 < max(styled) < there / 4, (styled, there)
    await page.context.close()


# --- While it grows


def paragraph(number: int) -> str:
    return f"Paragraph {number}. " + "These are words of an answer that goes on and on. " * 30 + "\n\n"


def growing(count: int = 300) -> Reply:
    """An answer that grows by 1,500 characters ten times a second until it is stopped."""
    return stream_reply(*(part for number in range(count) for part in (event(paragraph(number)), 0.1)), end="hang")


@pytest.fixture(scope="module")
def wire():
    with WireServer() as server:
        yield server


@pytest.fixture(scope="module")
def app(wire, tmp_path_factory):
    settings = {"AZUREML_ENDPOINT_URL": f"{wire.url}/v1/chat/completions", "AZUREML_ENDPOINT_API_KEY": "key"}
    with AppProcess(tmp_path_factory.mktemp("growing"), settings) as process:
        yield process


NUMBERS = "all => all.map((part) => parseInt(part.innerText.slice(10)))"


async def messages(visitor: Visitor, count: int) -> None:
    """Wait until an answer is drawn as so many messages."""
    await expect(visitor.answers.nth(count - 1)).to_be_attached()


@sizes
async def test_one_that_grows_on_in_another_message_is_followed_and_what_is_read_of_it_stays(
    app, wire, visit, width, height
):
    wire.script(growing())
    async with visit(app.url, width=width, height=height) as visitor:
        page, scrolling = visitor.page, Scrolling(visitor)
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await visitor.say("a long one")
        for count in (1, 2, 3):
            await messages(visitor, count)
            await scrolling.follows()
        copies = page.locator("#chat .bot-row + .message-buttons").get_by_role("button", name="Copy message")
        await expect(copies).to_have_count(1)
        await copies.click()
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("Paragraph 0. These")
        assert "Paragraph 30. These" in copied
        first = visitor.answers.first.locator("p").nth(5)
        await scrolling.log.evaluate("(log, part) => log.scrollTop = part.offsetTop", await first.element_handle())
        await scrolling.rests()
        before = await visitor.answers.count()
        async with scrolling.stays("Paragraph 5."):
            await messages(visitor, before + 1)
            await scrolling.grows(300)
            await visitor.stop.click()
            await expect(visitor.notes.last).to_have_text("Stopped.")
            await visitor.settled()
        numbers = await visitor.answers.locator("p").evaluate_all(NUMBERS)
        assert numbers == list(range(len(numbers)))


async def test_beside_each_other_two_long_ones_cover_nothing_of_themselves(app, wire, visit):
    text = "".join(map(paragraph, range(40)))
    wire.script(*[stream_reply(event(text), event(finish_reason="stop"), DONE)] * 2)
    async with visit(app.url) as visitor:
        page = visitor.page
        await page.locator("#compare summary").press("Enter")
        await visitor.say("a long one from both")
        await expect(page.locator("#chat .keep button")).to_have_count(2)
        await visitor.settled()
        parts = visitor.answers.locator("p")
        await expect(parts).to_have_count(80)
        places = await parts.evaluate_all(
            "all => all.map((p) => p.getBoundingClientRect()).map(({ left, top, bottom }) => [left, top, bottom])"
        )
        for column in (places[:40], places[40:]):
            assert len({left for left, _, _ in column}) == 1
            assert all(above[2] <= below[1] for above, below in pairwise(column)), "one stands over another"
