"""LangChain's tool calls from those of a reply, whole and in fragments. Pure.

Servers differ in all but the name: an index may be missing, the same for all calls or a string; ids are missing,
repeated or made anew for each fragment; arguments are text, an object, nothing, or ``{}`` until the real ones come.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import InvalidToolCall, ToolCall
from langchain_core.messages.tool import ToolCallChunk, tool_call_chunk
from langchain_core.output_parsers.openai_tools import make_invalid_tool_call, parse_tool_call

from chatbot.azureml.lenient_json import SurrogateJoiner

_NO_ARGUMENTS: Final = frozenset({"", "{}", "null", "None", '""', "[]"})
"""How servers write that there are none, or none yet."""


def calls_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """The tool calls of a whole message, those that can be read and those that cannot."""
    good: list[ToolCall] = []
    bad: list[InvalidToolCall] = []
    for call in _raw_calls(message):
        identifier = _id_of(call) or _new_id()
        raw = {"id": identifier, "function": {"name": _name_of(call) or "", "arguments": _whole_arguments(call)}}
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


@dataclass(slots=True)
class _Call:
    """A call that is being streamed."""

    place: int
    number: int | None  # the server's own index
    name: str | None = None
    ids: set[str] = field(default_factory=set)
    pieces: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether the arguments are a complete object, so that nothing can follow."""
        return bool(self.pieces) and self.pieces[-1].rstrip().endswith("}") and _is_object("".join(self.pieces))

    def added(self, arguments: str) -> str:
        """Take the next arguments; return what is new of them."""
        if arguments.strip() in _NO_ARGUMENTS and (not self.pieces or self.is_whole):
            return ""
        if self.pieces and arguments.startswith("{"):
            # Nothing in an object can go on with the object's own beginning: the server repeats itself.
            arguments = arguments.removeprefix("".join(self.pieces))
        if arguments:
            self.pieces.append(arguments)
        return arguments


class CallFragments:
    """The calls of one stream. LangChain concatenates fragments, so each piece of a call is handed over once."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._current: _Call | None = None
        self.new: dict[int, ToolCallChunk] = {}
        """What was not handed over yet, by the calls' places."""

    @property
    def seen(self) -> bool:
        """Whether there was any call."""
        return bool(self._calls)

    def add(self, delta: Mapping[str, Any], surrogates: SurrogateJoiner | None = None) -> None:
        """Take the fragments of a delta, which may cut surrogate pairs where ``surrogates`` is given."""
        for fragment in _raw_calls(delta):
            call, arguments = self._call_of(fragment), _arguments_of(fragment)
            if surrogates:
                arguments = surrogates.join(call.place, arguments)
            chunk = self._chunk(call)
            chunk["args"] = (chunk["args"] or "") + call.added(arguments)

    def add_to(self, place: int, text: str) -> None:
        """Add to the arguments of the call at that place."""
        chunk = self.new.setdefault(place, tool_call_chunk(args="", index=place))
        chunk["args"] = (chunk["args"] or "") + text

    def take(self) -> list[ToolCallChunk]:
        """Hand over what is new since the last time: one chunk for each call."""
        new, self.new = list(self.new.values()), {}
        return new

    def _call_of(self, fragment: Mapping[str, Any]) -> _Call:
        """Return the call that a fragment belongs to, with the fragment's id and name noted."""
        identifier, name = _id_of(fragment), _name_of(fragment)
        call = self._begun(fragment, identifier, name)
        if call is None:
            number = _index_of(fragment)
            taken = {each.place for each in self._calls}
            following = max(taken, default=-1) + 1
            call = _Call(following if number is None or number in taken else number, number)
            self._calls.append(call)
            self.new[call.place] = tool_call_chunk(name=None, args="", id=identifier or _new_id(), index=call.place)
        if identifier:
            call.ids.add(identifier)
        if name and call.name is None:
            call.name = self._chunk(call)["name"] = name
        self._current = call
        return call

    def _begun(self, fragment: Mapping[str, Any], identifier: str | None, name: str | None) -> _Call | None:
        """Return the call that a fragment goes on with; None where it begins one."""
        if identifier and (known := next((each for each in self._calls if identifier in each.ids), None)):
            return known
        number = _index_of(fragment)
        if number is None:
            # A new id is a new call, and so is a name where the call has one.
            another = identifier or (name and self._current and self._current.name)
            return None if another else self._current
        last = next((each for each in reversed(self._calls) if each.number == number), None)
        if last is None or not name or last.name is None:
            return last
        # Some servers give all their calls one index, others repeat id and name in each fragment.
        begins = _arguments_of(fragment).strip() in _NO_ARGUMENTS or _arguments_of(fragment).startswith("{")
        return None if name != last.name or (begins and (identifier or last.is_whole)) else last

    def _chunk(self, call: _Call) -> ToolCallChunk:
        return self.new.setdefault(call.place, tool_call_chunk(args="", index=call.place))


def _raw_calls(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The raw tool calls, or fragments of them, of a message or a delta."""
    calls = message.get("tool_calls")
    if not calls and isinstance(legacy := message.get("function_call"), dict):
        calls = [{"function": legacy}]
    for call in [calls] if isinstance(calls, dict) else calls if isinstance(calls, list) else []:
        if not isinstance(call, dict):
            continue
        if isinstance(call.get("function"), dict):
            yield call
        elif isinstance(call.get("name"), str):
            yield {**call, "function": call}


def _name_of(call: Mapping[str, Any]) -> str | None:
    name = call["function"].get("name")
    return name if isinstance(name, str) and name else None


def _id_of(call: Mapping[str, Any]) -> str | None:
    identifier = call.get("id")
    return str(identifier) if isinstance(identifier, str | int) and identifier != "" else None


def _index_of(call: Mapping[str, Any]) -> int | None:
    index = call.get("index")
    if isinstance(index, str) and index.isascii() and index.isdigit() and len(index) < 10:
        return int(index)
    if isinstance(index, float) and index.is_integer():
        return int(index)
    return index if type(index) is int else None


def _new_id() -> str:
    """An id for a call that came without: its result must name one."""
    return f"call_{uuid.uuid4().hex}"


def _arguments_of(call: Mapping[str, Any]) -> str:
    """The arguments of a raw call as the JSON text they should be; some servers send the object itself."""
    arguments = call["function"].get("arguments")
    if arguments is None or isinstance(arguments, str):
        return _unwrapped(arguments or "")
    return json.dumps(arguments, ensure_ascii=False)


def _whole_arguments(call: Mapping[str, Any]) -> str:
    arguments = _arguments_of(call)
    return "{}" if arguments.strip() in _NO_ARGUMENTS else arguments


def _unwrapped(arguments: str) -> str:
    """Arguments that were made JSON twice are a JSON string that holds them."""
    if not (arguments.startswith('"{') and arguments.endswith('}"')):
        return arguments
    try:
        inner = json.loads(arguments)
    except ValueError:
        return arguments
    return inner if isinstance(inner, str) and _is_object(inner) else arguments


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
