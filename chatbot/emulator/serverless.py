"""The serverless surface: `POST /v1/chat/completions`, OpenAI's bodies with the habits of Azure's model service."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from chatbot.emulator.bodies import (
    BadBodyError,
    dumps,
    flag_in,
    json_reply,
    limit_in,
    messages_in,
    read_object,
    stop_in,
)
from chatbot.emulator.generation import Generation, Prompt, generate
from chatbot.emulator.keys import Lock
from chatbot.emulator.streaming import PacedStream, pause_after
from chatbot.emulator.traffic import Traffic

MODEL = "built-in-demo"
_DONE = b"data: [DONE]\n\n"


class Serverless:
    """Answers like a serverless deployment, whole or as a stream."""

    def __init__(self, lock: Lock, traffic: Traffic, token_delay: float) -> None:
        self._lock = lock
        self._traffic = traffic
        self._token_delay = token_delay

    async def chat_completions(self, request: Request) -> Response:
        """Answer one chat request."""
        if not self._lock.opens_to_bearer_or_raw(request):
            return _denied()
        try:
            prompt, stream = read_prompt(await request.body())
        except BadBodyError as error:
            return json_reply({"error": {"code": "invalid_request", "message": str(error)}}, 400)
        generation = generate(prompt)
        if stream:
            return PacedStream(_events(generation, self._token_delay), self._traffic)
        return _whole(generation)


def read_prompt(raw: bytes) -> tuple[Prompt, bool]:
    """Return what a chat body asks for, and whether as a stream."""
    body = read_object(raw)
    prompt = Prompt(messages=messages_in(body, "messages"), limit=limit_in(body, "max_tokens"), stop=stop_in(body))
    # `stream_options` is not read. The usage below comes without being asked for; a second one in a chunk of
    # its own, as OpenAI's servers send it, would be counted twice by clients that add up what they receive.
    return prompt, flag_in(body, "stream")


@dataclass(frozen=True, slots=True)
class _Envelope:
    """What all parts of one reply have in common."""

    kind: str
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))

    def around(self, choice: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Return a body with one choice."""
        shared = {"created": self.created, "id": self.name, "model": MODEL, "object": self.kind}
        return {"choices": [{"index": 0, **choice}], **shared, **more}


def _whole(generation: Generation) -> Response:
    message = {"content": generation.text, "role": "assistant", "tool_calls": None}
    choice = {"finish_reason": generation.finish_reason, "message": message}
    usage = generation.usage
    headers = {
        "prompt_token_len": str(usage["prompt_tokens"]),
        "sampling_token_len": str(usage["completion_tokens"]),
    }
    return json_reply(_Envelope("chat.completion").around(choice, usage=usage), headers=headers)


def _events(generation: Generation, token_delay: float) -> Iterator[tuple[bytes, float]]:
    """Yield each event of a stream with the pause behind it, in seconds."""
    envelope = _Envelope("chat.completion.chunk")

    def event(delta: dict[str, str], finish_reason: str | None = None, **more: Any) -> bytes:
        choice = {"delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return b"data: " + dumps(envelope.around(choice, **more)) + b"\n\n"

    yield event({"content": "", "role": "assistant"}), token_delay
    for piece in generation.pieces:
        yield event({"content": piece}), pause_after(piece, token_delay)
    yield event({"content": ""}, generation.finish_reason, usage=generation.usage), 0
    yield _DONE, 0


def _denied() -> Response:
    message = "Auth token validation failed. Please provide a valid key or a valid AAD token"
    return json_reply({"statusCode": 401, "message": message}, 401, {"x-ms-error-reason": "Invalid JWT."})
