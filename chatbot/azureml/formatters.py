"""Messages to request bodies, replies to messages. Pure: no socket, no state.

A content formatter is the part a user may replace, under langchain_community's names. What a stream looks
like belongs to the surface, not to the formatter, so :class:`ChatStream` stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, convert_to_openai_messages
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk

from chatbot.azureml.errors import AzureMLResponseError, AzureMLStreamError, from_event
from chatbot.azureml.sse import EventTooLargeError, SSEDecoder
from chatbot.azureml.surfaces import AzureMLEndpointApiType

DEFAULT_MAX_TOKENS: Final = 1024
"""Sent on serverless endpoints when the caller names no limit: Llama deployments stop after 16 tokens without."""


class ContentFormatterBase:
    """Turn messages into a request body and a reply body into a generation; subclass it for odd containers."""

    content_type: str | None = "application/json"
    """MIME type of the request body."""

    accepts: str | None = "application/json"
    """MIME type of the reply."""

    def format_messages_request_payload(
        self,
        messages: list[BaseMessage],
        model_kwargs: dict[str, Any],
        api_type: AzureMLEndpointApiType,
    ) -> bytes:
        """Return the request body for ``messages`` with the model's parameters."""
        raise NotImplementedError

    def format_response_payload(self, output: bytes, api_type: AzureMLEndpointApiType) -> ChatGeneration:
        """Return the generation that a complete reply body holds.

        Raises:
            AzureMLResponseError: The body is no answer this formatter can read.
        """
        raise NotImplementedError


class CustomOpenAIChatContentFormatter(ContentFormatterBase):
    """The stock formatter: OpenAI messages, wrapped in ``input_data`` for dedicated ``/score`` endpoints."""

    def format_messages_request_payload(
        self,
        messages: list[BaseMessage],
        model_kwargs: dict[str, Any],
        api_type: AzureMLEndpointApiType,
    ) -> bytes:
        """Encode once, as UTF-8 JSON: what a person typed arrives byte for byte.

        Raises:
            ValueError: A message or a parameter has no JSON form.
        """
        wire_messages = convert_to_openai_messages(messages)
        body: dict[str, Any]
        if api_type is AzureMLEndpointApiType.serverless:
            body = {"messages": wire_messages, **_with_limit(model_kwargs)}
        else:
            body = {"input_data": {"input_string": wire_messages, "parameters": _score_parameters(model_kwargs)}}
        try:
            return orjson.dumps(body)
        except orjson.JSONEncodeError as error:
            raise ValueError(f"the request cannot be written as JSON: {error}") from error

    def format_response_payload(self, output: bytes, api_type: AzureMLEndpointApiType) -> ChatGeneration:
        """Read an OpenAI completion, or any of the shapes ``/score`` containers answer in."""
        reply = _json(output)
        if isinstance(reply, dict) and isinstance(reply.get("choices"), list):
            return _completion(reply)
        text = _score_text(reply)
        if text is None:
            raise AzureMLResponseError(f"The endpoint answered, but not as a chat model: {_shape(reply)}.")
        return ChatGeneration(message=AIMessage(content=text))


