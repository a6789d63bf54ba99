"""Titles that the model finds: within the limit of answers, within a time, and counted with what they took."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
from langchain_core.exceptions import ModelAuthenticationError, ModelRateLimitError

from chatbot.conversation import (
    ApplicationBusyError,
    ConversationService,
    Deployment,
    Deployments,
    Prices,
    Rate,
    TitleError,
    TurnMemory,
    Usage,
    UsageLimits,
    WindowMemory,
    titles,
)
from chatbot.conversation.generation.naming import find_title
from tests.conversation.conversing import say, talk, until
from tests.support.scripted_model import ScriptedModel


@pytest.fixture
def service(model, store):
    deployment = Deployment("test", model, WindowMemory(), {"max_tokens": 30_000}, Prices(1_000_000, 2_000_000))
    return ConversationService(Deployments(deployment), store, max_answers=1)


async def asked(model, times):
    async def enough():
        return len(model.asked) == times

    await until(enough)


async def test_what_a_title_took_is_part_of_what_the_conversation_took(service, model):
    conversation = await talk(service, model, "one")
    assert conversation.usage == Usage(11, 7, 25.0)
    model.will_say("“A title”\n")
    assert await service.find_title(conversation) == "A title"
    named = await service.refresh(conversation)
    assert (named.title, named.usage) == ("A title", Usage(22, 14, 50.0))
    assert (named.revision, named.updated_at) == (conversation.revision, conversation.updated_at)


@pytest.mark.parametrize("words", ["", " \n", "**\n\u200b\n“”"])
async def test_a_title_that_is_none_is_told_and_counted_too(service, model, words):
    conversation = await talk(service, model, "one")
    model.will_say(words)
    with pytest.raises(TitleError, match="none_found"):
        await service.find_title(conversation)
    kept = await service.refresh(conversation)
    assert (kept.title, kept.usage) == ("one", Usage(22, 14, 50.0))


async def test_a_title_is_asked_for_in_few_tokens(service, model):
    conversation = await talk(service, model, "one")
    model.will_say("A title")
    await service.find_title(conversation)
    assert model.told[-1]["max_tokens"] == titles.MAX_TOKENS


async def test_a_title_takes_the_place_of_an_answer_while_it_is_looked_for(service, model):
    conversation = await talk(service, model, "one")
    naming = asyncio.create_task(service.find_title(conversation))
    await asked(model, 2)
    with pytest.raises(ApplicationBusyError):
        await say(service, service.begin("grace"), "hi")
    with pytest.raises(TitleError, match="already_looking"):
        await service.find_title(conversation)
    model.will_say("A title")
    assert await naming == "A title"
    other = await talk(service, model, "two", owner="grace")
    model.will_say("half", ends=False)
    reader = service.say(conversation, "more")
    await anext(reader)
    with pytest.raises(ApplicationBusyError):
        await service.find_title(other)
    await service.stop(conversation)


async def test_a_model_that_finds_none_in_time_is_left_and_its_place_is_free(model, store):
    service = ConversationService(Deployments(Deployment("test", model, WindowMemory())), store, max_answers=1)
    conversation = await talk(service, model, "one")
    effective = service.deployments.effective(conversation)
    with pytest.raises(TitleError, match=r"too_slow \(seconds=0\.05\)"):
        await find_title([(effective, None)], await service.turns(conversation), max_seconds=0.05)
    assert model.closed == 1
    model.will_say(ModelRateLimitError("Too many."))
    with pytest.raises(TitleError, match="cause='ModelRateLimitError', detail='Too many"):
        await service.find_title(conversation)
    model.will_say("ok")
    assert (await say(service, conversation, "two")).answer_text == "ok"


async def test_a_title_is_found_without_what_was_excluded(service, model):
    conversation = await talk(service, model, "my secret", "in the open")
    conversation = await service.set_memory(conversation, 0, TurnMemory.EXCLUDED)
    model.will_say("A title")
    await service.find_title(conversation)
    assert "my secret" not in str(model.asked[-1])
    assert "in the open" in str(model.asked[-1])
    await service.set_memory(await service.refresh(conversation), 1, TurnMemory.EXCLUDED)
    with pytest.raises(TitleError, match="nothing_to_name"):
        await service.find_title(conversation)


@pytest.fixture
def spare():
    return ScriptedModel()


@pytest.fixture
def backed(model, spare, store):
    """A deployment that another one stands in for."""
    first = Deployment("first", model, WindowMemory(), {}, Prices(1_000_000, 1_000_000), fallback=("spare",))
    second = Deployment("spare", spare, WindowMemory(), {}, Prices(2_000_000, 2_000_000))
    return ConversationService(Deployments(first, second), store)


async def test_where_the_chosen_one_fails_whoever_stands_in_finds_the_title(backed, model, spare):
    conversation = await talk(backed, model, "one")
    model.will_say(ModelRateLimitError("Too many."))
    spare.will_say("A spare title")
    assert await backed.find_title(conversation) == "A spare title"
    assert (await backed.refresh(conversation)).usage.cost == 18 + 36, "it is counted at the prices of who found it"
    # It is left alone for a while, as it is with questions.
    spare.will_say("Another")
    assert await backed.find_title(conversation) == "Another"
    assert len(model.asked) == 2


async def test_what_the_request_is_at_fault_for_is_asked_nobody_else(backed, model, spare):
    conversation = await talk(backed, model, "one")
    model.will_say(ModelAuthenticationError("No."))
    with pytest.raises(TitleError, match="ModelAuthenticationError"):
        await backed.find_title(conversation)
    assert spare.asked == []


async def test_where_nobody_is_left_the_title_stays_and_it_is_said_why(backed, model, spare):
    conversation = await talk(backed, model, "one")
    for each in (model, spare):
        each.will_say(ModelRateLimitError("Too many."))
    for _ in range(2):
        with pytest.raises(TitleError, match="ModelRateLimitError"):
            await backed.find_title(conversation)
    assert (await backed.refresh(conversation)).title == "one"


@pytest.fixture
def naming(model, store):
    """A service whose model finds titles by itself, and the titles that it told of."""
    service = ConversationService(Deployments(Deployment("test", model, WindowMemory())), store, auto_titles=True)
    told = []
    service.titled = lambda conversation: told.append(conversation.title)
    return service, told


async def has(told, *titles):
    async def is_told():
        return told == list(titles)

    await until(is_told)


async def test_a_title_is_found_by_itself_after_the_first_answer_and_not_again(naming, model):
    service, told = naming
    model.will_say("Hello, Ada.")
    model.will_say("Greetings")
    conversation = service.begin("ada")
    await say(service, conversation, "hello there")
    await has(told, "Greetings")
    [conversation] = await service.list("ada")
    assert conversation.title == "Greetings"
    model.will_say("ok")
    await say(service, conversation, "more")
    assert len(model.asked) == 3
    assert told == ["Greetings"]


async def test_a_title_that_somebody_typed_meanwhile_stays(naming, model):
    service, told = naming
    model.will_say("Hello, Ada.")
    conversation = service.begin("ada")
    await say(service, conversation, "hello there")
    await asked(model, 2)
    [conversation] = await service.list("ada")
    await service.rename(conversation, "Mine")
    model.will_say("Greetings")

    async def is_counted():
        return bool((await service.refresh(conversation)).usage.output_tokens > 7)

    await until(is_counted)
    await service.aclose()
    assert (await service.list("ada"))[0].title == "Mine"
    assert told == []


async def test_nothing_is_asked_for_a_title_of_a_temporary_chat_or_after_a_failure(naming, model):
    service, told = naming
    model.will_say("ok")
    await say(service, service.begin_temporary("ada"), "hello")
    model.will_say(ModelRateLimitError("Too many."))
    await say(service, service.begin("ada"), "hello")
    await service.aclose()
    assert (len(model.asked), told) == (2, [])


async def test_the_end_waits_for_no_title_that_is_not_looked_for_any_more(model, store):
    # Who hears first that an answer has ended, whoever follows it or who looks for its title, is by chance.
    for _ in range(20):
        service = ConversationService(Deployments(Deployment("test", model, WindowMemory())), store, auto_titles=True)
        model.will_say(ModelRateLimitError("Too many."))
        await say(service, service.begin("ada"), "hello")
        await service.aclose()
    assert len(model.asked) == 20


async def test_what_a_title_took_is_counted_before_the_end(model, store, tmp_path):
    deployments = Deployments(Deployment("test", model, WindowMemory()))
    limits = UsageLimits(visitor_tokens=[Rate(100_000, "day")])
    service = ConversationService(deployments, store, auto_titles=True, limits=limits)
    model.will_say("Hello, Ada.")
    await say(service, service.begin("ada"), "hello there")
    await asked(model, 2)
    with closing(sqlite3.connect(tmp_path / "deep/down/chat.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ending = asyncio.create_task(service.aclose())
        await asyncio.wait([ending], timeout=0.5)
        assert not ending.done()
    await ending
    [answer_and_title] = await store.counters.slots({"visitor:ada"}, 0)
    assert answer_and_title.used.tokens > 18
