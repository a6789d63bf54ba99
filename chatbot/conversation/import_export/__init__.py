"""Conversations out of the application and into it again: Markdown to read, JSON to bring in, a ZIP of all."""

from chatbot.conversation.errors import UnreadableExportError
from chatbot.conversation.import_export.export import (
    MAX_BYTES,
    MAX_CONVERSATIONS,
    Bundle,
    DocumentWords,
    file_name,
    to_json,
    to_markdown,
)
from chatbot.conversation.import_export.importer import MAX_UPLOAD_BYTES, Imported, read, read_json

__all__ = [
    "MAX_BYTES",
    "MAX_CONVERSATIONS",
    "MAX_UPLOAD_BYTES",
    "Bundle",
    "DocumentWords",
    "Imported",
    "UnreadableExportError",
    "file_name",
    "read",
    "read_json",
    "to_json",
    "to_markdown",
]
