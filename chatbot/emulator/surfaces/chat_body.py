"""The body of a chat request in OpenAI's form: what it asks the model, and how it wants the answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chatbot.emulator.model.keywords import misused_keyword
from chatbot.emulator.model.prompt import Prompt
from chatbot.emulator.model.tool_use import Tool, Toolbox
from chatbot.emulator.model.transcript import Message
from chatbot.emulator.surfaces.bodies import BadBodyError, flag_in, limit_in, messages_in, section_in, stop_in, whole_in

_MOST_CHOICES = 128
_MOST_LOGPROBS = 20
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PARTS = ("text", "image_url", "input_audio", "audio_url", "video_url", "file", "refusal")


@dataclass(frozen=True, slots=True)
class Wish:
    """How the answer is wanted.

    Attributes:
        stream: In pieces.
        usage: With the token counts in a chunk of their own.
        choices: How often.
        logprobs: With the probability of each token.
        speech: Also as audio.
        forced: With a call of one function that is named.
    """

    stream: bool = False
    usage: bool = False
    choices: int = 1
    logprobs: bool = False
    speech: bool = False
    forced: bool = False


def read_chat(body: Mapping[str, Any]) -> tuple[Prompt, Wish]:
    """Return what a chat body asks for."""
    messages = messages_in(body, "messages")
    _check_parts(messages)
    _check_tool_results(messages)
    toolbox = _toolbox(body)
    prompt = Prompt(
        messages=messages,
        limit=limit_in(body, "max_completion_tokens", "max_tokens"),
        stop=stop_in(body),
        toolbox=toolbox,
        thinks=body.get("reasoning_effort") not in (None, "none"),
    )
    whole_in(body, "top_logprobs", 0, _MOST_LOGPROBS)
    wish = Wish(
        stream=flag_in(body, "stream"),
        usage=flag_in(section_in(body, "stream_options"), "include_usage"),
        choices=whole_in(body, "n", 1, _MOST_CHOICES),
        logprobs=flag_in(body, "logprobs"),
        speech=body.get("modalities") in (["audio"], ["text", "audio"], ["audio", "text"]),
        forced=isinstance(toolbox.choice, Tool),
    )
    return _formatted(prompt, section_in(body, "response_format")), wish


def _formatted(prompt: Prompt, wanted: Mapping[str, Any]) -> Prompt:
    match wanted.get("type", "text"):
        case "text":
            return prompt
        case "json_object":
            return replace(prompt, as_json=True)
        case "json_schema":
            described = section_in(wanted, "json_schema")
            if not isinstance(described.get("name"), str) or not isinstance(described.get("schema"), dict):
                raise BadBodyError("'response_format.json_schema' must have a name and a schema.")
            _check_schema(described["schema"], "response_format.json_schema.schema")
            return replace(prompt, schema=described["schema"])
        case other:
            raise BadBodyError(f"'response_format.type' must be text, json_object or json_schema, not {other!r}.")


def _toolbox(body: Mapping[str, Any]) -> Toolbox:
    listed = body.get("tools")
    choice = body.get("tool_choice")
    if listed is None:
        if choice not in {None, "none"}:
            raise BadBodyError("'tool_choice' is only allowed when 'tools' are specified.")
        return Toolbox()
    if not isinstance(listed, list) or not listed:
        raise BadBodyError("'tools' must be a list of at least one tool.")
    offered = tuple(_tool(tool, position) for position, tool in enumerate(listed))
    return Toolbox(offered, _choice(choice, offered), flag_in(body, "parallel_tool_calls", default=True))


def _tool(tool: Any, position: int) -> Tool:
    function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
    if not isinstance(function, dict):
        raise BadBodyError(f"'tools[{position}]' must have the type function and a function.")
    name = function.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadBodyError(
            f"'tools[{position}].function.name' must be 1 to 64 letters, digits, underscores and dashes."
        )
    parameters = section_in(function, "parameters")
    _check_schema(parameters, f"tools[{position}].function.parameters")
    return Tool(name, parameters)


def _choice(choice: Any, offered: Sequence[Tool]) -> Any:
    if choice is None:
        return "auto"
    if choice in ("auto", "none", "required"):
        return choice
    function = choice.get("function") if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    tool = next((tool for tool in offered if tool.name == name), None)
    if tool is None:
        raise BadBodyError("'tool_choice' must be none, auto, required, or a function that is among the tools.")
    return tool


def _check_schema(schema: Mapping[str, Any], where: str) -> None:
    if (keyword := misused_keyword(schema)) is not None:
        raise BadBodyError(f"Invalid schema at '{where}': the value of '{keyword}' is of the wrong kind.")


def _check_parts(messages: Sequence[Message]) -> None:
    for position, message in enumerate(messages):
        content = message.get("content")
        for number, part in enumerate(content if isinstance(content, list) else []):
            if isinstance(part, dict) and part.get("type") not in _PARTS:
                supported = ", ".join(f"'{name}'" for name in _PARTS)
                where = f"messages[{position}].content[{number}].type"
                raise BadBodyError(
                    f"Invalid value at '{where}': {part.get('type')!r}. Supported values are: {supported}."
                )


def _check_tool_results(messages: Sequence[Message]) -> None:
    called: set[object] = set()
    for message in messages:
        called |= {call["id"] for call in message.get("tool_calls") or ()}
        if message["role"] == "tool" and str(message.get("tool_call_id")) not in called:
            raise BadBodyError("Messages with role 'tool' must be a response to a preceding message with 'tool_calls'.")
