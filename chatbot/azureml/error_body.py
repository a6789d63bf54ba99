"""The body of an unsuccessful reply, in any documented shape. Pure, and safe on anything a server can send."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from chatbot.azureml.context_overflow import Overflow, read_overflow
from chatbot.azureml.refused_parameters import Refused, read_refused, top_level_parameter

MAX_DEPTH: Final = 8
"""How deep an error is looked into: the documented ones need four levels, and Python's stack is not endless."""

MAX_NODES: Final = 2000

MAX_NAME: Final = 200
"""Characters kept of a code, an id or a name: the server's, so it may be anything."""


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What the body of an unsuccessful reply holds.

    Attributes:
        message: The server's own words, as received.
        code: Its short code, or that of an inner error.
        kind: Its name for the kind of error.
        param: The parameter at fault.
        refused: The parts of the request that it does not take.
        overflow: How long the request was and may be, where it was too long.
        filters: What the content filter found, by category: ``filtered``, ``severity``, ``detected``.
    """

    message: str = ""
    code: str | None = None
    kind: str | None = None
    param: str | None = None
    refused: Refused = field(default_factory=Refused)
    overflow: Overflow | None = None
    filters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def filtered(self) -> tuple[str, ...]:
        """The categories that the filter blocked."""
        return tuple(name for name, result in self.filters.items() if result.get("filtered"))


def parse_error_body(body: bytes) -> ErrorBody:
    """Return what a body holds: JSON of any documented shape, text, HTML or nothing."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:  # also where it is nested deeper than any parser should follow
        return _from_text(body.decode("utf-8", "replace"))
    return error_body_from_json(content)


def error_body_from_json(content: Any) -> ErrorBody:
    """Return the same for JSON that was parsed already."""
    if isinstance(content, list) and content:
        content = content[0]  # Google's: a list of one
    if not isinstance(content, Mapping):
        return _from_text(content if isinstance(content, str) else "")
    error = content.get("error")
    inner = error if isinstance(error, Mapping) else content
    message, detail = inner.get("message"), inner.get("detail")
    if isinstance(message, Mapping):  # Mistral's: FastAPI's body within
        detail = detail or message.get("detail")
        message = message.get("message")
    words = _text(message or detail or inner.get("title") or error)
    if message and isinstance(detail, Mapping | list) and (where := _text(detail)):
        words = f"{words.rstrip('.')} ({where})"
    code = _name(inner.get("code")) or _name(_mapping(inner.get("innererror")).get("code"))
    kind = _name(inner.get("type")) or _name(content.get("error_type"))
    param = _name(inner.get("param")) or next(top_level_parameter(detail), None)
    return ErrorBody(
        words,
        code,
        kind if kind and re.fullmatch(r"\w+", kind) else None,
        param and param[:MAX_NAME],
        read_refused(words, code, kind, param, detail),
        read_overflow(words, code, kind, inner),
        _filters(content),
    )


def _from_text(text: str) -> ErrorBody:
    return ErrorBody(
        text, refused=read_refused(text, None, None, None, None), overflow=read_overflow(text, None, None, {})
    )


_RESULTS: Final = ("content_filter_result", "content_filter_results")


def _filters(content: Any) -> dict[str, dict[str, Any]]:
    """Gather the filter's results, whose place differs in every dialect."""
    results: dict[str, dict[str, Any]] = {}
    level = [content]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for node in level[:MAX_NODES]:
            if isinstance(node, list):
                below += node[:MAX_NODES]
            elif isinstance(node, Mapping):
                for name in _RESULTS:
                    for category, result in list(_mapping(node.get(name)).items())[:MAX_NODES]:
                        results[category[:MAX_NAME]] = _result(result)
                below += [value for name, value in node.items() if name not in _RESULTS]
        level = below
    return results


def _result(result: Any) -> dict[str, Any]:
    """One category's result; blocklists come as a list of theirs."""
    if isinstance(result, list):
        return {"filtered": any(_mapping(item).get("filtered") is True for item in result)}
    known = {name: _mapping(result).get(name) for name in ("filtered", "severity", "detected")}
    return {
        name: value[:MAX_NAME] if isinstance(value, str) else value
        for name, value in known.items()
        if isinstance(value, bool | str)
    }


def _text(value: Any, depth: int = 0) -> str:
    """The text of ``message`` or ``detail``, which may be text, an object or a list of objects."""
    if depth > MAX_DEPTH or value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_text(item, depth + 1) for item in value[:MAX_NODES])))
    if isinstance(value, Mapping):
        text = _text(value.get("msg") or value.get("message"), depth + 1)
        loc = value.get("loc")
        where = ".".join(str(step) for step in loc if isinstance(step, str | int)) if isinstance(loc, list) else ""
        return f"{where}: {text}" if where and text else text or where
    return str(value)


def _name(value: Any) -> str | None:
    """A short word of the server's: a code, a type, a parameter. LiteLLM writes ``None`` for none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) if value not in ("", "None") else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
