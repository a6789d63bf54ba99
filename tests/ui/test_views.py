"""How turns, plans and conversations look, by table."""

import html
import json
import re

import pytest

from chatbot.conversation import (
    ENDPOINT_REQUEST,
    OPTIONS,
    ContextPlan,
    Conversation,
    Deployment,
    EffectiveOptions,
    Failure,
    Feedback,
    Inclusion,
    Mention,
    Notice,
    Options,
    PlannedTurn,
    Rating,
    Timing,
    Turn,
    TurnMemory,
    TurnStatus,
    Usage,
    View,
    Waiting,
    WindowMemory,
    WindowSection,
)
from chatbot.conversation.parts import Blob, File, Image, NonStandard, ToolCall, ToolResult
from chatbot.ui.i18n import CODES, Language
from chatbot.ui.views import panels
from chatbot.ui.views.action_buttons import TOKEN, button, icon
from chatbot.ui.views.controls import controls
from chatbot.ui.views.document import DocumentTexts
from chatbot.ui.views.messages import Growth, Message, MessageRenderer
from chatbot.ui.views.text import cost, facts, memory_line, spans
from tests.support.passages import add_passages
from tests.support.scripted_model import ScriptedModel
from tests.support.turns import text_turn

ENGLISH = Language("en")
NOW = 1_800_000_000.0
EVIL = '<img src=x onerror="alert(1)"> & more'
EVIL_ONE = Conversation("j", "o", 1, EVIL)


def turn(index: int, status: TurnStatus = TurnStatus.COMPLETE, answer: str = "answer", **kwargs) -> Turn:
    return text_turn(index, f"question {index}", answer, status, **kwargs)


def view(*turns: Turn, k: int = 5, growing: bool = False, versions=None) -> View:
    effective = EffectiveOptions(Deployment("test", ScriptedModel(), WindowMemory(k)), Options())
    plan = effective.plan(turns[:-1] if growing else turns)
    return View(Conversation("c", "o"), turns, plan, versions or {}, growing, effective)


def drawn(*turns: Turn, **kwargs) -> list[Message]:
    shown, renderer = view(*turns, **kwargs), MessageRenderer(ENGLISH, "$", NOW)
    return [*renderer.settled(shown), *(renderer.growing(shown.turns[-1], Growth()) if shown.growing else ())]


ROW = f'<div class="{TOKEN} facts" role="status">'


def row_below(*turns: Turn, **kwargs) -> str:
    """The row below the last answer."""
    return [each["content"][0]["text"] for each in drawn(*turns, **kwargs)][-1].removeprefix(ROW).removesuffix("</div>")


def texts(*turns: Turn, **kwargs) -> list[tuple[str, str]]:
    """Role and text of each message; of a question what was typed, of an answer what is copied. Without the rows."""
    found = []
    for each in drawn(*turns, **kwargs):
        text = each["content"][0]["text"]
        if text.startswith(ROW):
            continue
        if copied := re.search(rf"<!--{TOKEN} (.*)-->$", text, re.DOTALL):
            text = re.sub(r"&#(\d+);", lambda found: chr(int(found[1])), copied[1])
            for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
                text = text.replace(entity, char)
        if each["role"] == "user":
            (text,) = re.fullmatch(rf'<pre class="{TOKEN} typed">\n(.*)</pre>', text, re.DOTALL).groups()
        found.append((each["role"], html.unescape(text) if each["role"] == "user" else text))
    return found


def plan(*inclusions: Inclusion, k: int = 5) -> ContextPlan:
    return plan_of(*(PlannedTurn(turn(index), each, 10) for index, each in enumerate(inclusions)), k=k)


def plan_of(*entries: PlannedTurn, k: int = 5, budget: int | None = None) -> ContextPlan:
    return ContextPlan((WindowSection(entries, k, sum(each.tokens for each in entries if each.sent)),), budget)


def test_an_answer_is_prepared_and_has_the_models_words_beside_it():
    """As a content part, which Gradio leaves alone, not as a string, which it dedents and trims."""
    _, answer, _ = drawn(text_turn(0, "  spaces  ", "    code <b>\n      more\n", TurnStatus.COMPLETE))
    copied = f"<!--{TOKEN}     code &lt;b&gt;\n      more\n-->"
    prepared = "~~~\ncode <b>\n  more\n~~~"
    assert answer["content"] == [{"type": "text", "text": f"{prepared}\n\n{copied}"}]


