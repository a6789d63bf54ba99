"""The window, by table: which turns a request carries, and what is said of the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from chatbot.conversation import Failure, Inclusion, Turn, TurnMemory, TurnStatus, WindowMemory
from chatbot.conversation.context.messages import NO_ANSWER
from tests.support.turns import text_turn

FAILURE = Failure("ModelAPIError")
BLOCKED = Failure("ModelInvalidRequestError", blocked=True)


class WordCounter:
    """Counts words, so that a test can: a counter as the window wants one."""

    def __call__(self, text: str) -> int:
        return len(text.split())


def turns(*answers: str | None) -> list[Turn]:
    """One turn for each answer; None is a turn that failed."""
    return [
        text_turn(index, f"question {index}", answer, TurnStatus.COMPLETE)
        if answer is not None
        else text_turn(index, f"question {index}", "", TurnStatus.FAILED, failure=FAILURE)
        for index, answer in enumerate(answers)
    ]


def turn(index: int = 0, status: TurnStatus = TurnStatus.COMPLETE, **values) -> Turn:
    """A turn of two words and two, pinned or not, whatever else is said of it."""
    return text_turn(index, **({"question": "a question", "answer": "an answer", "status": status} | values))


def numbers(plan) -> list[int]:
    return [each.index for each in plan.remembered]


def inclusions(plan) -> list[Inclusion]:
    return [entry.inclusion for entry in plan.window.entries]


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
    assert numbers(WindowMemory(k).plan(turns(*answers))) == expected
    assert numbers(WindowMemory(9).plan(turns(*answers), k=k)) == expected


@pytest.mark.parametrize(
    ("values", "inclusion"),
    [
        ({}, Inclusion.SENT),
        ({"status": TurnStatus.STOPPED, "answer": "half an ans"}, Inclusion.SENT),
        ({"memory": TurnMemory.PINNED}, Inclusion.SENT),
        ({"memory": TurnMemory.EXCLUDED}, Inclusion.EXCLUDED),
        ({"memory": TurnMemory.EXCLUDED, "status": TurnStatus.FAILED, "failure": FAILURE}, Inclusion.EXCLUDED),
        ({"status": TurnStatus.FAILED, "failure": FAILURE, "answer": ""}, Inclusion.FAILED),
        ({"status": TurnStatus.FAILED, "failure": FAILURE, "answer": "half an ans"}, Inclusion.FAILED),
        ({"status": TurnStatus.FAILED, "failure": FAILURE, "memory": TurnMemory.PINNED}, Inclusion.SENT),
        ({"status": TurnStatus.FAILED, "failure": BLOCKED, "answer": ""}, Inclusion.BLOCKED),
        ({"status": TurnStatus.FAILED, "failure": BLOCKED, "memory": TurnMemory.PINNED}, Inclusion.SENT),
        ({"finish_reason": "content_filter"}, Inclusion.BLOCKED),
        ({"finish_reason": "content_filter", "memory": TurnMemory.PINNED}, Inclusion.SENT),
        ({"finish_reason": "length"}, Inclusion.SENT),
        ({"answer": ""}, Inclusion.UNANSWERED),
        ({"answer": "", "status": TurnStatus.STOPPED}, Inclusion.UNANSWERED),
        ({"answer": "", "memory": TurnMemory.PINNED}, Inclusion.SENT),
        ({"status": TurnStatus.STREAMING}, Inclusion.UNANSWERED),
        ({"status": TurnStatus.STREAMING, "memory": TurnMemory.PINNED}, Inclusion.UNANSWERED),
    ],
)
def test_each_turn_is_in_or_out_for_a_reason(values, inclusion):
    plan = WindowMemory(1).plan([turn(**values)])
    assert inclusions(plan) == [plan.inclusion(0)] == [inclusion]
    assert len(plan.messages) == (3 if inclusion is Inclusion.SENT else 1)


@pytest.mark.parametrize("memory", TurnMemory)
def test_without_a_window_nothing_is_remembered_not_even_what_is_pinned(memory):
    plan = WindowMemory(5).plan([turn(0), turn(1, memory=memory)], "hi", k=0)
    assert inclusions(plan) == [Inclusion.MEMORY_OFF] * 2
    assert plan.messages == [HumanMessage("hi")]
    assert plan.inclusion(0) is plan.inclusion(77) is Inclusion.MEMORY_OFF


def test_a_turn_too_old_to_be_looked_at_is_before_the_window():
    everything = [turn(n) for n in range(100)]
    plan = WindowMemory(2).plan(everything[-WindowMemory.lookback(2) :])
    assert plan.inclusion(0) is Inclusion.BEFORE_WINDOW
    assert plan.inclusion(99) is Inclusion.SENT


def test_a_pinned_turn_goes_from_however_far_back_and_takes_no_place_in_the_window():
    everything = [turn(n, memory=TurnMemory.PINNED if n in {3, 99} else TurnMemory.AUTO) for n in range(100)]
    plan = WindowMemory(2).plan([everything[3], *everything[-WindowMemory.lookback(2) :]])
    assert numbers(plan) == [3, 97, 98, 99]


def test_a_pinned_turn_without_an_answer_keeps_the_roles_taking_turns():
    plan = WindowMemory(1).plan([turn(answer="", memory=TurnMemory.PINNED)], "hi")
    assert plan.messages == [HumanMessage("a question"), AIMessage(NO_ANSWER), HumanMessage("hi")]


def test_pinned_turns_go_before_the_others_as_many_as_fit():
    memory = WindowMemory(5, 10, counter=WordCounter())
    pinned = [turn(n, memory=TurnMemory.PINNED) for n in range(3)]
    plan = memory.plan([*pinned, turn(3)], "how so")
    assert inclusions(plan) == [Inclusion.OVER_BUDGET, Inclusion.SENT, Inclusion.SENT, Inclusion.OVER_BUDGET]
    assert plan.tokens == 10


def test_an_excluded_turn_makes_room_for_an_older_one():
    plan = WindowMemory(2).plan([turn(0), turn(1), turn(2, memory=TurnMemory.EXCLUDED), turn(3)])
    assert inclusions(plan) == [Inclusion.BEFORE_WINDOW, Inclusion.SENT, Inclusion.EXCLUDED, Inclusion.SENT]


def test_the_request_is_system_prompt_then_whole_turns_then_the_question():
    plan = WindowMemory(1, system_prompt="Be brief.").plan(turns("first", "second"), "  third\n")
    assert plan.messages == [
        SystemMessage("Be brief."),
        HumanMessage("question 1"),
        AIMessage("second"),
        HumanMessage("  third\n"),
    ]


def test_without_a_system_prompt_none_is_sent():
    assert WindowMemory(1).plan([], "hi").messages == [HumanMessage("hi")]


@pytest.mark.parametrize(
    ("budget", "expected"), [(100, [0, 1, 2]), (15, [1, 2]), (12, [1, 2]), (11, [2]), (8, [2]), (7, []), (1, [])]
)
def test_the_token_budget_leaves_out_whole_turns_from_the_oldest(budget, expected):
    memory = WindowMemory(5, budget, "two words", counter=WordCounter())
    plan = memory.plan([turn(n) for n in range(3)], "how so")
    assert numbers(plan) == expected
    assert [section.tokens for section in plan.sections] == [2, 4 * len(expected), 2]
    assert plan.tokens == 4 + 4 * len(expected)
    assert inclusions(plan) == [Inclusion.OVER_BUDGET] * (3 - len(expected)) + [Inclusion.SENT] * len(expected)


def test_the_budget_leaves_room_for_the_answer():
    spoken = [turn(n) for n in range(3)]
    for room, expected in ((0, [1, 2]), (1, [2]), (8, []), (99, [])):
        plan = WindowMemory(5, 10, answer_tokens=room, counter=WordCounter()).plan(spoken, "how so")
        assert numbers(plan) == expected
        assert plan.budget == max(10 - room, 0)


def test_the_system_prompt_and_the_question_always_go():
    plan = WindowMemory(5, 1, "a long system prompt", counter=WordCounter()).plan(turns("a"), "a long question")
    assert plan.messages == [SystemMessage("a long system prompt"), HumanMessage("a long question")]
    assert plan.tokens == 7


def test_the_window_stays_contiguous_under_the_budget():
    """A turn that does not fit ends the window: an older one must not slip in behind it."""
    plan = WindowMemory(5, 12, counter=WordCounter()).plan([turn(0), turn(1, question="long " * 20), turn(2)])
    assert inclusions(plan) == [Inclusion.OVER_BUDGET, Inclusion.OVER_BUDGET, Inclusion.SENT]


def test_beyond_k_is_before_the_window_and_within_it_over_the_budget():
    plan = WindowMemory(2, 5, counter=WordCounter()).plan([turn(n) for n in range(4)])
    assert inclusions(plan)[-2:] == [Inclusion.OVER_BUDGET, Inclusion.SENT]


def test_a_negative_k_is_refused():
    with pytest.raises(ValueError, match="k must be 0 or more"):
        WindowMemory(-1)


# ---------------------------------------------------------------------------------------------- whatever there is

WORDS = st.text("a \n字", max_size=60)


@st.composite
def conversations(draw, most=40) -> list[Turn]:
    made = []
    for index in range(draw(st.integers(0, most))):
        status = draw(st.sampled_from([*TurnStatus, *[TurnStatus.COMPLETE] * 6]))
        made.append(
            text_turn(
                index,
                draw(WORDS),
                draw(WORDS),
                status,
                draw(st.sampled_from(["stop", "stop", "stop", "content_filter"])),
                failure=draw(st.sampled_from([FAILURE, BLOCKED])) if status is TurnStatus.FAILED else None,
                memory=draw(st.sampled_from([*TurnMemory, *[TurnMemory.AUTO] * 6])),
            )
        )
    return made


MEMORIES = st.builds(
    WindowMemory,
    st.integers(0, 8),
    st.none() | st.integers(0, 300),
    st.sampled_from(["", "Be brief."]),
    answer_tokens=st.integers(0, 50),
)


@given(MEMORIES, conversations(), WORDS)
def test_what_is_displayed_is_what_is_sent(memory, spoken, text):
    plan = memory.plan(spoken, text)
    sent = [
        (e.turn.question_text, e.turn.answer_text if e.turn.has_answer else NO_ANSWER)
        for e in plan.window.entries
        if e.inclusion is Inclusion.SENT
    ]
    told = [message.content for message in plan.messages]
    system = [memory.system_prompt] if memory.system_prompt else []
    assert told == [*system, *(words for pair in sent for words in pair), text]
    assert [type(m) for m in plan.messages[len(system) :]] == [HumanMessage, AIMessage] * len(sent) + [HumanMessage]
    assert plan.tokens == sum(map(memory.count, told))
    assert plan.window.tokens == sum(e.tokens for e in plan.window.entries if e.sent)
    for section in plan.sections:
        assert section.tokens == sum(memory.count(message.content) for message in section.messages)
    assert all(plan.inclusion(entry.turn.index) is entry.inclusion for entry in plan.window.entries)


@given(MEMORIES, conversations(), WORDS)
def test_a_request_is_within_the_budget_unless_it_remembers_nothing(memory, spoken, text):
    plan = memory.plan(spoken, text)
    assert plan.budget is None or plan.tokens <= plan.budget or not plan.remembered
    assert len([each for each in plan.remembered if each.memory is not TurnMemory.PINNED]) <= memory.k


@given(MEMORIES, conversations(60), WORDS)
def test_what_is_within_reach_decides_like_the_whole_conversation(memory, spoken, text):
    """The request is made from the newest and the pinned turns, a display may look at everything: both say the same."""
    tail = spoken[-memory.lookback(memory.k) :]
    pinned = [each for each in spoken if each.memory is TurnMemory.PINNED and each not in tail]
    plan, of_all = memory.plan([*pinned, *tail], text), memory.plan(spoken, text)
    assert plan.messages == of_all.messages
    assert plan.tokens == of_all.tokens
    assert [plan.inclusion(each.index) for each in (*pinned, *tail)] == [
        of_all.inclusion(each.index) for each in (*pinned, *tail)
    ]
