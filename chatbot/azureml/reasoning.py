"""Thoughts apart from the answer, for models that write both into one text, between tags. Pure.

Models that send their thoughts in a field of their own need none of this.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_TAGS: Final = {
    "<think>": "</think>",  # DeepSeek R1, Qwen, and most that came after them
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",  # Gemma
    "<seed:think>": "</seed:think>",
    "[THINK]": "[/THINK]",  # Mistral
    "◁think▷": "◁/think▷",  # Kimi
    "<|begin_of_thought|>": "<|end_of_thought|>",
}
"""What opens thoughts at the very beginning of a text, and what closes them."""

_OPENS: Final = tuple(_TAGS)

_OPEN: Final = "<think>"
CLOSE: Final = "</think>"
"""The one that chat templates leave alone: they write its opening themselves."""

_MENTION: Final = re.compile(r"[\"'`‘“«(\[{]\Z|[^\s.!?…。！？:;)\]][ \t]+\Z")
"""What stands before a tag that is spoken of: a quotation mark, or a word and a space."""


class Split(NamedTuple):
    """A piece of text, divided."""

    reasoning: str
    answer: str


class ThinkSplitter:
    """Divide a text that comes in pieces, cut anywhere, also inside a tag.

    Only tags at the very beginning count: further on they are what the model wants to say. No piece is held back
    but one that may be the beginning of a tag.

    Args:
        closed: The thoughts were read and closed already, elsewhere: what follows is the answer.
    """

    def __init__(self, *, closed: bool = False) -> None:
        self._held = ""
        self._thinking: bool | None = False if closed else None  # None: not decided yet
        self._trimming = closed
        self._close = ""
        self.answering = False
        """Nothing is divided any more: all that follows is the answer."""

    @property
    def opened(self) -> bool:
        """Whether the text began with thoughts, or what was fed may yet become their tag."""
        return self._thinking is None or bool(self._close)

    def feed(self, text: str) -> Split:
        """Take a piece; return what is certain."""
        if self.answering:
            return Split("", text)
        text = self._held + text
        self._held = ""
        if self._thinking is None:
            start = text.lstrip()
            if not start or any(tag.startswith(start) and tag != start for tag in _OPENS):
                self._held = text
                return Split("", "")
            opening = next((tag for tag in _OPENS if start.startswith(tag)), None)
            self._thinking = opening is not None
            if opening is not None:
                self._close = _TAGS[opening]
                text = start.removeprefix(opening)
        reasoning, answer = self._think(text) if self._thinking else ("", text)
        if self._trimming:
            # The blank lines after the thoughts belong to the tag.
            answer = answer.lstrip("\n")
            self._trimming = not answer
        self.answering = not self._thinking and not self._trimming
        return Split(reasoning, answer)

    def finish(self) -> Split:
        """The text is over; return what was held back."""
        held, self._held = self._held, ""
        return Split(held, "") if self._thinking else Split("", held)

    def _think(self, text: str) -> tuple[str, str]:
        reasoning, closed, answer = text.partition(self._close)
        if closed:
            self._thinking, self._trimming = False, True
            return reasoning, answer
        kept = _beginning_of(self._close, text)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept], ""


def split(text: str, *, apart: bool = False) -> Split:
    """Divide a whole text.

    Args:
        text: The text.
        apart: Its thoughts came apart from it: a closing tag alone is none but at its very beginning.
    """
    splitter = ThinkSplitter()
    first, last = splitter.feed(text), splitter.finish()
    if not splitter.opened and (closed := closing(text, apart=apart)):
        return Split(closed.reasoning, closed.answer.lstrip("\n"))
    return Split(first.reasoning + last.reasoning, first.answer + last.answer)


def closing(text: str, *, apart: bool = False) -> Split | None:
    """Divide a text at a ``</think>`` that no tag opened; None where there is none, or the text only speaks of it.

    In code, after an opening, in quotation marks, or as a word of a line, it is part of what is said.
    """
    at = text.find(CLOSE)
    while at >= 0:
        before, after = text[:at], text[at + len(CLOSE) :]
        if _OPEN in before or (apart and before.strip()):
            return None
        line = before.rpartition("\n")[2]
        in_code = before.count("```") % 2 or line.count("`") % 2
        if not in_code and (after.startswith("\n") or not _MENTION.search(before)):
            return Split(before, after)
        at = text.find(CLOSE, at + 1)
    return None


def _beginning_of(tag: str, text: str) -> int:
    """How many characters at the end may be the beginning of a tag."""
    return next((size for size in range(min(len(tag) - 1, len(text)), 0, -1) if tag.startswith(text[-size:])), 0)
