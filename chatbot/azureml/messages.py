"""LangChain messages to the wire's ``messages``. Pure.

LangChain's own converter does the reading, for it knows every provider's blocks; here stands what Azure's models need
beyond it: text alone goes as a plain string, since many of them refuse lists, and a model's reasoning is not sent back
to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from langchain_core.messages import AIMessage, BaseMessage, convert_to_openai_messages

# What an assistant's message may hold on the wire. LangChain's also hold calls and reasoning, which travel apart
# or not at all.
_ANSWER_PARTS: Final = frozenset({"text", "refusal", "image_url", "input_audio", "file"})


def to_wire(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Return the wire's form of ``messages``: text stays byte for byte.

    Raises:
        ValueError: A message holds a block that has no form on the wire.
    """
    return [wire for message in messages for wire in _one(message)]


def fold_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages with the system prompts at the front moved into the first question.

    For models without a system role. A system prompt that stands alone becomes the question.
    """
    if not messages or messages[0]["role"] != "system":
        return messages
    system, rest = messages[0], fold_system(messages[1:])
    if not rest or rest[0]["role"] != "user":
        return [{**system, "role": "user"}, *rest]
    question = rest[0]
    if isinstance(system["content"], str) and isinstance(question["content"], str):
        content: Any = f"{system['content']}\n\n{question['content']}"
    else:
        content = [*_parts(system["content"]), *_parts(question["content"])]
    return [{**question, "content": content}, *rest[1:]]


def _one(message: BaseMessage) -> list[dict[str, Any]]:
    wires: list[dict[str, Any]] = convert_to_openai_messages([message], text_format="block")
    for wire in wires:
        if wire["role"] == "assistant":
            wire["content"] = [part for part in _parts(wire.get("content")) if part.get("type") in _ANSWER_PARTS]
        wire["content"] = _plain(wire.get("content"))
    if isinstance(message, AIMessage) and message.invalid_tool_calls:
        # A tool message answers a call with bad JSON, too, and must find that call.
        calls = [
            {
                "type": "function",
                "id": call["id"],
                "function": {"name": call["name"] or "", "arguments": call["args"] or ""},
            }
            for call in message.invalid_tool_calls
        ]
        wires[0]["tool_calls"] = [*wires[0].get("tool_calls", []), *calls]
    return wires


def _plain(content: Any) -> Any:
    """Text alone as one string, just as it is; anything else as the list of parts it is."""
    parts = _parts(content)
    if all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
        return "".join(part.get("text") or "" for part in parts)
    return parts


def _parts(content: Any) -> list[Any]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []
