"""Which other tool a file comes from, told by the names that its conversations begin with; and how it is read. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from chatbot.conversation.errors import UnreadableExportError
from chatbot.conversation.import_export.export import MAX_CONVERSATIONS
from chatbot.conversation.import_export.json_reader import JsonReader
from chatbot.conversation.import_export.others import chatgpt, gradio_chatbot, librechat, open_webui
from chatbot.conversation.import_export.others.messages import OtherConversation

LOOKED_AT: Final = 50_000
"""Bytes at the beginning of a file that tell."""

MAX_VALUES: Final = 1_000_000
"""Of one conversation, however they are nested."""

CHATGPT: Final = "ChatGPT"
OPEN_WEBUI: Final = "Open WebUI"
LIBRECHAT: Final = "LibreChat"
GRADIO: Final = "Gradio"

READ: Final = (CHATGPT, OPEN_WEBUI, LIBRECHAT, GRADIO)
"""The tools whose files are read; those of others are known by their names."""

_TOOLS: Final = (
    (CHATGPT, ("mapping", "current_node|create_time|children")),
    ("Claude", ("chat_messages", "uuid")),
    (LIBRECHAT, ("conversationId", "messages|messagesTree|endpoint")),
    (OPEN_WEBUI, ("chat", "history|messages|models")),
    ("Gemini", ("header", "titleUrl|products|activityControls")),
    (GRADIO, ("role", "content")),
)
_PAIRS: Final = re.compile(r'\[\s*\[\s*(?:\[\s*)?["n{]')


def tool_of(head: bytes) -> str | None:
    """Return the name of the tool whose export begins with these bytes; None where it is none that is known."""
    text = head[:LOOKED_AT].decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if not text.startswith(("[", "{")) or '"chatbot-conversation"' in text:
        return None
    for tool, names in _TOOLS:
        if all(re.search(rf'"(?:{name})"\s*:', text) for name in names):
            return tool
    return GRADIO if _PAIRS.match(text) else None


def conversations_in(data: bytes, tool: str, attached: chatgpt.Attached) -> Iterator[tuple[OtherConversation, str]]:
    """Yield the conversations of a file that one of :data:`READ` wrote, and the place of each in it.

    Args:
        data: The file.
        tool: Which one it was.
        attached: Where ChatGPT's pictures and files are, which stand beside it.

    Raises:
        UnreadableExportError: It is none.
    """
    reader = JsonReader(data)
    try:
        if tool == GRADIO:
            value = reader.tree(MAX_VALUES)
            several = value if isinstance(value, list) else value.get("messages")
            if not isinstance(several, list):
                raise UnreadableExportError("not_a_list", place="messages")
            for number, each in enumerate(gradio_chatbot.conversations_of(several)):
                yield each, f"[{number}]"
        elif reader.peek() == "[":
            for number, _ in enumerate(reader.entries()):
                if number == MAX_CONVERSATIONS:
                    raise UnreadableExportError("too_many_conversations", most=MAX_CONVERSATIONS)
                yield _conversation(reader, tool, attached, f"[{number}]"), f"[{number}]"
        else:
            yield _conversation(reader, tool, attached, ""), ""
        reader.end()
    except UnicodeDecodeError as error:
        raise UnreadableExportError("not_utf8") from error


def _conversation(reader: JsonReader, tool: str, attached: chatgpt.Attached, place: str) -> OtherConversation:
    value = reader.tree(MAX_VALUES)
    if not isinstance(value, dict):
        raise UnreadableExportError("not_an_object", place=place)
    if tool == CHATGPT:
        return chatgpt.conversation_of(value, attached, place)
    if tool == OPEN_WEBUI:
        return open_webui.conversation_of(value, place)
    return librechat.conversation_of(value, place)
