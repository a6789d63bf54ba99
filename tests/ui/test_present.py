"""How turns look, by table."""

import pytest

from chatbot.conversation import Failure, Turn, TurnStatus
from chatbot.ui.present import bubbles, memory_line, turn_of_bubble


def turn(index: int, status: TurnStatus = TurnStatus.COMPLETE, answer: str = "answer", **kwargs) -> Turn:
    return Turn(index, f"question {index}", answer, status, **kwargs)


def texts(*turns: Turn) -> list[tuple[str, str]]:
    return [(bubble["role"], bubble["content"][0]["text"]) for bubble in bubbles(turns)]


def test_text_is_shown_as_it_is():
    """As a content part, which Gradio leaves alone, not as a string, which it dedents and trims."""
    shown = bubbles([Turn(0, "  spaces  ", "    code\n      more\n", TurnStatus.COMPLETE)])
    assert [bubble["content"] for bubble in shown] == [
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
        (turn(0, TurnStatus.FAILED, failure=Failure("ModelTimeoutError", "Nothing came.")), "Nothing came."),
    ],
)
def test_a_turn_that_did_not_just_end_well_says_so(shown, note):
    assert note in texts(shown)[-1][1]
    assert texts(shown)[0] == ("user", "question 0")


def test_until_the_first_word_something_moves():
    assert "typing" in texts(turn(0, TurnStatus.STREAMING, ""))[-1][1]
    assert texts(turn(0, TurnStatus.STREAMING, "first"))[-1] == ("assistant", "first")


def test_a_servers_words_are_text_not_markup():
    failure = Failure("ModelAPIError", '<img src=x onerror="alert(1)"> & more')
    note = texts(turn(0, TurnStatus.FAILED, failure=failure))[-1][1]
    assert "<img" not in note
    assert "&lt;img" in note


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
    turns = [turn(n) for n in range(count)]
    assert memory_line(turns, [turns[n] for n in remembered], 5) == line


def test_the_memory_line_when_memory_is_off():
    assert memory_line([turn(0)], [], 0) == "Memory is off: every question stands alone"


def test_a_bubble_belongs_to_a_turn_also_behind_notes():
    turns = [turn(0), turn(1, TurnStatus.STOPPED), turn(2, TurnStatus.STOPPED, ""), turn(3)]
    assert [turn_of_bubble(turns, position) for position in range(9)] == [0, 0, 1, 1, 1, 2, 2, 3, 3]
    with pytest.raises(IndexError):
        turn_of_bubble(turns, 9)
