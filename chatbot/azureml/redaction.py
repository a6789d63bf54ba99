"""A secret masked in what a server sent: plain, as URLs, JSON and HTML write it, and cut off at the end. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "***"

MIN_SECRET: Final = 4
"""Characters. No real secret is shorter; something as short may be part of any word."""

MIN_BEGINNING: Final = 8
"""So many characters of a secret at the very end of a text are taken for its beginning, cut off."""


def redacted(value: Any, secret: str) -> Any:
    """Return a text, or a container of texts, without the secret; anything else as it is."""
    if len(secret) < MIN_SECRET:
        return value
    if isinstance(value, str):
        return _redact_text(value, secret)
    if isinstance(value, tuple | list):
        return type(value)(redacted(item, secret) for item in value)
    if isinstance(value, Mapping):
        return {redacted(name, secret): redacted(item, secret) for name, item in value.items()}
    return value


def _redact_text(text: str, secret: str) -> str:
    letters = [_pattern_of(letter) for letter in secret]
    text = re.sub("".join(letters), MASK, text)
    # What was read was cut somewhere, perhaps in the middle of the secret, or of one of its letters.
    end = max(0, len(text) - 10 * len(secret))
    cut = r"(?:[%\\&][\w#]{0,5})?\Z"
    begun = re.compile("".join(letters[:MIN_BEGINNING]))
    if len(secret) <= MIN_BEGINNING or not (found := begun.search(text, end)):
        return text
    for known in range(len(letters) - 1, MIN_BEGINNING - 1, -1):
        if match := re.compile("".join(letters[:known]) + cut).search(text, found.start()):
            return text[: match.start()] + MASK
    return text


def _pattern_of(letter: str) -> str:
    """A pattern for one character of a secret, in any encoding. Nobody encodes letters and digits."""
    if letter.isalnum():
        return letter
    code = ord(letter)
    return rf"(?:\\?{re.escape(letter)}|%(?i:{code:02x})|\\u(?i:{code:04x})|&#(?:0*{code}|[xX]0*(?i:{code:x}));)"
