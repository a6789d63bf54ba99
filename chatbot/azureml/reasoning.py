"""Reasoning apart from the answer, for models that write both into one text, between tags. Pure.

Models that send their reasoning in a field of its own need none of this. A deployment whose chat template opens the
reasoning sends a ``</think>`` without an opening: only there, in the middle of a stream, is it known that the text so
far was reasoning. To hold every answer back until that tag might come would cost everybody the first token. So the
text goes out as it comes, and should it turn out to be reasoning, one chunk replaces it. LangChain adds chunks with
``+``, where that chunk acts.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.base import BaseMessageChunk
from langchain_core.outputs import ChatGenerationChunk

_TAGS: Final = {
    "<think>": "</think>",  # DeepSeek R1, Qwen, and most that came after them
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",  # Gemma
    "<seed:think>": "</seed:think>",
    "[THINK]": "[/THINK]",  # Mistral
    "◁think▷": "◁/think▷",  # Kimi
    "<|begin_of_thought|>": "<|end_of_thought|>",
}
"""What opens reasoning at the very beginning of a text, and what closes it."""

_OPENING_TAGS: Final = tuple(_TAGS)

_OPENING_TAG: Final = "<think>"
CLOSING_TAG: Final = "</think>"
"""The one that chat templates leave alone: they write its opening themselves."""

_MENTION: Final = re.compile(r"[\"'`‘“«(\[{]\Z|[^\s.!?…。！？:;)\]][ \t]+\Z")
"""What stands before a tag that is only mentioned: a quotation mark, or a word and a space."""


class Split(NamedTuple):
    """A piece of text, divided."""

    reasoning: str
    answer: str


class ReasoningSplitter:
    """Divides a text that comes in pieces, cut anywhere, also inside a tag.

    Only tags at the very beginning count: further on they are part of the answer. No piece is held back
    but one that may be the beginning of a tag.

    Args:
        closed: The reasoning was read and closed already, elsewhere: what follows is the answer.
    """

    def __init__(self, *, closed: bool = False) -> None:
        self._held = ""
        self._in_reasoning: bool | None = False if closed else None  # None: not decided yet
        self._skipping_newlines = closed
        self._close = ""
        self.answering = False
        """Nothing is divided any more: all that follows is the answer."""

    @property
    def opened(self) -> bool:
        """Whether the text began with reasoning, or what was fed may yet become its tag."""
        return self._in_reasoning is None or bool(self._close)

    def feed(self, text: str) -> Split:
        """Take a piece; return what is certain."""
        if self.answering:
            return Split("", text)
        text = self._held + text
        self._held = ""
        if self._in_reasoning is None:
            start = text.lstrip()
            if not start or any(tag.startswith(start) and tag != start for tag in _OPENING_TAGS):
                self._held = text
                return Split("", "")
            opening = next((tag for tag in _OPENING_TAGS if start.startswith(tag)), None)
            self._in_reasoning = opening is not None
            if opening is not None:
                self._close = _TAGS[opening]
                text = start.removeprefix(opening)
        reasoning, answer = self._until_closed(text) if self._in_reasoning else ("", text)
        if self._skipping_newlines:
            # The blank lines after the reasoning belong to the tag.
            answer = answer.lstrip("\n")
            self._skipping_newlines = not answer
        self.answering = not self._in_reasoning and not self._skipping_newlines
        return Split(reasoning, answer)

    def finish(self) -> Split:
        """The text is over; return what was held back."""
        held, self._held = self._held, ""
        return Split(held, "") if self._in_reasoning else Split("", held)

    def _until_closed(self, text: str) -> tuple[str, str]:
        reasoning, closed, answer = text.partition(self._close)
        if closed:
            self._in_reasoning, self._skipping_newlines = False, True
            return reasoning, answer
        kept = _length_of_cut_tag(self._close, text)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept], ""


def split(text: str, *, apart: bool = False) -> Split:
    """Divide a whole text.

    Args:
        text: The text.
        apart: The reasoning came apart from it: a closing tag alone is none but at its very beginning.
    """
    splitter = ReasoningSplitter()
    first, last = splitter.feed(text), splitter.finish()
    if not splitter.opened and (closed := split_at_closing_tag(text, apart=apart)):
        return Split(closed.reasoning, closed.answer.lstrip("\n"))
    return Split(first.reasoning + last.reasoning, first.answer + last.answer)


def split_at_closing_tag(text: str, *, apart: bool = False) -> Split | None:
    """Divide a text at a ``</think>`` that no tag opened; None where there is none, or the text only mentions it.

    In code, after an opening, in quotation marks, or as a word of a line, it is part of the text.
    """
    at = text.find(CLOSING_TAG)
    while at >= 0:
        before, after = text[:at], text[at + len(CLOSING_TAG) :]
        if _OPENING_TAG in before or (apart and before.strip()):
            return None
        line = before.rpartition("\n")[2]
        in_code = before.count("```") % 2 or line.count("`") % 2
        if not in_code and (after.startswith("\n") or not _MENTION.search(before)):
            return Split(before, after)
        at = text.find(CLOSING_TAG, at + 1)
    return None


class ReplacingChunk(AIMessageChunk):
    """Replaces all text before it: added to a message, it drops the message's text first."""

    @classmethod
    def lc_id(cls) -> list[str]:
        """Return the id of the class that LangChain may load it as: alone, it is a chunk like any other."""
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
                if isinstance(chunk.message, ReplacingChunk):
                    whole = super().__add__(other[:place]) + chunk
                    return whole + other[place + 1 :]
        return super().__add__(other)


def _length_of_cut_tag(tag: str, text: str) -> int:
    """How many characters at the end may be the beginning of a tag."""
    return next((size for size in range(min(len(tag) - 1, len(text)), 0, -1) if tag.startswith(text[-size:])), 0)
