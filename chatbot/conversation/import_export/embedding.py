"""A conversation's JSON within a page that people read, and out of it again. Pure."""

from __future__ import annotations

import re
from typing import Final

from chatbot.conversation.errors import UnreadableExportError

_ID: Final = "chatbot-conversation"
_PAGE: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|!--)", re.IGNORECASE)
_BEGIN: Final = re.compile(rb"<script\b[^<>]*\bid=[\"']?" + _ID.encode() + rb"[\"']?[^<>]*>", re.IGNORECASE)
_END: Final = b"</script"


def embedded(json: str) -> str:
    """Return an element that holds JSON, is not shown and runs nothing: nothing in it can end it."""
    # A "<" stands within texts only, where JSON writes it as an escape just as well.
    harmless = json.replace("<", "\\u003c")
    return f'<script type="application/json" id="{_ID}">{harmless}</script>'


def is_page(data: bytes) -> bool:
    """Return whether a file is a page."""
    return _PAGE.match(data) is not None


def json_within(page: bytes) -> bytes:
    """Return the JSON that :func:`embedded` put into a page.

    Raises:
        UnreadableExportError: There is none.
    """
    # Words of the conversation cannot look like it: what a page shows of them has no tag that they wrote.
    begin = _BEGIN.search(page)
    end = -1 if begin is None else page.find(_END, begin.end())
    if begin is None or end < 0:
        raise UnreadableExportError("page_without_conversation")
    return page[begin.end() : end]
