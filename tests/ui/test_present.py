"""How turns, plans and conversations look, by table."""

import re

import pytest

from chatbot.conversation import (
    Conversation,
    Entry,
    Failure,
    Mention,
    Place,
    Plan,
    Turn,
    TurnMemory,
    TurnStatus,
    View,
    WindowMemory,
)
from chatbot.ui.present import bubbles, panels
from chatbot.ui.present.actions import TOKEN, button, icon
from chatbot.ui.present.words import memory_line, spans

EVIL = '<img src=x onerror="alert(1)"> & more'


def turn(index: int, status: TurnStatus = TurnStatus.COMPLETE, answer: str = "answer", **kwargs) -> Turn:
    return Turn(index, f"question {index}", answer, status, **kwargs)


def view(*turns: Turn, k: int = 5, growing: bool = False, versions=None) -> View:
    plan = WindowMemory(k).plan(turns[:-1] if growing else turns)
    return View(Conversation("c", "o"), turns, plan, versions or {}, growing)


def texts(*turns: Turn, **kwargs) -> list[tuple[str, str]]:
    return [(each.bubble["role"], each.bubble["content"][0]["text"]) for each in bubbles.chat(view(*turns, **kwargs))]


def plan(*places: Place, k: int = 5, **kwargs) -> Plan:
    entries = tuple(Entry(turn(index), place, 10) for index, place in enumerate(places))
    return Plan("", entries, "", k, 0, 0, 0, None, **kwargs)


def test_text_is_shown_as_it_is():
    """As a content part, which Gradio leaves alone, not as a string, which it dedents and trims."""
    shown = bubbles.chat(view(Turn(0, "  spaces  ", "    code\n      more\n", TurnStatus.COMPLETE)))
    assert [each.bubble["content"] for each in shown] == [
        [{"type": "text", "text": "  spaces  "}],
        [{"type": "text", "text": "    code\n      more\n"}],
    ]


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
        (turn(0, notice="Sent again."), "Sent again."),
        (turn(0, TurnStatus.FAILED, failure=Failure("ModelTimeoutError", "Nothing came.")), "Nothing came."),
    ],
)
def test_a_turn_that_did_not_just_end_well_says_so(shown, note):
    bubbles_shown = texts(shown)
    assert bubbles_shown[0] == ("user", "question 0")
    assert [text for _, text in bubbles_shown if " note" in text and note in text]


def test_until_the_first_word_something_moves():
    assert "typing" in texts(turn(0, TurnStatus.STREAMING, ""), growing=True)[-1][1]
    assert texts(turn(0, TurnStatus.STREAMING, "first"), growing=True)[-1] == ("assistant", "first")


def test_a_servers_words_are_text_not_markup():
    note = texts(turn(0, TurnStatus.FAILED, failure=Failure("ModelAPIError", EVIL)))[2][1]
    assert "<img" not in note
    assert "&lt;img" in note


def test_turns_that_are_not_remembered_are_marked_together():
    lines = [text for _, text in texts(*map(turn, range(4)), k=2) if "forgotten" in text]
    assert len(lines) == 1
    assert "Turns 1–2 are not remembered: older than the last 2 turns" in lines[0]


def test_an_answer_with_versions_offers_to_flip_through_them():
    shown = texts(turn(0, version=2), versions={0: [0, 2, 3]})[-1][1]
    assert "2/3" in shown
    assert f"{TOKEN} flip 0 0" in shown
    assert f"{TOKEN} flip 0 3" in shown
    assert "disabled" not in shown
    first = texts(turn(0, version=0), versions={0: [0, 2]})[-1][1]
    assert re.search(r"flip 0 0[^>]* disabled", first)


def test_a_single_version_offers_nothing():
    assert len(texts(turn(0), versions={0: [0]})) == 2


def test_what_is_not_drawn_is_counted_above():
    shown = texts(*map(turn, range(3, 5)), k=20)
    assert "Show earlier (3 turns above)" in shown[0][1]


@pytest.mark.parametrize(
    ("count", "remembered", "line"),
    [
        (0, [], "Nothing to remember yet: up to 5 turns will be"),
        (1, [0], "Remembering turn 1 of 1"),
        (8, [3, 4, 5, 6, 7], "Remembering turns 4–8 of 8"),
        (8, [2, 3, 5, 6, 7], "Remembering turns 3–4, 6–8 of 8"),
        (3, [0, 2], "Remembering turns 1, 3 of 3"),
        (1, [], "Remembering none of 1 turn"),
    ],
)
def test_the_memory_line(count, remembered, line):
    places = [Place.SENT if number in remembered else Place.FAILED for number in range(count)]
    assert memory_line(plan(*places), count) == line


def test_the_memory_line_when_memory_is_off():
    assert memory_line(plan(Place.MEMORY_OFF, k=0), 1) == "Memory is off: every question stands alone"


def test_spans():
    assert spans([1, 2, 3, 5, 7, 8]) == "1–3, 5, 7–8"


def test_a_bubble_belongs_to_a_turn_also_behind_notes():
    turns = [turn(0), turn(1, TurnStatus.STOPPED), turn(2, TurnStatus.STOPPED, ""), turn(3)]
    drawn = bubbles.chat(view(*turns))
    # Question and answer; with a note; question, note, and why it is not remembered; question and answer.
    assert [each.turn for each in drawn] == [0, 0, 1, 1, 1, 2, 2, None, 3, 3]


def test_the_panel_says_of_each_turn_whether_it_goes_and_why():
    shown = panels.memory_panel(plan(Place.BEFORE_WINDOW, Place.FAILED, Place.SENT, k=1), 5, asking=False)
    items = re.findall(r'<li class="(\w+)[^"]*">(.*?)</li>', shown)
    assert [kind for kind, _ in items] == ["out", "out", "out", "in"]
    for (_, item), words in zip(
        items, ["2 older turns", "older than the last 1 turn", "failed", "remembered"], strict=True
    ):
        assert words in item
    assert "Put back" in items[2][1]
    assert "The next request will hold" in shown


def test_a_pinned_turn_can_be_unpinned_and_an_excluded_one_included():
    pinned = Entry(turn(0, memory=TurnMemory.PINNED), Place.SENT, 1)
    excluded = Entry(turn(1, memory=TurnMemory.EXCLUDED), Place.EXCLUDED, 1)
    shown = panels.memory_panel(Plan("", (pinned, excluded), "", 5, 0, 0, 0, 100), 2, asking=True)
    assert f"{TOKEN} mark 0 auto" in shown
    assert f"{TOKEN} mark 1 auto" in shown
    assert f"{TOKEN} mark 1 pinned" not in shown
    assert "This request holds" in shown


@pytest.mark.parametrize(
    "shown",
    [
        panels.conversation_list([Conversation("i", "o", 1, EVIL)], Conversation("i", "o")),
        panels.conversation_list([], Conversation("i", "o"), search=EVIL),
        panels.conversation_list([], Conversation("i", "o"), deleted=Conversation("j", "o", 1, EVIL)),
        panels.memory_panel(Plan(EVIL, (Entry(Turn(0, EVIL), Place.SENT, 1),), EVIL, 5, 3, 1, 1, None), 1, asking=True),
        panels.offer(Mention(0, EVIL)),
        button(EVIL, EVIL, "open", EVIL),
        icon("bin", EVIL, "delete", EVIL),
    ],
    ids=["title", "search", "deleted", "panel", "offer", "button", "icon"],
)
def test_what_people_typed_is_text_in_every_panel(shown):
    assert "<img" not in shown
    assert "&lt;img" in shown
    assert '"alert' not in shown
