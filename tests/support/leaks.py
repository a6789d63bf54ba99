"""A secret in the writings that people and programs give it, and a search for any of them.

It shares no code with the filter that it is there to test.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote

WRITINGS = {
    "as it is": lambda key: key,
    "in a header": lambda key: f"Authorization: Bearer {key}",
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 of a header": lambda key: base64.b64encode(f"Bearer {key}".encode()).decode(),
    "base64 after a user": lambda key: base64.b64encode(f"ab:{key}".encode()).decode(),
    "base64 for URLs": lambda key: base64.urlsafe_b64encode(f"{key}/".encode()).decode(),
    "in percent": lambda key: quote(key, safe=""),
    "all in percent": lambda key: "".join(f"%{ord(each):02X}" for each in key),
    "twice in percent": lambda key: quote("".join(f"%{ord(each):02x}" for each in key)),
    "in JSON": lambda key: "".join(f"\\u{ord(each):04x}" for each in key),
    "in HTML": lambda key: "".join(f"&#{ord(each)};" for each in key),
    "hexadecimal": lambda key: key.encode().hex(),
    "first half": lambda key: key[: (len(key) + 1) // 2],
    "second half": lambda key: key[len(key) // 2 :],
    "lower case": str.lower,
    "upper case": str.upper,
}


def every_writing(secrets: Iterable[str]) -> str:
    """Return a text with all of these in every writing."""
    return " ; ".join(write(secret) for secret in secrets for write in WRITINGS.values())


def leaks(secret: str, sent: str) -> list[str]:
    """Return the pieces of a secret, each half of one writing of it, that are in a text."""
    looked_through = list(_readings(sent))
    return [
        piece
        for writing, half in _writings(secret)
        for text in looked_through
        # A few shorter pieces, one of which is in every half, say whether it is worth looking for all halves.
        if any(piece in text for piece in _pieces(writing, half - half // 3, half // 3))
        for piece in _pieces(writing, half, 1)
        if piece in text
    ]


def _writings(secret: str) -> Iterator[tuple[str, int]]:
    """In lower case, each with how many of its characters are half of the secret."""
    half = (len(secret) + 1) // 2
    yield secret.lower(), half
    yield secret.encode().hex(), 2 * half
    for before in range(3):
        raw = bytes(before) + secret.encode()
        for encoded in {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}:
            # What stands at the ends is made of the neighbours too.
            core = encoded[4 if before else 0 : -4].lower()
            yield core, (len(core) + 1) // 2 + 4


def _pieces(writing: str, size: int, step: int) -> Iterator[str]:
    return (writing[at : at + size] for at in range(0, len(writing) - size + 1, step))


def _readings(sent: str) -> Iterator[str]:
    text = sent
    for _ in range(3):
        yield text.lower()
        text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), html.unescape(unquote(text)))
    yield text.lower()
    # A log or a page may have it between quotation marks.
    yield json.dumps(sent).lower()
