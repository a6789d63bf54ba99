"""JSON as servers write it: strict and quick where it is JSON, and read all the same where it is nearly. Pure.

Python's own ``json.dumps`` writes ``NaN`` and cuts emoji in halves, templates leave commas behind, and a container may
put a mark before everything. None of that is worth an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from typing import Any, Final

import orjson

_BOM: Final = b"\xef\xbb\xbf"
_STRING_OR_COMMA: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|,(?=\s*[}\]])', re.DOTALL)
_HALF: Final = re.compile("[\ud800-\udfff]")

_MAX_DIGITS: Final = 4000  # of a number that Python makes an int of


def loads(data: bytes) -> Any:
    """Return what the JSON in ``data`` says; strings may hold halves of surrogate pairs.

    Taken beyond strict JSON: a BOM, ``NaN`` and ``Infinity``, control characters within strings, lone surrogates, and
    a comma after the last element.

    Raises:
        ValueError: It is no JSON even so.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return _loads(data.removeprefix(_BOM).decode())


def whole_loads(data: bytes) -> Any:
    """Do what :func:`loads` does, for what does not go on elsewhere: a half of a pair becomes U+FFFD."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        value = loads(data)
    try:
        return mended(value)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def mended(value: Any) -> Any:
    """Return the value with U+FFFD in place of each half of a surrogate pair."""
    if isinstance(value, str):
        return _joined(value)
    if isinstance(value, list):
        return [mended(each) for each in value]
    if isinstance(value, dict):
        return {_joined(name): mended(each) for name, each in value.items()}
    return value


class Halves:
    """Texts that come in pieces, each piece perhaps with a half of a surrogate pair at its end."""

    def __init__(self) -> None:
        self._held: dict[Hashable, str] = {}

    def joined(self, of: Hashable, text: str) -> str:
        """Return the next piece of a text, with the half that the piece before ended with, and without its own."""
        text = self._held.pop(of, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._held[of], text = text[-1], text[:-1]
        return _joined(text)

    def left(self) -> list[Hashable]:
        """Return the texts whose other half never came."""
        left = list(self._held)
        self._held.clear()
        return left


def _loads(text: str) -> Any:
    try:
        return json.loads(text, strict=False, parse_int=_int)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError:
        if (tidied := _STRING_OR_COMMA.sub(lambda found: "" if found[0] == "," else found[0], text)) == text:
            raise
        return _loads(tidied)


def _int(digits: str) -> int | float:
    return int(digits) if len(digits) < _MAX_DIGITS else float(digits)


def _joined(text: str) -> str:
    if not _HALF.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
