"""A plan of sections: a further one counts under the one budget, is sent in its place, and says what is left out."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from chatbot.conversation import Inclusion, TurnStatus, WindowMemory
from tests.conversation.conversing import ask, service_of
from tests.support.passages import add_passages
from tests.support.turns import text_turn


def words(text: str) -> int:
    return len(text.split())


MEMORY = WindowMemory(5, 14, "two words", counter=words)
TURNS = [text_turn(index, "a question", "an answer", TurnStatus.COMPLETE) for index in range(3)]


def kinds(plan) -> list[str]:
    return [section.kind for section in plan.sections]


def test_a_plan_is_the_sections_of_a_request_in_its_order():
    plan = MEMORY.plan(TURNS, "how so")
    assert kinds(plan) == ["system_prompt", "window", "question"]
    assert [section.always_sent for section in plan.sections] == [True, False, True]
    assert [message for section in plan.sections for message in section.messages] == plan.messages
    assert sum(section.tokens for section in plan.sections) == plan.tokens == sum(words(m.text) for m in plan.messages)


@pytest.mark.parametrize(
    ("before_turns", "passages", "turns"),
    [(True, [True, True], [False, False, True]), (False, [True, False], [False, True, True])],
)
def test_a_further_section_counts_under_the_one_budget_by_its_priority(monkeypatch, before_turns, passages, turns):
    add_passages(monkeypatch, "one of them", "b c", before_turns=before_turns)
    memory = WindowMemory(5, 13 if before_turns else 15, "two words", counter=words)
    plan = memory.plan(TURNS, "how so")
    assert kinds(plan) == ["system_prompt", "passages", "window", "question"]
    sections = plan.sections
    assert [entry.inclusion is Inclusion.SENT for entry in sections[1].entries] == passages
    assert [entry.inclusion is Inclusion.SENT for entry in sections[2].entries] == turns
    left_out = [e.inclusion for s in sections for e in s.entries if e.inclusion is not Inclusion.SENT]
    assert set(left_out) == {Inclusion.OVER_BUDGET}
    assert plan.tokens == sum(words(message.text) for message in plan.messages) <= plan.budget


def test_what_is_always_sent_leaves_a_further_section_no_room(monkeypatch):
    add_passages(monkeypatch, "b", before_turns=True)
    plan = WindowMemory(5, 3, "two words", counter=words).plan(TURNS, "how so")
    assert plan.messages == [SystemMessage("two words"), HumanMessage("how so")]
    assert [entry.inclusion for entry in plan.sections[1].entries] == [Inclusion.OVER_BUDGET]


async def test_a_further_section_is_sent_and_shown(monkeypatch, model, store):
    """Added in one place, it is in the request and in the view: nothing else knows of it."""
    add_passages(monkeypatch, "a passage", before_turns=True)
    service = service_of(model, store, WindowMemory(5, system_prompt="Be brief."))
    conversation = await ask(service, model, service.begin("ada"), "hi")
    shown = (await service.view(conversation, text="and?")).plan
    await ask(service, model, conversation, "and?")
    assert model.asked[-1] == shown.messages
    assert model.asked[-1] == [
        SystemMessage("Be brief."),
        HumanMessage("a passage"),
        HumanMessage("hi"),
        AIMessage("re: hi"),
        HumanMessage("and?"),
    ]
    await service.aclose()