@pytest.mark.parametrize("said", ["", "-->", "a--", "&lt; &amp;", "\t$$x$$ %%%LATEX_BLOCK_0%%%", "\ufdd0\r\n ", "<!--"])
def test_what_is_copied_is_what_the_model_said(said):
    assert texts(turn(0, answer=f"x{said}"))[1] == ("assistant", f"x{said}")


def test_no_line_of_the_pages_own_holds_an_empty_line():
    """Behind which Gradio would read Markdown again."""
    note = texts(turn(0, TurnStatus.FAILED, failure=Failure("ModelAPIError", {"detail": "one\n\n*two*"})))[2][1]
    assert "\n" not in note
    assert "*two*" in note


@pytest.mark.parametrize("typed", ["  spaces \n\n", "\n# no heading", EVIL, "</pre><b>", "&lt; $$x$$ `y`"])
def test_a_question_is_shown_as_it_was_typed(typed):
    assert texts(text_turn(0, typed, "answer", TurnStatus.COMPLETE))[0] == ("user", typed)
    text = drawn(text_turn(0, typed, "answer", TurnStatus.COMPLETE))[0]["content"][0]["text"]
    assert re.findall(r"<(?!/?pre)", text) == []


def test_a_complete_turn_is_a_question_and_an_answer():
    assert texts(turn(0), turn(1)) == [
        ("user", "question 0"),
        ("assistant", "answer"),
        ("user", "question 1"),
        ("assistant", "answer"),
    ]


@pytest.mark.parametrize(
    ("shown", "note"),
    [
        (turn(0, TurnStatus.STOPPED), "Stopped."),
        (turn(0, TurnStatus.STOPPED, ""), "Stopped before the first word."),
        (turn(0, finish_reason="length"), "length limit"),
        (turn(0, finish_reason="content_filter"), "content filter"),
        (turn(0, answer=""), "empty answer"),
        (turn(0, answer=" \n\u200b"), "empty answer"),
        (turn(0, notices=(Notice("turns_left_out", {"count": 1}),)), "1 earlier turn was left out"),
        (turn(0, notices=(Notice("text", {"text": "Sent again."}),)), "Sent again."),
        (turn(0, TurnStatus.FAILED, failure=Failure("ModelTimeoutError", {"text": "Nothing came."})), "Nothing came."),
    ],
)
def test_a_turn_that_did_not_just_end_well_says_so(shown, note):
    bubbles_shown = texts(shown)
    assert bubbles_shown[0] == ("user", "question 0")
    assert [text for _, text in bubbles_shown if " note" in text and note in text]


def test_until_the_first_word_something_moves():
    assert "typing" in texts(turn(0, TurnStatus.STREAMING, ""), growing=True)[-1][1]
    assert texts(turn(0, TurnStatus.STREAMING, "first"), growing=True)[-1][1].endswith(">first</p>")


def test_a_servers_words_are_text_not_markup():
    note = texts(turn(0, TurnStatus.FAILED, failure=Failure("ModelAPIError", {"detail": EVIL})))[2][1]
    assert "<img" not in note
    assert "&lt;img" in note


def test_turns_that_are_not_remembered_are_marked_together():
    lines = [text for _, text in texts(*map(turn, range(4)), k=2) if "forgotten" in text]
    assert len(lines) == 1
    assert "Turns 1–2 are not remembered: older than the last 2 turns" in lines[0]


def test_an_answer_with_versions_offers_to_flip_through_them():
    shown = row_below(turn(0, version=2), versions={0: [0, 2, 3]})
    assert "2/3" in shown
    assert f"{TOKEN} flip 0 0" in shown
    assert f"{TOKEN} flip 0 3" in shown
    assert "disabled" not in shown
    first = row_below(turn(0, version=0), versions={0: [0, 2]})
    assert re.search(r"flip 0 0[^>]* disabled", first)


def test_a_single_version_offers_nothing():
    assert "versions" not in row_below(turn(0), versions={0: [0]})


def test_what_is_not_drawn_is_counted_above():
    shown = texts(*map(turn, range(3, 5)), k=20)
    assert "Show earlier (3 turns above)" in shown[0][1]


