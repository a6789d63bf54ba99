"""The text and the thoughts of a message or a delta, in whichever of the many forms they are sent. Pure.

Content is a string or a list of parts (Mistral's, Anthropic's, the Responses API's). Thoughts stand in a field of
their own (DeepSeek, vLLM, Azure, OpenRouter) or are parts of the content. What is no text is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

_THOUGHT_FIELDS: Final = ("reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks")
"""Where thoughts stand beside the content. Some send the same in two: the first that says any counts."""

_THOUGHT_TYPES: Final = frozenset({"thinking", "reasoning", "reasoning_content", "thought"})

_TEXT_NAMES: Final = ("text", "content", "parts")
_THOUGHT_NAMES: Final = ("thinking", "reasoning", "reasoning_content", "thought", "text", "summary", "content", "parts")


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message or a delta: a string, a list of parts, one part, or nothing."""
    content = message.get("content")
    return content if isinstance(content, str) else "".join(_texts(content))


def reasoning_of(message: Mapping[str, Any]) -> str:
    """The thoughts of a message or a delta that has a field for them, or parts of its content."""
    for name in _THOUGHT_FIELDS:
        if (said := message.get(name)) and (thoughts := said if isinstance(said, str) else "".join(_thoughts(said))):
            return thoughts
    content = message.get("content")
    if isinstance(content, str):
        return ""
    return "".join(thought for part in _listed(content) if _is_thought(part) for thought in _thoughts(part))


def refusal_of(message: Mapping[str, Any]) -> str:
    """Why the model will not answer: a field, or a part of the content."""
    if isinstance(refusal := message.get("refusal"), str):
        return refusal
    content = message.get("content")
    parts = [] if isinstance(content, str) else _listed(content)
    refusals = (part.get("refusal") for part in parts if isinstance(part, dict))
    return "".join(refusal for refusal in refusals if isinstance(refusal, str))


def _texts(content: Any) -> Iterator[str]:
    for part in _listed(content):
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict) and not _is_thought(part):
            yield from _first(part, _TEXT_NAMES, _texts)


def _thoughts(said: Any) -> Iterator[str]:
    for part in _listed(said):
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            yield from _first(part, _THOUGHT_NAMES, _thoughts)


def _first(part: Mapping[str, Any], names: tuple[str, ...], read: Any) -> Iterator[str]:
    for name in names:
        if part.get(name) and (said := "".join(read(part[name]))):
            yield said
            return


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, str | dict) else []


def _is_thought(part: Any) -> bool:
    return isinstance(part, dict) and (part.get("type") in _THOUGHT_TYPES or part.get("thought") is True)
