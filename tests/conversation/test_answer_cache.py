"""Answers that are told again: to the same request, to their owner alone, and only where they are whole."""

import asyncio
import base64

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.exceptions import ModelRateLimitError
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import Generation

from chatbot.conversation import (
    AnswerCache,
    ConversationService,
    Deployment,
    Deployments,
    Options,
    Prices,
    TurnStatus,
    WindowMemory,
)
from chatbot.conversation.generation import cached
from chatbot.conversation.parts import NonStandard, Reasoning, Text
from tests.conversation.conversing import ask, say, start
from tests.support.scripted_model import ScriptedModel

NOTICES = ["from_cache"]


@pytest.fixture
def other_model():
    return ScriptedModel()


@pytest.fixture
def cache():
    return InMemoryCache()


@pytest.fixture
def service_with(store, model, other_model, memory):
    def service_with(cache, **options):
        deployments = Deployments(
            Deployment("test", model, memory, {"temperature": 0.5}, Prices(1.0, 1.0)),
            Deployment("other", other_model, WindowMemory()),
        )
        return ConversationService(deployments, store, cache=AnswerCache(cache, 60, **options))

    return service_with


@pytest.fixture
async def service(service_with, cache):
    service = service_with(cache)
    yield service
    await service.aclose()


def kinds(turn):
    return [notice.kind for notice in turn.notices]


async def first_turn(service, owner="ada", text="hello"):
    return await say(service, service.begin(owner), text)


async def test_the_same_question_is_answered_once_more_without_the_model(service, model):
    model.will_say("Good ", "day.")
    asked = await first_turn(service)
    told = await first_turn(service)
    assert len(model.asked) == 1
    assert (told.answer, told.status, told.finish_reason) == (asked.answer, TurnStatus.COMPLETE, "stop")
    assert (kinds(asked), kinds(told)) == ([], NOTICES)
    assert (told.deployment, told.usage) == ("test", None)
    assert (asked.usage.input_tokens, asked.usage.cost) == (11, 18 / 1e6)
    total = await service.usage.total(1)
    assert (total.messages, total.cached, total.input_tokens) == (2, 1, 11)


async def test_it_is_shown_and_kept_as_every_answer_is(service, model):
    model.will_say("Good day.")
    await first_turn(service)
    conversation = service.begin("ada")
    await say(service, conversation, "hello")
    conversation = await service.refresh(conversation)
    [turn] = await service.turns(conversation)
    assert (turn.answer_text, kinds(turn), conversation.usage.input_tokens) == ("Good day.", NOTICES, 0)
    model.will_say("And to you.")
    assert (await say(service, conversation, "and then?")).answer_text == "And to you."


async def test_another_visitor_is_not_told_it(service, model):
    model.will_say("For ada.")
    await first_turn(service)
    model.will_say("For grace.")
    turn = await first_turn(service, "grace")
    assert (turn.answer_text, kinds(turn)) == ("For grace.", [])


async def test_unless_it_is_shared(service_with, cache, model):
    service = service_with(cache, shared=True)
    model.will_say("For all.")
    await first_turn(service)
    turn = await first_turn(service, "grace")
    assert (turn.answer_text, kinds(turn), len(model.asked)) == ("For all.", NOTICES, 1)
    await service.aclose()


async def test_what_else_the_request_holds_counts(service, model, other_model):
    model.will_say("one")
    await first_turn(service)

    async def asked_with(**options):
        model.will_say("two")
        conversation = await service.choose(service.begin("ada"), Options(**options))
        await say(service, conversation, "hello")
        return len(model.asked)

    assert await asked_with(temperature=0.7) == 2
    assert await asked_with(system_prompt="Be brief.") == 3
    conversation = await ask(service, model, service.begin("ada"), "something else", "first")
    model.will_say("three")
    await say(service, conversation, "hello")
    assert len(model.asked) == 5, "what was said before was not counted"
    other_model.will_say("from the other")
    conversation = await service.choose(service.begin("ada"), Options(deployment="other"))
    assert (await say(service, conversation, "hello")).answer_text == "from the other"


async def test_a_retry_asks_anew_and_its_answer_takes_the_place(service, model):
    model.will_say("old")
    await first_turn(service)
    conversation = service.begin("ada")
    await say(service, conversation, "hello")
    conversation = await service.refresh(conversation)
    model.will_say("new")
    again = await say(service, conversation, "hello", at=0)
    assert (again.answer_text, kinds(again), len(model.asked)) == ("new", [], 2)
    assert (await first_turn(service)).answer_text == "new"
    assert len(model.asked) == 2


