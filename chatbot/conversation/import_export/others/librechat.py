"""LibreChat's export of a conversation: messages in a list, or each within the one that it follows. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from chatbot.conversation.content_blocks import cleaned
from chatbot.conversation.errors import UnreadableExportError
from chatbot.conversation.import_export.others.messages import (
    FILES,
    PICTURES,
    Message,
    OtherConversation,
    Role,
    arguments_of,
    entries,
    feedback_of,
    line,
    object_in,
    system_prompt_of,
    usage_of,
    whole,
)
from chatbot.conversation.import_export.others.pictures import take_picture
from chatbot.conversation.parts import Blob, Reasoning, ToolCall, ToolResult
from chatbot.conversation.turn import Rating

_THOUGHTS: Final = re.compile(r":::thinking\s*\n(?P<thoughts>.*?)\n?:::\s*", re.DOTALL)
_RATINGS: Final = {"thumbsUp": Rating.UP, "thumbsDown": Rating.DOWN}


def conversation_of(value: Mapping[str, Any], place: str) -> OtherConversation:
    """Return the conversation of a file.

    Args:
        value: The file.
        place: What it is called in what is wrong with it.

    Raises:
        UnreadableExportError: It has no messages.
    """
    held = value.get("messagesTree") or value.get("messages")
    if isinstance(held, dict):
        # One message alone, when there is one branch of one message.
        held = [held]
    if not isinstance(held, list):
        raise UnreadableExportError("not_a_list", place=f"{place}.messages" if place else "messages")
    data: dict[Blob, bytes] = {}
    messages = [_message(each, name, parent, place, data) for each, name, parent, place in _listed(held)]
    options = object_in(value, "options")
    current = messages[-1].id if messages and not value.get("recursive") else None
    prompt = system_prompt_of(options.get("promptPrefix") or options.get("system"), messages)
    return OtherConversation(line(value.get("title")), messages, current, prompt, data)


def _listed(held: list[Any]) -> Iterator[tuple[Mapping[str, Any], str, Any, int]]:
    """Yield every message, its name, that of the one that it follows, and its place among those that follow that."""
    open_ones = [
        (each, each.get("parentMessageId"), place) for place, each in enumerate(held) if isinstance(each, dict)
    ]
    open_ones.reverse()
    count = 0
    while open_ones:
        value, parent, place = open_ones.pop()
        name = value.get("messageId")
        count += 1
        id = name if isinstance(name, str) else f"message {count}"  # noqa: A001 - the field's own name
        yield value, id, parent, place
        children = entries(value, "children")
        open_ones += [(each, id, place) for place, each in reversed(list(enumerate(children)))]


def _message(value: Mapping[str, Any], id: str, parent: Any, place: int, data: dict[Blob, bytes]) -> Message:  # noqa: A002
    role = Role.USER if value.get("isCreatedByUser") else Role.ASSISTANT
    message = Message(id, parent if isinstance(parent, str) else None, role, place=place)
    if value.get("error") and role is Role.ASSISTANT:
        text = value.get("text")
        message.failure = whole(text) if isinstance(text, str) and text else "Error"
        return message
    content = value.get("content")
    if isinstance(content, list) and content:
        for part in content:
            if part is not None:
                _part(message, part, data)
    else:
        _text(message, value.get("text"))
    for file in (*entries(value, "files"), *entries(value, "attachments")):
        is_picture = str(file.get("type")).startswith("image/")
        message.losses[PICTURES if is_picture else FILES] += 1
    if role is Role.ASSISTANT:
        _about(message, value)
    return message


def _text(message: Message, text: Any) -> None:
    """A text; of older versions it may begin with the thoughts before it."""
    if message.role is Role.ASSISTANT and isinstance(text, str) and (found := _THOUGHTS.match(text)):
        message.say(found["thoughts"], Reasoning)
        text = text[found.end() :]
    message.say(text)


def _part(message: Message, part: Any, data: dict[Blob, bytes]) -> None:
    kind = part.get("type") if isinstance(part, dict) else "?"
    if kind == "text":
        text = part.get("text")
        _text(message, text.get("value") if isinstance(text, dict) else text)
    elif kind == "think":
        message.say(part.get("think"), Reasoning)
    elif kind == "tool_call":
        _tool_call(message, part.get("tool_call"))
    elif kind == "error":
        text = part.get("error") or part.get("text")
        message.failure = whole(text) if isinstance(text, str) and text else "Error"
    elif kind == "image_url":
        take_picture(message, part.get("image_url"), data)
    elif kind == "image_file":
        message.losses[PICTURES] += 1
    else:
        message.lose(kind)


def _tool_call(message: Message, call: Any) -> None:
    if not isinstance(call, dict):
        message.lose("tool_call")
        return
    # As its agents write it, or as OpenAI's assistants did.
    function = object_in(call, "function") or call
    id, name = line(call.get("id")), line(function.get("name") or call.get("type"))  # noqa: A001
    message.parts.append(ToolCall(id, name, arguments_of(function.get("args", function.get("arguments")))))
    output = function.get("output")
    if output is not None and output != "":
        text = output if isinstance(output, str) else json.dumps(cleaned(output), ensure_ascii=False)
        message.parts.append(ToolResult(id, whole(text)))


def _about(message: Message, value: Mapping[str, Any]) -> None:
    message.model = line(value.get("model") or value.get("sender"))
    reason = value.get("finish_reason")
    message.finish_reason = reason if reason in ("stop", "length", "content_filter") else None
    message.is_stopped = bool(value.get("unfinished")) or not message.parts
    message.usage = usage_of(value.get("promptTokens"), value.get("tokenCount"))
    feedback = object_in(value, "feedback")
    message.feedback = feedback_of(_RATINGS.get(str(feedback.get("rating"))), feedback.get("text"))