@pytest.mark.parametrize(
    ("count", "remembered", "line"),
    [
        (0, [], "Nothing to remember yet (up to 5 turns)"),
        (1, [0], "Remembering turn 1 of 1"),
        (8, [3, 4, 5, 6, 7], "Remembering turns 4–8 of 8"),
        (8, [2, 3, 5, 6, 7], "Remembering turns 3–4, 6–8 of 8"),
        (3, [0, 2], "Remembering turns 1, 3 of 3"),
        (1, [], "The only turn is not remembered"),
    ],
)
def test_the_memory_line(count, remembered, line):
    inclusions = [Inclusion.SENT if number in remembered else Inclusion.FAILED for number in range(count)]
    assert memory_line(ENGLISH, plan(*inclusions), count) == line


def test_the_memory_line_when_memory_is_off():
    assert memory_line(ENGLISH, plan(Inclusion.MEMORY_OFF, k=0), 1) == "Memory is off: every question stands alone"


def test_spans():
    assert spans([1, 2, 3, 5, 7, 8]) == "1–3, 5, 7–8"


def test_each_turn_has_one_question_by_which_the_pages_script_counts_turns():
    turns = [turn(0), turn(1, TurnStatus.STOPPED), turn(2, TurnStatus.STOPPED, ""), turn(3)]
    # Question, answer, its row; with a note; question, note, why it is not remembered; question, answer, its row.
    roles = "".join(each["role"][0] for each in drawn(*turns))
    assert roles == "uaa" + "uaaa" + "uaa" + "uaa"


def test_the_panel_says_of_each_turn_whether_it_goes_and_why():
    shown = panels.memory_panel(
        ENGLISH, plan(Inclusion.BEFORE_WINDOW, Inclusion.FAILED, Inclusion.SENT, k=1), 5, asking=False
    )
    items = re.findall(r'<li class="(\w+)[^"]*">(.*?)</li>', shown)
    assert [kind for kind, _ in items] == ["out", "out", "out", "in"]
    for (_, item), words in zip(
        items, ["2 older turns", "older than the last 1 turn", "failed", "remembered"], strict=True
    ):
        assert words in item
    assert "Send anyway" in items[2][1]
    assert "The next request will hold" in shown


def test_a_pinned_turn_can_be_unpinned_and_an_excluded_one_included():
    pinned = PlannedTurn(turn(0, memory=TurnMemory.PINNED), Inclusion.SENT, 1)
    excluded = PlannedTurn(turn(1, memory=TurnMemory.EXCLUDED), Inclusion.EXCLUDED, 1)
    shown = panels.memory_panel(ENGLISH, plan_of(pinned, excluded, budget=100), 2, asking=True)
    assert f"{TOKEN} mark 0 auto" in shown
    assert f"{TOKEN} mark 1 auto" in shown
    assert f"{TOKEN} mark 1 pinned" not in shown
    assert "This request holds" in shown


def test_the_panel_draws_a_further_section_in_its_place_with_its_reasons(monkeypatch):
    add_passages(monkeypatch, "first passage", EVIL, before_turns=True)
    monkeypatch.setitem(ENGLISH._texts["plan"], "passages", "From a book")
    memory = WindowMemory(5, 8, "Be brief.", counter=lambda text: len(text.split()))
    next_plan = memory.plan([turn(0)], "and now")
    shown = panels.memory_panel(ENGLISH, next_plan, 1, asking=False)
    items = re.findall(r'<li class="(\w+)[^"]*"><p[^>]*>(.*?)</p><small>(.*?)</small>', shown)
    assert items == [
        ("in", "<b>System prompt</b> Be brief.", "~2 tokens · always sent"),
        ("in", "<b>From a book</b> first passage", "~2 tokens · remembered"),
        ("out", f"<b>From a book</b> {html.escape(EVIL)}", "~5 tokens · no room in the token budget"),
        ("out", "<b>1</b> question 0", "~3 tokens · no room in the token budget"),
        ("in", "<b>The question</b> and now", "~2 tokens · always sent"),
    ]
    assert "6 of 8 tokens" in shown


def test_of_a_hidden_section_the_panel_says_only_that_it_is_sent():
    shown = panels.memory_panel(
        ENGLISH, WindowMemory(5, system_prompt="A secret.").plan([]), 0, asking=False, hidden={"system_prompt"}
    )
    assert "<b>System prompt</b> …</p>" in shown
    assert "always sent" in shown
    assert "secret" not in shown


