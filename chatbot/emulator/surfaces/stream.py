"""An answer in pieces: `chat.completion.chunk` events, each with the pause behind it."""

from collections.abc import Iterator
from typing import Any

from chatbot.emulator.model.demo_model import tokens
from chatbot.emulator.replies import dumps
from chatbot.emulator.surfaces.answer import BLOCKED, PROMPT_FILTER, SAFE, Answer
from chatbot.emulator.surfaces.speech import spoken
from chatbot.emulator.surfaces.streaming import pause_after

_DONE = b"data: [DONE]\n\n"
_NOTHING: dict[str, Any] = {}


def events(answer: Answer, token_delay: float) -> Iterator[tuple[bytes, float]]:
    """Yield each event with the pause behind it, in seconds."""
    chunks = _Chunks(answer)
    if answer.habits.filters:
        shared = {"created": 0, "id": "", "model": "", "object": ""}
        yield _event({"choices": [], **shared, "prompt_filter_results": PROMPT_FILTER}), 0
    for chunk, text in chunks.all():
        yield _event(chunk), pause_after(text, token_delay)
    yield _DONE, 0


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + dumps(body) + b"\n\n"


class _Chunks:
    """The chunks of one answer, each with the text that it carries."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._habits = answer.habits
        self._shared = answer.envelope("chat.completion.chunk")
        if self._habits.usage == "when asked" and answer.wish.usage:
            self._shared["usage"] = None

    def all(self) -> Iterator[tuple[dict[str, Any], str]]:
        choices = range(self._answer.wish.choices)
        for delta, text in self._deltas():
            for index in choices:
                yield self._chunk(delta, index, text=text), text
        for index in choices:
            yield self._finish(index, last=index == choices[-1]), ""
        if self._owns_usage:
            yield {**self._shared, "choices": [], "usage": self._answer.usage()}, ""

    @property
    def _owns_usage(self) -> bool:
        usage = self._habits.usage
        return usage in {"own chunk", "twice"} or (usage == "when asked" and self._answer.wish.usage)

    def _deltas(self) -> Iterator[tuple[dict[str, Any], str]]:
        answer = self._answer
        role = {"content": "", "role": "assistant", **({"refusal": None} if self._habits.filters else {})}
        if answer.tool_calls and not self._habits.whole_tool_calls:
            yield from self._call_fragments({**role, "content": None})
            return
        yield role, ""
        yield from self._thoughts()
        if answer.tool_calls:
            return
        if answer.wish.speech:
            yield from self._speech()
            return
        pieces = answer.pieces[: len(answer.pieces) // 2] if self._habits.blocked else answer.pieces
        yield from (({"content": piece}, piece) for piece in pieces)

    def _thoughts(self) -> Iterator[tuple[dict[str, Any], str]]:
        for thought in self._answer.thoughts:
            yield {"content": "", "reasoning_content": thought}, thought

    def _call_fragments(self, role: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
        calls = self._answer.tool_calls
        openings = [
            {**call, "function": {**call["function"], "arguments": ""}, "index": index}
            for index, call in enumerate(calls)
        ]
        # Azure opens the message and a single call in one chunk.
        at_once = self._habits.filters and len(calls) == 1 and not self._answer.thoughts
        yield {**role, **({"tool_calls": openings} if at_once else {})}, ""
        yield from self._thoughts()
        for index, call in enumerate(calls):
            if not at_once:
                yield {"tool_calls": [openings[index]]}, ""
            for fragment in tokens(call["function"]["arguments"]):
                yield {"tool_calls": [{"function": {"arguments": fragment}, "index": index}]}, fragment

    def _speech(self) -> Iterator[tuple[dict[str, Any], str]]:
        audio = spoken(self._answer.name, self._answer.created, "")
        for piece in self._answer.pieces:
            yield {"audio": {"id": audio["id"], "transcript": piece}}, piece
        yield {"audio": {name: audio[name] for name in ("data", "expires_at", "id")}}, ""

    def _chunk(self, delta: dict[str, Any], index: int, *, text: str) -> dict[str, Any]:
        choice: dict[str, Any] = {"delta": delta, "finish_reason": None, "index": index, "logprobs": None}
        if delta.get("content") and "reasoning_content" not in delta:
            choice["logprobs"] = self._answer.logprobs((text,))
        if self._habits.filters:
            choice["content_filter_results"] = SAFE if delta.get("content") else _NOTHING
        chunk = {**self._shared, "choices": [choice]}
        return {**chunk, "usage": self._answer.usage()} if self._habits.usage == "every chunk" else chunk

    def _finish(self, index: int, *, last: bool) -> dict[str, Any]:
        if self._habits.blocked:
            return self._blocked(index)
        delta: dict[str, Any] = {} if self._habits.filters else {"content": ""}
        if self._answer.tool_calls and self._habits.whole_tool_calls:
            calls = [{"function": call["function"], "id": call["id"]} for call in self._answer.tool_calls]
            delta = {"tool_calls": calls}
        chunk = self._chunk(delta, index, text="")
        chunk["choices"][0]["finish_reason"] = self._answer.finish_reason
        if self._habits.usage in {"with finish", "twice"} and last:
            chunk["usage"] = self._answer.usage()
        return chunk

    def _blocked(self, index: int) -> dict[str, Any]:
        # The filter's own events have no delta and no id.
        choice = {
            "content_filter_offsets": {"check_offset": 0, "end_offset": 0, "start_offset": 0},
            "content_filter_results": BLOCKED,
            "finish_reason": "content_filter",
            "index": index,
        }
        return {"choices": [choice], "created": 0, "id": "", "model": "", "object": ""}
