"""A chat model that says what a test tells it to, when the test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import Field, PrivateAttr


class ScriptedModel(BaseChatModel):
    """Yields the words that were queued with :meth:`will_say`; an exception among them is raised.

    Attributes:
        asked: The messages of each request, in order.
        closed: How many requests were ended by whoever read them.
    """

    asked: list[list[BaseMessage]] = Field(default_factory=list)
    closed: int = 0
    _script: asyncio.Queue[str | BaseException | None] = PrivateAttr(default_factory=asyncio.Queue)

    def will_say(self, *words: str | BaseException, ends: bool = True) -> None:
        """Queue the words of an answer; without ``ends`` the model then waits for more."""
        ends = ends and not (words and isinstance(words[-1], BaseException))
        for word in (*words, None) if ends else words:
            self._script.put_nowait(word)

    async def _astream(self, messages: list[BaseMessage], *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        self.asked.append(messages)
        finished = False
        try:
            while (word := await self._script.get()) is not None:
                if isinstance(word, BaseException):
                    finished = True
                    raise word
                yield ChatGenerationChunk(message=AIMessageChunk(word))
            finished = True
            yield ChatGenerationChunk(
                message=AIMessageChunk(
                    "",
                    response_metadata={"finish_reason": "stop"},
                    usage_metadata={"input_tokens": 11, "output_tokens": 7, "total_tokens": 18},
                )
            )
        finally:
            self.closed += not finished

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError("the application streams")

    @property
    def _llm_type(self) -> str:
        return "scripted"
