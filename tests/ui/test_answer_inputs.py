"""What models write and people complain about elsewhere (``tests/ui/answers``): what is seen of each, in pictures.

The pictures are written to pytest's folder, ``test_every_input_is_seen_as_it_was_meant0``; ``--basetemp`` says where.
"""

import hashlib
import io
import re
import threading

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import expect

from chatbot.conversation import Conversation, ConversationStore, TurnStatus
from chatbot.conversation.store import StoredTurn
from tests.support.answer_inputs import INSPECT, READ, topics
from tests.support.app_process import AppProcess
from tests.support.turns import text_turn
from tests.support.visitor import STANDS_STILL, Visitor
from tests.support.wire import DONE, WireServer, event, stream_reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

COOKIE = "visitor-of-the-answers-test"
AT_ONCE = 18
"""Turns in a conversation: so many are shown."""

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
LEAST_INK = 25
"""Pixels that differ from the ground in the picture of anything that can be read."""


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def conversations(tmp_path_factory):
    """Inputs by the title of the conversation that has them as answers, and the folder of the store."""
    folder = tmp_path_factory.mktemp("answers")
    owner = hashlib.sha256(COOKIE.encode()).hexdigest()
    store = ConversationStore(f"sqlite:///{folder}/data/conversations.db")
    titles = {}
    for topic, inputs in topics().items():
        for start in range(0, len(inputs), AT_ONCE):
            title = f"{topic} {start}"
            titles[title] = inputs[start : start + AT_ONCE]
            turns = [
                text_turn(index, each["name"], each["text"], TurnStatus.COMPLETE, parent=0 if index else None)
                for index, each in enumerate(titles[title])
            ]
            await store.add(
                Conversation(title.replace(" ", "-"), owner, title=title),
                [StoredTurn(turn, shown=True) for turn in turns],
            )
    await store.aclose()
    return folder, titles


@pytest.fixture(scope="module")
def url(conversations):
    folder, _ = conversations
    with AppProcess(folder) as process:
        yield process.url


BOXES = """(answers) => answers.map((each) => {
  const { left, top, right, bottom } = each.getBoundingClientRect();
  return [left, top, right, bottom].map(Math.round);
})"""


async def pictures(visitor: Visitor, width: int, height: int) -> list[Image.Image]:
    """Pictures of all answers, cut from one of a window in which they are all seen: one of each takes much longer."""
    page = visitor.page
    boxes = await visitor.answers.evaluate_all(BOXES)
    await page.set_viewport_size({"width": width, "height": height + boxes[-1][-1] - boxes[0][1]})
    await page.evaluate(STANDS_STILL)
    boxes = await visitor.answers.evaluate_all(BOXES)
    whole = Image.open(io.BytesIO(await page.screenshot(animations="disabled")))
    await page.set_viewport_size({"width": width, "height": height})
    return [whole.crop(box) for box in boxes]


def ink(picture: Image.Image) -> int:
    """How many pixels differ from the most common one by what an eye sees."""
    counts = picture.convert("L").histogram()
    ground = counts.index(max(counts))
    return sum(count for level, count in enumerate(counts) if abs(level - ground) > 40)


async def look(browser, url, titles, size, scheme, folder) -> list[str]:
    """Open every conversation, draw a picture of every answer; return what is wrong with any."""
    folder.mkdir()
    width, height = SIZES[size]
    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, locale="en-US"
    )
    await context.add_cookies([{"name": "chatbot_visitor", "value": COOKIE, "url": url}])
    page = await context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(f"a script failed: {error}"))
    await page.goto(url)
    await page.add_style_tag(content="#to-end { display: none }")  # it stands over what is pictured
    visitor = Visitor(page)
    for title, inputs in titles.items():
        await visitor.titles.get_by_text(title, exact=True).dispatch_event("click")
        await expect(visitor.questions).to_have_text([each["name"] for each in inputs])
        await expect(visitor.answers).to_have_count(len(inputs))
        shown = await visitor.answers.all()
        for answer, each in zip(shown, inputs, strict=True):
            if "waits" in each:
                await expect(answer.locator(each["waits"]).first).to_be_attached()
        await page.evaluate("document.fonts.ready")
        await page.evaluate(STANDS_STILL)
        found = await visitor.answers.evaluate_all(INSPECT, [inputs, size == "phone"])
        for each, picture in zip(inputs, await pictures(visitor, width, height), strict=True):
            name = re.sub(r"\W+", "-", each["name"])
            picture.save(folder / f"{title.split()[0]}.{name}.png")
            if ink(picture) < LEAST_INK:
                found.append(f"{each['name']}: nothing is painted")
        wrong += [f"{size}, {scheme}, {title}: {each}" for each in found]
    await context.close()
    return wrong


@pytest.mark.timeout(1200)
async def test_every_input_is_seen_as_it_was_meant(conversations, url, browser, tmp_path):
    _, titles = conversations
    assert sum(map(len, titles.values())) >= 60
    wrong = await look(browser, url, titles, "desktop", "light", tmp_path / "desktop-light")
    wrong += await look(browser, url, titles, "phone", "dark", tmp_path / "phone-dark")
    assert not wrong, "\n".join(wrong)


