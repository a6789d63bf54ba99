"""Conversations out of the application and into it again: Markdown to read, JSON to bring in, a ZIP of all."""

from chatbot.conversation.exchange.files import (
    MAX_BYTES,
    MAX_CONVERSATIONS,
    UnreadableExportError,
    bundle,
    file_name,
    read,
    read_json,
    to_json,
    to_markdown,
)

__all__ = [
    "MAX_BYTES",
    "MAX_CONVERSATIONS",
    "UnreadableExportError",
    "bundle",
    "file_name",
    "read",
    "read_json",
    "to_json",
    "to_markdown",
]
