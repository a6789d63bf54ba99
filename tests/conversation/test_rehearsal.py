"""A rehearsed answer: told from the recording, or asked for with the recording as a net, and each says which it is."""

import asyncio
import json
import threading
from contextlib import aclosing
from dataclasses import replace

import pytest
import pytest_asyncio
from langchain_core.messages import AIMessageChunk

from chatbot.azureml import AzureMLChatOnlineEndpoint
from chatbot.conversation import (
    AnswerCache,
    Conversation,
    ConversationService,
    Deployment,
    Deployments,
    Notice,
    Recording,
    Rehearsal,
    TurnStatus,
    WindowMemory,
)
from chatbot.conversation.generation.manager import NO_ANSWER
from tests.conversation.conversing import say
from tests.support.asking import FINISH, KEY
from tests.support.scripted_model import ScriptedModel
from tests.support.wire import DONE, PATIENCE, Reply, WireServer, event, sample_reply, stream_reply, text_reply

TEXT = "The answer that was recorded, word for word."
RECORDING = Recording(TEXT, first_word=0.0, seconds=0.1)
GOES_ON = Notice("recording_goes_on")
INSTEAD = Notice("recording_instead")
REPLACES = Notice("recording_replaces")
SKIPPED = Notice("recording_skipped")
BLOCKED = sample_reply("content_filter_prompt_400_full")


@pytest.fixture
def wire():
    with WireServer() as server:
        yield server


@pytest_asyncio.fixture
async def online(wire, store):
    """A service in front of an endpoint that does what a test scripts; it tries everything once."""
    model = AzureMLChatOnlineEndpoint(
        endpoint_url=f"{wire.url}/v1/chat/completions", endpoint_api_key=KEY, max_retries=0
    )
    service = ConversationService(Deployments(Deployment("online", model, WindowMemory())), store)
    yield service
    await service.aclose()
    await model.aclose()


async def played(service, rehearsal, text="Hello?"):
    """Ask a rehearsed question; return the turn as it ended, and the conversation."""
    generation = await service.ask(service.begin("ada"), text, rehearsal=rehearsal)
    async with aclosing(generation.follow()) as snapshots:
        *_, ended = [turn async for turn in snapshots]
    return ended, generation.conversation


def cause(kind):
    return Notice("recording_cause", {"cause": kind})


async def test_an_answer_that_comes_is_the_models(online, wire):
    wire.script(stream_reply(event("Another answer."), FINISH, DONE))
    turn, _ = await played(online, Rehearsal(RECORDING))
    assert (turn.answer_text, turn.status, turn.notices, turn.is_recorded) == (
        "Another answer.",
        TurnStatus.COMPLETE,
        (),
        False,
    )


SAME, OTHER = event(TEXT[:11]), event("Something else")
HELD = threading.Event()


@pytest.mark.parametrize(
    ("reply", "notices"),
    [
        pytest.param(Reply(hold=HELD), (INSTEAD, cause("FirstWordTimeout")), id="silent"),
        pytest.param(stream_reply(end="hang"), (INSTEAD, cause("FirstWordTimeout")), id="silent after the head"),
        pytest.param(text_reply("", 503), (INSTEAD, cause("ModelAPIError")), id="503"),
        pytest.param(text_reply("", 429, retry_after="99"), (INSTEAD, cause("ModelRateLimitError")), id="429"),
        pytest.param(Reply(end="mute"), (INSTEAD, cause("ModelConnectionError")), id="gone"),
        pytest.param(BLOCKED, (INSTEAD, cause("blocked")), id="filtered"),
        pytest.param(stream_reply(FINISH, DONE), (INSTEAD, cause("ModelAPIError")), id="empty"),
        pytest.param(stream_reply(SAME, end="hang"), (GOES_ON, cause("SilenceTimeout")), id="silent in the middle"),
        pytest.param(stream_reply(SAME, end="cut"), (GOES_ON, cause("ModelConnectionError")), id="cut in the middle"),
        pytest.param(
            stream_reply(OTHER, end="cut"), (REPLACES, cause("ModelConnectionError")), id="cut, but other words"
        ),
        pytest.param(
            stream_reply(OTHER, end="hang"), (REPLACES, cause("SilenceTimeout")), id="silent, but other words"
        ),
    ],
)
async def test_what_does_not_come_is_told_from_the_recording(online, wire, reply, notices):
    wire.script(reply)
    turn, conversation = await played(online, Rehearsal(RECORDING, first_word=2, silence=0.5))
    assert (turn.answer_text, turn.status, turn.failure) == (TEXT, TurnStatus.COMPLETE, None)
    assert (turn.notices, turn.is_recorded, turn.deployment) == (notices, True, "online")
    assert wire.requests[0].ended.wait(PATIENCE), "the request goes on"
    # What the page shows of who answers tells the truth all the same, and goes on to until somebody is asked.
    silent = {"online"} if notices[-1].data["cause"] in NO_ANSWER else set()
    assert set(online.silent()) == silent
    await played(online, Rehearsal(RECORDING, asks=False))
    assert set(online.silent()) == silent
    # It is kept so, goes on so, and leaves so.
    exported = await online.export_json(conversation)
    [kept] = json.loads(exported)["turns"]
    assert [(each["kind"], each["data"]) for each in kept["notices"]] == [(each.kind, each.data) for each in notices]
    view = await online.view(conversation)
    assert view.plan.remembered[0].is_recorded
    wire.script(stream_reply(event("Well."), FINISH, DONE))
    await say(online, view.conversation, "And?")
    assert [each["content"] for each in json.loads(wire.requests[-1].body)["messages"]][-3:] == ["Hello?", TEXT, "And?"]


