"""What a reply holds, in LangChain's terms: text, thoughts, tool calls, token counts, and what is told about it. Pure.

Endpoints differ in every detail, so everything is read as if it might be missing, null or of the wrong type.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, InvalidToolCall, ToolCall
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.output_parsers.openai_tools import make_invalid_tool_call, parse_tool_call
from langchain_core.outputs import ChatGeneration

from chatbot.azureml.errors import request_id
from chatbot.azureml.reasoning import split


def completion(reply: Mapping[str, Any]) -> list[ChatGeneration]:
    """Return one generation for each choice of an OpenAI completion; the token counts are in the first."""
    shared = told_by(reply)
    usage = usage_of(reply)
    reply_id = reply.get("id")
    generations: list[ChatGeneration] = []
    for choice in choices_of(reply):
        message = _object(choice.get("message"))
        reasoning, text = split(text_of(message))
        told = shared | told_of(choice)
        generations.append(
            ChatGeneration(
                message=AIMessage(
                    content=text,
                    id=reply_id if reply_id and isinstance(reply_id, str) and not generations else None,
                    additional_kwargs=beside_the_text(reasoning_of(message) or reasoning, message.get("refusal")),
                    response_metadata=told,
                    usage_metadata=None if generations else usage,
                    **_calls(message),
                ),
                generation_info={"finish_reason": told.get("finish_reason")},
            )
        )
    return generations


def beside_the_text(reasoning: Any, refusal: Any) -> dict[str, Any]:
    """The ``additional_kwargs`` of a message: its thoughts and its refusal, where it has any."""
    said = {"reasoning_content": reasoning, "refusal": refusal}
    return {name: value for name, value in said.items() if value and isinstance(value, str)}


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message or a delta: a string, a list of parts, or nothing."""
    content = message.get("content")
    if isinstance(content, list):
        texts = (part.get("text") for part in content if isinstance(part, dict))
        return "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def reasoning_of(message: Mapping[str, Any]) -> str:
    """The thoughts of a message or a delta that has a field for them; vLLM's newer name is ``reasoning``."""
    return next((said for name in ("reasoning_content", "reasoning") if isinstance(said := message.get(name), str)), "")


def choices_of(reply: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The choices of a completion or of an event."""
    choices = reply.get("choices")
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def usage_of(reply: Mapping[str, Any]) -> UsageMetadata | None:
    """The token counts of a completion or of an event, with the details it gives."""
    usage = reply.get("usage")
    if not isinstance(usage, dict) or not usage:
        return None
    sent, received, total = (_count(usage.get(f"{kind}_tokens")) or 0 for kind in ("prompt", "completion", "total"))
    metadata = UsageMetadata(input_tokens=sent, output_tokens=received, total_tokens=total or sent + received)
    of_prompt, of_answer = _object(usage.get("prompt_tokens_details")), _object(usage.get("completion_tokens_details"))
    created = of_prompt.get("cache_creation_tokens", of_prompt.get("cache_write_tokens"))
    into = InputTokenDetails(
        **_counts(
            audio=of_prompt.get("audio_tokens"), cache_read=of_prompt.get("cached_tokens"), cache_creation=created
        )  # type: ignore[typeddict-item]
    )
    out = OutputTokenDetails(
        **_counts(audio=of_answer.get("audio_tokens"), reasoning=of_answer.get("reasoning_tokens"))  # type: ignore[typeddict-item]
    )
    if into:
        metadata["input_token_details"] = into
    if out:
        metadata["output_token_details"] = out
    return metadata


def usage_in_headers(headers: Mapping[str, str]) -> UsageMetadata | None:
    """The token counts that serverless endpoints also tell in two headers."""
    sent, received = _number(headers.get("prompt_token_len")), _number(headers.get("sampling_token_len"))
    if not isinstance(sent, int) or not isinstance(received, int):
        return None
    return UsageMetadata(input_tokens=sent, output_tokens=received, total_tokens=sent + received)


def told_by(reply: Mapping[str, Any]) -> dict[str, Any]:
    """What a completion or an event tells about the whole answer, for ``response_metadata``."""
    told: dict[str, Any] = {"model_name": reply.get("model") or ""}
    for name in ("system_fingerprint", "service_tier", "prompt_filter_results"):
        if reply.get(name):
            told[name] = reply[name]
    return told


def told_of(choice: Mapping[str, Any]) -> dict[str, Any]:
    """What a choice tells about itself, for ``response_metadata``."""
    told: dict[str, Any] = {"finish_reason": choice.get("finish_reason")}
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


def tool_calls_of(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The raw tool calls, or fragments of them, of a message or a delta."""
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        yield from (call for call in calls if isinstance(call, dict) and isinstance(call.get("function"), dict))


def name_of(call: Mapping[str, Any]) -> str | None:
    """The name of the tool that a raw call, or its first fragment, is for."""
    name = call["function"].get("name")
    return name if isinstance(name, str) and name else None


def id_of(call: Mapping[str, Any]) -> str | None:
    """The id of a raw call, or of its first fragment."""
    identifier = call.get("id")
    return str(identifier) if isinstance(identifier, str | int) and identifier != "" else None


def new_id() -> str:
    """An id for a call that came without: its result must name one."""
    return f"call_{uuid.uuid4().hex}"


def arguments_of(call: Mapping[str, Any]) -> str | None:
    """The arguments of a raw call as the JSON text they should be; some servers send the object itself."""
    arguments = call["function"].get("arguments")
    if arguments is None or isinstance(arguments, str):
        return arguments
    return json.dumps(arguments, ensure_ascii=False)


def _calls(message: Mapping[str, Any]) -> dict[str, Any]:
    """The tool calls of a message, those that can be read and those that cannot."""
    good: list[ToolCall] = []
    bad: list[InvalidToolCall] = []
    for call in tool_calls_of(message):
        identifier = id_of(call) or new_id()
        raw = {"id": identifier, "function": {"name": name_of(call) or "", "arguments": arguments_of(call) or "{}"}}
        try:
            parsed = parse_tool_call(raw, return_id=True)
        except (OutputParserException, RecursionError) as error:
            bad.append(make_invalid_tool_call(raw, str(error)))
            continue
        if parsed and isinstance(parsed["args"], dict):
            good.append(ToolCall(name=parsed["name"], args=parsed["args"], id=identifier, type="tool_call"))
        else:
            bad.append(make_invalid_tool_call(raw, "The arguments are no JSON object."))
    return {"tool_calls": good, "invalid_tool_calls": bad}


def _counts(**counts: Any) -> dict[str, int]:
    return {name: count for name, value in counts.items() if (count := _count(value)) is not None}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: str | None) -> int | str | None:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 19 else value


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
