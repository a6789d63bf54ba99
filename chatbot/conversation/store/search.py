"""Finding words in a column in whatever case, of any alphabet, on either engine, and what stands around them."""

from __future__ import annotations

import re
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, bindparam, case, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from chatbot.conversation.store.schema import ExactText

BEFORE: Final = 40
"""Characters that an excerpt has before what was found."""
LONGEST: Final = 160
"""Characters that an excerpt has at most; of words that are longer it has their beginning."""

_LONG_WORD: Final = 20
_MARKS: Final = re.compile(r"[*`|~]+|^#+ |^> ", re.MULTILINE)


def holds(column: ColumnElement[str], words: str) -> ColumnElement[bool]:
    """Return the condition that a column has these words in it; nothing in them is a wildcard."""
    return _Place(column, words) > 0


def around(column: ColumnElement[str], words: str) -> ColumnElement[str]:
    """Return the piece of a column that begins a little before these words, which have to be in it."""
    place = _Place(column, words)
    return func.substr(column, case((place > BEFORE, place - BEFORE), else_=1), LONGEST + 1, type_=ExactText())


def excerpt(piece: str, words: str) -> str:
    """Return a piece as one line that begins and ends with whole words, with dots where it was cut.

    Args:
        piece: What :func:`around` selects.
        words: What was searched for.
    """
    # Letters may become more when they are made small: then the words are found a little before or behind.
    at = max(piece.lower().find(words.lower()), 0)
    before, found = piece[:at], piece[at : min(at + len(words), LONGEST)]
    after = piece[at + len(found) : LONGEST]
    is_cut = at >= BEFORE, len(piece) > LONGEST
    if is_cut[0]:
        before = before[_first_word(before) :]
    if is_cut[1]:
        after = after[: len(after) - _first_word(after[::-1])]
    line = " ".join(f"{_plain(before)}{found}{_plain(after)}".split())
    return f"{'…' * is_cut[0]}{line}{'…' * is_cut[1]}"


def _first_word(text: str) -> int:
    """Where the first whole word of a text begins that was cut anywhere; not every language has spaces."""
    space = re.search(r"\s+", text[:_LONG_WORD])
    return space.end() if space else 0


def _plain(text: str) -> str:
    """A text without the marks of Markdown that say nothing where it is one line."""
    return _MARKS.sub("", text)


class _Place(FunctionElement[int]):
    """Where words begin in a column, from 1; 0 where they are not in it."""

    name = "place"
    type = Integer()
    inherit_cache = True

    def __init__(self, column: ColumnElement[str], words: str) -> None:
        super().__init__(column, bindparam(None, words.lower(), ExactText()))


@compiles(_Place)
def _in_general(element: _Place, compiler: SQLCompiler, **options: Any) -> str:
    column, words = (compiler.process(clause, **options) for clause in element.clauses)
    return f"instr(lower({column}), {words})"


@compiles(_Place, "postgresql")
def _in_postgresql(element: _Place, compiler: SQLCompiler, **options: Any) -> str:
    # By name, since a database may be of a locale whose own lower() knows ASCII only.
    column, words = (compiler.process(clause, **options) for clause in element.clauses)
    return f'strpos(lower({column} COLLATE "und-x-icu"), {words})'
