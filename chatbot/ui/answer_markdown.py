"""A model's text as Gradio's Chatbot is given it: every character outside of Markdown's own syntax can be read.

What the page shows as text is what a CommonMark parser says is text (``chatbot.ui.markdown``), not what Gradio's own
parser makes of it, which takes any name in angle brackets for HTML. The model's own text is kept beside it by whoever
draws, for copying.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any, Final

from markdown_it.token import Token

from chatbot.ui.markdown.growing import begun
from chatbot.ui.markdown.parser import make_parser
from chatbot.ui.markdown.renderer import FORMULA, INLINE_FORMULA, RESERVED, render

LATEX_DELIMITERS: Final[list[dict[str, str | bool]]] = [
    {"left": FORMULA[0], "right": FORMULA[1], "display": True},
    {"left": INLINE_FORMULA[0], "right": INLINE_FORMULA[1], "display": False},
]
"""For ``gr.Chatbot(latex_delimiters=…)``: how formulas are marked in what is prepared."""

CACHED: Final = 10_000_000
"""Characters that are kept of what was prepared, all together: some 20 to 40 MB."""

PIECE: Final = 20_000
"""Characters that one message shows of a long text: the browser draws all of a message anew with every word."""

_PARSER: Final = make_parser()
_NEWLINES: Final = re.compile(r"\r\n?")
_LINES: Final = re.compile(r"[^\r\n]*(?:\r\n?|\n)")


def prepare(text: str) -> str:
    """Return a text for ``gr.Chatbot``; about 1 ms for 1,000 characters that were not seen lately."""
    return _joined(_known.blocks(text))


def prepare_pieces(text: str) -> Sequence[str]:
    """Return a text as the texts of messages below each other: as :func:`prepare` does, and cut between its blocks."""
    return _Pieces().with_blocks(_known.blocks(text))


def forget() -> None:
    """Let go of all texts that were prepared: some of what was said is to be nowhere any more."""
    _known.clear()


class GrowingMarkdown:
    """Prepares a text again and again while it grows; what can change no more is not read again.

    A reference link is drawn once its definition was there before it; :func:`prepare` finds it anywhere.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._settled = ""
        self._pieces = _Pieces()
        self._references: dict[str, Any] = {}
        self._footnotes: set[str] = set()

    def unsettled(self, text: str) -> int:
        """Return how many characters are to be read to prepare a text: about 1 ms for 1,000."""
        return len(text) - (len(self._settled) if text.startswith(self._settled) else 0)

    def prepare(self, text: str, *, has_ended: bool = False) -> str:
        """Return a text for ``gr.Chatbot``.

        Args:
            text: What was there before, mostly, and what has come.
            has_ended: Whether nothing comes any more, so that half a mark at its end is none.
        """
        return _joined(self.prepare_pieces(text, has_ended=has_ended))

    def prepare_pieces(self, text: str, *, has_ended: bool = False) -> Sequence[str]:
        """Return a text as the texts of messages, of which all but the last stay as they are; as :meth:`prepare`."""
        if not text.startswith(self._settled):
            self._begin()
        unread = text[len(self._settled) :]
        rest = _normal(unread)
        env: dict[str, Any] = {"references": self._references, "footnotes": self._footnotes, "growing": not has_ended}
        blocks, starts = _blocks(rest if has_ended else begun(rest), env)
        count = _settled(rest, starts, env.get("held", len(rest)))
        if count:
            self._pieces.add(blocks[:count])
            self._settled += "".join(_LINES.findall(unread)[: starts[count]])
        return self._pieces.with_blocks(blocks[count:])


class _Pieces:
    """Blocks, put together to pieces in the order in which they come."""

    def __init__(self) -> None:
        self._whole: list[str] = []
        self._last: list[str] = []
        self._length = 0

    def add(self, blocks: Sequence[str]) -> None:
        for block in blocks:
            if self._last and self._length + len(block) > PIECE:
                self._whole.append(_joined(self._last))
                self._last, self._length = [], 0
            self._last.append(block)
            self._length += len(block)

    def with_blocks(self, blocks: Sequence[str]) -> Sequence[str]:
        """Return the pieces as they would be with some more blocks."""
        further = _Pieces()
        further._last, further._length = [*self._last], self._length
        further.add(blocks)
        return [*self._whole, *further._whole, _joined(further._last)]


def _settled(rest: str, starts: list[int], held: int) -> int:
    """Return how many blocks stay as they are, whatever is written next.

    A block has ended once another began; and that it began is sure by its second line, which makes a heading of a
    paragraph and a table of a row, when both are whole.
    """
    whole = rest.count("\n")
    sure = [number for number, start in enumerate(starts) if start + 2 <= whole and start < held]
    return sure[-1] if sure else 0


def _joined(blocks: Sequence[str]) -> str:
    return "\n\n".join(blocks)


class _Known:
    """The blocks of the texts that were prepared last, as many as may be kept; safe to use from threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Sequence[str]] = OrderedDict()
        self._length = 0
        self._lock = Lock()

    def blocks(self, text: str) -> Sequence[str]:
        with self._lock:
            if (known := self._kept.get(text)) is not None:
                self._kept.move_to_end(text)
                return known
        blocks = _blocks(_normal(text), {})[0]
        with self._lock:
            self._forget(text)
            self._kept[text] = blocks
            self._length += _length(text, blocks)
            while self._length > CACHED:
                self._forget(next(iter(self._kept)))
        return blocks

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._length = 0

    def _forget(self, text: str) -> None:
        if (blocks := self._kept.pop(text, None)) is not None:
            self._length -= _length(text, blocks)


_known: Final = _Known()


def _length(text: str, blocks: Sequence[str]) -> int:
    return len(text) + sum(map(len, blocks))


def _normal(text: str) -> str:
    return RESERVED.sub("\ufffd", _NEWLINES.sub("\n", text))


def _blocks(text: str, env: dict[str, Any]) -> tuple[list[str], list[int]]:
    """Return the top-level blocks, rendered, and the lines they begin at."""
    rendered: list[str] = []
    starts: list[int] = []
    block: list[Token] = []
    lines = text.split("\n")
    for token in _PARSER.parse(text, env):
        if token.type == "fence":
            token.meta["closed"] = _is_closed(token, lines)
        if not block:
            starts.append(token.map[0] if token.map else 0)
        block.append(token)
        if token.level == 0 and token.nesting <= 0:
            rendered.append(render(block))
            block = []
    return rendered, starts


def _is_closed(token: Token, lines: list[str]) -> bool:
    """Whether a fence has its end: until then a diagram is half written."""
    if token.map is None or token.map[1] - token.map[0] < 2:
        return False
    last = lines[token.map[1] - 1].strip(" \t>")
    return last.startswith(token.markup) and not last.strip(token.markup[0])