def test_who_sees_no_control_is_shown_nothing_to_decide_about():
    memory = WindowMemory(5, system_prompt="A secret.")
    shown = panels.memory_panel(ENGLISH, memory.plan([turn(0)]), 1, asking=False, hidden=frozenset(OPTIONS))
    assert "<b>1</b> question 0" in shown
    for gone in ("System prompt", "button", "secret"):
        assert gone not in shown


def test_where_tokens_and_costs_are_not_shown_the_panel_counts_neither():
    spent, memory = Usage(1200, 30, 0.5), WindowMemory(5, 100, "Be brief.")
    plain = panels.memory_panel(ENGLISH, memory.plan([turn(0)]), 1, spent, asking=False, currency="$")
    assert "$0.50" in plain
    shown = panels.memory_panel(
        ENGLISH, memory.plan([turn(0)]), 1, spent, asking=False, currency="$", hidden_parts={"tokens"}
    )
    assert "token" not in shown
    assert "always sent" in shown
    shown = panels.memory_panel(
        ENGLISH, memory.plan([turn(0)]), 1, spent, asking=False, currency="$", hidden_parts={"costs"}
    )
    assert "1,200 tokens" in shown
    assert "$" not in shown


def test_the_badge_is_a_button_where_there_is_a_choice_and_says_who_did_not_answer():
    assert "<button" not in panels.badge(ENGLISH, "one", is_demo=False)
    shown = panels.badge(ENGLISH, EVIL, is_demo=False, choices=["one", EVIL], silent={EVIL})
    choices = json.loads(html.unescape(re.search('data-choices="([^"]*)"', shown)[1]))
    assert choices == [["one", False], [EVIL, True]]
    assert "silent" in shown
    assert "did not answer when it was last asked" in shown
    assert "<img" not in shown


@pytest.mark.parametrize(
    "shown",
    [
        panels.conversation_list(ENGLISH, [Conversation("i", "o", 1, EVIL)], Conversation("i", "o")),
        panels.conversation_list(ENGLISH, [], Conversation("i", "o"), search=EVIL),
        panels.conversation_list(
            ENGLISH, [], Conversation("i", "o"), removed=("deleted", Conversation("j", "o", 1, EVIL))
        ),
        panels.memory_panel(
            ENGLISH,
            WindowMemory(5, system_prompt=EVIL).plan([text_turn(0, EVIL, "answer", TurnStatus.COMPLETE)], EVIL),
            1,
            asking=True,
        ),
        panels.recall_hint(ENGLISH, Mention(0, EVIL)),
        button(EVIL, EVIL, "open", EVIL),
        icon("bin", EVIL, "delete", EVIL),
    ],
    ids=["title", "search", "deleted", "panel", "recall_hint", "button", "icon"],
)
def test_what_people_typed_is_text_in_every_panel(shown):
    assert "<img" not in shown
    assert "&lt;img" in shown
    assert '"alert' not in shown


def timed(**values) -> Timing:
    return Timing(**{"ended_at": NOW, "total": 2.5, "first_word": 0.31} | values)


def test_what_is_known_of_an_answer_stands_below_it():
    known = turn(0, timing=timed(), usage=Usage(1200, 30, 0.0123))
    told = ["2.5 s", "first word after 0.3 s", "1,200 tokens in, 30 out", "€0.012"]
    assert facts(ENGLISH, known, "€") == told
    assert "1,200 tokens in" in row_below(known)
    assert facts(ENGLISH, turn(0, timing=timed(first_word=None)), "$") == ["2.5 s"]


@pytest.mark.parametrize(
    ("hidden", "told"),
    [
        ({"tokens"}, ["2.5 s", "first word after 0.3 s", "€0.012"]),
        ({"costs"}, ["2.5 s", "first word after 0.3 s", "1,200 tokens in, 30 out"]),
        ({"details"}, []),
    ],
)
def test_of_what_is_known_of_an_answer_an_owner_leaves_out_some(hidden, told):
    known = turn(
        0, timing=timed(), usage=Usage(1200, 30, 0.0123), notices=(Notice(ENDPOINT_REQUEST, {"id": "4f1c22"}),)
    )
    assert facts(ENGLISH, known, "€", hidden) == told
    row = MessageRenderer(ENGLISH, "€", NOW, hidden=hidden).settled(view(known))[-1]["content"][0]["text"]
    assert ("2.5 s" in row, "4f1c22" in row) == ("details" not in hidden,) * 2


