"""Titles that the model finds: within the limit of answers, within a time, and counted with what they took."""

import asyncio

import pytest
from langchain_core.exceptions import ModelRateLimitError

from chatbot.conversation import (
    ApplicationBusyError,
    ConversationService,
    Deployment,
    Deployments,
    Prices,
    TitleError,
    Usage,
    WindowMemory,
    titles,
)
from tests.conversation.conversing import say, talk, until


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
        await titles.ask(effective.deployment, await service.turns(conversation), max_seconds=0.05)
    assert model.closed == 1
    model.will_say(ModelRateLimitError("Too many."))
    with pytest.raises(TitleError, match="cause='ModelRateLimitError', detail='Too many"):
        await service.find_title(conversation)
    model.will_say("ok")
    assert (await say(service, conversation, "two")).answer_text == "ok"
