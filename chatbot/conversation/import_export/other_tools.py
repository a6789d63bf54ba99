"""Which other tool a file comes from, told by the names that its conversations begin with. Pure."""

from __future__ import annotations

import re
from typing import Final

LOOKED_AT: Final = 50_000
"""Bytes at the beginning of a file that tell."""

_TOOLS: Final = (
    ("ChatGPT", ("mapping", "current_node|create_time|children")),
    ("Claude", ("chat_messages", "uuid")),
    ("LibreChat", ("conversationId", "messages|endpoint")),
    ("Open WebUI", ("chat", "history|messages|models")),
    ("Gemini", ("header", "titleUrl|products|activityControls")),
)


def tool_of(head: bytes) -> str | None:
    """Return the name of the tool whose export begins with these bytes; None where it is none that is known."""
    text = head[:LOOKED_AT].decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if not text.startswith(("[", "{")) or '"chatbot-conversation"' in text:
        return None
    for tool, names in _TOOLS:
        if all(re.search(rf'"(?:{name})"\s*:', text) for name in names):
            return tool
    return None
