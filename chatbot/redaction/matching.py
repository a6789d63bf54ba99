"""Where a text holds a secret, in whatever writing: as is, in URLs, JSON and HTML, in base64 and hexadecimal. Pure.

Letters count in either case, and half a secret is one too. Looking costs some 20 searches for a plain text for each
secret, so there is nothing here that a growing answer or a line of a log would feel.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import accumulate
from typing import Final, NamedTuple

MASK: Final = "***"

MIN_SECRET: Final = 4
"""Characters. No real secret is shorter; something as short may be part of any word."""

MIN_RUN: Final = 8
"""So many characters of a secret in a row are no coincidence. They count where they are half of it, or where they begin
it at the end of a text: what was read was cut somewhere, or is still being written."""

WORDS: Final = 20
"""So many characters in a row are no coincidence either where it is about what somebody said."""

MAX_CODINGS: Final = 3
"""How many writings may be wrapped around each other: a URL in JSON in a log line."""

Span = tuple[int, int]
"""Where something begins in a text, and where it ends."""


class Needle(NamedTuple):
    """One writing of a secret.

    Attributes:
        text: It, in lower case.
        least: How many of its characters in a row are to be found.
        blocks: Pieces of it with their places: so many characters in a row hold one of them at least.
    """

    text: str
    least: int
    blocks: tuple[tuple[int, str], ...]


@lru_cache(256)
def needles(secret: str) -> tuple[Needle, ...]:
    """Return the writings of a secret to look for; none of what is too short to be one."""
    if len(secret) < MIN_SECRET:
        return ()
    writings = [secret]
    if len(secret) >= MIN_RUN:
        raw = secret.encode(errors="replace")
        standard = [_base64_within(raw, before) for before in range(3)]
        url_safe = [each.translate(_URL_SAFE) for each in standard]
        writings += [raw.hex(), *standard, *url_safe]
    return tuple(_needle(each.lower()) for each in dict.fromkeys(writings))


_URL_SAFE: Final = str.maketrans("+/", "-_")


def _base64_within(raw: bytes, before: int) -> str:
    """What base64 makes of some bytes wherever so many others, modulo three, stand before them."""
    encoded = base64.b64encode(bytes(before) + raw).decode()
    # The characters at both ends are also made of the neighbours.
    return encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]


def words_of(text: str) -> Needle:
    """Return a text to look for, of which a few words in a row count."""
    return _needle(text.lower(), WORDS)


def _needle(text: str, most: int | None = None) -> Needle:
    least = min(len(text), max(MIN_RUN, -(-len(text) // 2)), most or len(text))
    size = (least + 1) // 2
    places = range(0, len(text) - size + 1, size)
    return Needle(text, least, tuple((place, text[place : place + size]) for place in places))


def spans(text: str, wanted: Iterable[Needle]) -> list[Span]:
    """Return where a text holds any of these, in order; what touches is one."""
    wanted = tuple(wanted)
    found = _found(text, wanted)
    levels, places = [text], list[Places]()
    while len(levels) <= MAX_CODINGS and _CODED.search(levels[-1]):
        inner = _found(_CODED.sub(_decoded, levels[-1]), wanted)
        if inner:
            places += map(_places, levels[len(places) :])
        for span in inner:
            for place in reversed(places):
                span = place(span[0]), place(span[1])
            found.append(span)
        levels.append(_CODED.sub(_decoded, levels[-1]))
    return _merged(found)


def masked(text: str, found: Iterable[Span]) -> str:
    """Return a text without what was found in it."""
    kept, at = [], 0
    for begin, end in found:
        kept += [text[at:begin], MASK]
        at = end
    return "".join([*kept, text[at:]]) if kept else text


def _found(text: str, wanted: Iterable[Needle]) -> list[Span]:
    low = text.lower()
    if len(low) != len(text):  # there is one character that has two in lower case
        low = "".join(each.lower() if len(each.lower()) == 1 else each for each in text)
    ends = [(match.start(), match.end()) for match in _CUT.finditer(low)]
    found: list[Span] = []
    for needle in wanted:
        found += _runs(low, needle)
        for cut, end in ends:
            if (at := _beginning(low, cut, needle)) is not None:
                found.append((at, end))
    return found


def _runs(low: str, needle: Needle) -> Iterator[Span]:
    for place, block in needle.blocks:
        at = low.find(block)
        while at >= 0:
            begin, first = at, place
            while begin and first and low[begin - 1] == needle.text[first - 1]:
                begin, first = begin - 1, first - 1
            end, last = at + len(block), place + len(block)
            while end < len(low) and last < len(needle.text) and low[end] == needle.text[last]:
                end, last = end + 1, last + 1
            is_one = end - begin >= needle.least
            if is_one:
                yield begin, end
            at = low.find(block, end if is_one else at + 1)


def _beginning(low: str, end: int, needle: Needle) -> int | None:
    """Where a secret begins that is not complete when a text ends."""
    if len(needle.text) <= MIN_RUN:
        return None
    at = low.find(needle.text[:MIN_RUN], max(0, end - len(needle.text)), end)
    return at if at >= 0 and needle.text.startswith(low[at:end]) else None


_CODED: Final = re.compile(
    r"%([0-9a-f]{2})|\\u([0-9a-f]{4})|\\x([0-9a-f]{2})|&#x0*([0-9a-f]{1,5});|&#0*(\d{1,6});|&(amp|lt|gt|quot|apos);"
    r"|\\([^ux])",
    re.IGNORECASE | re.DOTALL,
)
"""A character as URLs, JSON, Python and HTML write it."""

_CUT: Final = re.compile(r"(?:[%\\&][\w#]{0,5})?(?:…|\Z)")
"""Where a text was cut: perhaps in the middle of such a character."""

_NAMED: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def _decoded(match: re.Match[str]) -> str:
    *hexadecimal, decimal, named, itself = match.groups()
    if code := next(filter(None, hexadecimal), None):
        return chr(int(code, 16))
    if decimal:
        return chr(int(decimal)) if int(decimal) < 0x110000 else " "
    return _NAMED[named.lower()] if named else itself


Places = Callable[[int], int]
"""Where a character of a decoded text was in the text it was decoded from."""


def _places(level: str) -> Places:
    matches = list(_CODED.finditer(level))
    # After each coded character, the decoded text is shorter by so much.
    saved = list(accumulate((len(each.group()) - 1 for each in matches), initial=0))
    behind = [each.end() - saved[number] for number, each in enumerate(matches, 1)]
    return lambda place: place + saved[bisect_right(behind, place)]


def _merged(found: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for begin, end in sorted(found):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged
