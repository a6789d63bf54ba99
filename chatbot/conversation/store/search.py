"""Finding words in a column in whatever case, of any alphabet, on either engine."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from chatbot.conversation.store.schema import ExactText


def holds(column: ColumnElement[str], words: str) -> ColumnElement[bool]:
    """Return the condition that a column has these words in it; nothing in them is a wildcard."""
    return _Holds(column, words.lower())


class _Holds(FunctionElement[bool]):
    name = "holds"
    type = Boolean()
    inherit_cache = True

    def __init__(self, column: ColumnElement[str], words: str) -> None:
        super().__init__(column, bindparam(None, words, ExactText()))


@compiles(_Holds)
def _in_general(element: _Holds, compiler: SQLCompiler, **options: Any) -> str:
    column, words = (compiler.process(clause, **options) for clause in element.clauses)
    return f"instr(lower({column}), {words}) > 0"


@compiles(_Holds, "postgresql")
def _in_postgresql(element: _Holds, compiler: SQLCompiler, **options: Any) -> str:
    # By name, since a database may be of a locale whose own lower() knows ASCII only.
    column, words = (compiler.process(clause, **options) for clause in element.clauses)
    return f'strpos(lower({column} COLLATE "und-x-icu"), {words}) > 0'
