"""The window, by table: which turns a request carries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from chatbot.conversation import Failure, Turn, TurnStatus, WindowMemory
from chatbot.conversation.window import estimate_tokens


def turns(*answers: str | None) -> list[Turn]:
    """One turn for each answer; None is a turn that failed."""
    return [
        Turn(index, f"question {index}", answer, TurnStatus.COMPLETE)
        if answer is not None
        else Turn(index, f"question {index}", "", TurnStatus.FAILED, failure=Failure("ModelAPIError", "no"))
        for index, answer in enumerate(answers)
    ]


def numbers(remembered: tuple[Turn, ...]) -> list[int]:
    return [turn.index for turn in remembered]


@pytest.mark.parametrize(
    ("k", "answers", "expected"),
    [
        (5, [], []),
        (5, ["a"], [0]),
        (5, ["a"] * 5, [0, 1, 2, 3, 4]),
        (5, ["a"] * 6, [1, 2, 3, 4, 5]),
        (1, ["a", "b"], [1]),
        (0, ["a", "b"], []),
        (2, ["a", None, "c"], [0, 2]),
        (2, ["a", "b", None], [0, 1]),
        (2, ["a", "", "c"], [0, 2]),
    ],
)
def test_the_last_k_answered_turns_are_remembered(k, answers, expected):
    assert numbers(WindowMemory(k).remembered(turns(*answers))) == expected


def test_a_stopped_answer_is_remembered_as_far_as_it_came():
    stopped = Turn(0, "question", "half an ans", TurnStatus.STOPPED)
    assert WindowMemory(1).messages([stopped], "go on") == [
        HumanMessage("question"),
        AIMessage("half an ans"),
        HumanMessage("go on"),
    ]


def test_a_failed_answer_is_not_remembered_even_if_some_of_it_arrived():
    failed = Turn(0, "question", "half an ans", TurnStatus.FAILED, failure=Failure("ModelAPIError", "cut"))
    assert WindowMemory(1).remembered([failed]) == ()


def test_the_request_is_system_prompt_then_whole_turns_then_the_question():
    memory = WindowMemory(1, system_prompt="Be brief.")
    assert memory.messages(turns("first", "second"), "  third\n") == [
        SystemMessage("Be brief."),
        HumanMessage("question 1"),
        AIMessage("second"),
        HumanMessage("  third\n"),
    ]


def test_without_a_system_prompt_none_is_sent():
    assert WindowMemory(1).messages([], "hi") == [HumanMessage("hi")]


def count_words(text: str) -> int:
    return len(text.split())


@pytest.mark.parametrize(
    ("budget", "expected"), [(100, [0, 1, 2]), (15, [1, 2]), (12, [1, 2]), (11, [2]), (8, [2]), (7, []), (1, [])]
)
def test_the_token_budget_leaves_out_whole_turns_from_the_oldest(budget, expected):
    memory = WindowMemory(5, budget, "two words", count_tokens=count_words)
    # Two words of prompt, two of the question, and two and two of each turn.
    spoken = [Turn(n, "a question", "an answer", TurnStatus.COMPLETE) for n in range(3)]
    assert numbers(memory.remembered(spoken, "how so")) == expected


def test_the_system_prompt_and_the_question_always_go():
    memory = WindowMemory(5, 1, "a long system prompt", count_tokens=count_words)
    assert memory.messages(turns("a"), "a long question") == [
        SystemMessage("a long system prompt"),
        HumanMessage("a long question"),
    ]


def test_the_window_stays_contiguous_under_the_budget():
    """A turn that does not fit ends the window: an older one must not slip in behind it."""
    memory = WindowMemory(5, 12, count_tokens=count_words)
    spoken = [
        Turn(0, "short", "short", TurnStatus.COMPLETE),
        Turn(1, "long " * 20, "long", TurnStatus.COMPLETE),
        Turn(2, "short", "short", TurnStatus.COMPLETE),
    ]
    assert numbers(memory.remembered(spoken)) == [2]


@given(st.integers(0, 8), st.lists(st.sampled_from(["yes", "", None]), max_size=60))
def test_the_tail_within_reach_decides_like_the_whole_conversation(k, answers):
    """The request is made from the tail, the display from everything: both must say the same."""
    memory = WindowMemory(k)
    everything = turns(*answers)
    tail = everything[-memory.reach :] if memory.reach else []
    assert memory.remembered(tail) == memory.remembered(everything)


def test_a_negative_k_is_refused():
    with pytest.raises(ValueError, match="k must be 0 or more"):
        WindowMemory(-1)


def test_token_estimates_follow_the_script():
    english, chinese = "a" * 400, "字" * 400
    assert 100 <= estimate_tokens(english) <= 110
    assert estimate_tokens(chinese) > 2 * estimate_tokens(english)