def test_an_answer_says_who_gave_it_where_there_is_more_than_one_who_could():
    known = turn(0, timing=timed(), deployment="Large <b>")
    row = MessageRenderer(ENGLISH, "$", NOW, names_deployments=True).settled(view(known))[-1]["content"][0]["text"]
    assert "Large &lt;b&gt;" in row
    assert "Large" not in row_below(known)


def test_what_can_be_done_with_an_answer_stands_below_it_and_what_only_with_the_last_below_that():
    def deeds(*turns: Turn, others: bool = False) -> list[list[str]]:
        renderer = MessageRenderer(ENGLISH, "$", NOW, others=others)
        rows = [each["content"][0]["text"] for each in renderer.settled(view(*turns))]
        return [re.findall(rf'class="{TOKEN} (\w+)', each[len(ROW) :]) for each in rows if each.startswith(ROW)]

    assert deeds(turn(0), turn(1)) == [["copy"], ["copy", "retry", "undo"]]
    assert deeds(turn(0), others=True) == [["copy", "retry", "retry_with", "undo"]]
    assert deeds(turn(0, timing=timed())) == [["copy", "retry", "undo", "rate", "rate", "details"]]
    # There is nothing to copy, and the card has its own way to ask again.
    assert deeds(turn(0, answer="")) == [["retry", "undo"]]
    assert deeds(failed()) == [["undo"]]


def test_an_answer_that_reached_its_length_limit_can_be_gone_on_with_as_long_as_the_model_is_sent_it():
    cut = turn(0, finish_reason="length")
    assert f"{TOKEN} continue" in texts(cut)[2][1]
    assert "continue" not in texts(cut, turn(1))[2][1]
    assert "continue" not in texts(cut, k=0)[2][1]
    assert "continue" not in texts(turn(0, finish_reason="content_filter"))[2][1]


def test_a_turn_that_was_taken_back_can_be_brought_back():
    shown = MessageRenderer(ENGLISH, "$", NOW).settled(view(turn(0)), (1, 2))[-1]["content"][0]["text"]
    assert f"{TOKEN} redo 1 2" in shown
    assert "taken back" in shown


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (None, []),
        (0.0, ["$0"]),
        (12.5, ["$12.50"]),
        (0.05, ["$0.050"]),
        (0.00123, ["$0.0012"]),
        (0.000003, ["<$0.0001"]),
    ],
)
def test_costs_are_written_so_that_small_ones_can_be_read(amount, written):
    assert cost(ENGLISH, Usage(1, 1, amount), "$") == written


def test_numbers_are_written_as_the_language_does():
    assert facts(Language("es"), turn(0, usage=Usage(1200, 30)), "$")[0].startswith("1.200 ")
    assert Language("fr").number(1234.5, 1) == "1\u202f234,5"


def test_thoughts_are_folded_away_with_how_long_they_took():
    thinking = drawn(text_turn(0, "q", reasoning="hm"), growing=True)
    assert [each.get("metadata") for each in thinking] == [None, {"title": "Thinking…", "status": "pending"}]
    done = drawn(turn(0, reasoning="hm", timing=timed(thinking=4.2)))
    assert done[1]["metadata"] == {"title": "Thought for 4 s", "status": "done"}
    assert done[1]["content"][0]["text"].startswith('<p dir="auto">hm</p>')
    # Of what was brought in it is not known how long, and nobody thinks any more.
    brought = drawn(turn(0, reasoning="hm"))
    assert brought[1]["metadata"] == {"title": "Thoughts", "status": "done"}


def failed(**values) -> Turn:
    return turn(
        0,
        TurnStatus.FAILED,
        "",
        failure=Failure("ModelRateLimitError", {"detail": "Slow down."}, **values),
        timing=timed(),
    )


