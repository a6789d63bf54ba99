"""Two answers to one question grow at once: each is found, followed, stopped and ended on its own."""

import asyncio
from collections import defaultdict
from contextlib import aclosing

import pytest
import pytest_asyncio
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from pydantic import PrivateAttr

from chatbot.conversation import (
    Conversation,
    ConversationBusyError,
    ConversationStore,
    Deployment,
    Deployments,
    Options,
    OwnerBusyError,
    TurnStatus,
    WindowMemory,
)
from chatbot.conversation.generation import GenerationManager
from chatbot.conversation.generation.admission import MAX_ANSWERS_PER_OWNER
from chatbot.conversation.quota import NO_LIMITS, Quota
from chatbot.conversation.recall import RecallService
from tests.conversation.conversing import service_of, until

BOTH = (Options(), Options(k=0))


class ManyModel(BaseChatModel):
    """Has words of its own for each request, by number; None ends it."""

    _words: dict[int, asyncio.Queue[str | None]] = PrivateAttr(default_factory=lambda: defaultdict(asyncio.Queue))
    _asked: int = 0

    def say(self, request, *words):
        for word in words:
            self._words[request].put_nowait(word)

    async def _astream(self, *_, **__):
        words = self._words[self._asked]
        self._asked += 1
        while (word := await words.get()) is not None:
            yield ChatGenerationChunk(message=AIMessageChunk(word))
        yield ChatGenerationChunk(message=AIMessageChunk("", response_metadata={"finish_reason": "stop"}))

    def _generate(self, *_, **__):
        raise NotImplementedError

    @property
    def _llm_type(self):
        return "many"


class Replica:
    """A process: a store, a model, and who writes answers."""

    def __init__(self, url):
        self.store = ConversationStore(url)
        self.model = ManyModel()
        deployments = Deployments(Deployment("test", self.model, WindowMemory()))
        quota = Quota(NO_LIMITS, self.store.counters, hold_seconds=60.0)
        self.manager = GenerationManager(deployments, self.store, RecallService(self.store), 60.0, 20, 60.0, quota)
        self.service = service_of(self.model, self.store)

    async def kept(self):
        """What is stored of each version, by its number."""
        return {each.turn.version: each.turn for each in await self.store.everything("c1")}

    async def aclose(self):
        await self.manager.aclose()
        await self.service.aclose()
        await self.store.aclose()


@pytest_asyncio.fixture
async def open_replica(url):
    opened = []

    def open_replica():
        opened.append(Replica(url))
        return opened[-1]

    yield open_replica
    for replica in opened:
        await replica.aclose()


@pytest.fixture
def here(open_replica):
    return open_replica()


async def begin_two(here):
    """Two answers to the first question, each with its first word."""
    first, second = await here.manager.begin(Conversation("c1", "ada"), "Hello?", None, compared=BOTH)
    here.model.say(0, "A")
    here.model.say(1, "B")
    await has_grown(first, "A")
    await has_grown(second, "B")
    return second.conversation, first, second


async def has_grown(generation, text):
    """Follow until its answer is so long."""
    async with aclosing(generation.follow()) as turns:
        async for turn in turns:
            if turn.answer_text == text:
                return
    raise AssertionError(f"it ended as {turn.answer_text!r}")


async def test_each_grows_for_whoever_follows_it_and_is_kept_while_it_does(here, open_replica):
    conversation, first, second = await begin_two(here)
    assert [each.turn.answer_text for each in here.manager.generations(conversation)] == ["A", "B"]
    assert here.manager.generation(conversation, (0, 0)) is first
    assert here.manager.generation(conversation, (0, 1)) is here.manager.generation(conversation) is second
    assert here.manager.generation(Conversation("c1", "eve"), (0, 0)) is None
    there = open_replica()

    async def are_kept():
        return [turn.answer_text for turn in await there.store.in_progress("c1")] == ["A", "B"]

    await until(are_kept)
    view = await there.service.view(conversation)
    assert (view.growing, [turn.answer_text for turn in view.turns]) == (True, ["A"])
    assert [each.turn.answer_text for each in view.compared] == ["A", "B"]
    here.model.say(0, " and on")
    await has_grown(first, "A and on")
    assert second.turn.answer_text == "B"


