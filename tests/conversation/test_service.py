"""The service, over a real store and a model that says what the test wants, when it wants."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest
from langchain_core.exceptions import ModelRateLimitError
from langchain_core.messages import AIMessage, HumanMessage

from chatbot.conversation import (
    Conversation,
    ConversationBusyError,
    ConversationConflictError,
    ConversationNotFoundError,
    Failure,
    MessageError,
    Options,
    TurnMemory,
    TurnStatus,
    Usage,
    WindowMemory,
)
from tests.conversation.conversing import say, service_of, start, talk, users
from tests.support.document_words import WORDS
from tests.support.turns import text_turn


@pytest.fixture
def memory():
    return WindowMemory(k=2)


async def test_an_answer_grows_and_is_kept(service, model):
    conversation = service.begin("ada")
    async with aclosing(service.say(conversation, " hi\n")) as reader:
        assert await anext(reader) == text_turn(0, " hi\n", deployment="test")
        model.will_say("Hel", ends=False)
        assert (await anext(reader)).answer_text == "Hel"
        model.will_say("lo")
        seen = [turn async for turn in reader]
    ended = text_turn(0, " hi\n", "Hello", TurnStatus.COMPLETE, "stop", Usage(11, 7), deployment="test")
    assert replace(seen[-1], timing=None) == ended
    assert await service.turns(conversation) == [seen[-1]]


async def test_the_model_gets_the_window_and_nothing_else(service, model):
    conversation = await talk(service, model, "one", "two", "three")
    model.will_say("ok")
    await say(service, conversation, "four")
    assert model.asked[-1] == [
        HumanMessage("two"),
        AIMessage("re: two"),
        HumanMessage("three"),
        AIMessage("re: three"),
        HumanMessage("four"),
    ]


async def test_the_title_is_the_first_question(service, model):
    await talk(service, model, "What  is\nthis?", "two")
    assert [c.title for c in await service.list("ada")] == ["What is this?"]


async def test_latest_is_where_the_owner_wrote_last(service, model):
    first = await talk(service, model, "one")
    second = await talk(service, model, "two")
    assert (await service.latest("ada")).id == second.id
    model.will_say("ok")
    await say(service, first, "three")
    assert (await service.latest("ada")).id == first.id
    assert (await service.latest("grace")).revision == 0


async def test_stop_keeps_what_there_is_and_closes_the_model(service, model):
    conversation = service.begin("ada")
    model.will_say("half an", ends=False)
    async with aclosing(await start(service, conversation, "hi")) as reader:
        await service.stop(conversation)
        *_, ended = [turn async for turn in reader]
        assert replace(ended, timing=None) == text_turn(0, "hi", "half an", TurnStatus.STOPPED, deployment="test")
    assert model.closed == 1
    assert await service.turns(conversation) == [ended]
    assert not (await service.view(conversation)).growing


async def test_stop_twice_is_stop_once(service, model):
    conversation = service.begin("ada")
    model.will_say("half an", ends=False)
    async with aclosing(await start(service, conversation, "hi")):
        await asyncio.gather(service.stop(conversation), service.stop(conversation))
    assert [t.status for t in await service.turns(conversation)] == [TurnStatus.STOPPED]


async def test_stop_at_the_very_first_moment_leaves_the_conversation_free(service, model):
    """The answer's task has been made, but has not taken its first step."""
    conversation = service.begin("ada")
    async with aclosing(service.say(conversation, "hi")) as reader:
        await anext(reader)
        await service.stop(conversation)
        assert (await anext(reader)).status is TurnStatus.STOPPED
    assert [t.status for t in await service.turns(conversation)] == [TurnStatus.STOPPED]
    model.will_say("ok")
    assert (await say(service, await service.refresh(conversation), "again")).answer_text == "ok"


async def test_a_reader_who_goes_away_ends_nothing(service, model):
    conversation = service.begin("ada")
    model.will_say("half", ends=False)
    await (await start(service, conversation, "hi")).aclose()
    view = await service.view(conversation)
    assert (view.growing, view.turns[-1].answer_text) == (True, "half")
    followed = service.follow(conversation)
    assert (await anext(followed)).answer_text == "half"
    model.will_say(" and half")
    assert [turn async for turn in followed][-1].answer_text == "half and half"
    assert model.closed == 0
    assert [t.answer_text for t in await service.turns(conversation)] == ["half and half"]


