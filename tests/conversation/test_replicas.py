"""Two services on one database, as two processes behind a balancer have them."""

import asyncio
from contextlib import aclosing

import pytest
import pytest_asyncio

from chatbot.conversation import (
    ConversationBusyError,
    ConversationConflictError,
    ConversationStore,
    Options,
    TurnMemory,
    TurnStatus,
)
from tests.conversation.conversing import answers, ask, say, service_of, start, talk, until, users
from tests.support.scripted_model import ScriptedModel


@pytest_asyncio.fixture
async def open_replica(tmp_path):
    """Make services, each with a store and a model of its own, on one file."""
    opened = []

    def open_replica(**options):
        model, store = ScriptedModel(), ConversationStore(f"sqlite:///{tmp_path}/chat.db", **options)
        service = service_of(model, store)
        opened.append((service, store))
        return service, model

    yield open_replica
    for service, store in opened:
        await service.aclose()
        await store.aclose()


@pytest.mark.slow
async def test_the_other_replica_sees_the_answer_grow_and_end(open_replica):
    (here, model), (there, _) = open_replica(), open_replica()
    conversation = await talk(here, model, "one")
    model.will_say("half", ends=False)
    async with aclosing(await start(here, conversation, "two")):
        seen = [""]
        async for turn in there.follow(await there.refresh(conversation)):
            # The same words may come again, with more known of them.
            if turn.answer_text == seen[-1]:
                continue
            seen.append(turn.answer_text)
            if turn.answer_text == "half":
                view = await there.view(conversation)
                assert (view.growing, view.turns[-1]) == (True, turn)
                assert view.plan.messages == model.asked[-1]
                model.will_say(" more", ends=False)
            elif turn.answer_text == "half more":
                model.will_say(" done")
    assert seen[-1].startswith("half more")
    assert await answers(there, conversation) == ["re: one", "half more done"]
    assert (await there.view(conversation)).turns == (await here.view(conversation)).turns


async def test_the_other_replica_waits_its_turn(open_replica):
    (here, model), (there, other_model) = open_replica(), open_replica()
    conversation = await talk(here, model, "one")
    conversation = await ask(here, model, conversation, "one", "again", at=0)
    model.will_say("half", ends=False)
    async with aclosing(await start(here, conversation, "two")):
        now = await there.refresh(conversation)
        for attempt in (
            say(there, now, "three"),
            say(there, now, "one", 0),
            there.rewind(now, 0),
            there.select_version(now, 0, 0),
        ):
            with pytest.raises(ConversationBusyError):
                await attempt
        with pytest.raises(ConversationConflictError):
            await say(there, conversation, "three")
        assert other_model.asked == []
        model.will_say(" done")
    async for _ in here.follow(conversation):
        pass
    conversation = await ask(there, other_model, await there.refresh(conversation), "three")
    assert await users(here, conversation) == ["one", "two", "three"]


@pytest.mark.slow
async def test_the_other_replica_can_stop_the_answer(open_replica):
    (here, model), (there, _) = open_replica(), open_replica()
    conversation = await talk(here, model, "one")
    model.will_say("half", ends=False)
    async with aclosing(await start(here, conversation, "two")) as reader:
        async for turn in there.follow(await there.refresh(conversation)):
            if turn.answer_text and not model.closed:
                model.will_say(", and what was not kept yet", ends=False)
                await there.stop(conversation)
        ended = [turn async for turn in reader][-1]
    assert model.closed == 1
    shown = (await there.turns(conversation))[-1]
    assert (shown.answer_text, shown.status) == ("half", TurnStatus.STOPPED)
    assert ended == shown


async def test_a_retry_stopped_by_the_other_replica_before_its_first_word_keeps_the_old_answer(open_replica):
    (here, model), (there, _) = open_replica(), open_replica()
    conversation = await talk(here, model, "one", "two")
    async with aclosing(here.say(conversation, "one", at=0)) as reader:
        await anext(reader)
        await there.stop(conversation)
        assert [turn async for turn in reader][-1].status is TurnStatus.STOPPED
    assert await answers(here, conversation) == await answers(there, conversation) == ["re: one", "re: two"]


