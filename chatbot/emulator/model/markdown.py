"""User text inside our Markdown: shown as it was typed, never able to change the layout around it."""

import re

_SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|~$&]")
_LIST_MARKER = re.compile(r"^(?:[-+](?=[-\s]|$)|\d{1,9}(?=[.)](?:\s|$)))")
# Invisible, yet part of how emoji and several scripts are written.
_JOINERS = "\u200c\u200d"


def shorten(text: str, limit: int) -> str:
    """Return `text` on one line, without control characters, at most `limit` characters long."""
    # The first characters decide; a message of many megabytes must not be rewritten for one line of it.
    line = " ".join(text[: limit * 8].split())
    line = "".join(char for char in line if char.isprintable() or char in _JOINERS)
    if len(line) <= limit:
        return line
    return line[: limit - 1].rstrip() + "…"


def inline(text: str, limit: int = 80) -> str:
    """Return `text` shortened and escaped for use within a line, a list item or a table cell."""
    escaped = _SPECIAL.sub(r"\\\g<0>", shorten(text, limit))
    return _LIST_MARKER.sub(_defuse, escaped)


def bold(text: str, limit: int = 80) -> str:
    """Return `text` escaped and in bold."""
    return f"**{inline(text, limit)}**"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 message`, `2 messages`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _defuse(marker: re.Match[str]) -> str:
    found = marker.group()
    # A digit cannot be escaped, the dot behind it can.
    return f"{found}\\" if found.isdigit() else f"\\{found}"
