"""What is copied of an answer is the model's words, and what somebody is typing is not overwritten."""

import pytest

from chatbot.ui.views.action_buttons import GROWING, TOKEN, as_typed, copied, line
from tests.ui.scripts.conftest import run

pytestmark = pytest.mark.asyncio(loop_scope="session")

WORDS = "A <b>bold</b> claim -- & a\n\n\t`tab` with 'quotes' \"too\", --> and &amp; $%%%LATEX_BLOCK_0%%%$ 👍"

TWO = "\n".join(
    [
        line("card-head card-1", "<strong>1</strong>"),
        copied("thoughts"),
        f"*shown otherwise*\n\n{copied(WORDS)}",
        line("card-foot", "<div>facts</div>"),
        line("card-head card-2", "<strong>2</strong>"),
        f"second\n\n{copied('second')}",
        line("card-foot", "<div>facts</div>"),
    ]
)

COPY = """async (_, text) => {
  await navigator.clipboard.writeText(text);
  return window.copied;
}"""


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        (f"*shown otherwise*\n\n{copied(WORDS)}", WORDS),
        (f"{copied('quoted of another page')}\n\n{copied(WORDS)}", WORDS),
        (f'<pre class="{TOKEN} typed">\n{as_typed(WORDS)}</pre>', WORDS),
        (f"a note\n{line('note', 'Stopped.')}", "a note"),
        (f"{GROWING}<p>half <b>an</b> answer</p>", "half an answer"),
        (TWO, f"{WORDS}\n\nsecond"),
        ("nothing of ours <!--act-0 x-->", "nothing of ours <!--act-0 x-->"),
    ],
    ids=["answer", "quoted", "question", "note", "growing", "compared", "of nobody"],
)
async def test_what_is_copied_is_what_was_said(page, drawn, words):
    await page.evaluate(
        """() => Object.defineProperty(navigator, "clipboard", {
          value: { writeText: async (text) => void (window.copied = text) },
        })"""
    )
    assert await run(page, "source_text", COPY, drawn) == words


BOX = """({ empty, giveBack, box }, [before, ...events]) => {
  box().value = before;
  return events.map(([what, argument]) => {
    ({ empty, giveBack })[what](argument);
    return box().value;
  });
}"""


async def test_a_message_that_was_taken_leaves_the_box(page):
    assert await run(page, "source_text", BOX, ["hello", ["empty", "hello"]]) == [""]


async def test_what_was_typed_meanwhile_stays(page):
    assert await run(page, "source_text", BOX, ["hello and", ["empty", "hello"]]) == ["hello and"]


@pytest.mark.parametrize(("draft", "then"), [("", "back"), ("back", "back"), ("mine", "mine\nback")])
async def test_words_that_come_back_stand_below_what_is_being_written(page, draft, then):
    assert await run(page, "source_text", BOX, [draft, ["giveBack", "back"]]) == [then]
