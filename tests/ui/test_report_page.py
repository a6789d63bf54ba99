"""A conversation as one page: what it shows, what it leaves out, and that nothing said becomes part of the page."""

import base64
import hashlib
import html
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatbot.conversation import (
    Conversation,
    Deployment,
    EffectiveOptions,
    Failure,
    Notice,
    Options,
    Report,
    ReportedTurn,
    Timing,
    TurnMemory,
    TurnStatus,
    Usage,
    WindowMemory,
)
from chatbot.conversation.content_blocks import blob_of
from chatbot.conversation.import_export import read, to_json
from chatbot.conversation.parts import Citation, File, Image, NonStandard, Reasoning, Text, ToolCall, ToolResult
from chatbot.conversation.store import StoredTurn
from chatbot.ui import Branding
from chatbot.ui.i18n import CODES, Language
from chatbot.ui.views.answer_html import answer_html
from chatbot.ui.views.report import css, policy, report_page
from tests.support.other_tools import PNG
from tests.support.scripted_model import ScriptedModel
from tests.support.turns import text_turn
from tests.ui.test_untrusted import PAYLOADS

ENGLISH = Language("en")
APP = Branding("App")
NOW = 1_800_000_000.0
PICTURE = blob_of(PNG, "image/png")
VOID = {"meta", "br", "img", "hr"}


def report(*turns, title="A title", k=2, data=None, **options) -> Report:
    effective = EffectiveOptions(
        Deployment("Large", ScriptedModel(), WindowMemory(k, system_prompt="Be brief.")), Options(**options)
    )
    told = [ReportedTurn(turn, effective.plan(turns[:number], turn.question_text)) for number, turn in enumerate(turns)]
    conversation = Conversation("id-of-it", "owner-of-it", title=title, usage=Usage(30, 40, 0.5))
    return Report(conversation, effective, told, [StoredTurn(turn, True) for turn in turns], data or {})


def turn(index=0, question="question", answer="answer", **more):
    return text_turn(index, question, answer, TurnStatus.COMPLETE, parent=0 if index else None, **more)


def page(*turns, branding=APP, t=ENGLISH, json=None, until=None, **more) -> str:
    return report_page(t, branding, report(*turns, **more), json=json, until=until, now=NOW)


