"""Tool use: whether a question needs tools, which ones, and with what arguments."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chatbot.emulator.model.json_schema import Schema, fill
from chatbot.emulator.model.messages import Transcript
from chatbot.emulator.model.text_values import words_of

# Words in the names of tools that say nothing about what a tool is for.
_COMMON_WORDS = re.compile(
    r"\d+|get|set|find|search|list|show|make|create|add|new|do|run|call|use|fetch|read|write|update|delete|compute"
    r"|calculate|my|the|an?|of|in|at|for|to|from|by|with|and|or|on|is|no|tool|function|api|args|value|data|info|item"
)


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the caller offers."""

    name: str
    parameters: Schema


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The tools of one request. `choice` may also be the one tool that must be called."""

    offered: tuple[Tool, ...] = ()
    choice: Literal["auto", "none", "required"] | Tool = "auto"
    parallel: bool = True


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A decision to call a tool. `arguments` is JSON text, as on the wire."""

    name: str
    arguments: str


def tool_calls(transcript: Transcript, toolbox: Toolbox) -> tuple[ToolCall, ...]:
    """Return the calls that the newest question asks for.

    Tools are called where the question names them, or else where it has a distinctive word of their name ("weather" for
    `get_weather`). Results of tools are answered in words, unless the caller insists on another call.
    """
    if toolbox.choice == "none" or not toolbox.offered:
        return ()
    if toolbox.choice == "auto" and transcript.tool_results:
        return ()
    found = list(_requested(transcript.prompt, toolbox))
    if not found and toolbox.choice == "required":
        found = [(toolbox.offered[0], transcript.prompt)]
    if not toolbox.parallel:
        found = found[:1]
    return tuple(ToolCall(tool.name, _arguments(tool, text)) for tool, text in found)


def _requested(question: str, toolbox: Toolbox) -> Iterator[tuple[Tool, str]]:
    """Yield each tool with the part of the question that is about it."""
    if isinstance(toolbox.choice, Tool):
        text = next((text for tool, text in _parts(question, toolbox.offered) if tool == toolbox.choice), question)
        yield toolbox.choice, text
        return
    yield from _parts(question, toolbox.offered)


def _parts(question: str, offered: Sequence[Tool]) -> list[tuple[Tool, str]]:
    mentions = [(place, tool) for tool in offered for place in _by_name(question, tool)]
    mentions = mentions or [(place, tool) for tool in offered for place in _by_hint(question, tool)]
    mentions.sort(key=lambda mention: mention[0].start())
    # Before the first mention there may be a value, too: "In Rome, what is the weather?"
    starts = [0, *(place.start() for place, _ in mentions[1:]), len(question)]
    return [
        (tool, _between_parentheses(place) or _without_names(question[start:end], offered))
        for (place, tool), start, end in zip(mentions, starts, starts[1:], strict=False)
    ]


def _without_names(text: str, offered: Sequence[Tool]) -> str:
    # The name of a tool in quotes is no value of its arguments.
    names = "|".join(re.escape(tool.name) for tool in offered)
    return re.sub(rf"([`\"'])(?:{names})\1", " ", text)


def _by_name(question: str, tool: Tool) -> list[re.Match[str]]:
    # "add(1, 2) and add(3, 4)" are two calls; "use add; add is the tool for this" is one.
    name = rf"(?<!\w){re.escape(tool.name)}(?!\w)"
    called = list(re.finditer(rf"{name}\((?P<inside>[^()]*)\)", question))
    return called or list(re.finditer(name, question))[:1]


def _by_hint(question: str, tool: Tool) -> list[re.Match[str]]:
    distinctive = [word for word in words_of(tool.name) if not _COMMON_WORDS.fullmatch(word)]
    if not distinctive:
        return []
    words = "|".join(re.escape(word.removesuffix("s")) for word in distinctive)
    return list(re.finditer(rf"(?<![^\W_])(?:{words})s?(?![^\W_])", question, re.IGNORECASE))[:1]


def _between_parentheses(place: re.Match[str]) -> str | None:
    return place.groupdict().get("inside")


def _arguments(tool: Tool, text: str) -> str:
    filled: Any = fill(tool.parameters, text)
    return json.dumps(filled if isinstance(filled, dict) else {}, ensure_ascii=False, separators=(",", ":"))