def test_a_failure_says_what_happened_how_long_to_wait_and_offers_to_retry():
    shown = texts(failed(retry_after=43.0))[1][1]
    for part in (
        "The endpoint is busy",
        "Others are asking too.",
        "“Slow down.”",
        "left-43",
        "Wait 43 seconds",
        f"{TOKEN} retry",
    ):
        assert part in shown
    over = texts(failed(retry_after=0.0))[1][1]
    assert "left-" not in over
    assert "You can try again now" in over


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("ModelRateLimitError", "The endpoint is busy. Trying again in 12 s."),
        ("ModelConnectionError", "The endpoint could not be reached. Trying again in 12 s."),
        ("ModelAPIError", "The endpoint failed. Trying again in 12 s."),
        ("WhateverError", "Something went wrong. Trying again in 12 s."),
    ],
)
def test_what_a_model_waits_for_is_said_until_it_asks_again(kind, words):
    def shown(left):
        return texts(turn(0, TurnStatus.STREAMING, "", waiting=Waiting(kind, NOW + left)), growing=True)[-1][1]

    assert words in shown(11.3)
    assert "left-12" in shown(11.3)
    assert "wait left" not in shown(0.0)
    # Two waits as long are two lines: the page's script counts each down once.
    assert shown(12.0) != texts(turn(0, TurnStatus.STREAMING, "", waiting=Waiting(kind, NOW + 40.0)), growing=True)[-1][
        1
    ].replace("left-40", "left-12").replace("in 40 s", "in 12 s")
    assert all("typing" in shown(left) for left in (12.0, 0.0))


@pytest.mark.parametrize("code", CODES)
def test_a_wait_is_said_in_every_language_with_no_number_but_the_seconds(code):
    growing = turn(0, TurnStatus.STREAMING, "", waiting=Waiting("ModelRateLimitError", NOW + 12))
    text = MessageRenderer(Language(code), "$", NOW).growing(growing, Growth())[-1]["content"][0]["text"]
    said = re.search(r'<span class="wait[^>]*>([^<]*)</span>', text)[1]
    assert re.findall(r"\d+", said) == ["12"]
    assert Language(code).condition("ModelRateLimitError") in html.unescape(said)


def test_a_failure_names_the_request_by_its_ids_for_who_can_look_it_up():
    ids = {"request": "4f1c22", ENDPOINT_REQUEST: "<b>its own"}
    note = texts(turn(0, TurnStatus.FAILED, failure=Failure("ModelAPIError", ids)))[2][1]
    assert 'request <code dir="ltr">4f1c22</code>' in note
    assert 'endpoint&#x27;s id <code dir="ltr">&lt;b&gt;its own</code>' in note
    assert "ids" not in texts(turn(0, TurnStatus.FAILED, failure=Failure("ModelAPIError")))[2][1]


def test_an_answer_names_the_endpoints_request_below_it_and_nowhere_else():
    notice = Notice(ENDPOINT_REQUEST, {"id": "4f1c22"})
    known = turn(0, notices=(notice,), timing=timed())
    assert '<code dir="ltr">4f1c22</code>' in row_below(known)
    assert not [each for _, each in texts(known) if "4f1c22" in each]
    assert DocumentTexts(ENGLISH).remarks(turn(0, notices=(notice,))) == []


def test_a_failure_further_up_offers_nothing():
    shown = texts(failed(retry_after=43.0), turn(1))[1][1]
    assert "Slow down." in shown
    assert "retry" not in shown


@pytest.mark.parametrize("code", CODES)
def test_an_exported_document_says_how_answers_came_about_and_ended(code):
    t = Language(code)
    words = DocumentTexts(t)
    notice, failure = Notice("lower_max_tokens"), Failure("ModelRateLimitError", {"detail": "Slow down."})
    assert words.remarks(turn(0)) == []
    assert words.remarks(turn(0, notices=(notice,))) == [t.notice(notice)]
    assert words.remarks(turn(0, TurnStatus.FAILED, "", failure=failure)) == [t.failure(failure)]
    assert words.remarks(turn(0, TurnStatus.STOPPED)) == [t("chat.stopped")]
    assert words.remarks(turn(0, answer="")) == [t("chat.empty")]
    assert words.remarks(turn(0, TurnStatus.STREAMING)) == [t("document.unfinished")]
    assert "1,200" in words.turn(1200).translate({ord(mark): "," for mark in ". \u202f\xa0"})


@pytest.mark.parametrize("code", CODES)
def test_an_exported_document_says_what_a_part_is_that_is_no_text(code):
    words, blob = DocumentTexts(Language(code)), Blob("0" * 64, "image/png", 1)
    for part, told in (
        (Image(blob, "a cat"), ["a cat"]),
        (Image(blob), ["image/png"]),
        (File(blob, "c.png"), ["c.png"]),
        (ToolCall("1", "look", {"at": "é"}), ["look", '{"at": "é"}']),
        (ToolResult("1", "found"), ["found"]),
        (ToolResult("1", "no", is_error=True), ["no"]),
        (NonStandard({"type": "video"}), ["video"]),
    ):
        said = words.part(part)
        assert all(each in said for each in told)
        assert said not in told
    assert len(words.part(ToolResult("1", "x" * 5_000))) < 1_100
    assert words.source


