"""Chunks that take back what was said before them, so that the sum of a stream's chunks is right in the end.

Whether a text was thought or said may be known only in the middle of it: deployments whose chat template opens the
thoughts send a ``</think>`` without an opening. To hold every answer back until it might come would cost everybody
the first token. So the text is handed over as it comes, and should it turn out to have been thoughts, one chunk takes
it back and says it again as what it is. LangChain adds chunks with ``+``, where that chunk has its say.
"""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.base import BaseMessageChunk
from langchain_core.outputs import ChatGenerationChunk


class RecallingChunk(AIMessageChunk):
    """A chunk that stands in place of all text before it: added to a message, it drops the message's text first."""

    @classmethod
    def lc_id(cls) -> list[str]:
        """Name the class that LangChain may load it as: alone, it is a chunk like any other."""
        return AIMessageChunk.lc_id()

    def __radd__(self, before: Any) -> BaseMessageChunk:
        content: str | list[Any] = ""
        if isinstance(before.content, list):  # LangChain's blocks
            content = [each for each in before.content if not (isinstance(each, dict) and each.get("type") == "text")]
        return AIMessageChunk.__add__(before.model_copy(update={"content": content}), self)


class FirstChunk(ChatGenerationChunk):
    """The first chunk of a stream: LangChain also adds all the others to it at once, as a list."""

    def __add__(self, other: ChatGenerationChunk | list[ChatGenerationChunk]) -> ChatGenerationChunk:
        if isinstance(other, list):
            for place, chunk in enumerate(other):
                if isinstance(chunk.message, RecallingChunk):
                    whole = super().__add__(other[:place]) + chunk
                    return whole + other[place + 1 :]
        return super().__add__(other)
