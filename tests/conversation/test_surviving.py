"""An answer outlives whoever reads it, and what had arrived of it outlives the process."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from contextlib import aclosing, suppress
from pathlib import Path

import pytest

from chatbot.conversation import ConversationStore, TurnStatus
from tests.conversation.conversing import answers, ask, say, service_of, start, talk, until
from tests.support.scripted_model import ScriptedModel

ROOT = Path(__file__).parents[2]

CHILD = """
import asyncio, sys
from chatbot.conversation import ConversationStore
from tests.conversation.conversing import service_of
from tests.support.scripted_model import ScriptedModel

async def answer():
    model = ScriptedModel()
    service = service_of(model, ConversationStore(sys.argv[1]))
    conversation = service.begin("ada")
    model.will_say("all of it")
    async for _ in service.say(conversation, "first"):
        pass
    conversation = await service.refresh(conversation)
    model.will_say("as far as", " it came", ends=False)
    async for _ in service.say(conversation, "second"):
        print(conversation.id, flush=True)

asyncio.run(answer())
"""


async def test_a_growing_answer_is_kept_while_it_grows(service, model, store):
    conversation = service.begin("ada")
    model.will_say("half", ends=False)
    async with aclosing(await start(service, conversation, "hi")):
        await until(lambda: kept(store, conversation, "half"))
        model.will_say(" more", ends=False)
        await until(lambda: kept(store, conversation, "half more"))
    [growing] = await store.in_progress(conversation.id)
    assert growing.status is TurnStatus.STREAMING


async def kept(store, conversation, text):
    return [turn.answer_text for turn in await store.turns(conversation.id)] == [text]


async def test_a_growing_retry_is_kept_but_not_shown(service, model, store):
    conversation = await talk(service, model, "one", "two")
    model.will_say("half", ends=False)

    async def is_kept():
        return [each.turn.answer_text for each in await store.everything(conversation.id) if not each.shown] == ["half"]

    async with aclosing(await start(service, conversation, "one", at=0)):
        await until(is_kept)
        assert await answers(service, conversation) == ["re: one", "re: two"]


async def test_whoever_comes_back_sees_it_growing_or_complete(service, model):
    conversation = service.begin("ada")
    model.will_say("half", ends=False)
    await (await start(service, conversation, "hi")).aclose()
    view = await service.view(conversation)
    assert (view.growing, view.turns[-1].answer_text) == (True, "half")
    followers = [asyncio.create_task(last(service.follow(conversation))) for _ in range(3)]
    await asyncio.sleep(0)
    model.will_say(" and half")
    assert {(await follower).answer_text for follower in followers} == {"half and half"}
    view = await service.view(conversation)
    assert (view.growing, view.turns[-1].status) == (False, TurnStatus.COMPLETE)
    assert [turn async for turn in service.follow(conversation)] == []


async def last(snapshots):
    return [turn async for turn in snapshots][-1]


@pytest.mark.parametrize("steps", range(12))
async def test_who_goes_away_while_it_begins_has_it_answered_all_the_same(service, model, steps):
    """Cancelled at whatever moment after it was asked: the question is not lost, nor half written down."""
    conversation = await talk(service, model, "one")
    model.will_say("ok")
    asker = asyncio.create_task(say(service, conversation, "two"))
    await asyncio.sleep(0)
    await asyncio.sleep(steps * 0.002)
    asker.cancel()
    with suppress(asyncio.CancelledError):
        await asker

    async def is_answered():
        return [(t.question_text, t.status) for t in await service.turns(conversation)][1:] == [
            ("two", TurnStatus.COMPLETE)
        ]

    await until(is_answered)
    assert len(model.asked) == 2


@pytest.mark.parametrize("steps", range(12))
async def test_stop_is_heard_while_the_answer_only_begins(service, model, steps):
    conversation = await talk(service, model, "one")
    asker = asyncio.create_task(say(service, conversation, "two"))
    await asyncio.sleep(steps * 0.002)
    await service.stop(conversation)
    assert (await asker).status is TurnStatus.STOPPED
    assert [turn.status for turn in await service.turns(conversation)] == [TurnStatus.COMPLETE, TurnStatus.STOPPED]


async def test_the_end_of_the_process_waits_for_what_only_begins(service, model):
    conversation = await talk(service, model, "one")
    asker = asyncio.create_task(say(service, conversation, "two"))
    await asyncio.sleep(0)
    await service.aclose()
    assert (await asker).status is TurnStatus.STOPPED


@pytest.mark.slow
async def test_a_killed_process_leaves_the_question_and_what_had_arrived(tmp_path):
    url = f"sqlite:///{tmp_path}/chat.db"
    store = ConversationStore(url, silence=0.2)
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, url, stdout=PIPE, cwd=ROOT)
    id_ = (await child.stdout.readline()).decode().strip()

    async def has_arrived():
        return (await store.turns(id_))[-1].answer_text == "as far as it came"

    await until(has_arrived)
    child.kill()
    assert await child.wait() == -9

    async def is_settled():
        return (await store.in_progress(id_)) == []

    await until(is_settled)
    model = ScriptedModel()
    service = service_of(model, store)
    conversation = await service.latest("ada")
    first, second = (await service.view(conversation)).turns
    assert (first.answer_text, first.status) == ("all of it", TurnStatus.COMPLETE)
    assert (second.question_text, second.answer_text, second.status) == (
        "second",
        "as far as it came",
        TurnStatus.FAILED,
    )
    assert second.failure.kind == "Interrupted"
    conversation = await ask(service, model, conversation, "second", "at last", at=1)
    assert await answers(service, conversation) == ["all of it", "at last"]
    assert (await service.view(conversation)).versions[1] == [0, 1]
    await store.aclose()
