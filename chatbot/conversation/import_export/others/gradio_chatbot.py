"""What a program saves of ``gr.Chatbot``: messages with their roles, or pairs of question and answer. Pure.

``gr.ChatInterface`` keeps a list of such conversations; OpenAI's messages have the same form.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chatbot.conversation.errors import UnreadableExportError
from chatbot.conversation.import_export.others.messages import (
    FILES,
    HIDDEN,
    PICTURES,
    Message,
    OtherConversation,
    Role,
    object_in,
    system_prompt_of,
    whole,
)
from chatbot.conversation.import_export.others.pictures import from_data_url, take_picture
from chatbot.conversation.parts import Blob, Reasoning

_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".bmp")


def conversations_of(value: list[Any]) -> list[OtherConversation]:
    """Return the conversations of a file: one, or a list of them.

    Args:
        value: The file.

    Raises:
        UnreadableExportError: It is neither.
    """
    first = next((each for each in value if each), None)
    if isinstance(first, list) and first and isinstance(first[0], dict) and "role" in first[0]:
        return [_conversation(each, f"[{number}]") for number, each in enumerate(value)]
    return [_conversation(value, "")]


def _conversation(value: Any, place: str) -> OtherConversation:
    if not isinstance(value, list):
        raise UnreadableExportError("not_a_list", place=place)
    data: dict[Blob, bytes] = {}
    messages: list[Message] = []
    instructions = ""
    for number, (role, content, title) in enumerate(_said(value, place)):
        message = Message(str(number), str(number - 1) if number else None, Role.BESIDE)
        messages.append(message)
        if role == "system" and isinstance(content, str) and not instructions and number == 0:
            instructions = content
        elif role not in ("user", "assistant"):
            message.losses[HIDDEN] += bool(content)
        elif title:
            message.role = Role(role)
            message.say(content if isinstance(content, str) else _text(content), Reasoning)
        else:
            message.role = Role(role)
            _content(message, content, data)
    return OtherConversation("", messages, None, system_prompt_of(instructions, messages), data)


def _said(value: list[Any], place: str) -> Iterator[tuple[Any, Any, Any]]:
    """Yield role, content, and the title that a thought or a tool has."""
    for number, each in enumerate(value):
        if isinstance(each, dict):
            title = object_in(each, "metadata").get("title")
            yield each.get("role"), each.get("content"), title if each.get("role") == "assistant" else None
        elif isinstance(each, list) and len(each) == 2:
            for role, content in zip(("user", "assistant"), each, strict=True):
                if content is not None:
                    yield role, content, None
        else:
            raise UnreadableExportError("unreadable", place=f"{place}[{number}]")


def _content(message: Message, content: Any, data: dict[Blob, bytes]) -> None:
    if isinstance(content, str):
        message.say(content)
    elif isinstance(content, list) and all(isinstance(each, str | None) for each in content) and content:
        # A file as a path, and what it shows.
        _file(message, content[0])
    elif isinstance(content, list):
        for part in content:
            _content(message, part, data)
    elif isinstance(content, dict):
        _part(message, content, data)


def _part(message: Message, part: dict[str, Any], data: dict[Blob, bytes]) -> None:
    kind = part.get("type")
    if kind == "text" or (kind is None and isinstance(part.get("text"), str)):
        message.say(part.get("text"))
    elif kind == "image_url":
        take_picture(message, part.get("image_url"), data)
    elif kind == "file" or "path" in part or "file" in part:
        file = part.get("file", part)
        url = file.get("url") if isinstance(file, dict) else None
        picture = from_data_url(url, "", data)
        if picture is not None:
            message.parts.append(picture)
        else:
            _file(message, file.get("path") if isinstance(file, dict) else file)
    elif kind == "component" or "component" in part:
        message.lose(part.get("component") or "component")
    else:
        message.lose(kind)


def _file(message: Message, path: Any) -> None:
    """A file is only named: it was on the disk of whoever ran the program."""
    is_picture = isinstance(path, str) and path.lower().endswith(_PICTURES)
    message.losses[PICTURES if is_picture else FILES] += 1


def _text(content: Any) -> str:
    parts = content if isinstance(content, list) else [content]
    texts = (each.get("text") if isinstance(each, dict) else each for each in parts)
    return whole("".join(each for each in texts if isinstance(each, str)))
