"""Tests by the names that documents call them by."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def exists(named: str) -> bool:
    """Return whether a test is there, given as ``tests/path/test_file.py::test_name``, with a class between or not."""
    file, _, name = named.partition("::")
    return name in set(_names(ast.parse((ROOT / file).read_text(encoding="utf-8"))))


def _names(node: ast.AST, within: tuple[str, ...] = ()) -> Iterator[str]:
    for each in ast.iter_child_nodes(node):
        if isinstance(each, ast.ClassDef):
            yield from _names(each, (*within, each.name))
        elif isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            yield "::".join((*within, each.name))
