"""Text of any kind as part of a Markdown document that it cannot break out of. Pure."""

from __future__ import annotations

import re
from typing import Final

_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_FENCE: Final = re.compile(r"(`{3,}(?=[^`]*$)|~{3,})")
_LEAKS: Final = re.compile(r"[\s>*+\-\d.)]*(#|<|```|~~~)|\s*(=+|-+)\s*$")
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+\-!|~&$])")


def quoted(text: str) -> str:
    """Return a block quote: whatever is left open in it ends with it."""
    return "> " + _LINE_END.sub(lambda end: end[0] + "> ", text)


def heading(text: str) -> str:
    """Return any text as one line without markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def remark(text: str) -> str:
    """Return a line that tells about a text rather than being part of it."""
    return f"*{heading(text)}*"


def self_contained(text: str) -> bool:
    """Whether a text has no headings, no HTML, and no code block that reaches beyond its end. When in doubt, not."""
    fence = ""
    for line in _LINE_END.split(text):
        if fence:
            if re.fullmatch(rf" {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}[ \t]*", line):
                fence = ""
        elif opened := _FENCE.match(line):
            fence = opened[0]
        elif _LEAKS.match(line):
            return False
    return not fence
