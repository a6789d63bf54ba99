"""What a reply holds, in LangChain's terms: text, thoughts, tool calls, token counts, and what is told about it. Pure.

Endpoints differ in every detail, so everything is read as if it might be missing, null or of the wrong type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration

from chatbot.azureml.errors import request_id
from chatbot.azureml.parts import reasoning_of, refusal_of, text_of
from chatbot.azureml.reasoning import split
from chatbot.azureml.tool_calls import calls_of
from chatbot.azureml.usage import usage_of

_UNFINISHED: Final = ("", "null", "None")
"""How some servers write that there is no finish reason yet."""


def completion(reply: Mapping[str, Any]) -> list[ChatGeneration]:
    """Return one generation for each choice of an OpenAI completion; the token counts are in the first."""
    shared = told_by(reply)
    usage = usage_of(reply)
    reply_id = reply.get("id")
    generations: list[ChatGeneration] = []
    for choice in choices_of(reply):
        message = message_of(said_in(choice))
        message.response_metadata = shared | told_of(choice)
        if not generations:
            message.usage_metadata = usage
            message.id = reply_id if reply_id and isinstance(reply_id, str) else None
        reason = message.response_metadata["finish_reason"]
        generations.append(ChatGeneration(message=message, generation_info={"finish_reason": reason}))
    return generations


def message_of(raw: Mapping[str, Any]) -> AIMessage:
    """Return LangChain's message for a raw one: its text, its thoughts, its refusal and its tool calls."""
    thoughts = reasoning_of(raw)
    reasoning, text = split(text_of(raw), apart=bool(thoughts))
    return AIMessage(
        content=text, additional_kwargs=beside_the_text(thoughts or reasoning, refusal_of(raw)), **calls_of(raw)
    )


def said_in(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message of a choice; some servers call it a delta also where it is whole, older routes have a text alone."""
    for name in ("message", "delta"):
        if isinstance(said := choice.get(name), dict):
            return said
    return {"content": choice.get("text")}


def beside_the_text(reasoning: str, refusal: str) -> dict[str, Any]:
    """The ``additional_kwargs`` of a message: its thoughts and its refusal, where it has any."""
    return {name: value for name, value in (("reasoning_content", reasoning), ("refusal", refusal)) if value}


def choices_of(reply: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The choices of a completion or of an event."""
    choices = reply.get("choices")
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def told_by(reply: Mapping[str, Any]) -> dict[str, Any]:
    """What a completion or an event tells about the whole answer, for ``response_metadata``."""
    told: dict[str, Any] = {"model_name": reply.get("model") or ""}
    for name in ("system_fingerprint", "service_tier", "prompt_filter_results"):
        if reply.get(name):
            told[name] = reply[name]
    return told


def told_of(choice: Mapping[str, Any]) -> dict[str, Any]:
    """What a choice tells about itself, for ``response_metadata``."""
    reason = choice.get("finish_reason")
    told: dict[str, Any] = {"finish_reason": None if reason in _UNFINISHED else reason}
    for name in ("logprobs", "content_filter_results"):
        if choice.get(name):
            told[name] = choice[name]
    if categories := filtered_categories(choice.get("content_filter_results")):
        told["filtered_categories"] = categories
    return told


def told_in_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    """What the reply's headers tell, for ``response_metadata``: the request's id, and what is left of the budget."""
    told: dict[str, Any] = {}
    if identifier := request_id(headers):
        told["request_id"] = identifier
    budget = {
        name.lower().removeprefix("x-ratelimit-").replace("-", "_"): _number(value)
        for name, value in headers.items()
        if name.lower().startswith("x-ratelimit-")
    }
    if budget:
        told["rate_limit"] = budget
    return told


def filtered_categories(results: Any) -> list[str]:
    """The names of the content filter's categories that blocked something."""
    return [name for name, result in _object(results).items() if _object(result).get("filtered")]


def _number(value: str | None) -> int | str | None:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 19 else value


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
