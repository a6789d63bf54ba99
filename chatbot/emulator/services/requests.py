"""Request bodies, read and checked as far as the emulator uses them: chat requests in OpenAI's form, and `/score`."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chatbot.emulator.model.generation import Prompt
from chatbot.emulator.model.json_schema import invalid_keyword
from chatbot.emulator.model.messages import Message
from chatbot.emulator.model.tools import Tool, Toolbox

_MOST_CHOICES = 128
_MOST_LOGPROBS = 20
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PARTS = ("text", "image_url", "input_audio", "audio_url", "video_url", "file", "refusal")


class BadRequestError(ValueError):
    """A request body that cannot be used. Each service reports it in its own form."""


@dataclass(frozen=True, slots=True)
class ResponseOptions:
    """How the answer is to be written: what of a chat request does not concern the model.

    Attributes:
        stream: As server-sent events.
        include_usage: With the token counts in a chunk of their own.
        choices: How many times: the parameter `n`.
        logprobs: With the probability of each token.
        audio: Also as audio.
        forced_call: With a call of the one function that `tool_choice` names.
    """

    stream: bool = False
    include_usage: bool = False
    choices: int = 1
    logprobs: bool = False
    audio: bool = False
    forced_call: bool = False


def parse_body(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that a request body holds."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise BadRequestError("The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise BadRequestError("The request body must be a JSON object.")
    return body


def parse_chat_request(body: Mapping[str, Any]) -> tuple[Prompt, ResponseOptions]:
    """Return what a chat request asks the model, and how it wants the answer."""
    messages = _messages(body, "messages")
    _check_parts(messages)
    _check_tool_results(messages)
    toolbox = _toolbox(body)
    prompt = Prompt(
        messages=messages,
        max_tokens=_max_tokens(body, "max_completion_tokens", "max_tokens"),
        stop=_stop(body),
        toolbox=toolbox,
        reasoning=body.get("reasoning_effort") not in (None, "none"),
    )
    _integer(body, "top_logprobs", 0, _MOST_LOGPROBS)
    options = ResponseOptions(
        stream=_flag(body, "stream"),
        include_usage=_flag(_object(body, "stream_options"), "include_usage"),
        choices=_integer(body, "n", 1, _MOST_CHOICES),
        logprobs=_flag(body, "logprobs"),
        audio=body.get("modalities") in (["audio"], ["text", "audio"], ["audio", "text"]),
        forced_call=isinstance(toolbox.choice, Tool),
    )
    return _with_response_format(prompt, _object(body, "response_format")), options


def parse_score_request(raw: bytes) -> Prompt:
    """Return what a `/score` request asks the model."""
    body = parse_body(raw)
    if not body.get("input_data"):
        raise BadRequestError("'input_data' must be a JSON object.")
    data = _object(body, "input_data")
    parameters = _object(data, "parameters")
    return Prompt(
        messages=_messages(data, "input_string"),
        max_tokens=_max_tokens(parameters, "max_new_tokens"),
        stop=_stop(parameters),
    )


def _with_response_format(prompt: Prompt, response_format: Mapping[str, Any]) -> Prompt:
    match response_format.get("type", "text"):
        case "text":
            return prompt
        case "json_object":
            return replace(prompt, json_object=True)
        case "json_schema":
            json_schema = _object(response_format, "json_schema")
            if not isinstance(json_schema.get("name"), str) or not isinstance(json_schema.get("schema"), dict):
                raise BadRequestError("'response_format.json_schema' must have a name and a schema.")
            _check_schema(json_schema["schema"], "response_format.json_schema.schema")
            return replace(prompt, schema=json_schema["schema"])
        case other:
            raise BadRequestError(f"'response_format.type' must be text, json_object or json_schema, not {other!r}.")


def _toolbox(body: Mapping[str, Any]) -> Toolbox:
    listed = body.get("tools")
    choice = body.get("tool_choice")
    if listed is None:
        if choice not in {None, "none"}:
            raise BadRequestError("'tool_choice' is only allowed when 'tools' are specified.")
        return Toolbox()
    if not isinstance(listed, list) or not listed:
        raise BadRequestError("'tools' must be a list of at least one tool.")
    offered = tuple(_tool(tool, position) for position, tool in enumerate(listed))
    return Toolbox(offered, _tool_choice(choice, offered), _flag(body, "parallel_tool_calls", default=True))


def _tool(tool: Any, position: int) -> Tool:
    function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
    if not isinstance(function, dict):
        raise BadRequestError(f"'tools[{position}]' must have the type function and a function.")
    name = function.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadRequestError(
            f"'tools[{position}].function.name' must be 1 to 64 letters, digits, underscores and dashes."
        )
    parameters = _object(function, "parameters")
    _check_schema(parameters, f"tools[{position}].function.parameters")
    return Tool(name, parameters)


def _tool_choice(choice: Any, offered: Sequence[Tool]) -> Any:
    if choice is None:
        return "auto"
    if choice in ("auto", "none", "required"):
        return choice
    function = choice.get("function") if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    tool = next((tool for tool in offered if tool.name == name), None)
    if tool is None:
        raise BadRequestError("'tool_choice' must be none, auto, required, or a function that is among the tools.")
    return tool


def _check_schema(schema: Mapping[str, Any], where: str) -> None:
    if (keyword := invalid_keyword(schema)) is not None:
        raise BadRequestError(f"Invalid schema at '{where}': the value of '{keyword}' is of the wrong kind.")


def _check_parts(messages: Sequence[Message]) -> None:
    for position, message in enumerate(messages):
        content = message.get("content")
        for number, part in enumerate(content if isinstance(content, list) else []):
            if isinstance(part, dict) and part.get("type") not in _PARTS:
                supported = ", ".join(f"'{name}'" for name in _PARTS)
                where = f"messages[{position}].content[{number}].type"
                raise BadRequestError(
                    f"Invalid value at '{where}': {part.get('type')!r}. Supported values are: {supported}."
                )


def _check_tool_results(messages: Sequence[Message]) -> None:
    called: set[object] = set()
    for message in messages:
        called |= {call["id"] for call in message.get("tool_calls") or ()}
        if message["role"] == "tool" and str(message.get("tool_call_id")) not in called:
            raise BadRequestError(
                "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
            )


def _messages(body: Mapping[str, Any], name: str) -> list[Message]:
    """Return the chat messages under `name`."""
    messages = body.get(name)
    if not isinstance(messages, list) or not messages:
        raise BadRequestError(f"'{name}' must be a list of at least one message.")
    for position, message in enumerate(messages):
        if not _is_message(message):
            raise BadRequestError(f"'{name}[{position}]' must have a role, and a content of text or parts.")
        if not _has_calls(message):
            raise BadRequestError(
                f"'{name}[{position}].tool_calls' must be a list of calls, each with an id and a function."
            )
    return messages


def _max_tokens(body: Mapping[str, Any], *names: str) -> int | None:
    """Return the most tokens to write under the first of `names` that is there, or nothing when it is not limited."""
    name = next((name for name in names if body.get(name) is not None), None)
    return None if name is None else _integer(body, name, 1)


def _integer(body: Mapping[str, Any], name: str, least: int, most: int | None = None) -> int:
    """Return the whole number under `name`; `least` when there is none."""
    number = least if body.get(name) is None else body[name]
    if not isinstance(number, int) or isinstance(number, bool) or number < least or (most and number > most):
        bounds = f"from {least} to {most}" if most else f"of at least {least}"
        raise BadRequestError(f"'{name}' must be a whole number {bounds}.")
    return number


def _stop(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the texts under `stop`: one string or a list of them."""
    stop = body.get("stop")
    texts = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        raise BadRequestError("'stop' must be a text or a list of texts.")
    return tuple(texts)


def _flag(body: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    """Return a boolean. Published samples also send it as text ("True"), and the service takes that."""
    flag = body.get(name)
    if isinstance(flag, str) and flag.lower() in {"true", "false"}:
        return flag.lower() == "true"
    if flag is None:
        return default
    if isinstance(flag, bool):
        return flag
    raise BadRequestError(f"'{name}' must be true or false.")


def _object(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the object under `name`, or an empty one when there is none."""
    section = body.get(name)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise BadRequestError(f"'{name}' must be a JSON object.")
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
