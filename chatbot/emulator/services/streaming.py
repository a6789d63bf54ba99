"""A completion in pieces: `chat.completion.chunk` events that leave one by one, at the speed of a model that writes."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Send

from chatbot.emulator.model.demo_model import tokens
from chatbot.emulator.recorder import Recorder
from chatbot.emulator.services.responses import BLOCKED, PROMPT_FILTER, SAFE, Completion, encode_json, silent_audio

_SENTENCE_PAUSE = 3
_DONE = b"data: [DONE]\n\n"
_NOTHING: dict[str, Any] = {}


def completion_events(completion: Completion, token_delay: float) -> Iterator[tuple[bytes, float]]:
    """Yield each event with the pause behind it, in seconds."""
    chunks = _Chunks(completion)
    if completion.quirks.filters:
        shared = {"created": 0, "id": "", "model": "", "object": ""}
        yield _event({"choices": [], **shared, "prompt_filter_results": PROMPT_FILTER}), 0
    for chunk, text in chunks.with_text():
        yield _event(chunk), pause_after(text, token_delay)
    yield _DONE, 0


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + encode_json(body) + b"\n\n"


class _Chunks:
    """The chunks of one completion, each with the text that it carries."""

    def __init__(self, completion: Completion) -> None:
        self._completion = completion
        self._quirks = completion.quirks
        self._shared = completion.envelope("chat.completion.chunk")
        if self._quirks.usage == "when asked" and completion.options.include_usage:
            self._shared["usage"] = None

    def with_text(self) -> Iterator[tuple[dict[str, Any], str]]:
        choices = range(self._completion.options.choices)
        for delta, text in self._deltas():
            for index in choices:
                yield self._chunk(delta, index, text=text), text
        for index in choices:
            yield self._finish(index, last=index == choices[-1]), ""
        if self._has_usage_chunk:
            yield {**self._shared, "choices": [], "usage": self._completion.usage()}, ""

    @property
    def _has_usage_chunk(self) -> bool:
        usage = self._quirks.usage
        return usage in {"own chunk", "twice"} or (usage == "when asked" and self._completion.options.include_usage)

    def _deltas(self) -> Iterator[tuple[dict[str, Any], str]]:
        completion = self._completion
        role = {"content": "", "role": "assistant", **({"refusal": None} if self._quirks.filters else {})}
        if completion.tool_calls and not self._quirks.whole_tool_calls:
            yield from self._call_fragments({**role, "content": None})
            return
        yield role, ""
        yield from self._reasoning()
        if completion.tool_calls:
            return
        if completion.options.audio:
            yield from self._audio()
            return
        pieces = completion.pieces[: len(completion.pieces) // 2] if self._quirks.blocked else completion.pieces
        yield from (({"content": piece}, piece) for piece in pieces)

    def _reasoning(self) -> Iterator[tuple[dict[str, Any], str]]:
        for text in self._completion.reasoning:
            yield {"content": "", "reasoning_content": text}, text

    def _call_fragments(self, role: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
        calls = self._completion.tool_calls
        openings = [
            {**call, "function": {**call["function"], "arguments": ""}, "index": index}
            for index, call in enumerate(calls)
        ]
        # Azure opens the message and a single call in one chunk.
        at_once = self._quirks.filters and len(calls) == 1 and not self._completion.reasoning
        yield {**role, **({"tool_calls": openings} if at_once else {})}, ""
        yield from self._reasoning()
        for index, call in enumerate(calls):
            if not at_once:
                yield {"tool_calls": [openings[index]]}, ""
            for fragment in tokens(call["function"]["arguments"]):
                yield {"tool_calls": [{"function": {"arguments": fragment}, "index": index}]}, fragment

    def _audio(self) -> Iterator[tuple[dict[str, Any], str]]:
        audio = silent_audio(self._completion.id, self._completion.created, "")
        for piece in self._completion.pieces:
            yield {"audio": {"id": audio["id"], "transcript": piece}}, piece
        yield {"audio": {name: audio[name] for name in ("data", "expires_at", "id")}}, ""

    def _chunk(self, delta: dict[str, Any], index: int, *, text: str) -> dict[str, Any]:
        choice: dict[str, Any] = {"delta": delta, "finish_reason": None, "index": index, "logprobs": None}
        if delta.get("content") and "reasoning_content" not in delta:
            choice["logprobs"] = self._completion.logprobs((text,))
        if self._quirks.filters:
            choice["content_filter_results"] = SAFE if delta.get("content") else _NOTHING
        chunk = {**self._shared, "choices": [choice]}
        return {**chunk, "usage": self._completion.usage()} if self._quirks.usage == "every chunk" else chunk

    def _finish(self, index: int, *, last: bool) -> dict[str, Any]:
        if self._quirks.blocked:
            return self._blocked(index)
        delta: dict[str, Any] = {} if self._quirks.filters else {"content": ""}
        if self._completion.tool_calls and self._quirks.whole_tool_calls:
            calls = [{"function": call["function"], "id": call["id"]} for call in self._completion.tool_calls]
            delta = {"tool_calls": calls}
        chunk = self._chunk(delta, index, text="")
        chunk["choices"][0]["finish_reason"] = self._completion.finish_reason
        if self._quirks.usage in {"with finish", "twice"} and last:
            chunk["usage"] = self._completion.usage()
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


def pause_after(piece: str, token_delay: float) -> float:
    """Return how long to wait behind a piece, in seconds: a little longer where a sentence or a line ends."""
    ends = piece.endswith((".", "!", "?", ":", "…")) or "\n" in piece
    return token_delay * _SENTENCE_PAUSE if ends else token_delay


class EventStreamResponse(StreamingResponse):
    """A server-sent event stream that counts itself while it is open.

    Starlette cancels `stream_response` when the client goes away, also in the middle of a pause.
    """

    def __init__(
        self, events: Iterable[tuple[bytes, float]], recorder: Recorder, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(_paced(events), headers=headers, media_type="text/event-stream")
        self._recorder = recorder

    async def stream_response(self, send: Send) -> None:
        """Send the events; leave at once when cancelled."""
        with self._recorder.count_stream():
            await super().stream_response(send)


async def _paced(events: Iterable[tuple[bytes, float]]) -> AsyncIterator[bytes]:
    # Between events only: a client that leaves after the last one has read the whole stream.
    pause = 0.0
    for event, pause_behind in events:
        # Also without a pause: other requests and a disconnect get their turn.
        await asyncio.sleep(pause)
        yield event
        pause = pause_behind
