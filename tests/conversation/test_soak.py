"""Many visitors at once, who stop, leave and come back as they like: each keeps their own, and sees nothing else."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import Field

from chatbot.conversation import ConversationService, ConversationStore, TurnStatus, WindowMemory
from tests.conversation.conversing import service_of

VISITORS, TURNS = 200, 5
SECRET = re.compile(r"secret\d+x")


class Echo(BaseChatModel):
    """Repeats the question, word by word, and remembers whose words each request held."""

    held: list[set[str]] = Field(default_factory=list)

    async def _astream(self, messages: list[BaseMessage], *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        self.held.append({word for message in messages for word in SECRET.findall(message.text)})
        for word in messages[-1].text.split():
            await asyncio.sleep(0.001)
            yield ChatGenerationChunk(message=AIMessageChunk(f"{word} "))

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError("the application streams")

    @property
    def _llm_type(self) -> str:
        return "echo"


class Visitor:
    """Somebody with a word of their own in each of their questions."""

    def __init__(self, number: int, service: ConversationService) -> None:
        self.word = f"secret{number}x"
        self.dice = random.Random(number)
        self.service = service
        self.conversation = service.begin(self.word)
        self.ended = []

    async def stay(self) -> None:
        for number in range(TURNS):
            text = f"{self.word} asks for the {number}th time about {self.word}"
            what = self.dice.choice(["waits", "waits", "stops", "reloads"])
            leaves_after = self.dice.randrange(5)
            async with aclosing(self.service.say(self.conversation, text)) as reader:
                async for turn in reader:
                    self.look_at([turn])
                    leaves_after -= 1
                    if what != "waits" and leaves_after < 0:
                        break
            if what == "stops":
                await self.service.stop(self.conversation)
            elif what == "reloads":
                self.look(await self.service.view(self.conversation))
                async for again in self.service.follow(self.conversation):
                    self.look_at([again])
            if what == "waits":
                self.conversation = await self.service.refresh(self.conversation)
            else:
                view = await self.service.view(self.conversation, limit=2)
                self.look(view)
                self.conversation, turn = view.conversation, view.turns[-1]
            assert turn.question_text == text
            assert turn.status in {TurnStatus.COMPLETE, *([TurnStatus.STOPPED] * (what == "stops"))}
            self.ended.append(turn)

    def look(self, view) -> None:
        self.look_at(view.turns)
        assert {*SECRET.findall(" ".join(message.text for message in view.plan.messages))} <= {self.word}

    def look_at(self, turns) -> None:
        assert {word for turn in turns for word in SECRET.findall(turn.question_text + turn.answer_text)} == {self.word}


@pytest.mark.timeout(1800)
@pytest.mark.slow
async def test_two_hundred_visitors_keep_what_is_theirs_and_see_nothing_else(tmp_path):
    model, store = Echo(), ConversationStore(f"sqlite:///{tmp_path}/chat.db")
    service = service_of(model, store, WindowMemory(k=3))
    visitors = [Visitor(number, service) for number in range(VISITORS)]
    await asyncio.gather(*(visitor.stay() for visitor in visitors))
    # Stopped while it only began, an answer is not asked for.
    assert VISITORS * TURNS * 0.9 <= len(model.held) <= VISITORS * TURNS
    assert {len(words) for words in model.held} == {1}
    for visitor in visitors:
        [listed] = await service.list(visitor.word)
        stored = await store.everything(listed.id)
        assert [each.turn for each in stored] == visitor.ended
        assert all(each.shown for each in stored)
        assert len(stored) == TURNS
    assert {turn.status for visitor in visitors for turn in visitor.ended} == {TurnStatus.COMPLETE, TurnStatus.STOPPED}
    await store.aclose()
