"""Thoughts apart from the answer, for models that write both into one text between ``<think>`` tags. Pure.

Models that send their thoughts in a field of their own need none of this.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"


class Split(NamedTuple):
    """A piece of text, divided."""

    reasoning: str
    answer: str


class ThinkSplitter:
    """Divide a text that comes in pieces, cut anywhere, also inside a tag.

    Only tags at the very beginning count: further on they are what the model wants to say. No piece is held back
    but one that may be the beginning of a tag.
    """

    def __init__(self) -> None:
        self._held = ""
        self._thinking: bool | None = None  # None: not decided yet
        self._trimming = False
        self.answering = False
        """Nothing is divided any more: all that follows is the answer."""

    def feed(self, text: str) -> Split:
        """Take a piece; return what is certain."""
        if self.answering:
            return Split("", text)
        text = self._held + text
        self._held = ""
        if self._thinking is None:
            start = text.lstrip()
            if _OPEN.startswith(start[: len(_OPEN)]) and len(start) < len(_OPEN):
                self._held = text
                return Split("", "")
            self._thinking = start.startswith(_OPEN)
            if self._thinking:
                text = start.removeprefix(_OPEN)
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
        reasoning, closed, answer = text.partition(_CLOSE)
        if closed:
            self._thinking, self._trimming = False, True
            return reasoning, answer
        kept = _beginning_of_close(text)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept], ""


def split(text: str) -> Split:
    """Divide a whole text."""
    splitter = ThinkSplitter()
    first, last = splitter.feed(text), splitter.finish()
    return Split(first.reasoning + last.reasoning, first.answer + last.answer)


def _beginning_of_close(text: str) -> int:
    """How many characters at the end may be the beginning of the closing tag."""
    return next((size for size in range(min(len(_CLOSE) - 1, len(text)), 0, -1) if _CLOSE.startswith(text[-size:])), 0)
