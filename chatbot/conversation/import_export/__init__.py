"""Conversations out of the application and into it again, and from other tools: files to read, and to bring in."""

from chatbot.conversation.errors import UnreadableExportError
from chatbot.conversation.import_export.embedding import embedded
from chatbot.conversation.import_export.export import (
    MAX_BYTES,
    MAX_CONVERSATIONS,
    Bundle,
    DocumentWords,
    file_name,
    to_json,
    to_markdown,
)
from chatbot.conversation.import_export.importer import MAX_UPLOAD_BYTES, Imported, ImportedFile, read, read_json
from chatbot.conversation.import_export.others.messages import LOSSES

__all__ = [
    "LOSSES",
    "MAX_BYTES",
    "MAX_CONVERSATIONS",
    "MAX_UPLOAD_BYTES",
    "Bundle",
    "DocumentWords",
    "Imported",
    "ImportedFile",
    "UnreadableExportError",
    "embedded",
    "file_name",
    "read",
    "read_json",
    "to_json",
    "to_markdown",
]