@pytest.mark.parametrize("ends", [0, 1])
async def test_one_ends_while_the_other_grows_on(here, ends):
    conversation, *both = await begin_two(here)
    here.model.say(ends, " done", None)
    await both[ends].wait()
    assert here.manager.generations(conversation) == [both[1 - ends]]
    with pytest.raises(ConversationBusyError):
        await here.manager.begin(conversation, "And then?", None)
    here.model.say(1 - ends, " at last", None)
    await both[1 - ends].wait()
    assert here.manager.generations(conversation) == []
    kept = await here.kept()
    assert {turn.status for turn in kept.values()} == {TurnStatus.COMPLETE}
    assert [kept[each].answer_text for each in (ends, 1 - ends)] == ["AB"[ends] + " done", "BA"[ends] + " at last"]
    here.manager.check_idle(conversation)
    view = await here.service.view(conversation)
    assert [each.turn.answer_text for each in view.compared] == [kept[0].answer_text, kept[1].answer_text]


async def test_one_of_them_is_stopped(here):
    conversation, first, second = await begin_two(here)
    await here.manager.stop(conversation, (0, 0))
    assert (first.turn.status, second.turn.status) == (TurnStatus.STOPPED, TurnStatus.STREAMING)
    here.model.say(1, " done", None)
    await second.wait()
    assert [turn.answer_text for turn in (await here.kept()).values()] == ["A", "B done"]


async def test_stop_without_more_words_stops_both(here):
    conversation, first, second = await begin_two(here)
    await here.manager.stop(conversation)
    assert (first.turn.status, second.turn.status) == (TurnStatus.STOPPED, TurnStatus.STOPPED)
    assert [turn.answer_text for turn in (await here.kept()).values()] == ["A", "B"]


async def test_another_replica_stops_both(here, open_replica):
    conversation, first, second = await begin_two(here)
    there = open_replica()

    async def are_kept():
        return [turn.answer_text for turn in await there.store.in_progress("c1")] == ["A", "B"]

    await until(are_kept)
    await there.service.stop(conversation)
    await asyncio.wait([first.task, second.task])
    assert (first.turn.status, second.turn.status) == (TurnStatus.STOPPED, TurnStatus.STOPPED)
    assert await there.store.in_progress("c1") == []


async def test_the_end_of_the_process_keeps_both(here):
    await begin_two(here)
    await here.manager.aclose()
    assert [(turn.answer_text, turn.status) for turn in (await here.kept()).values()] == [
        ("A", TurnStatus.STOPPED),
        ("B", TurnStatus.STOPPED),
    ]


async def test_each_counts_as_one_of_its_owners_and_both_begin_or_none(here):
    for number in range(MAX_ANSWERS_PER_OWNER - 1):
        await here.manager.begin(Conversation(f"other {number}", "ada"), "Hello?", None)
    with pytest.raises(OwnerBusyError):
        await here.manager.begin(Conversation("c1", "ada"), "Hello?", None, compared=BOTH)
    assert await here.store.get("c1") is None
    await here.manager.stop(Conversation("other 0", "ada"))
    await here.manager.begin(Conversation("c1", "ada"), "Hello?", None, compared=BOTH)
    with pytest.raises(OwnerBusyError):
        await here.manager.begin(Conversation("c2", "ada"), "Hello?", None)
    await here.manager.stop(Conversation("c1", "ada"))
    await here.manager.begin(Conversation("c2", "ada"), "Hello?", None)


async def test_the_more_answers_are_written_the_less_often_each_is_read(store):
    asked = asyncio.Queue()

    class Recording(ManyModel):
        def astream(self, input, config=None, **kwargs):  # noqa: A002 - the name LangChain calls it by
            asked.put_nowait(config["configurable"]["stream_pace"])
            return super().astream(input, config, **kwargs)

    service = service_of(Recording(), store)
    paces = []
    for number in range(3):
        await service.ask(service.begin(f"owner {number}"), "Hello?")
        pace = await asked.get()
        paces.append(pace())
    assert 0 < paces[0] < paces[1] < paces[2] < 0.01
    await service.aclose()