async def test_a_slow_reader_gets_the_newest_state_not_a_backlog(service, model):
    conversation = service.begin("ada")
    reader = service.say(conversation, "hi")
    await anext(reader)
    model.will_say(*"many words at once")
    assert [turn.answer_text async for turn in service.follow(conversation)][-1] == "many words at once"
    assert [turn.answer_text async for turn in reader] == ["many words at once"]


async def test_a_model_error_keeps_the_question_and_what_arrived_and_says_why(service, model):
    class BusyError(ModelRateLimitError):
        retry_after = 7.0

    conversation = service.begin("ada")
    model.will_say("half", BusyError("Too many."))
    turn = await say(service, conversation, "hi")
    assert (turn.status, turn.question_text, turn.answer_text) == (TurnStatus.FAILED, "hi", "half")
    assert turn.failure == Failure("ModelRateLimitError", {"detail": "Too many."}, 7.0)
    assert await service.turns(conversation) == [turn]


async def test_an_error_that_is_no_model_error_tells_the_log_and_not_the_page(service, model, caplog):
    model.will_say(RuntimeError("secret detail"))
    conversation = service.begin("ada")
    turn = await say(service, conversation, "hi")
    assert turn.status is TurnStatus.FAILED
    assert turn.failure == Failure("Unexpected")
    assert "secret detail" in caplog.text


async def test_an_answer_that_takes_too_long_ends_by_itself(model, store):
    service = service_of(model, store, max_seconds=0.05)
    model.will_say("half", ends=False)
    turn = await say(service, service.begin("ada"), "hi")
    assert (turn.answer_text, turn.failure.kind) == ("half", "AnswerTimeout")
    assert turn.failure.data == {"seconds": 0.05}


async def test_a_failed_turn_is_not_sent_again(service, model):
    conversation = service.begin("ada")
    model.will_say(ModelRateLimitError("no"))
    await say(service, conversation, "one")
    model.will_say("ok")
    await say(service, await service.refresh(conversation), "two")
    assert model.asked[-1] == [HumanMessage("two")]


async def test_saying_at_an_earlier_turn_replaces_it_and_what_came_after(service, model):
    conversation = await talk(service, model, "one", "two", "three")
    model.will_say("new")
    await say(service, conversation, "other", at=1)
    assert await users(service, conversation) == ["one", "other"]
    assert model.asked[-1] == [HumanMessage("one"), AIMessage("re: one"), HumanMessage("other")]


async def test_the_old_answer_is_there_until_the_new_one_is_complete(service, model):
    conversation = await talk(service, model, "one")
    model.will_say("half", ends=False)
    async with aclosing(await start(service, conversation, "one", at=0)):
        assert [t.answer_text for t in await service.turns(conversation)] == ["re: one"]
        model.will_say(" done")
        assert [turn.answer_text async for turn in service.follow(conversation)][-1] == "half done"
    assert [t.answer_text for t in await service.turns(conversation)] == ["half done"]


@pytest.mark.parametrize("words", [[], ["half"]])
async def test_a_new_answer_that_fails_does_not_cost_the_old_one(service, model, words):
    conversation = await talk(service, model, "one", "two")
    model.will_say(*words, ModelRateLimitError("no"))
    turn = await say(service, conversation, "edited", at=0)
    assert turn.status is TurnStatus.FAILED
    assert [t.answer_text for t in await service.turns(conversation)] == ["re: one", "re: two"]


async def test_a_failure_is_replaced_by_the_next_failure(service, model):
    conversation = service.begin("ada")
    for reason in ("first", "second"):
        model.will_say(ModelRateLimitError(reason))
        await say(service, conversation, "hi", at=0)
        conversation = await service.refresh(conversation)
    assert [t.failure.data for t in await service.turns(conversation)] == [{"detail": "second"}]


async def test_rewind_cuts(service, model):
    conversation = await talk(service, model, "one", "two", "three")
    rewound = await service.rewind(conversation, 1)
    assert await users(service, rewound) == ["one"]
    model.will_say("ok")
    await say(service, rewound, "four")
    assert await users(service, rewound) == ["one", "four"]


