"""The messages of a request as LangChain's, read strictly: what is not understood is refused, not left out. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
)

from chatbot.api.errors import bad_request
from chatbot.api.wire import is_deep

MAX_MESSAGES: Final = 2_000

_ROLES: Final = ("system", "developer", "user", "assistant", "tool")
_PICTURES: Final = ("https://", "http://", "data:image/")


def read_messages(messages: Sequence[Mapping[str, Any]]) -> list[BaseMessage]:
    """Return the messages.

    Raises:
        ApiError: One of them cannot be read; says which and why.
    """
    if len(messages) > MAX_MESSAGES:
        raise bad_request(f"messages may hold {MAX_MESSAGES:,} at most.", "messages")
    return [_message(message, f"messages[{number}]") for number, message in enumerate(messages)]


def _message(message: Mapping[str, Any], place: str) -> BaseMessage:
    role = message.get("role")
    if role not in _ROLES:
        raise bad_request(f"{place}.role should be one of {', '.join(_ROLES)}.", f"{place}.role")
    named = {"name": message["name"]} if isinstance(message.get("name"), str) else {}
    if role == "assistant":
        calls, invalid = _calls(message.get("tool_calls"), place)
        content = message.get("content")
        text = "" if content is None else _text(content, place)
        return AIMessage(text, tool_calls=calls, invalid_tool_calls=invalid, **named)
    if role == "user":
        return HumanMessage(_content(message.get("content"), place), **named)
    text = _text(message.get("content"), place)
    if role == "tool":
        if not isinstance(called := message.get("tool_call_id"), str):
            raise bad_request(f"{place}.tool_call_id is missing: it names the call that this is the result of.", place)
        return ToolMessage(text, tool_call_id=called, **named)
    # Developer is OpenAI's newer name; every model knows the older one.
    return SystemMessage(text, **named)


def _content(content: Any, place: str) -> str | list[str | dict[str, Any]]:
    """What somebody says, with pictures where there are any."""
    if not isinstance(content, list):
        return _text(content, place)
    parts: list[str | dict[str, Any]] = [_part(part, f"{place}.content[{i}]") for i, part in enumerate(content)]
    return parts if parts else _text(None, place)


def _text(content: Any, place: str) -> str:
    """Text alone, also where it comes as parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content:
        parts = [_part(part, f"{place}.content[{number}]") for number, part in enumerate(content)]
        if all(part["type"] == "text" for part in parts):
            return "".join(part["text"] for part in parts)
    raise bad_request(f"{place}.content should be text, or a list of parts of text.", f"{place}.content")


def _part(part: Any, place: str) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, dict) else None
    # What an assistant declined to say is part of what it said.
    if kind in ("text", "refusal") and isinstance(part.get(kind), str):
        return {"type": "text", "text": part[kind]}
    if kind == "image_url" and isinstance(part.get("image_url"), dict):
        url, detail = part["image_url"].get("url"), part["image_url"].get("detail")
        if not isinstance(url, str) or not url.startswith(_PICTURES):
            raise bad_request(f"{place}.image_url.url should begin with https:// or data:image/.", place)
        return {
            "type": "image_url",
            "image_url": {"url": url} | ({"detail": detail} if isinstance(detail, str) else {}),
        }
    raise bad_request(f"{place} should be a part of the type text or image_url; others are not taken here.", place)


def _calls(calls: Any, place: str) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    good: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    if not isinstance(calls, list | None):
        raise bad_request(f"{place}.tool_calls should be a list.", f"{place}.tool_calls")
    for number, call in enumerate(calls or ()):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not all(
            isinstance(each, str) for each in (call.get("id"), function.get("name"))
        ):
            where = f"{place}.tool_calls[{number}]"
            raise bad_request(f"{where} should be a call of a function, with its id and its name.", where)
        text = function.get("arguments") or ""
        try:
            arguments = json.loads(text or "{}")
        except (ValueError, TypeError, RecursionError):
            arguments = None
        if isinstance(arguments, dict) and not is_deep(arguments):
            good.append(ToolCall(id=call["id"], name=function["name"], args=arguments))
        else:
            invalid.append(
                InvalidToolCall(
                    type="invalid_tool_call", id=call["id"], name=function["name"], args=str(text), error=None
                )
            )
    return good, invalid
