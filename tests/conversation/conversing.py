"""How the service's tests talk to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from langchain_core.language_models import BaseChatModel

from chatbot.conversation import (
    Conversation,
    ConversationService,
    ConversationStore,
    Deployment,
    Deployments,
    Turn,
    WindowMemory,
)
from tests.support.scripted_model import ScriptedModel


def service_of(
    model: BaseChatModel, store: ConversationStore, memory: WindowMemory | None = None, **options: float
) -> ConversationService:
    """Make a service, with a memory of its own unless one is given: it learns, and two processes share none."""
    deployments = Deployments(Deployment("test", model, memory or WindowMemory()))
    return ConversationService(deployments, store, **options)


async def say(service: ConversationService, conversation: Conversation, text: str, at: int | None = None) -> Turn:
    """Ask and wait for the end; the turn as it ended."""
    *_, turn = [turn async for turn in service.say(conversation, text, at=at)]
    return turn


async def ask(
    service: ConversationService,
    model: ScriptedModel,
    conversation: Conversation,
    text: str,
    *words: object,
    at: int | None = None,
) -> Conversation:
    """Ask and have it answered, with ``re: <text>`` where no words are given; the conversation as it then stands."""
    model.will_say(*(words or ("re: ", text)))
    await say(service, conversation, text, at)
    return await service.refresh(conversation)


async def talk(service: ConversationService, model: ScriptedModel, *questions: str, owner: str = "ada") -> Conversation:
    """A conversation in which each question was answered with ``re: <question>``."""
    conversation = service.begin(owner)
    for question in questions:
        conversation = await ask(service, model, conversation, question)
    return conversation


async def start(
    service: ConversationService, conversation: Conversation, text: str, at: int | None = None
) -> AsyncGenerator[Turn]:
    """Begin an answer and stay with it until it has its first word; returns the open reader."""
    reader = service.say(conversation, text, at=at)
    async for turn in reader:
        if turn.answer_text:
            return reader
    raise AssertionError("no word came")


async def users(service: ConversationService, conversation: Conversation) -> list[str]:
    return [turn.question_text for turn in await service.turns(conversation)]


async def answers(service: ConversationService, conversation: Conversation) -> list[str]:
    return [turn.answer_text for turn in await service.turns(conversation)]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for it; a test that waits in vain ends by its own time limit."""
    while True:
        if await condition():
            return
        await asyncio.sleep(0.01)
