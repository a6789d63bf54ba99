"""The content of a reply in LangChain's terms: text, reasoning, refusal, tool calls, token counts, metadata. Pure.

Endpoints differ in every detail, so everything is read as if it might be missing, null or of the wrong type. Content
is a string or a list of parts (Mistral's, Anthropic's, the Responses API's). Reasoning stands in a field of its own
(DeepSeek, vLLM, Azure, OpenRouter) or is parts of the content. What is no text is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration

from chatbot.azureml.errors import request_id
from chatbot.azureml.reasoning import split
from chatbot.azureml.tool_calls import calls_of
from chatbot.azureml.usage import usage_of

_UNFINISHED: Final = ("", "null", "None")
"""How some servers write that there is no finish reason yet."""


def generations_of(reply: Mapping[str, Any]) -> list[ChatGeneration]:
    """Return one generation for each choice of an OpenAI completion; the token counts are in the first."""
    shared = answer_metadata(reply)
    usage = usage_of(reply)
    reply_id = reply.get("id")
    generations: list[ChatGeneration] = []
    for choice in choices_of(reply):
        message = message_of(message_in_choice(choice))
        message.response_metadata = shared | choice_metadata(choice)
        if not generations:
            message.usage_metadata = usage
            message.id = reply_id if reply_id and isinstance(reply_id, str) else None
        reason = message.response_metadata["finish_reason"]
        generations.append(ChatGeneration(message=message, generation_info={"finish_reason": reason}))
    return generations


def message_of(raw: Mapping[str, Any]) -> AIMessage:
    """Return LangChain's message for a raw one: its text, its reasoning, its refusal and its tool calls."""
    apart = reasoning_of(raw)
    reasoning, text = split(text_of(raw), apart=bool(apart))
    return AIMessage(
        content=text, additional_kwargs=additional_kwargs_of(apart or reasoning, refusal_of(raw)), **calls_of(raw)
    )


def message_in_choice(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message of a choice; some servers call it a delta also where it is whole, older routes have a text alone."""
    for name in ("message", "delta"):
        if isinstance(message := choice.get(name), dict):
            return message
    return {"content": choice.get("text")}


def additional_kwargs_of(reasoning: str, refusal: str) -> dict[str, Any]:
    """The ``additional_kwargs`` of a message: its reasoning and its refusal, where it has any."""
    return {name: value for name, value in (("reasoning_content", reasoning), ("refusal", refusal)) if value}


def choices_of(reply: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The choices of a completion or of an event."""
    choices = reply.get("choices")
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def answer_metadata(reply: Mapping[str, Any]) -> dict[str, Any]:
    """The ``response_metadata`` of the whole answer that a completion or an event holds."""
    metadata: dict[str, Any] = {"model_name": reply.get("model") or ""}
    for name in ("system_fingerprint", "service_tier", "prompt_filter_results"):
        if reply.get(name):
            metadata[name] = reply[name]
    return metadata


def choice_metadata(choice: Mapping[str, Any]) -> dict[str, Any]:
    """The ``response_metadata`` of one choice."""
    reason = choice.get("finish_reason")
    metadata: dict[str, Any] = {"finish_reason": None if reason in _UNFINISHED else reason}
    for name in ("logprobs", "content_filter_results"):
        if choice.get(name):
            metadata[name] = choice[name]
    if categories := filtered_categories(choice.get("content_filter_results")):
        metadata["filtered_categories"] = categories
    return metadata


def header_metadata(headers: Mapping[str, str]) -> dict[str, Any]:
    """The ``response_metadata`` in a reply's headers: the request's id, and what is left of the rate limit."""
    metadata: dict[str, Any] = {}
    if identifier := request_id(headers):
        metadata["request_id"] = identifier
    limit = {
        name.lower().removeprefix("x-ratelimit-").replace("-", "_"): _number(value)
        for name, value in headers.items()
        if name.lower().startswith("x-ratelimit-")
    }
    if limit:
        metadata["rate_limit"] = limit
    return metadata


def filtered_categories(results: Any) -> list[str]:
    """The names of the content filter's categories that blocked something."""
    return [name for name, result in _object(results).items() if _object(result).get("filtered")]


def _number(value: str | None) -> int | str | None:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 19 else value


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


_REASONING_FIELDS: Final = ("reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks")
"""Where reasoning stands beside the content. Some send the same in two: the first that holds any counts."""

_REASONING_TYPES: Final = frozenset({"thinking", "reasoning", "reasoning_content", "thought"})

_TEXT_NAMES: Final = ("text", "content", "parts")
_REASONING_NAMES: Final = (
    "thinking",
    "reasoning",
    "reasoning_content",
    "thought",
    "text",
    "summary",
    "content",
    "parts",
)


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message or a delta: a string, a list of parts, one part, or nothing."""
    content = message.get("content")
    return content if isinstance(content, str) else "".join(_texts(content))


def reasoning_of(message: Mapping[str, Any]) -> str:
    """The reasoning of a message or a delta that has a field for them, or parts of its content."""
    for name in _REASONING_FIELDS:
        value = message.get(name)
        if value and (reasoning := value if isinstance(value, str) else "".join(_reasonings(value))):
            return reasoning
    content = message.get("content")
    if isinstance(content, str):
        return ""
    return "".join(text for part in _listed(content) if _is_reasoning(part) for text in _reasonings(part))


def refusal_of(message: Mapping[str, Any]) -> str:
    """The model's reason not to answer: a field, or a part of the content."""
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
        elif isinstance(part, dict) and not _is_reasoning(part):
            yield from _first(part, _TEXT_NAMES, _texts)


def _reasonings(value: Any) -> Iterator[str]:
    for part in _listed(value):
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            yield from _first(part, _REASONING_NAMES, _reasonings)


def _first(part: Mapping[str, Any], names: tuple[str, ...], read: Any) -> Iterator[str]:
    for name in names:
        if part.get(name) and (text := "".join(read(part[name]))):
            yield text
            return


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, str | dict) else []


def _is_reasoning(part: Any) -> bool:
    return isinstance(part, dict) and (part.get("type") in _REASONING_TYPES or part.get("thought") is True)
