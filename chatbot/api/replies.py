"""An answer as OpenAI's clients read it: whole, or in chunks while it grows. Pure."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from chatbot.conversation import Turn, TurnStatus, Usage
from chatbot.conversation.parts import NonStandard, ToolCall

_REASONS: Final = frozenset({"stop", "length", "tool_calls", "content_filter"})


class Reply:
    """The reply to one request.

    Args:
        wants_usage: Whether its chunks end with what was used.
    """

    def __init__(self, *, wants_usage: bool = False) -> None:
        self._id = f"chatcmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())
        self._wants_usage = wants_usage
        self._begun = False
        self._text = ""
        self._thoughts = ""

    def whole(self, turn: Turn) -> dict[str, Any]:
        """Return an answer that has ended."""
        calls = _calls(turn)
        message: dict[str, Any] = {"role": "assistant", "content": turn.answer_text or (None if calls else "")}
        if thoughts := turn.reasoning_text:
            message["reasoning_content"] = thoughts
        if calls:
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(turn, calls)}
        return self._envelope(turn, "chat.completion") | {"choices": [choice], "usage": _usage(turn.usage)}

    def chunks(self, turn: Turn) -> Iterator[dict[str, Any]]:
        """Yield what an answer has grown by since this was asked last; of one that is complete also its end.

        What a client has cannot be taken back. Where what was taken for the answer turns out to be thoughts, it gets
        them once more as such, and the answer after them.
        """
        text, thoughts = turn.answer_text, turn.reasoning_text
        if not text.startswith(self._text) and len(thoughts) > len(self._thoughts):
            self._text = ""
        delta: dict[str, Any] = {}
        if new := _new(self._thoughts, thoughts):
            delta["reasoning_content"] = new
        if new := _new(self._text, text):
            delta["content"] = new
        self._text, self._thoughts = text, thoughts
        has_ended = turn.status is TurnStatus.COMPLETE
        calls = _calls(turn) if has_ended else []
        if calls:
            delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(calls)]
        if not self._begun and (delta or has_ended):
            self._begun = True
            yield self._chunk(turn, {"role": "assistant", "content": ""})
        if delta:
            yield self._chunk(turn, delta)
        if has_ended:
            yield self._chunk(turn, {}, _reason(turn, calls))
            if self._wants_usage:
                yield self._envelope(turn, "chat.completion.chunk") | {"choices": [], "usage": _usage(turn.usage)}

    def _chunk(self, turn: Turn, delta: Mapping[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        usage = {"usage": None} if self._wants_usage else {}
        return self._envelope(turn, "chat.completion.chunk") | {"choices": [choice]} | usage

    def _envelope(self, turn: Turn, kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": turn.deployment}


def _new(told: str, now: str) -> str:
    """What was not told yet; where a key was masked meanwhile that had begun to be told, what follows its beginning."""
    if now.startswith(told):
        return now[len(told) :]
    same = (one == other for one, other in zip(told, now, strict=False))
    return now[next((place for place, is_same in enumerate(same) if not is_same), len(now)) :]


def _calls(turn: Turn) -> list[dict[str, Any]]:
    """The calls of tools, also one whose arguments are no JSON: whoever runs the tool has to tell the model."""
    calls = []
    for part in turn.answer:
        if isinstance(part, ToolCall):
            arguments = json.dumps(dict(part.arguments), ensure_ascii=False)
            calls.append(_call(part.id, part.name, arguments))
        elif isinstance(part, NonStandard) and part.block.get("type") == "invalid_tool_call":
            calls.append(_call(*(str(part.block.get(name) or "") for name in ("id", "name", "args"))))
    return calls


def _call(id: str, name: str, arguments: str) -> dict[str, Any]:  # noqa: A002 - the field's own name
    # Who answers a call names it, and some models name none.
    return {
        "id": id or f"call_{secrets.token_hex(12)}",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def _reason(turn: Turn, calls: list[dict[str, Any]]) -> str:
    """Why it ended, of the few words there are for it: endpoints have more of their own."""
    if turn.finish_reason in _REASONS:
        return str(turn.finish_reason)
    return "tool_calls" if calls else "stop"


def _usage(usage: Usage | None) -> dict[str, int] | None:
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