async def test_words_that_it_goes_on_with_stay_while_it_does(model, service):
    model.will_say(TEXT[:11], ends=False)
    generation = await service.ask(service.begin("ada"), "Hello?", rehearsal=Rehearsal(RECORDING, silence=0.1))
    async with aclosing(generation.follow()) as snapshots:
        seen = [turn.answer_text async for turn in snapshots]
    assert all(TEXT.startswith(each) for each in seen)
    assert [len(each) for each in seen] == sorted(len(each) for each in seen)
    assert model.closed == 1


async def test_thoughts_without_an_answer_give_way(model, service):
    model.will_say(AIMessageChunk("", additional_kwargs={"reasoning_content": "Hm."}), RuntimeError("A bug."))
    turn, _ = await played(service, Rehearsal(RECORDING))
    assert (turn.answer_text, turn.reasoning_text) == (TEXT, "")
    assert turn.notices == (INSTEAD, cause("Unexpected"))


async def test_a_question_that_was_refused_is_refused_again(online, wire):
    refused = Rehearsal(Recording("", blocked=True), first_word=0.2)
    wire.script(BLOCKED)
    turn, _ = await played(online, refused)
    assert (turn.failure.blocked, turn.failure.data["detail"] != "", turn.notices) == (True, True, ())
    wire.script(text_reply("", 503))
    turn, conversation = await played(online, Rehearsal(Recording("", blocked=True)))
    assert (turn.status, turn.failure.blocked, turn.answer) == (TurnStatus.FAILED, True, ())
    assert turn.notices == (INSTEAD, cause("ModelAPIError"))
    assert (await online.view(conversation)).plan.remembered == ()
    # Where it is answered today, it is.
    wire.script(stream_reply(event("Well."), FINISH, DONE))
    turn, _ = await played(online, Rehearsal(Recording("", blocked=True)))
    assert (turn.answer_text, turn.notices) == ("Well.", ())


async def test_who_presents_may_skip_what_is_waited_for(model, service):
    model.will_say(TEXT[:11], ends=False)
    rehearsal = Rehearsal(replace(RECORDING, seconds=600), first_word=600, silence=600)
    generation = await service.ask(service.begin("ada"), "Hello?", rehearsal=rehearsal)
    async with aclosing(generation.follow()) as snapshots:
        async for turn in snapshots:
            if turn.answer_text:
                rehearsal.skip()
    assert (turn.answer_text, turn.notices) == (TEXT, (GOES_ON, SKIPPED))


async def test_told_from_the_recording_nobody_is_asked_and_nothing_is_used(model, service, caplog):
    rehearsal = Rehearsal(replace(RECORDING, first_word=300, seconds=600), asks=False)
    generation = await service.ask(service.begin("ada"), "Hello?", rehearsal=rehearsal)
    rehearsal.skip()
    await generation.task
    turn = generation.turn
    assert (turn.answer_text, turn.status, turn.notices) == (TEXT, TurnStatus.COMPLETE, (Notice("from_recording"),))
    assert (model.asked, turn.usage, turn.deployment) == ([], None, "test")
    [line] = await service.usage.lines(1, "day")
    assert (line.messages, line.cached, line.output_tokens) == (1, 1, 0)
    turn, _ = await played(service, Rehearsal(Recording("", 0, 0, blocked=True), asks=False))
    assert (turn.failure.blocked, turn.notices, model.asked) == (True, (Notice("from_recording"),), [])
    assert "The model failed" not in caplog.text


async def test_stopped_it_is_stopped(model, service):
    for asks in (True, False):
        rehearsal = Rehearsal(replace(RECORDING, first_word=600, seconds=600), asks=asks, first_word=600)
        generation = await service.ask(service.begin("ada"), "Hello?", rehearsal=rehearsal)
        await asyncio.sleep(0)
        await service.stop(generation.conversation)
        assert generation.turn.status is TurnStatus.STOPPED


async def test_what_is_to_fail_does_where_another_stands_in_and_nobody_else_learns_of_it(store):
    failing, first, backup = ScriptedModel(), ScriptedModel(), ScriptedModel()
    deployments = Deployments(
        Deployment("first", first, WindowMemory(), fallback=("backup",)), Deployment("backup", backup, WindowMemory())
    )
    service = ConversationService(deployments, store)
    with WireServer(text_reply("", 429, retry_after="30")) as wire:
        url = f"{wire.url}/v1/chat/completions"
        broken = AzureMLChatOnlineEndpoint(endpoint_url=url, endpoint_api_key=KEY, max_retry_seconds=1)
        backup.will_say("Here I am.")
        rehearsal = Rehearsal(RECORDING, failing=replace(deployments["first"], model=broken))
        turn, _ = await played(service, rehearsal)
        await broken.aclose()
    assert (turn.answer_text, turn.deployment, first.asked, failing.asked) == ("Here I am.", "backup", [], [])
    assert [each.kind for each in turn.notices] == ["stands_in", "out_of_capacity"]
    assert set(service.breaker_states().values()) == {"closed"}
    await service.aclose()


async def test_it_is_neither_told_from_a_cache_nor_kept_in_one(store, model):
    from langchain_core.caches import InMemoryCache

    service = ConversationService(
        Deployments(Deployment("test", model, WindowMemory())), store, cache=AnswerCache(InMemoryCache(), 60)
    )
    model.will_say("Live.")
    assert (await say(service, service.begin("ada"), "Hello?")).answer_text == "Live."
    turn, _ = await played(service, Rehearsal(RECORDING, asks=False))
    assert (turn.answer_text, turn.notices) == (TEXT, (Notice("from_recording"),))
    again = await say(service, Conversation("another", "ada"), "Hello?")
    assert (again.answer_text, again.notices) == ("Live.", (Notice("from_cache"),))
    await service.aclose()
