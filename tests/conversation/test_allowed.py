"""Deployments that are for some people only."""

from dataclasses import replace

import pytest

from chatbot.conversation import (
    Caller,
    Conversation,
    ConversationService,
    Deployment,
    Deployments,
    Options,
    WindowMemory,
)
from tests.support.scripted_model import ScriptedModel

STAFF = frozenset({"ada", "staff"})


@pytest.fixture
def models():
    return ScriptedModel(), ScriptedModel()


@pytest.fixture
def deployments(models):
    first, second = models
    return Deployments(
        Deployment("for staff", first, WindowMemory(), allowed=frozenset({"staff", "grace"})),
        Deployment("for all", second, WindowMemory()),
    )


def test_each_has_those_that_are_theirs(deployments):
    assert [each.name for each in deployments.available()] == ["for all"]
    assert [each.name for each in deployments.available(STAFF)] == ["for staff", "for all"]
    assert deployments.first.name == "for all"
    assert not deployments.are_for_everybody


@pytest.mark.parametrize(
    ("chosen", "groups", "name"),
    [
        (None, frozenset(), "for all"),
        (None, STAFF, "for staff"),
        ("for staff", frozenset(), "for all"),
        ("for staff", frozenset({"guests"}), "for all"),
        ("for staff", frozenset({"grace"}), "for staff"),
        ("for all", STAFF, "for all"),
        ("gone", STAFF, "for staff"),
    ],
)
def test_who_answers_is_the_choice_of_those_only_who_may_choose_it(deployments, chosen, groups, name):
    conversation = Conversation("c1", "ada", options=Options(deployment=chosen))
    assert deployments.effective(conversation, groups).deployment.name == name


def test_one_is_for_everybody():
    with pytest.raises(ValueError, match="let one be for everybody"):
        Deployments(Deployment("a", ScriptedModel(), WindowMemory(), allowed=frozenset({"staff"})))


async def test_titles_and_answers_are_asked_of_what_the_asker_may_use(deployments, models, store):
    service = ConversationService(deployments, store)
    restricted, shared = models
    conversation = replace(service.begin("ada"), options=Options(deployment="for staff"))
    restricted.will_say("first")
    [*_] = [turn async for turn in service.say(conversation, "one", caller=Caller(groups=STAFF))]
    conversation = await service.refresh(conversation)
    shared.will_say("second")
    [*_, turn] = [turn async for turn in service.say(conversation, "two")]
    assert (turn.answer_text, turn.deployment) == ("second", "for all")
    shared.will_say("A title")
    assert await service.find_title(conversation) == "A title"
    restricted.will_say("Another title")
    assert await service.find_title(conversation, caller=Caller(groups=STAFF)) == "Another title"
    assert (len(restricted.asked), len(shared.asked)) == (2, 2)
    await service.aclose()
