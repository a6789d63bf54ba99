"""What an unsuccessful reply says, whatever shape it says it in. Pure, and safe on anything a server can send."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

MAX_DEPTH: Final = 8
"""How deep an error is looked into: the documented ones need four levels, and Python's stack is not endless."""

MAX_NODES: Final = 2000

MAX_NAME: Final = 200
"""Characters kept of a code, an id or a name: the server's, so it may be anything."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a reply says about its failure.

    Attributes:
        words: The server's own words, as they came.
        code: Its short code; where that only repeats a status, what it calls the kind of error.
        param: The parameter it names.
        refused: Top-level parameters of the request that it will not take.
        filters: What the content filter found, by category: ``filtered``, ``severity``, ``detected``.
    """

    words: str = ""
    code: str | None = None
    kind: str | None = None
    param: str | None = None
    refused: tuple[str, ...] = ()
    filters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def filtered(self) -> tuple[str, ...]:
        """The categories that the filter blocked."""
        return tuple(name for name, result in self.filters.items() if result.get("filtered"))


def read(body: bytes) -> Complaint:
    """Read the body of an unsuccessful reply: JSON of any documented shape, text, HTML or nothing."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:  # also where it is nested deeper than any parser should follow
        return Complaint(body.decode("utf-8", "replace"))
    return read_json(content)


def read_json(content: Any) -> Complaint:
    """Read the same from JSON that was parsed already."""
    if not isinstance(content, Mapping):
        return Complaint(content if isinstance(content, str) else "")
    error = content.get("error")
    inner = error if isinstance(error, Mapping) else content
    message, detail = inner.get("message"), inner.get("detail")
    words = _words(message or detail or inner.get("title") or error)
    if message and isinstance(detail, Mapping | list) and (where := _words(detail)):
        words = f"{words.rstrip('.')} ({where})"
    code = _name(inner.get("code")) or _name(_mapping(inner.get("innererror")).get("code"))
    kind = _name(inner.get("type"))
    param = _name(inner.get("param")) or next(_top_level(detail), None)
    return Complaint(
        words,
        code,
        kind if kind and re.fullmatch(r"\w+", kind) else None,
        param,
        tuple(dict.fromkeys(_refused(words, code, param, detail))),
        _filters(content),
    )


_EXTRA: Final = re.compile(r"Extra parameters \[([^\]]*)\] are not allowed")
_NEEDED: Final = ("messages", "input_data", "prompt")
"""Without these there is no request: a server that refuses them is not helped by leaving them out."""


def _refused(words: str, code: str | None, param: str | None, detail: Any) -> Iterator[str]:
    named: list[str] = []
    if extra := _EXTRA.search(words):
        named = re.findall(r"""["']([^"']+)["']""", extra.group(1))
    elif isinstance(detail, list):
        named = [
            name
            for item in detail[:MAX_NODES]
            if _mapping(item).get("type") == "extra_forbidden"
            for name in _top_level(item)
        ]
    elif code in ("parameter_not_supported", "unsupported_parameter", "unknown_parameter") and param:
        named = [param]
    yield from (name for name in named if re.fullmatch(r"[\w-]{1,64}", name) and name not in _NEEDED)


def _top_level(detail: Any) -> Iterator[str]:
    """The parameter that a ``loc`` points to, if it points to a whole one and not to something inside."""
    loc = _mapping(detail).get("loc")
    if isinstance(loc, list) and len(loc) == 2 and loc[0] == "body" and isinstance(loc[1], str):
        yield loc[1][:MAX_NAME]


_RESULTS: Final = ("content_filter_result", "content_filter_results")


def _filters(content: Any) -> dict[str, dict[str, Any]]:
    """Gather the filter's results, which stand in a different place in every dialect."""
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
    told = {name: _mapping(result).get(name) for name in ("filtered", "severity", "detected")}
    return {
        name: value[:MAX_NAME] if isinstance(value, str) else value
        for name, value in told.items()
        if isinstance(value, bool | str)
    }


def _words(value: Any, depth: int = 0) -> str:
    """The words of ``message`` or ``detail``, which may be text, an object or a list of objects."""
    if depth > MAX_DEPTH or value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_words(item, depth + 1) for item in value[:MAX_NODES])))
    if isinstance(value, Mapping):
        said = _words(value.get("msg") or value.get("message"), depth + 1)
        loc = value.get("loc")
        where = ".".join(str(step) for step in loc if isinstance(step, str | int)) if isinstance(loc, list) else ""
        return f"{where}: {said}" if where and said else said or where
    return str(value)


def _name(value: Any) -> str | None:
    """A short word of the server's: a code, a type, a parameter. LiteLLM writes ``None`` for none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) if value not in ("", "None") else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
