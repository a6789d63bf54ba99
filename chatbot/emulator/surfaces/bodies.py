"""Request bodies, checked as far as the emulator uses them."""

import json
from collections.abc import Mapping
from typing import Any

from chatbot.emulator.model.transcript import Message


class BadBodyError(ValueError):
    """A request body that cannot be used. Each surface says so in its own way."""


def read_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in a request body."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise BadBodyError("The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise BadBodyError("The request body must be a JSON object.")
    return body


def messages_in(body: Mapping[str, Any], name: str) -> list[Message]:
    """Return the chat messages under `name`."""
    messages = body.get(name)
    if not isinstance(messages, list) or not messages:
        raise BadBodyError(f"'{name}' must be a list of at least one message.")
    for position, message in enumerate(messages):
        if not _is_message(message):
            raise BadBodyError(f"'{name}[{position}]' must have a role, and a content of text or parts.")
        if not _has_calls(message):
            raise BadBodyError(
                f"'{name}[{position}].tool_calls' must be a list of calls, each with an id and a function."
            )
    return messages


def limit_in(body: Mapping[str, Any], *names: str) -> int | None:
    """Return the most tokens to write under the first of `names` that is there, or nothing when it is not limited."""
    name = next((name for name in names if body.get(name) is not None), None)
    return None if name is None else whole_in(body, name, 1)


def whole_in(body: Mapping[str, Any], name: str, least: int, most: int | None = None) -> int:
    """Return the whole number under `name`; `least` when there is none."""
    number = least if body.get(name) is None else body[name]
    if not isinstance(number, int) or isinstance(number, bool) or number < least or (most and number > most):
        bounds = f"from {least} to {most}" if most else f"of at least {least}"
        raise BadBodyError(f"'{name}' must be a whole number {bounds}.")
    return number


def stop_in(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the texts under `stop`: one string or a list of them."""
    stop = body.get("stop")
    texts = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        raise BadBodyError("'stop' must be a text or a list of texts.")
    return tuple(texts)


def flag_in(body: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    """Return a switch. Published samples also send it as text ("True"), and the service takes that."""
    flag = body.get(name)
    if isinstance(flag, str) and flag.lower() in {"true", "false"}:
        return flag.lower() == "true"
    if flag is None:
        return default
    if isinstance(flag, bool):
        return flag
    raise BadBodyError(f"'{name}' must be true or false.")


def section_in(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the object under `name`, or an empty one when there is none."""
    section = body.get(name)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise BadBodyError(f"'{name}' must be a JSON object.")
    return section


def _is_message(message: object) -> bool:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        return False
    content = message.get("content")
    if isinstance(content, list):
        return all(isinstance(part, str | dict) for part in content)
    return content is None or isinstance(content, str)


def _has_calls(message: Mapping[str, Any]) -> bool:
    calls = message.get("tool_calls") or []
    return isinstance(calls, list) and all(
        isinstance(call, dict) and isinstance(call.get("id"), str) and isinstance(call.get("function"), dict)
        for call in calls
    )
