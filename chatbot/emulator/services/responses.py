"""One completion as a whole reply, the quirks of each service in writing it, and JSON as the services write it."""

import base64
import io
import json
import time
import uuid
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from chatbot.emulator.model.generation import Generation
from chatbot.emulator.services.requests import ResponseOptions

_SAMPLE_RATE = 24_000
_AUDIO_SECONDS = 0.05
_CATEGORIES = ("hate", "self_harm", "sexual", "violence")
SAFE = {category: {"filtered": False, "severity": "safe"} for category in _CATEGORIES}
BLOCKED = {**SAFE, "violence": {"filtered": True, "severity": "medium"}}
PROMPT_FILTER = [
    {"prompt_index": 0, "content_filter_results": {**SAFE, "jailbreak": {"filtered": False, "detected": False}}}
]

Usage = Literal["with finish", "when asked", "own chunk", "twice", "every chunk", "never"]


@dataclass(frozen=True, slots=True)
class Quirks:
    """How one service writes an answer, where services differ.

    Attributes:
        usage: Where a stream carries the token counts: with the finish reason, in a chunk of its own when asked for,
            and so on.
        usage_details: Always count cached, audio and reasoning tokens, also where there are none.
        whole_tool_calls: A stream carries tool calls in one piece and without an index, together with their end.
        filters: Report what the content filter found, with the fields that came with it.
        forced_call_stops: A call of a function that had to be called ends with "stop".
        call_content: The content beside tool calls.
        think_tags: Reason also without a `reasoning_effort`, and write it in front of the content in `<think>` tags
            instead of the field `reasoning_content`.
        streams: Stream when asked to, instead of answering as a whole.
        blocked: The content filter stops the answer half-way.
        finish_reason: Instead of the real one.
        broken_arguments: Cut the arguments of tool calls, so that they are not JSON.
        reasoning_model: Refuse the parameters that a reasoning model of Azure OpenAI refuses, one at a time.
    """

    usage: Usage
    usage_details: bool = False
    whole_tool_calls: bool = False
    filters: bool = False
    forced_call_stops: bool = False
    call_content: Literal[""] | None = None
    think_tags: bool = False
    streams: bool = True
    blocked: bool = False
    finish_reason: str | None = None
    broken_arguments: bool = False
    reasoning_model: bool = False


SERVERLESS_QUIRKS = Quirks(usage="with finish", whole_tool_calls=True, call_content="")
VLLM_QUIRKS = Quirks(usage="when asked")
AZURE_OPENAI_QUIRKS = Quirks(usage="when asked", usage_details=True, filters=True, forced_call_stops=True)

QuirksChange = Callable[[Quirks], Quirks]


def change_quirks(request: Request, change: QuirksChange) -> None:
    """Have one request answered with other quirks."""
    request.state.quirks_change = change


def quirks_for(request: Request, usual: Quirks) -> Quirks:
    """Return the quirks for a request: the usual ones, unless they were changed."""
    change: QuirksChange | None = getattr(request.state, "quirks_change", None)
    return change(usual) if change else usual


