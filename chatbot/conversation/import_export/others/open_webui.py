"""Open WebUI's export: a list of chats, each a tree of messages by their names (``chat.history``). Pure.

Thoughts and calls of tools stand in an answer's text as ``<details>``; newer versions have them in ``output`` as well.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from chatbot.conversation.errors import UnreadableExportError
from chatbot.conversation.import_export.others.messages import (
    FILES,
    HIDDEN,
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
from chatbot.conversation.parts import Blob, Citation, Reasoning, ToolCall, ToolResult
from chatbot.conversation.turn import Rating

_DETAILS: Final = re.compile(
    r'<details type="(?P<type>reasoning|tool_calls|code_interpreter)"(?P<attributes>[^>]*)>(?P<body>.*?)</details>\n*',
    re.DOTALL,
)
_SUMMARY: Final = re.compile(r"\s*<summary>.*?</summary>\s*", re.DOTALL)
_ATTRIBUTE: Final = re.compile(r'([a-z_]+)="([^"]*)"')
_QUOTED: Final = re.compile(r"^> ?", re.MULTILINE)
_TOKENS: Final = (
    ("prompt_tokens", "completion_tokens"),
    ("input_tokens", "output_tokens"),
    ("prompt_eval_count", "eval_count"),
)
_RATINGS: Final = {"1": Rating.UP, "-1": Rating.DOWN}


def conversation_of(value: Mapping[str, Any], place: str) -> OtherConversation:
    """Return a conversation.

    Args:
        value: As the file has it.
        place: Where it is in the file.

    Raises:
        UnreadableExportError: It is none.
    """
    chat = value.get("chat")
    if not isinstance(chat, dict):
        raise UnreadableExportError("not_an_object", place=f"{place}.chat")
    history = object_in(chat, "history")
    held = object_in(history, "messages")
    # Older ones have a list, in which each follows the one before it.
    listed = {str(number): each for number, each in enumerate(entries(chat, "messages"))}
    data: dict[Blob, bytes] = {}
    messages = [
        _message(each, name, str(number - 1), held, data)
        for number, (name, each) in enumerate((held or listed).items())
        if isinstance(each, dict)
    ]
    system = chat.get("system") or object_in(chat, "params").get("system")
    current = history.get("currentId")
    return OtherConversation(
        line(value.get("title") or chat.get("title")),
        messages,
        current if isinstance(current, str) else None,
        system_prompt_of(system, messages),
        data,
    )


def _message(
    value: Mapping[str, Any],
    id: str,  # noqa: A002 - the field's own name
    before: str,
    held: Mapping[str, Any],
    data: dict[Blob, bytes],
) -> Message:
    parent = value.get("parentId") if held else before
    order = object_in(held, parent).get("childrenIds") if isinstance(parent, str) else None
    place = order.index(id) if isinstance(order, list) and id in order else 0
    message = Message(id, parent if isinstance(parent, str) else None, Role.BESIDE, place=place)
    role, content = value.get("role"), value.get("content")
    if role not in ("user", "assistant"):
        message.losses[HIDDEN] += bool(content)
        return message
    message.role = Role(role)
    if role == "user":
        _content(message, content, data)
        _files(message, value, data)
        return message
    if not _output(message, value):
        _content(message, content, data)
    _files(message, value, data)
    _sources(message, value)
    _about(message, value)
    return message


def _content(message: Message, content: Any, data: dict[Blob, bytes]) -> None:
    if isinstance(content, str):
        if message.role is Role.USER:
            message.say(content)
        else:
            _answer(message, content)
        return
    for part in content if isinstance(content, list) else []:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            message.say(part.get("text"))
        elif kind == "image_url":
            url = part.get("image_url")
            take_picture(message, url, data)
        else:
            message.lose(kind)


def _answer(message: Message, text: str) -> None:
    at = 0
    for found in _DETAILS.finditer(text):
        _words(message, text[at : found.start()])
        at = found.end()
        attributes = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(found["attributes"])}
        body = html.unescape(_SUMMARY.sub("", found["body"], count=1)).strip()
        if found["type"] == "reasoning":
            message.say(_QUOTED.sub("", body), Reasoning)
            continue
        name = attributes.get("name") or found["type"]
        id = attributes.get("id") or f"{name}-{len(message.parts)}"  # noqa: A001
        message.parts.append(ToolCall(line(id), line(name), arguments_of(attributes.get("arguments") or body)))
        if result := attributes.get("result") or attributes.get("output"):
            message.parts.append(ToolResult(line(id), whole(_unpacked(result))))
    _words(message, text[at:])


def _words(message: Message, text: str) -> None:
    if text.strip():
        message.say(text)


def _output(message: Message, value: Mapping[str, Any]) -> bool:
    """Take an answer as items, in the order in which they came; return whether there are such with words."""
    items = entries(value, "output")
    if not any(item.get("type") == "message" for item in items):
        return False
    for item in items:
        kind, id = item.get("type"), line(item.get("call_id"))  # noqa: A001
        if kind == "message":
            message.say(_texts(item.get("content")))
        elif kind == "reasoning":
            message.say(_texts(item.get("content")) or _texts(item.get("summary")), Reasoning)
        elif kind == "function_call":
            message.parts.append(ToolCall(id, line(item.get("name")), arguments_of(item.get("arguments"))))
        elif kind == "function_call_output":
            output = item.get("output")
            message.parts.append(ToolResult(id, whole(output if isinstance(output, str) else _texts(output))))
        else:
            message.lose(kind)
    return True


def _texts(content: Any) -> str:
    several = content if isinstance(content, list) else []
    return "".join(each["text"] for each in several if isinstance(each, dict) and isinstance(each.get("text"), str))


def _files(message: Message, value: Mapping[str, Any], data: dict[Blob, bytes]) -> None:
    for file in entries(value, "files"):
        if file.get("type") == "image":
            take_picture(message, file.get("url"), data, line(file.get("name")))
        else:
            message.losses[FILES] += 1


def _sources(message: Message, value: Mapping[str, Any]) -> None:
    for found in entries(value, "sources") or entries(value, "citations"):
        source = object_in(found, "source")
        quotes = [each for each in found.get("document") or () if isinstance(each, str)]
        further = entries(found, "metadata")
        url = source.get("url") or next((each["source"] for each in further if _is_url(each.get("source"))), "")
        title = source.get("name") or next((each["name"] for each in further if isinstance(each.get("name"), str)), "")
        message.parts.append(Citation(line(title), whole(url) if _is_url(url) else "", whole("\n\n".join(quotes))))


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def _about(message: Message, value: Mapping[str, Any]) -> None:
    message.model = line(value.get("modelName") or value.get("model"))
    message.is_stopped = value.get("done") is False or (not message.parts and not value.get("error"))
    usage = value.get("usage") or value.get("info")
    if isinstance(usage, dict):
        message.usage = next(filter(None, (usage_of(usage.get(a), usage.get(b)) for a, b in _TOKENS)), None)
    if error := value.get("error"):
        words = error.get("content") if isinstance(error, dict) else error
        message.failure = whole(words) if isinstance(words, str) and words else "Error"
    annotation = object_in(value, "annotation")
    message.feedback = feedback_of(_RATINGS.get(str(annotation.get("rating"))), annotation.get("comment"))


def _unpacked(words: str) -> str:
    value = _loaded(words)
    return value if isinstance(value, str) else words


def _loaded(words: Any) -> Any:
    try:
        return json.loads(words)
    except (ValueError, TypeError, RecursionError):
        return None