@pytest.mark.exhaustive
@pytest.mark.timeout(2400)
async def test_every_input_is_seen_in_the_other_colours(conversations, url, browser, tmp_path):
    _, titles = conversations
    wrong = await look(browser, url, titles, "desktop", "dark", tmp_path / "desktop-dark")
    wrong += await look(browser, url, titles, "phone", "light", tmp_path / "phone-light")
    assert not wrong, "\n".join(wrong)


GROWS = """Some **bold** words, `code`, a [link](https://example.com/a/b) and $x_1^2$ for $5.

| name | value |
|------|-------|
| **a** | $y_2$ |

$$
\\frac{a}{b}
$$

- **Item**: with *emphasis*
- [x] done

```mermaid
graph TD
  First --> Middle
  Middle --> Last
```

```python
print("the end")
```
"""

RECORD = f"""() => {{
  {READ}
  window.states = [];
  const look = () => {{
    const answer = [...document.querySelectorAll("#chat [data-testid=bot] .md")].pop();
    if (answer) {{
      const state = [read(answer), answer.querySelector(".mermaid > svg")?.textContent ?? ""];
      if (String(state) !== String(window.states.at(-1))) window.states.push(state);
    }}
    requestAnimationFrame(look);
  }};
  look();
}}"""

RAW = re.compile(r"\*|`|\$(?!5)|\\frac|\||--(?!>|\s*$)|\]\(|\[|_")
"""Marks of Markdown's that its reader is to see nothing of; a diagram's code may end within an arrow."""


async def test_a_growing_answer_shows_no_half_marks(browser, visit, tmp_path):
    pieces = [GROWS[at : at + 3] for at in range(0, len(GROWS), 3)]
    last = threading.Event()
    reply = stream_reply(
        *(part for piece in pieces for part in (event(piece), 0.02)), last, event(finish_reason="stop"), DONE
    )
    with WireServer(reply) as wire:
        settings = {"AZUREML_ENDPOINT_URL": f"{wire.url}/v1/chat/completions", "AZUREML_ENDPOINT_API_KEY": "key"}
        with AppProcess(tmp_path, settings) as process:
            async with visit(process.url) as visitor:
                await visitor.page.evaluate(RECORD)
                await visitor.say("question")
                await expect(visitor.answers.last).to_contain_text("the end")
                last.set()
                await visitor.settled()
                states = await visitor.page.evaluate("window.states")
    texts = [text for text, _ in states]
    assert len(texts) > 5, "it did not grow"
    half = {found[0]: text for text in texts if (found := RAW.search(re.sub("⟦.*?⟧", "", text)))}
    assert not half, "\n".join(f"{mark} in {text!r}" for mark, text in half.items())
    assert all("Last" in drawn for _, drawn in states if drawn), "a diagram was half drawn"


BLOCK = """## Part {number}

Some **bold** words of an answer that goes on, with `code`, a [link](https://example.com) and $x_{number}$ in them.

- item {number}
- another

| a | b |
|---|---|
| 1 | {number} |

```python
print({number})
```

"""
WORDS = 50_000
LONG = 120_000
"""Milliseconds: each drawing of so much takes a browser seconds on a busy machine."""
PASTE = "Line {} of a file that somebody pastes, <b>, $5 & \\(x\\).\n"


@pytest.mark.exhaustive
@pytest.mark.timeout(1200)
async def test_very_long_questions_and_answers_leave_the_page_usable(visit, tmp_path):
    """100 kB that are pasted, and 50,000 words that come back: all of it is there, and one can type meanwhile."""
    blocks = [BLOCK.format(number=number) for number in range(WORDS // len(BLOCK.split()) + 1)]
    paste = "".join(PASTE.format(number) for number in range(100_000 // len(PASTE)))[:99_000]
    half, last = threading.Event(), threading.Event()
    middle = len(blocks) // 2
    pieces = ["".join(blocks[at : at + 25]) for at in range(0, len(blocks), 25)]
    pieces[len(pieces) // 2 : len(pieces) // 2] = [half]
    parts = (event(each) if isinstance(each, str) else each for each in pieces)
    with WireServer(stream_reply(*parts, last, event("The end."), event(finish_reason="stop"), DONE)) as wire:
        settings = {"AZUREML_ENDPOINT_URL": f"{wire.url}/v1/chat/completions", "AZUREML_ENDPOINT_API_KEY": "key"}
        with AppProcess(tmp_path, settings) as process:
            async with visit(process.url) as visitor:
                await visitor.box.fill(paste, timeout=LONG)
                await visitor.box.press("Enter", timeout=LONG)
                part = visitor.answers.locator("h2").get_by_text(f"Part {middle - 30}", exact=True)
                await expect(part).to_be_attached(timeout=LONG)
                await visitor.box.press_sequentially("typed while it grows", timeout=LONG)
                half.set()
                last.set()
                await expect(visitor.answers.last).to_contain_text("The end.", timeout=LONG)
                await expect(visitor.box).to_have_value("typed while it grows")
                await visitor.settled()
                assert (
                    await visitor.questions.first.evaluate("(question) => question.textContent.trim()") == paste.strip()
                )
                await expect(visitor.answers.locator("h2")).to_have_count(len(blocks))
                await expect(visitor.answers.locator(".katex")).to_have_count(len(blocks))
                await visitor.box.press_sequentially(", and after it")
                await expect(visitor.box).to_have_value("typed while it grows, and after it")
        assert wire.requests[-1].json["messages"][-1]["content"] == paste
