"""Request bodies, checked as far as the emulator uses them; JSON as the service writes it."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from chatbot.emulator.transcript import Message


class BadBodyError(ValueError):
    """A request body that cannot be used. Each surface says so in its own way."""


def dumps(body: object) -> bytes:
    """Return compact JSON, keys in alphabetical order, as raw UTF-8."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    # JSON can carry half a character ("\ud83d"), UTF-8 cannot.
    return text.encode("utf-8", errors="replace")


def json_reply(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response in the service's own writing."""
    return Response(dumps(body), status, headers, media_type="application/json")


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
    return messages


def limit_in(body: Mapping[str, Any], name: str) -> int | None:
    """Return the most tokens to write under `name`, or nothing when it is not limited."""
    limit = body.get(name)
    if limit is None:
        return None
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise BadBodyError(f"'{name}' must be a whole number above zero.")
    return limit


def stop_in(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the texts under `stop`: one string or a list of them."""
    stop = body.get("stop")
    texts = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        raise BadBodyError("'stop' must be a text or a list of texts.")
    return tuple(texts)


def flag_in(body: Mapping[str, Any], name: str) -> bool:
    """Return a switch. Published samples also send it as text ("True"), and the service takes that."""
    flag = body.get(name)
    if isinstance(flag, str) and flag.lower() in {"true", "false"}:
        return flag.lower() == "true"
    if flag is None or isinstance(flag, bool):
        return bool(flag)
    raise BadBodyError(f"'{name}' must be true or false.")


def _is_message(message: object) -> bool:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        return False
    content = message.get("content")
    if isinstance(content, list):
        return all(isinstance(part, str | dict) for part in content)
    return content is None or isinstance(content, str)
