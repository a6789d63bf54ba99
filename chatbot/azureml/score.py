"""What the replies of ``/score`` containers say: each ``score.py`` has a shape of its own. Pure.

Read are texts, lists of them, whole chats, MLflow's predictions, pipelines' ``generated_text``, a completion within
another object, and JSON that was made JSON twice. An answer that is JSON because it was asked for stays as it is.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any, Final

_NAMES: Final = (
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
"""Names of what holds the answer, those first that say it best."""

_NO_ANSWERS: Final = frozenset(
    {"error", "errors", "exception", "detail", "details", "status", "statusCode", "traceback", "id", "model", "object"}
)
"""Names of what is no answer even where it stands alone."""

_ASSISTANTS: Final = frozenset({"assistant", "ai", "bot", "model", "chatbot", "gpt"})
_OTHERS: Final = frozenset({"user", "human", "system", "developer", "tool", "function"})

_ENVELOPES: Final = frozenset({"choices", "predictions", "generated_text", "candidates", "output", "outputs", "error"})
"""Names that tell a reply from an answer that is JSON because it was asked for."""

_DEEPEST: Final = 16


def opened(reply: Any) -> Any:
    """Return the reply that a text holds which is JSON itself; anything else as it is."""
    if not isinstance(reply, str):
        return reply
    inner = _value_of(reply)
    if isinstance(inner, str) and inner != reply:
        return opened(inner)
    if isinstance(inner, list) and (len(inner) == 1 or any(_role(each) for each in inner)):
        return inner if _said(inner, 0) is not None else reply
    if isinstance(inner, dict) and (len(inner) == 1 or _role(inner) or _ENVELOPES & inner.keys()):
        return inner if "error" in inner or _said(inner, 0) is not None else reply
    return reply


def said_by(reply: Any) -> Mapping[str, Any] | None:
    """Return the message that a reply holds, as an OpenAI message: its ``content``, and what else it has of one.

    Returns:
        None where there is none that can be told from other things.
    """
    if (said := _said(reply, 0)) is not None:
        return said
    if isinstance(reply, dict) and len(reply) == 1 and not _NO_ANSWERS & reply.keys():
        [only] = reply.values()  # a flow names its output as it likes
        return {"content": only} if isinstance(only, str) else None
    return None


def said_by_event(event: Any) -> Mapping[str, Any] | None:
    """Return the message that one streamed event holds, by the name of what holds it."""
    return _said(event, 0)


def _said(value: Any, depth: int) -> Mapping[str, Any] | None:
    if isinstance(value, str):
        return {"content": value}
    if depth > _DEEPEST:
        return None
    if isinstance(value, list):
        return _said_in_list(value, depth)
    return _said_in_object(value, depth) if isinstance(value, dict) else None


def _said_in_list(values: list[Any], depth: int) -> Mapping[str, Any] | None:
    """The last answer of a chat, the text of parts, or the first of several answers."""
    if any(map(_role, values)):
        answers = [each for each in values if _role(each) in _ASSISTANTS]
        return _said_in_object(answers[-1], depth) if answers else None
    if not values:
        return None
    if all(isinstance(each, dict) and isinstance(each.get("type"), str) for each in values):
        return {"content": values}
    first = values[0]
    return _said(opened(first) if len(values) == 1 else first, depth + 1)


def _said_in_object(value: Mapping[str, Any], depth: int) -> Mapping[str, Any] | None:
    if role := _role(value):
        if role not in _ASSISTANTS:
            return None
        if "content" in value:
            return value
        if isinstance(text := value.get("value"), str):  # as data sets have it
            return {"content": text}
    for name in _NAMES:
        if name in value and (said := _said_under(name, value[name], depth + 1)) is not None:
            return said
    return None


def _said_under(name: str, value: Any, depth: int) -> Mapping[str, Any] | None:
    if name == "parts" and isinstance(value, list):
        return {"content": value}
    if isinstance(value, str):
        # The answer, be it JSON; unless it is plainly the same envelope once more.
        inner = _value_of(value)
        if isinstance(inner, dict) and (list(inner) == [name] or isinstance(inner.get("choices"), list)):
            value = inner
    return _said(value, depth)


def _role(value: Any) -> str:
    """Whose turn of a chat it is; empty where it is no turn."""
    if not isinstance(value, dict):
        return ""
    for name in ("role", "from", "type"):
        if isinstance(role := value.get(name), str) and role.lower() in _ASSISTANTS | _OTHERS:
            return role.lower()
    return ""


def _value_of(text: str) -> Any:
    """The value of a text that is JSON, or Python's way to write the same."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return None