class ChatStream:
    """One streamed answer: bytes in, chunks out, and a verdict at the end. Everything but the socket.

    All that one network read brought becomes one chunk: no token is held back, none costs more than it must.
    """

    def __init__(self) -> None:
        self._decoder = SSEDecoder()
        self._text: list[str] = []
        self._finished = False
        self.done = False
        """The server said ``[DONE]``: nothing that follows counts."""

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self._text)

    def feed(self, data: bytes) -> ChatGenerationChunk | None:
        """Take what one read brought; return it as one chunk, or None where it held nothing to tell.

        Raises:
            AzureMLStreamError: The server reported an error, or sent what is no event; carries the partial text.
        """
        try:
            return self._chunk(self._decoder.feed(data))
        except EventTooLargeError as error:
            raise AzureMLStreamError(f"The endpoint's answer could not be read: {error}.", partial=self.text) from error

    def finish(self) -> ChatGenerationChunk | None:
        """The connection ended: return what is left, if the stream was complete.

        Raises:
            AzureMLStreamError: Neither ``[DONE]`` nor a finish reason was seen; carries the partial text.
        """
        chunk = None if self.done else self._chunk(self._decoder.flush())
        if not (self.done or self._finished):
            raise AzureMLStreamError("The endpoint's answer broke off before it was complete.", partial=self.text)
        return chunk

    def _chunk(self, payloads: Sequence[bytes]) -> ChatGenerationChunk | None:
        parts: list[str] = []
        told: dict[str, Any] = {}
        usage: UsageMetadata | None = None
        for payload in payloads:
            if payload.strip() == b"[DONE]":
                self.done = True
                break
            event = self._event(payload)
            usage = _usage(event) or usage
            for choice in event.get("choices") or ():
                delta = choice.get("delta") or choice.get("message") or {}
                if text := delta.get("content"):
                    parts.append(text)
                if reason := choice.get("finish_reason"):
                    self._finished = True
                    told = {"finish_reason": reason, "model_name": event.get("model") or ""}
        self._text += parts
        if not parts and not told and usage is None:
            return None
        return ChatGenerationChunk(
            message=AIMessageChunk(content="".join(parts), usage_metadata=usage, response_metadata=told),
            generation_info=None,
        )

    def _event(self, payload: bytes) -> dict[str, Any]:
        try:
            event = orjson.loads(payload)
        except orjson.JSONDecodeError as error:
            raise AzureMLStreamError(
                "The endpoint's answer broke off in the middle of an event.", partial=self.text
            ) from error
        if not isinstance(event, dict):
            raise AzureMLStreamError("The endpoint sent an event that is no object.", partial=self.text)
        if event.get("error") or event.get("object") == "error":
            raise from_event(event, self.text)
        return event


def _with_limit(model_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in model_kwargs.items() if value is not None}
    if "max_completion_tokens" not in given:
        given.setdefault("max_tokens", DEFAULT_MAX_TOKENS)
    return given


def _score_parameters(model_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Containers behind ``/score`` take Hugging Face's names."""
    given = {name: value for name, value in model_kwargs.items() if value is not None}
    if (limit := given.pop("max_tokens", None)) is not None:
        given.setdefault("max_new_tokens", limit)
    return given


def _completion(reply: Mapping[str, Any]) -> ChatGeneration:
    choices = reply["choices"]
    if not choices or not isinstance(choices[0], dict):
        raise AzureMLResponseError("The endpoint answered without a choice.")
    choice = choices[0]
    message = choice.get("message") or {}
    text = _text_of(message.get("content"))
    finish_reason = choice.get("finish_reason")
    return ChatGeneration(
        message=AIMessage(
            content=text or "",
            id=reply.get("id") or None,
            usage_metadata=_usage(reply),
            response_metadata={"finish_reason": finish_reason, "model_name": reply.get("model") or ""},
        ),
        generation_info={"finish_reason": finish_reason},
    )


def _usage(reply: Mapping[str, Any]) -> UsageMetadata | None:
    usage = reply.get("usage")
    if not isinstance(usage, dict):
        return None
    sent, received = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    return UsageMetadata(
        input_tokens=sent,
        output_tokens=received,
        total_tokens=usage.get("total_tokens") or sent + received,
    )


def _score_text(reply: Any) -> str | None:
    """The text of a ``/score`` reply: ``{"output"}``, ``[{"0"}]``, ``["text"]``, ``{"answer"}`` or bare text."""
    if isinstance(reply, list):
        return _score_text(reply[0]) if reply else None
    if isinstance(reply, dict):
        for name in ("output", "answer", "0", "generated_text", "content", "text"):
            if name in reply:
                return _score_text(reply[name])
        return None
    return reply if isinstance(reply, str) else None


def _text_of(content: Any) -> str | None:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else None


def _json(output: bytes) -> Any:
    try:
        return orjson.loads(output)
    except orjson.JSONDecodeError:
        raise AzureMLResponseError(f"The endpoint answered, but not with JSON: {_shape(output)}.") from None


def _shape(reply: Any) -> str:
    """A reply described without repeating what it says: it may be long, and it may be private."""
    if isinstance(reply, dict):
        if "error" in reply:
            return "an error inside a successful reply" + (f" ({str(reply['error'])[:200]})")
        return "an object with the keys " + (", ".join(map(str, list(reply)[:8])) or "(none)")
    if isinstance(reply, bytes):
        start = reply[:64].lstrip().lower()
        return "a web page" if start.startswith((b"<!doctype", b"<html")) else f"{len(reply)} bytes of text"
    return f"a JSON {type(reply).__name__}"
