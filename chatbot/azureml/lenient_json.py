"""JSON as servers write it: read by a strict and quick parser first, by a lenient one where that fails. Pure.

Python's own ``json.dumps`` writes ``NaN`` and cuts emoji into two surrogates, templates leave commas behind, and a
container may put a byte order mark before everything. None of that is worth losing an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from typing import Any, Final

import orjson

_BOM: Final = b"\xef\xbb\xbf"
_STRING_OR_COMMA: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*"|,(?=\s*[}\]])', re.DOTALL)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_MAX_DIGITS: Final = 4000  # of a number that Python makes an int of


def loads(data: bytes) -> Any:
    """Return the value of the JSON in ``data``; strings may hold lone surrogates.

    Taken beyond strict JSON: a BOM, ``NaN`` and ``Infinity``, control characters within strings, lone surrogates, and
    a comma after the last element.

    Raises:
        ValueError: It is no JSON even so.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return _loads_lenient(data.removeprefix(_BOM).decode())


def loads_complete(data: bytes) -> Any:
    """Return the value of a whole JSON text, in which each lone surrogate becomes U+FFFD."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        value = loads(data)
    try:
        return without_surrogates(value)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def without_surrogates(value: Any) -> Any:
    """Return the value with U+FFFD in place of each lone surrogate."""
    if isinstance(value, str):
        return _paired(value)
    if isinstance(value, list):
        return [without_surrogates(each) for each in value]
    if isinstance(value, dict):
        return {_paired(name): without_surrogates(each) for name, each in value.items()}
    return value


class SurrogateJoiner:
    """Joins surrogate pairs in texts that come in pieces, each piece perhaps cut inside a pair."""

    def __init__(self) -> None:
        self._held: dict[Hashable, str] = {}

    def join(self, of: Hashable, text: str) -> str:
        """Return the next piece of a text: with the surrogate kept from the piece before, without its own last one."""
        text = self._held.pop(of, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._held[of], text = text[-1], text[:-1]
        return _paired(text)

    def unpaired(self) -> list[Hashable]:
        """Return the texts that ended inside a pair."""
        left = list(self._held)
        self._held.clear()
        return left


def _loads_lenient(text: str) -> Any:
    try:
        return json.loads(text, strict=False, parse_int=_int)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError:
        if (tidied := _STRING_OR_COMMA.sub(lambda found: "" if found[0] == "," else found[0], text)) == text:
            raise
        return _loads_lenient(tidied)


def _int(digits: str) -> int | float:
    return int(digits) if len(digits) < _MAX_DIGITS else float(digits)


def _paired(text: str) -> str:
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
