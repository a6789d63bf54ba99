"""What is new in the pieces of a text whose server repeats what it sent. Pure.

Some servers send the whole message after its deltas, some send in each delta all of the text so far. Both differ
from a model that repeats itself in what no honest stream does; where that is not certain, everything is kept.
"""

from __future__ import annotations

from typing import Final

_SHORTEST: Final = 8
"""Characters of a text that, repeated in one piece, is the server's repetition and not the model's own."""


class Deduplicator:
    """Finds what is new in each piece of one text."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._cumulative: bool | None = None  # does each piece hold those before it? None: not decided yet
        self._held = ""
        self._had_deltas = False

    def new_in_delta(self, text: str) -> str:
        """Return what is new in a delta."""
        if self._cumulative is None:
            return self._first_pieces(text)
        if self._cumulative:
            return self._after_known(text)
        if len(text) == self._length >= _SHORTEST and len(self._pieces) > 1 and text == self._so_far():
            return ""
        return self._add(text)

    def new_in_message(self, text: str) -> str:
        """Return what is new in a message: after deltas it is all of the text; alone, it may also be a piece."""
        held = self.finish()
        known = self._so_far()
        if _extends(known, text):
            return held + self._add(text[len(known) :])
        if self._had_deltas or (text == known and self._length >= _SHORTEST):
            return held
        return held + self._add(text)

    def finish(self) -> str:
        """End the text, or this way of sending it; return what was held back."""
        held, self._held = self._held, ""
        if held:
            self._cumulative = False
        return self._add(held)

    def _first_pieces(self, text: str) -> str:
        """Look at the first pieces: each longer than the last and beginning with it, three times over, is no chance."""
        if not text:
            return ""
        self._had_deltas = True
        if not self._pieces:
            return self._add(text)
        if self._held:
            self._cumulative = _extends(self._held, text) and len(set(text)) > 2
            held, self._held = self._held, ""
            return self._after_known(text) if self._cumulative else self._add(held) + self.new_in_delta(text)
        if _extends(self._so_far(), text):
            self._held = text
            return ""
        self._cumulative = False
        return self._add(text)

    def _after_known(self, text: str) -> str:
        known = self._so_far()
        return self._add(text[len(known) :] if text.startswith(known) else "" if known.startswith(text) else text)

    def _add(self, text: str) -> str:
        if text:
            self._pieces.append(text)
            self._length += len(text)
        return text

    def _so_far(self) -> str:
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces), ""]
        return self._pieces[0] if self._pieces else ""


def _extends(before: str, text: str) -> bool:
    return len(text) > len(before) and text.startswith(before)
