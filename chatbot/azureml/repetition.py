"""What is new in the pieces of a text whose server says again what it said. Pure.

Some servers send the whole message after its deltas, some send in each delta all of the text so far. Both are told
from a model that repeats itself by what no honest stream does; where that is not certain, everything is kept.
"""

from __future__ import annotations

from typing import Final

_SHORTEST: Final = 8
"""Characters of a text that, said again in one piece, is the server's repetition and not the model's own."""


class NewText:
    """Tells what is new in each piece of one text."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._growing: bool | None = None  # does each piece hold those before it? None: not decided yet
        self._held = ""
        self._by_deltas = False

    def of_delta(self, text: str) -> str:
        """Return what is new in a delta."""
        if self._growing is None:
            return self._begin(text)
        if self._growing:
            return self._rest(text)
        if len(text) == self._length >= _SHORTEST and len(self._pieces) > 1 and text == self._said():
            return ""
        return self._add(text)

    def of_message(self, text: str) -> str:
        """Return what is new in a message: after deltas it is all of the text; alone, it may also be a piece."""
        held = self.finish()
        said = self._said()
        if _goes_on(said, text):
            return held + self._add(text[len(said) :])
        if self._by_deltas or (text == said and self._length >= _SHORTEST):
            return held
        return held + self._add(text)

    def finish(self) -> str:
        """The text is over, or goes on otherwise; return what was held back."""
        held, self._held = self._held, ""
        if held:
            self._growing = False
        return self._add(held)

    def _begin(self, text: str) -> str:
        """Look at the first pieces: each longer than the last and beginning with it, three times over, is no chance."""
        if not text:
            return ""
        self._by_deltas = True
        if not self._pieces:
            return self._add(text)
        if self._held:
            self._growing = _goes_on(self._held, text) and len(set(text)) > 2
            held, self._held = self._held, ""
            return self._rest(text) if self._growing else self._add(held) + self.of_delta(text)
        if _goes_on(self._said(), text):
            self._held = text
            return ""
        self._growing = False
        return self._add(text)

    def _rest(self, text: str) -> str:
        said = self._said()
        return self._add(text[len(said) :] if text.startswith(said) else "" if said.startswith(text) else text)

    def _add(self, text: str) -> str:
        if text:
            self._pieces.append(text)
            self._length += len(text)
        return text

    def _said(self) -> str:
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces), ""]
        return self._pieces[0] if self._pieces else ""


def _goes_on(before: str, text: str) -> bool:
    return len(text) > len(before) and text.startswith(before)