async def test_edited_words_are_looked_for(service, model):
    model.will_say("found")
    await first_turn(service)
    conversation = await ask(service, model, service.begin("ada"), "helo", "what?")
    assert kinds(await say(service, conversation, "hello", at=0)) == NOTICES


def ending(reason):
    return AIMessageChunk("so far", response_metadata={"finish_reason": reason})


@pytest.mark.parametrize(
    "words",
    [
        [ending("length")],
        [ending("content_filter")],
        [ending("tool_calls")],
        [AIMessageChunk("an end that nobody named")],
        ["so far", ModelRateLimitError("busy")],
        ["\u200b \n"],
        ["x" * (cached.MAX_CHARACTERS + 1)],
    ],
    ids=["length", "filter", "tools", "unknown", "failure", "blank", "long"],
)
async def test_an_answer_that_is_not_whole_is_not_kept(service, model, words):
    model.will_say(*words)
    await first_turn(service)
    model.will_say("whole")
    assert (await first_turn(service)).answer_text == "whole"
    assert len(model.asked) == 2


async def test_neither_is_one_that_was_stopped(service, model):
    conversation = service.begin("ada")
    model.will_say("so far", ends=False)
    reader = await start(service, conversation, "hello")
    await service.stop(conversation)
    await reader.aclose()
    model.forget_script()
    model.will_say("whole")
    assert (await first_turn(service)).answer_text == "whole"


async def test_nor_one_with_a_picture(service, model):
    picture = {"type": "image", "base64": base64.b64encode(b"png").decode(), "mime_type": "image/png"}
    chunk = AIMessageChunk([{"type": "text", "text": "see"}, picture], response_metadata={"finish_reason": "stop"})
    for _ in range(2):
        model.will_say(chunk)
        assert kinds(await first_turn(service)) == []
    assert len(model.asked) == 2


async def test_thoughts_and_what_is_not_known_come_back_in_their_order(service, model):
    block = {"type": "widget", "of": [1, "é", None]}
    model.will_say(
        AIMessageChunk("", additional_kwargs={"reasoning_content": "hm"}),
        "so",
        AIMessageChunk([block]),
        AIMessageChunk("", response_metadata={"finish_reason": "stop"}),
    )
    asked = await first_turn(service)
    assert {type(part) for part in asked.answer} == {Reasoning, Text, NonStandard}
    told = await first_turn(service)
    assert (told.answer, kinds(told)) == (asked.answer, NOTICES)


async def test_it_is_told_again_for_so_long_only(service, model, monkeypatch):
    model.will_say("old")
    await first_turn(service)
    later = cached.time.time() + 61
    monkeypatch.setattr(cached.time, "time", lambda: later)
    model.will_say("new")
    assert (await first_turn(service)).answer_text == "new"


class Broken(InMemoryCache):
    async def alookup(self, *_):
        raise ConnectionError("gone")

    async def aupdate(self, *_):
        raise ConnectionError("gone")


class Hanging(InMemoryCache):
    async def alookup(self, *_):
        await asyncio.Event().wait()

    aupdate = alookup


class Nonsense(InMemoryCache):
    async def alookup(self, *_):
        return [Generation(text='{"at": "now"}')]


@pytest.mark.parametrize("broken", [Broken, Hanging, Nonsense])
async def test_a_cache_that_does_not_work_keeps_nobody_from_an_answer(service_with, model, monkeypatch, broken):
    monkeypatch.setattr(cached, "LOOKUP_SECONDS", 0.01)
    monkeypatch.setattr(cached, "UPDATE_SECONDS", 0.01)
    service = service_with(broken())
    for _ in range(2):
        model.will_say("asked")
        turn = await first_turn(service)
        assert (turn.answer_text, turn.status, kinds(turn)) == ("asked", TurnStatus.COMPLETE, [])
    await service.aclose()


async def test_what_was_asked_and_by_whom_stands_nowhere_in_a_cache(service, model, cache):
    model.will_say("Good day.")
    await first_turn(service, text="a very private question")
    kept = repr(cache._cache)
    assert "Good day." in kept
    assert not any(word in kept for word in ("private", "ada"))