class Reader(HTMLParser):
    """What a browser makes of a page: its elements, their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == [], "something is left open"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, "something closes what it did not open"

    def handle_data(self, data):
        if self._open[-1:] not in (["style"], ["script"]):
            self.text += data


def test_a_page_tells_all_there_is_to_tell():
    first = turn(
        0,
        "What <b>?\n  Indented.",
        "It is **4**.",
        usage=Usage(10, 20, 0.25),
        timing=Timing(NOW, 2.5, 0.5),
        deployment="Large",
        notices=(Notice("turns_left_out", {"count": 2}),),
    )
    failed = text_turn(1, "And?", "", TurnStatus.FAILED, failure=Failure("ModelRateLimitError"), parent=0)
    text = Reader(page(first, failed, turn(2), turn(3), k=1)).text
    for words in (
        "A title",
        "App",
        "Turn 1",
        "What <b>?\n  Indented.",
        "2 earlier turns were left out",
        "Large · 2027-01-15 08:00 UTC · first word after 0.5 s · 2.5 s · 10 tokens in, 20 out · $0.25",
        "The endpoint is busy.",
        "All answers30 tokens in, 40 out · $0.50",
        "System promptBe brief.",
        "Remembered turns (k)1",
        "Who answersLarge",
        "Memory nothing came before it · ",
        "Memory Remembering turn 1 of 2 · ",
        "Turn 2 is not remembered: failed",
        "Remembering turn 3 of 3",
        "Turn 1 is not remembered: older than the last 1 turn",
        "worked out anew",
    ):
        assert words in text, words
    assert "Formulas" not in text
    assert "This file also holds" not in text


def test_every_setting_that_differs_from_its_usual_is_told():
    text = Reader(page(turn(), k=5, token_budget=4000, pins=False, temperature=0.25, max_tokens=100)).text
    for words in ("(k)5", "Token budget4000", "Pinned turns firstoff", "Temperature0.25", "100"):
        assert words in text, words
    assert "Pinned turns first" not in Reader(page(turn())).text


def test_every_part_is_shown_or_named():
    question = (Text("Look"), Image(PICTURE, "a cat"), File(PICTURE, "notes.pdf"))
    answer = (
        Reasoning("Let me *see*."),
        ToolCall("1", "look", {"at": "<it>"}),
        ToolResult("1", "found", True),
        Text("A cat."),
        Citation("Cats", "https://cats.example/?q=<b>", "meow"),
        Citation("Trap", "javascript:alert(1)"),
        NonStandard({"type": "video"}),
    )
    seen = Reader(page(replace(turn(), question=question, answer=answer), data={PICTURE: PNG}))
    [picture] = [attrs for tag, attrs in seen.elements if tag == "img" and attrs.get("class") != "logo"]
    assert picture == {"src": f"data:image/png;base64,{base64.b64encode(PNG).decode()}", "alt": "a cat"}
    links = [attrs["href"] for tag, attrs in seen.elements if tag == "a"]
    assert links == ["https://cats.example/?q=<b>"]
    for words in (
        "notes.pdf",
        "Thoughts",
        "see",
        'look {"at": "<it>"}',
        "Error of the tool: found",
        "meow",
        "Trap",
        "video",
    ):
        assert words in seen.text, words


def test_what_is_hidden_is_not_on_the_page():
    told = turn(usage=Usage(11, 22, 0.25), timing=Timing(NOW, 2.5))
    whole = page(told)
    assert all(each in whole for each in ("Be brief.", "11 tokens in", "$0.25", "2.5 s", "Remember"))
    hidden = Branding("App", hidden=frozenset({"system_prompt", "k"}))
    assert "Be brief." not in page(told, branding=hidden)
    assert "Large" in page(told, branding=hidden)
    for part, words in (
        ("tokens", ["tokens"]),
        ("costs", ["$0"]),
        ("details", ["2.5 s", "2027-01-15 08:00 UTC ·", "11 tokens in", "$0.25"]),
        ("panel", ["Be brief.", "emember", "worked out anew"]),
    ):
        text = Reader(page(told, branding=Branding("App", hidden_parts=frozenset({part})))).text
        assert [each for each in words if each in text] == [], part


@pytest.mark.parametrize("code", CODES)
def test_it_is_told_in_every_language(code):
    t = Language(code)
    text = page(turn(answer="\\(x\\)\n\n```mermaid\ngraph TD\n```\n"), t=t, json="{}", until=NOW)
    assert f'<html lang="{code}">' in text
    for key in ("report.recomputed", "report.formulas", "report.diagrams", "report.embedded", "report.shared_until"):
        assert html.escape(t(key)) in text


def test_only_its_own_style_counts_and_nothing_runs():
    text = page(turn())
    [style] = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    declared = [attrs["content"] for tag, attrs in Reader(text).elements if attrs.get("http-equiv")]
    assert declared == [policy(Branding())]
    assert f"style-src 'sha256-{digest}'" in declared[0]
    assert declared[0].startswith("default-src 'none'; ")
    assert style == css("#2563eb")
    assert "unsafe" not in declared[0]
    # A page without another's: what it says of itself comes before anything that could be loaded.
    assert text.index("Content-Security-Policy") < text.index("<style")


HARMLESS = {
    "http-equiv",
    "content",
    "charset",
    "name",
    "lang",
    "class",
    "dir",
    "type",
    "id",
    "aria-label",
    "start",
    "align",
}
ALLOWED = HARMLESS | {"href", "src", "alt", "title", "rel", "target"}


def check_harmless(text: str) -> None:
    seen = Reader(text)
    for tag, attrs in seen.elements:
        assert tag not in {
            "iframe",
            "object",
            "embed",
            "form",
            "input",
            "button",
            "link",
            "base",
            "svg",
            "math",
            "video",
        }
        assert attrs.keys() <= ALLOWED, (tag, attrs)
        if tag == "script":
            assert attrs == {"type": "application/json", "id": "chatbot-conversation"}
        if "src" in attrs:
            assert attrs["src"].startswith("data:image/")
        if "href" in attrs:
            assert re.match(r"(https?|ftp|mailto|tel):|[^:]*$", attrs["href"], re.IGNORECASE), attrs
    assert sum(tag == "style" for tag, _ in seen.elements) == 1


def test_nothing_that_was_said_runs_loads_or_breaks_out():
    payloads = [each.replace("EVIL", "https://evil.example").replace("PWN", "alert") for each in PAYLOADS]
    turns = []
    for number, each in enumerate(payloads):
        parts = (Reasoning(each), Text(each), ToolCall("1", each, {each: each}), Citation(each, each, each))
        turns.append(replace(turn(number, each), answer=parts, deployment=each))
    told = report(*turns, title=payloads[0], system_prompt=payloads[1])
    json = to_json(told.conversation, told.stored)
    text = report_page(ENGLISH, Branding(payloads[0]), told, json=json, now=NOW)
    check_harmless(text)
    assert sum(tag == "script" for tag, _ in Reader(text).elements) == 1
    assert read(text.encode(), "me", lambda: "new").conversations[0].stored == told.stored


PIECES = [
    *("<b>", "</p>", "</script>", "<script id=chatbot-conversation>", "~~~", "````", "$$x$$", "\\(", "\\)", "\\[x\\]"),
    *("&lt;", "\n", "\n\n", "- ", "> ", "|a|b|\n|-|-|\n", "<details>", "</details>", "word", "\ufdd0", "\0", "\t"),
    "%%%LATEX_BLOCK_0%%%",
]
MARKS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@given(MARKS | st.text(), MARKS | st.text(), st.text(max_size=20))
@example("~~~", "~~~~js\n~~~\n<script>\n~~~~\n", "</title><script>")
@example("", "- a\n\n  ```mermaid\n  a-->b\n  ```\n", "")
def test_whatever_was_said_the_page_stays_whole_and_holds_it(question, answer, title):
    told = report(turn(0, question, answer), title=title)
    json = to_json(told.conversation, told.stored)
    text = report_page(ENGLISH, Branding("App"), told, json=json, now=NOW)
    check_harmless(text)
    data = text.encode("utf-8", "surrogatepass")
    assert read(data, "me", lambda: "new").conversations[0].stored == told.stored


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("a\n\n```py\nif a < b:\n\tpass\n```\n\nz", '<pre dir="ltr"><span class="language">py'),
        ("```py\nif a < b:\n\tpass\n```", "if a &lt; b:\n\tpass\n</code></pre>"),
        ("~~~~\n~~~\ncode\n~~~~", '<pre dir="ltr"><code>~~~\ncode\n</code></pre>'),
        ("```\n```", '<pre dir="ltr"><code></code></pre>'),
        ("1. one\n\n   ```\n   code\n   ```\n2. two", "code\n</code></pre>"),
        ("It is \\(a < b\\).", '<code class="formula" dir="ltr">a &lt; b</code>'),
        ("$$\na^2\n$$", '<code class="formula block" dir="ltr">'),
        ("```mermaid\ngraph TD\n```", '<div class="diagram">'),
        ("| a | b |\n|---|--:|\n| 1 | 2 |", '<td align="right">2</td>'),
    ],
)
def test_markdown_becomes_html_that_needs_no_script(markdown, shown):
    made = answer_html(markdown)
    assert shown in made
    assert not re.search("[\ufdd0-\ufdd3\0]", made)
    assert 'class="mermaid"' not in made
    Reader(made)


def test_of_a_long_conversation_the_memory_of_each_turn_is_a_few_lines():
    turns = [turn(number) for number in range(400)]
    turns[3] = replace(turns[3], memory=TurnMemory.PINNED)
    turns[396] = replace(turns[396], memory=TurnMemory.EXCLUDED)
    text = page(*turns, k=2)
    [*_, last] = re.findall('<div class="memory">(.*?)</div>', text)
    assert last.startswith("<p><b>Memory</b> Remembering turns 4, 398–399 of 399 · ")
    assert re.findall("<p>(.*?)</p>", last)[1:] == [
        "Turns 1–3, 5–396 are not remembered: older than the last 2 turns",
        "Turn 397 is not remembered: excluded by you",
    ]
    assert len(text) < 400 * 1_000