@dataclass(frozen=True, slots=True)
class Completion:
    """A generation, and how it is to be written: what all chunks and choices of one answer have in common.

    Attributes:
        generation: What the model answered.
        options: What the request asked for.
        quirks: How the service writes it.
        model: The name of the model or deployment that answers.
        created: Unix time in seconds.
        id: 32 hexadecimal digits, of which the ids on the wire are made.
    """

    generation: Generation
    options: ResponseOptions
    quirks: Quirks
    model: str
    created: int = field(default_factory=lambda: int(time.time()))
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def envelope(self, kind: str) -> dict[str, Any]:
        """Return the fields that all bodies of this completion share."""
        shared = {"created": self.created, "id": self.id, "model": self.model, "object": kind}
        if self.quirks.filters:
            return {**shared, "id": f"chatcmpl-{self.id}", "system_fingerprint": "fp_emulator"}
        return shared

    @property
    def pieces(self) -> tuple[str, ...]:
        """The content, with the reasoning in front of it where the quirks want it there."""
        generation = self.generation
        if not self._has_think_tags:
            return generation.tokens
        return ("<think>", "\n", *generation.reasoning, "\n", "</think>", "\n\n", *generation.tokens)

    @property
    def reasoning(self) -> tuple[str, ...]:
        """The reasoning that is not part of the content."""
        return () if self._has_think_tags else self.generation.reasoning

    @property
    def _has_think_tags(self) -> bool:
        return bool(self.generation.reasoning) and self.quirks.think_tags

    @property
    def finish_reason(self) -> str:
        """Why the completion ended, in this service's words."""
        if self.quirks.finish_reason is not None:
            return self.quirks.finish_reason
        if self.quirks.blocked:
            return "content_filter"
        if self.options.forced_call and self.quirks.forced_call_stops:
            return "stop"
        return self.generation.finish_reason

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        """The tool calls, each in one piece."""
        return [
            {
                "function": {"arguments": self._arguments(call.arguments), "name": call.name},
                "id": call_id,
                "type": "function",
            }
            for call, call_id in zip(self.generation.tool_calls, self._call_ids(), strict=True)
        ]

    def usage(self) -> dict[str, Any]:
        """Return the token counts."""
        generation, choices = self.generation, self.options.choices
        completion_tokens = generation.completion_tokens * choices
        prompt = generation.prompt
        audio = len(generation.tokens) * choices if self.options.audio else 0
        prompt_details = {"audio_tokens": prompt.audio, "cached_tokens": prompt.cached}
        if prompt.cache_write:
            prompt_details["cache_write_tokens"] = prompt.cache_write
        completion_details = {
            "accepted_prediction_tokens": 0,
            "audio_tokens": audio,
            "reasoning_tokens": len(generation.reasoning) * choices,
            "rejected_prediction_tokens": 0,
        }
        usage = {
            "completion_tokens": completion_tokens,
            "prompt_tokens": prompt.tokens,
            "total_tokens": prompt.tokens + completion_tokens,
        }
        details = {"completion_tokens_details": completion_details, "prompt_tokens_details": prompt_details}
        always = self.quirks.usage_details
        return {**usage, **{name: counts for name, counts in details.items() if always or any(counts.values())}}

    def logprobs(self, pieces: tuple[str, ...]) -> dict[str, Any] | None:
        """Return the probabilities of pieces of content, where they are wanted: this model never hesitates."""
        if not self.options.logprobs:
            return None
        tokens = [{"bytes": list(piece.encode(errors="replace")), "logprob": 0.0, "token": piece} for piece in pieces]
        return {"content": [{**each, "top_logprobs": [each]} for each in tokens], "refusal": None}

    def _arguments(self, arguments: str) -> str:
        return arguments[:-1] if self.quirks.broken_arguments else arguments

    def _call_ids(self) -> list[str]:
        # Mistral's servers give nine characters, OpenAI's a prefix; both are unique within a conversation.
        numbers = range(len(self.generation.tool_calls))
        if self.quirks.whole_tool_calls:
            return [f"{self.id[:7]}{number:02}" for number in numbers]
        return [f"call_{self.id[:20]}{number:04}" for number in numbers]


def completion_body(completion: Completion) -> dict[str, Any]:
    """Return the body of a whole reply."""
    choice = _choice(completion)
    body = {
        **completion.envelope("chat.completion"),
        "choices": [{**choice, "index": n} for n in range(completion.options.choices)],
    }
    if completion.quirks.filters:
        body["prompt_filter_results"] = PROMPT_FILTER
    if completion.quirks.usage != "never":
        body["usage"] = completion.usage()
    return body


def _choice(completion: Completion) -> dict[str, Any]:
    choice: dict[str, Any] = {"finish_reason": completion.finish_reason, "message": _message(completion)}
    if completion.quirks.filters or completion.options.logprobs:
        choice["logprobs"] = completion.logprobs(completion.pieces)
    if completion.quirks.filters or completion.quirks.blocked:
        choice["content_filter_results"] = BLOCKED if completion.quirks.blocked else SAFE
    return choice


def _message(completion: Completion) -> dict[str, Any]:
    text = "" if completion.quirks.blocked else "".join(completion.pieces)
    message: dict[str, Any] = {"content": text, "role": "assistant"}
    if completion.quirks.filters:
        message["refusal"] = None
    else:
        message["tool_calls"] = None
    if calls := completion.tool_calls:
        message["content"] = completion.quirks.call_content
        # An extra of the servers that also stream calls whole.
        extra = {"call_id": None} if completion.quirks.whole_tool_calls else {}
        message["tool_calls"] = [{**call, "function": {**call["function"], **extra}} for call in calls]
    if completion.reasoning:
        message["reasoning_content"] = "".join(completion.reasoning)
    if completion.options.audio and not calls:
        message |= {"content": None, "audio": silent_audio(completion.id, completion.created, text)}
    return message


def silent_audio(completion_id: str, created: int, transcript: str) -> dict[str, Any]:
    """Return an answer as audio: the right text, and silence in base 64 WAV, for this model has no voice."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_SAMPLE_RATE)
        sound.writeframes(bytes(2 * int(_SAMPLE_RATE * _AUDIO_SECONDS)))
    data = base64.b64encode(file.getvalue()).decode()
    return {"data": data, "expires_at": created + 3600, "id": f"audio_{completion_id}", "transcript": transcript}


def encode_json(body: object) -> bytes:
    """Return compact JSON, keys in alphabetical order, as raw UTF-8."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    # JSON can carry half a character ("\ud83d"), UTF-8 cannot.
    return text.encode("utf-8", errors="replace")


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response in the services' own writing."""
    return Response(encode_json(body), status, headers, media_type="application/json")