async def test_who_has_not_seen_the_newest_turn_is_told_and_changes_nothing(service, model):
    seen_by_both = await talk(service, model, "one")
    model.will_say("ok")
    await say(service, seen_by_both, "first tab")
    with pytest.raises(ConversationConflictError):
        await say(service, seen_by_both, "second tab")
    with pytest.raises(ConversationConflictError):
        await service.rewind(seen_by_both, 0)
    assert await users(service, seen_by_both) == ["one", "first tab"]


async def test_two_messages_at_once_the_second_is_told(service, model):
    conversation = await talk(service, model, "one")
    model.will_say("half", ends=False)
    async with aclosing(await start(service, conversation, "first")):
        with pytest.raises(ConversationBusyError):
            await say(service, conversation, "second")
        with pytest.raises(ConversationBusyError):
            await service.rewind(conversation, 0)
        await service.stop(conversation)
    assert await users(service, conversation) == ["one", "first"]


async def test_of_two_first_messages_at_the_same_moment_one_gets_through(service, model):
    conversation = service.begin("ada")
    model.will_say("ok")
    results = await asyncio.gather(
        say(service, conversation, "a"), say(service, conversation, "b"), return_exceptions=True
    )
    assert sorted(type(result) for result in results if isinstance(result, Exception)) == [ConversationBusyError]
    assert len(await service.turns(conversation)) == 1


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
async def test_nothing_is_not_sent(service, model, text):
    with pytest.raises(MessageError):
        await say(service, service.begin("ada"), text)
    assert model.asked == []


async def test_half_a_character_is_refused_in_words(service, model):
    with pytest.raises(MessageError, match="half_character"):
        await say(service, service.begin("ada"), "half \ud83d of a pair")
    assert model.asked == []


async def test_a_refused_message_leaves_the_conversation_free(service, model):
    conversation = await talk(service, model, "one")
    with pytest.raises(ConversationConflictError):
        await say(service, conversation, "out of range", at=7)
    model.will_say("ok")
    assert (await say(service, conversation, "two")).status is TurnStatus.COMPLETE


async def test_nobody_gets_at_a_conversation_of_somebody_else(service, model):
    conversation = await talk(service, model, "my secret")
    model.will_say("half", ends=False)
    async with aclosing(await start(service, conversation, "another secret")):
        stranger = Conversation(conversation.id, "grace", conversation.revision)
        for attempt in (
            service.turns(stranger),
            service.refresh(stranger),
            service.rewind(Conversation(conversation.id, "grace", 2), 0),
            service.forget(stranger),
            service.view(stranger),
            service.mention(stranger, "secret"),
            service.stop(stranger),
            anext(service.follow(stranger)),
            service.select_version(Conversation(conversation.id, "grace", 2), 0, 0),
            service.set_memory(Conversation(conversation.id, "grace", 2), 0, TurnMemory.PINNED),
            service.choose(Conversation(conversation.id, "grace", 2), Options(k=1)),
            service.rename(stranger, "mine"),
            service.find_title(stranger),
            service.export_markdown(stranger, WORDS),
            service.export_json(stranger),
            service.restore(stranger),
        ):
            with pytest.raises((ConversationNotFoundError, ConversationBusyError)):
                await attempt
        assert (await service.view(conversation)).growing
        assert await service.list("grace") == []
    await service.stop(conversation)
    with pytest.raises(ConversationNotFoundError):
        await say(service, Conversation(conversation.id, "grace", 3), "hi")


async def test_forget_leaves_nothing(service, model):
    conversation = await talk(service, model, "one")
    await service.forget(conversation)
    assert await service.list("ada") == []
    with pytest.raises(ConversationNotFoundError):
        await service.turns(conversation)


async def test_the_end_of_the_process_keeps_what_there_is(service, model):
    conversation = service.begin("ada")
    model.will_say("half", ends=False)
    async with aclosing(await start(service, conversation, "hi")):
        await service.aclose()
    assert [(t.answer_text, t.status) for t in await service.turns(conversation)] == [("half", TurnStatus.STOPPED)]
