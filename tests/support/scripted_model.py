"""A chat model that says what a test tells it to, when the test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import agenerate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import Field, PrivateAttr

Word = str | AIMessageChunk | BaseException


class ScriptedModel(BaseChatModel):
    """Yields the words that were queued with :meth:`will_say`; an exception among them is raised.

    A word may be a whole chunk; without one of the test's own, the last tells of a usual end and some usage.

    Attributes:
        asked: The messages of each request, in order.
        told: What each request was told beside them.
        closed: How many requests were ended by whoever read them.
    """

    asked: list[list[BaseMessage]] = Field(default_factory=list)
    told: list[dict[str, Any]] = Field(default_factory=list)
    closed: int = 0
    _script: asyncio.Queue[Word | None] = PrivateAttr(default_factory=asyncio.Queue)

    def will_say(self, *words: Word, ends: bool = True) -> None:
        """Queue the words of an answer; without ``ends`` the model then waits for more."""
        ends = ends and not (words and isinstance(words[-1], BaseException))
        for word in (*words, None) if ends else words:
            self._script.put_nowait(word)

    def forget_script(self) -> None:
        """Drop what is queued and was not said."""
        while not self._script.empty():
            self._script.get_nowait()

    async def _astream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **told: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        self.asked.append(messages)
        self.told.append(told)
        finished = told = False
        try:
            while (word := await self._script.get()) is not None:
                if isinstance(word, BaseException):
                    finished = True
                    raise word
                told = told or isinstance(word, AIMessageChunk)
                yield ChatGenerationChunk(message=AIMessageChunk(word) if isinstance(word, str) else word)
            finished = True
            if told:
                return
            yield ChatGenerationChunk(
                message=AIMessageChunk(
                    "",
                    response_metadata={"finish_reason": "stop"},
                    usage_metadata={"input_tokens": 11, "output_tokens": 7, "total_tokens": 18},
                )
            )
        finally:
            self.closed += not finished

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **told: Any
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages, **told))

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError("the application streams")

    @property
    def _llm_type(self) -> str:
        return "scripted"
