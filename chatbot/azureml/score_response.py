"""The answer in the reply of a ``/score`` container, since each ``score.py`` returns a shape of its own. Pure.

Read are texts, lists of them, whole chats, MLflow's predictions, pipelines' ``generated_text``, a completion within
another object, and JSON that was made JSON twice. An answer that is JSON because it was asked for stays as it is.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any, Final

_ANSWER_NAMES: Final = (
    "output",
    "outputs",
    "answer",
    "response",
    "responses",
    "result",
    "results",
    "generated_text",
    "prediction",
    "predictions",
    "candidates",
    "choices",
    "0",
    "message",
    "messages",
    "delta",
    "content",
    "parts",
    "text",
    "output_text",
    "completion",
    "generations",
    "reply",
    "chat_output",
    "data",
    "body",
)
"""Names of what holds the answer, the surest first."""

_NEVER_ANSWERS: Final = frozenset(
    {"error", "errors", "exception", "detail", "details", "status", "statusCode", "traceback", "id", "model", "object"}
)
"""Names of what is no answer even where it stands alone."""

_ASSISTANT_ROLES: Final = frozenset({"assistant", "ai", "bot", "model", "chatbot", "gpt"})
_OTHER_ROLES: Final = frozenset({"user", "human", "system", "developer", "tool", "function"})

_ENVELOPES: Final = frozenset({"choices", "predictions", "generated_text", "candidates", "output", "outputs", "error"})
"""Names by which a reply differs from an answer that is JSON because it was asked for."""

_MAX_DEPTH: Final = 16


def unwrapped(reply: Any) -> Any:
    """Return the reply that a text holds which is JSON itself; anything else as it is."""
    if not isinstance(reply, str):
        return reply
    inner = _parse(reply)
    if isinstance(inner, str) and inner != reply:
        return unwrapped(inner)
    if isinstance(inner, list) and (len(inner) == 1 or any(_role(each) for each in inner)):
        return inner if _find(inner, 0) is not None else reply
    if isinstance(inner, dict) and (len(inner) == 1 or _role(inner) or _ENVELOPES & inner.keys()):
        return inner if "error" in inner or _find(inner, 0) is not None else reply
    return reply


def find_message(reply: Any) -> Mapping[str, Any] | None:
    """Return the message that a reply holds, as an OpenAI message: its ``content``, and what else it has of one.

    Returns:
        None where there is none that is clearly an answer.
    """
    if (found := _find(reply, 0)) is not None:
        return found
    if isinstance(reply, dict) and len(reply) == 1 and not _NEVER_ANSWERS & reply.keys():
        [only] = reply.values()  # a flow names its output as it likes
        return {"content": only} if isinstance(only, str) else None
    return None


def find_event_message(event: Any) -> Mapping[str, Any] | None:
    """Return the message that one streamed event holds, by the name of what holds it."""
    return _find(event, 0)


def _find(value: Any, depth: int) -> Mapping[str, Any] | None:
    if isinstance(value, str):
        return {"content": value}
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, list):
        return _find_in_list(value, depth)
    return _find_in_object(value, depth) if isinstance(value, dict) else None


def _find_in_list(values: list[Any], depth: int) -> Mapping[str, Any] | None:
    """The last answer of a chat, the text of parts, or the first of several answers."""
    if any(map(_role, values)):
        answers = [each for each in values if _role(each) in _ASSISTANT_ROLES]
        return _find_in_object(answers[-1], depth) if answers else None
    if not values:
        return None
    if all(isinstance(each, dict) and isinstance(each.get("type"), str) for each in values):
        return {"content": values}
    first = values[0]
    return _find(unwrapped(first) if len(values) == 1 else first, depth + 1)


def _find_in_object(value: Mapping[str, Any], depth: int) -> Mapping[str, Any] | None:
    if role := _role(value):
        if role not in _ASSISTANT_ROLES:
            return None
        if "content" in value:
            return value
        if isinstance(text := value.get("value"), str):  # as data sets have it
            return {"content": text}
    for name in _ANSWER_NAMES:
        if name in value and (found := _find_under(name, value[name], depth + 1)) is not None:
            return found
    return None


def _find_under(name: str, value: Any, depth: int) -> Mapping[str, Any] | None:
    if name == "parts" and isinstance(value, list):
        return {"content": value}
    if isinstance(value, str):
        # The answer, be it JSON; unless it is plainly the same envelope once more.
        inner = _parse(value)
        if isinstance(inner, dict) and (list(inner) == [name] or isinstance(inner.get("choices"), list)):
            value = inner
    return _find(value, depth)


def _role(value: Any) -> str:
    """The role of a message of a chat; empty where it is no message."""
    if not isinstance(value, dict):
        return ""
    for name in ("role", "from", "type"):
        if isinstance(role := value.get(name), str) and role.lower() in _ASSISTANT_ROLES | _OTHER_ROLES:
            return role.lower()
    return ""


def _parse(text: str) -> Any:
    """The value of a text that is JSON, or Python's way to write the same."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return None