async def test_of_two_writers_at_the_same_moment_one_gets_through_and_nothing_interleaves(open_replica):
    replicas = [open_replica() for _ in range(4)]
    conversation = await talk(*replicas[0], "start")
    for turn in range(1, 6):
        for number, (_, model) in enumerate(replicas):
            model.will_say(f"from {number}")
        asked = [len(model.asked) for _, model in replicas]
        results = await asyncio.gather(
            *(say(service, conversation, f"{turn} by {n}") for n, (service, _) in enumerate(replicas)),
            return_exceptions=True,
        )
        [winner] = [n for n, result in enumerate(results) if not isinstance(result, BaseException)]
        losers = [result for n, result in enumerate(results) if n != winner]
        assert {type(each) for each in losers} <= {ConversationConflictError, ConversationBusyError}
        assert [len(model.asked) - was for (_, model), was in zip(replicas, asked, strict=True)] == [
            int(n == winner) for n in range(4)
        ]
        for n, (_, model) in enumerate(replicas):
            if n != winner:
                model.forget_script()
        conversation = await replicas[0][0].refresh(conversation)
        shown = (await replicas[0][0].turns(conversation))[-1]
        assert (shown.index, shown.question_text, shown.answer_text) == (turn, f"{turn} by {winner}", f"from {winner}")
    assert len(await replicas[1][0].turns(conversation)) == 6


async def last_is(service, conversation, text):
    return (await service.turns(conversation))[-1].answer_text == text


async def test_an_answer_whose_process_vanished_is_shown_as_interrupted_and_can_be_retried(open_replica):
    """To a store that takes every silence for death, the first process has vanished; it only sleeps."""
    (here, model), (there, other_model) = open_replica(), open_replica(silence=0)
    conversation = await talk(here, model, "one")
    model.will_say("half", ends=False)
    reader = await start(here, conversation, "two")
    await until(lambda: last_is(there, conversation, "half"))
    view = await there.view(conversation)
    assert not view.growing
    assert (view.turns[-1].answer_text, view.turns[-1].failure.kind) == ("half", "Interrupted")
    assert [turn async for turn in there.follow(conversation)] == []
    conversation = await ask(there, other_model, view.conversation, "two", "whole", at=1)
    assert (await there.view(conversation)).versions[1] == [0, 1]
    # The sleeper wakes up and ends its answer.
    model.will_say(" a late word")
    late = [turn async for turn in reader][-1]
    assert late.status is TurnStatus.STOPPED
    assert await answers(there, conversation) == await answers(here, conversation) == ["re: one", "whole"]
    conversation = await there.select_version(conversation, 1, 0)
    assert await answers(there, conversation) == ["re: one", "half"]


async def test_a_retry_whose_process_vanished_leaves_the_old_answer(open_replica):
    (here, model), (there, other_model) = open_replica(), open_replica(silence=0)
    conversation = await talk(here, model, "one", "two")
    model.will_say("half", ends=False)
    reader = await start(here, conversation, "one", at=0)
    assert await answers(there, conversation) == ["re: one", "re: two"]
    conversation = await ask(there, other_model, await there.refresh(conversation), "three")
    model.will_say(" a late word")
    assert [turn async for turn in reader][-1].status is TurnStatus.STOPPED
    assert await answers(here, conversation) == ["re: one", "re: two", "re: three"]


async def test_what_one_replica_decides_about_the_memory_counts_on_the_other(open_replica):
    (here, model), (there, other_model) = open_replica(), open_replica()
    conversation = await talk(here, model, *"abc")
    conversation = await here.set_memory(conversation, 0, TurnMemory.PINNED)
    conversation = await there.choose(conversation, Options(k=1))
    await ask(there, other_model, conversation, "d")
    assert [message.text for message in other_model.asked[-1]] == ["a", "re: a", "c", "re: c", "d"]
