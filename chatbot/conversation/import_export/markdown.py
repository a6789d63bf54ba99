"""Text of any kind as part of a Markdown document that it cannot break out of. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from chatbot.conversation.parts import Citation

_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_FENCE: Final = re.compile(r"(`{3,}(?=[^`]*$)|~{3,})")
_LEAKS: Final = re.compile(r"[\s>*+\-\d.)]*(#|<|```|~~~)|\s*(=+|-+)\s*$")
_IN_URL: Final = ":/?#[]@!$&'()*+,;=%~-._"
_MOST: Final = 1_000
_LINK: Final = re.compile(r"https?://", re.IGNORECASE)
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


def source(citation: Citation, unnamed: str) -> str:
    """Return where something is from, as a link if it has an address on the web; ``unnamed`` is what has no name."""
    title = heading(citation.title or citation.url or unnamed)
    if _LINK.match(citation.url):
        title = f"[{title}](<{quote(citation.url, safe=_IN_URL)}>)"
    return f"{title}: “{heading(citation.quote[:_MOST])}”" if citation.quote else title


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