def test_a_blocked_message_is_said_to_be_kept_out_of_memory():
    assert "kept out of what the model remembers" in texts(failed(blocked=True))[1][1]


def test_a_rated_answer_shows_it_and_can_take_it_back():
    shown = row_below(turn(0, timing=timed(), feedback=Feedback(Rating.DOWN, EVIL)))
    assert "thumb-down chosen" in shown
    assert f"{TOKEN} rate 0 none" in shown
    assert f"{TOKEN} rate 0 up" in shown
    assert "<img" not in shown


def test_controls_show_what_was_chosen_and_the_deployments_own_in_pale():
    own = Deployment(
        "a", ScriptedModel(), WindowMemory(5, system_prompt="own"), {"temperature": 0.7, "max_tokens": 100}
    )
    shown = controls(EffectiveOptions(own, Options(max_tokens=7, system_prompt="mine")), {"Mine": "mine"})
    assert [shown[name]["value"] for name in ("k", "preset")] == [5, "Mine"]
    assert (shown["temperature"]["value"], shown["temperature"]["placeholder"]) == (None, "0.7")
    assert (shown["max_tokens"]["value"], shown["top_p"]["placeholder"]) == (7, "–")
    assert shown["system_prompt"]["placeholder"] == "own"


def test_an_answer_that_cannot_be_saved_yet_is_shown_whole_and_says_so():
    waiting = Waiting("StoreError", until=1e12)
    shown = texts(turn(0, TurnStatus.STREAMING, "**all** of it", waiting=waiting), growing=True)
    assert "all" in shown[-2][1]
    assert "cannot be saved yet" in shown[-1][1]
    nothing = texts(turn(0, TurnStatus.STREAMING, "", waiting=waiting), growing=True)
    assert "could not be saved" in nothing[-1][1], "where there is no answer, it does not say that there is one"


def row(excerpt="", **values):
    found = Conversation("an-id", "o", 1, "The Kraken sleeps", updated_at=1.5e9, **values)
    excerpts = {"an-id": excerpt} if excerpt else {}
    return panels.conversation_list(ENGLISH, [found], Conversation("another", "o"), search="KRAKEN ", excerpts=excerpts)


def test_a_row_marks_what_was_searched_for_and_tells_what_it_is():
    assert "The <mark>Kraken</mark> sleeps" in row()
    assert '<li class="row" data-at="1500000000">' in row()
    assert '<li class="row pinned archived"' in row(is_pinned=True, is_archived=True)
    assert "<small>archived</small>" in row(is_archived=True)
    assert "<small>" not in row()


def test_what_was_found_in_a_text_stands_below_the_title_as_words():
    drawn = row('…<b onclick="x">kraken</b> & co')
    assert "&lt;b onclick=&quot;x&quot;&gt;<mark>kraken</mark>&lt;/b&gt; &amp; co</p>" in drawn
    assert 'aria-describedby="found-an-id"' in drawn
    assert '<p class="excerpt" id="found-an-id" dir="auto">' in drawn
    assert "excerpt" not in row()


def test_the_shown_conversation_is_marked_for_those_who_listen_too():
    shown = Conversation("an-id", "o", 1, "One")
    other = Conversation("other-id", "o", 1, "Two")
    listed = panels.conversation_list(ENGLISH, [shown, other], shown)
    assert listed.count('aria-current="true"') == 1
    assert listed.index("row shown") < listed.index('aria-current="true"') < listed.index("One</button>")


def test_a_list_offers_what_there_is_beside_it():
    def ends(**values):
        return panels.conversation_list(ENGLISH, [EVIL_ONE], EVIL_ONE, **values).partition("</ul>")[2]

    assert ends() == "</nav>"
    assert ">Show more</button>" in ends(has_more=True)
    assert "Search finds the older ones" in ends(has_more=True, is_full=True)
    assert ">Archived chats</button>" in ends(has_archived=True)
    assert ">Back to all chats</button>" in ends(has_archived=True, lists_archived=True)
    assert "Archived" not in ends(has_archived=True, search="x"), "a search finds those, too"
