"""JSON read a piece at a time, so that no single step holds the interpreter for long, whatever the file holds. Pure.

One call of the parser holds the interpreter, and with it the event loop of another thread, until it has read all that
it was given. Here it is given one value at a time, and no value is longer than a limit for its kind.
"""

from __future__ import annotations

import codecs
import json
import re
import time
from collections.abc import Iterator
from typing import Any, Final

from chatbot.conversation.errors import UnreadableExportError

MAX_TEXT: Final = 4_000_000
"""Characters of one text, as JSON writes it."""

MAX_NESTED: Final = 100_000
"""Characters of one list or object that is read as a whole."""

MAX_DEPTH: Final = 10_000
"""How deep lists and objects may be within each other: some tools nest every message in the one before it."""

_PIECE: Final = 256_000

_STEP_SECONDS: Final = 0.0005
"""How long the interpreter is kept: to let go of it takes some 0.1 ms, which is long for each of many small values."""

_END: Final = object()
_BLANKS: Final = re.compile(r"[ \t\n\r]*")


class JsonReader:
    """Reads one JSON document; members of objects and entries of lists come one at a time.

    Whatever is no JSON, or too long, raises UnreadableExportError, which says in which line.

    Args:
        data: The document in UTF-8, with or without a byte order mark.
    """

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._read = 0
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder()
        self._text = ""
        self._at = 0
        self._lines = 1
        self._rested_at = time.perf_counter()

    def peek(self) -> str:
        """Return the next character that is not blank; empty at the end."""
        while True:
            blanks = _BLANKS.match(self._text, self._at)
            self._at = self._at if blanks is None else blanks.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def value(self) -> Any:
        """Return the next value as a whole."""
        kind = self.peek()
        most = MAX_TEXT if kind == '"' else MAX_NESTED
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > most:
                    raise self._too_long(most) from None
                if not self._more():
                    raise UnreadableExportError("not_json", line=self._lines + error.lineno - 1) from error
            except (ValueError, RecursionError) as error:
                raise UnreadableExportError("nested_too_deep") from error
            else:
                if end - self._at > most:
                    raise self._too_long(most)
                # A number may go on in the next piece.
                if end < len(self._text) or not self._more():
                    self._at = end
                    return value

    def tree(self, most: int) -> Any:
        """Return the next value, its objects and lists read by their members, each of which may be a long text.

        Args:
            most: How many values may be in it, however they are nested.
        """
        value, parts = self._begun()
        open_ones = [(value, parts)]
        count = 0
        while open_ones:
            container, parts = open_ones[-1]
            if (name := next(parts, _END)) is _END:
                open_ones.pop()
                continue
            count += 1
            if count > most:
                raise UnreadableExportError("too_many_values", most=most)
            child, its_parts = self._begun()
            if isinstance(container, dict):
                container[name] = child
            else:
                container.append(child)
            if isinstance(child, dict | list):
                if len(open_ones) == MAX_DEPTH:
                    raise UnreadableExportError("nested_too_deep")
                open_ones.append((child, its_parts))
        return value

    def _begun(self) -> tuple[Any, Iterator[Any]]:
        """The next value, and what is still to be read of it."""
        kind = self.peek()
        if kind == "{":
            return {}, self.members()
        if kind == "[":
            return [], self.entries()
        return self.value(), iter(())

    def members(self) -> Iterator[str]:
        """Yield the names of an object's members; whoever asks for the next has read the value of the last."""
        for _ in self._parts("{", "}"):
            if self.peek() != '"':
                raise self._unexpected()
            name = self.value()
            self._take(":")
            yield name

    def entries(self) -> Iterator[None]:
        """Yield once for each entry of a list; whoever asks for the next has read the last."""
        return self._parts("[", "]")

    def end(self) -> None:
        """Raise UnreadableExportError unless there is nothing more."""
        if self.peek():
            raise self._unexpected()

    def _parts(self, first: str, last: str) -> Iterator[None]:
        self._take(first)
        if self.peek() != last:
            while True:
                self._let_others_go_on()
                yield
                if self.peek() != ",":
                    break
                self._take(",")
        self._take(last)

    def _let_others_go_on(self) -> None:
        """Hand the interpreter to a thread that waits for it, where this one has had it for a while."""
        if time.perf_counter() - self._rested_at > _STEP_SECONDS:
            time.sleep(0)
            self._rested_at = time.perf_counter()

    def _take(self, character: str) -> None:
        if self.peek() != character:
            raise self._unexpected()
        self._at += 1

    def _more(self) -> bool:
        if self._read >= len(self._data):
            return False
        # At least as much again, so that a long text is not begun too often.
        size = max(_PIECE, len(self._text) - self._at)
        piece = self._data[self._read : self._read + size]
        self._read += len(piece)
        self._lines += self._text.count("\n", 0, self._at)
        new = self._decoder.decode(bytes(piece), self._read >= len(self._data))
        self._text, self._at = self._text[self._at :] + new, 0
        return True

    def _line(self) -> int:
        return self._lines + self._text.count("\n", 0, self._at)

    def _unexpected(self) -> UnreadableExportError:
        return UnreadableExportError("not_json", line=self._line())

    def _too_long(self, most: int) -> UnreadableExportError:
        return UnreadableExportError("value_too_long", line=self._line(), most=most)
