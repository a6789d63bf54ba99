"""A model's text as Gradio's Chatbot is given it: every character outside of Markdown's own syntax can be read.

What the page shows as text is what a CommonMark parser says is text (``chatbot.ui.markdown``), not what Gradio's own
parser makes of it, which takes any name in angle brackets for HTML. The model's own text is kept beside it by whoever
draws, for copying.
"""

from __future__ import annotations

import re
from functools import lru_cache
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

CACHED: Final = 50_000
"""Characters of the longest text that is kept prepared, so that the cache stays below some 60 MB."""

_PARSER: Final = make_parser()
_NEWLINES: Final = re.compile(r"\r\n?")


def prepare(text: str) -> str:
    """Return a text for ``gr.Chatbot``; about 1 ms for 1,000 characters that were not seen lately."""
    return _prepared(text) if len(text) <= CACHED else "\n\n".join(_blocks(_normal(text), {})[0])


def forget() -> None:
    """Let go of all texts that were prepared: some of what was said is to be nowhere any more."""
    _prepared.cache_clear()


class GrowingMarkdown:
    """Prepares a text again and again while it grows; what can change no more is not read again.

    A reference link is drawn once its definition was there before it; :func:`prepare` finds it anywhere.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._settled = ""
        self._parts: list[str] = []
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
        text = _normal(text)
        if not text.startswith(self._settled):
            self._begin()
        rest = text[len(self._settled) :]
        env: dict[str, Any] = {"references": self._references, "footnotes": self._footnotes, "growing": not has_ended}
        blocks, starts = _blocks(rest if has_ended else begun(rest), env)
        count = _settled(rest, starts, env.get("held", len(rest)))
        if count:
            self._parts += blocks[:count]
            lines = rest.split("\n", starts[count])
            self._settled += rest[: len(rest) - len(lines[-1])]
        return "\n\n".join(self._parts + blocks[count:])


def _settled(rest: str, starts: list[int], held: int) -> int:
    """Return how many blocks stay as they are, whatever is written next.

    A block has ended once another began; and that it began is sure by its second line, which makes a heading of a
    paragraph and a table of a row, when both are whole.
    """
    whole = rest.count("\n")
    sure = [number for number, start in enumerate(starts) if start + 2 <= whole and start < held]
    return sure[-1] if sure else 0


@lru_cache(maxsize=256)
def _prepared(text: str) -> str:
    return "\n\n".join(_blocks(_normal(text), {})[0])


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
