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

from chatbot.azureml.errors import AzureMLResponseError, AzureMLStreamError, from_body, from_event
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
        if isinstance(reply, dict) and reply.get("error"):
            raise from_body(reply)
        text = _score_text(reply)
        if text is None:
            raise AzureMLResponseError(f"The endpoint answered, but not as a chat model: {_shape(reply)}.")
        return ChatGeneration(message=AIMessage(content=text))


class ChatStream:
    """One streamed answer: bytes in, chunks out, and a verdict at the end. Everything but the socket.

    All the text that one network read brought becomes one chunk: no token is held back, none costs more than it
    must. What is told about the answer comes once, in the chunk that ends it, since LangChain adds up what chunks
    tell: how the network cut the stream must not show.
    """

    def __init__(self, request_id: str | None = None) -> None:
        self._decoder = SSEDecoder()
        self._text: list[str] = []
        self._told: dict[str, Any] = {"request_id": request_id} if request_id else {}
        self._usage: UsageMetadata | None = None
        self._finished = False
        self._failure: AzureMLStreamError | None = None
        self.done = False
        """The server said ``[DONE]``, or failed: nothing that follows counts."""

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self._text)

    @property
    def complete(self) -> bool:
        """The server said that the answer is: ``[DONE]``, or a finish reason."""
        return self._failure is None and (self.done or self._finished)

    def feed(self, data: bytes) -> ChatGenerationChunk | None:
        """Take what one read brought; return its text as one chunk, or None where it held none.

        Raises:
            AzureMLStreamError: An event does not end; carries the partial text.
        """
        try:
            text = self._read(self._decoder.feed(data))
        except EventTooLargeError as error:
            raise AzureMLStreamError(f"The endpoint's answer could not be read: {error}.", partial=self.text) from error
        return ChatGenerationChunk(message=AIMessageChunk(content=text)) if text else None

    def finish(self) -> ChatGenerationChunk:
        """The server is done, or the connection ended: return what is left to tell, if the answer is complete.

        Raises:
            AzureMLStreamError: The server reported an error or sent what is no event, or neither ``[DONE]`` nor a
                finish reason was seen; carries the partial text.
        """
        was_complete = self.complete
        text = "" if self.done else self._read(self._decoder.flush())
        if self._failure is not None and not was_complete:
            raise self._failure
        if not (was_complete or self.complete):
            raise AzureMLStreamError("The endpoint's answer broke off before it was complete.", partial=self.text)
        return ChatGenerationChunk(
            message=AIMessageChunk(
                content=text, usage_metadata=self._usage, response_metadata=self._told, chunk_position="last"
            )
        )

    def _read(self, payloads: Sequence[bytes]) -> str:
        parts: list[str] = []
        try:
            for payload in map(bytes.strip, payloads):
                if payload == b"[DONE]":
                    self.done = True
                    break
                if payload and (text := self._take(self._event(payload))):
                    parts.append(text)
                    self._text.append(text)
        except AzureMLStreamError as error:
            # What came before it is handed over first; finish() tells the rest.
            self._failure, self.done = error, True
        return "".join(parts)

    def _take(self, event: Mapping[str, Any]) -> str:
        """Return the text of an event, and note what it tells about the answer."""
        if usage := _usage(event):
            self._usage = usage
        text = ""
        for choice in _choices(event):
            text += _text_of(choice, "delta") or _text_of(choice, "message")
            if reason := choice.get("finish_reason"):
                self._finished = True
                self._told |= {"finish_reason": reason, "model_name": event.get("model") or ""}
        return text

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
    choice = next(iter(_choices(reply)), None)
    if choice is None:
        raise AzureMLResponseError("The endpoint answered without a choice.")
    finish_reason, reply_id = choice.get("finish_reason"), reply.get("id")
    return ChatGeneration(
        message=AIMessage(
            content=_text_of(choice, "message"),
            id=reply_id if reply_id and isinstance(reply_id, str) else None,
            usage_metadata=_usage(reply),
            response_metadata={"finish_reason": finish_reason, "model_name": reply.get("model") or ""},
        ),
        generation_info={"finish_reason": finish_reason},
    )


def _usage(reply: Mapping[str, Any]) -> UsageMetadata | None:
    usage = reply.get("usage")
    if not isinstance(usage, dict):
        return None
    sent, received, total = (
        count if isinstance(count := usage.get(f"{kind}_tokens"), int) else 0
        for kind in ("prompt", "completion", "total")
    )
    return UsageMetadata(input_tokens=sent, output_tokens=received, total_tokens=total or sent + received)


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


def _choices(reply: Mapping[str, Any]) -> list[dict[str, Any]]:
    choices = reply.get("choices")
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def _text_of(choice: Mapping[str, Any], name: str) -> str:
    """The text of a choice's message or delta: a string, a list of parts, or nothing."""
    message = choice.get(name)
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        texts = (part.get("text") for part in content if isinstance(part, dict))
        return "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def _json(output: bytes) -> Any:
    try:
        return orjson.loads(output)
    except orjson.JSONDecodeError:
        raise AzureMLResponseError(f"The endpoint answered, but not with JSON: {_shape(output)}.") from None


def _shape(reply: Any) -> str:
    """A reply described without repeating what it says: it may be long, and it may be private."""
    if isinstance(reply, dict):
        return "an object with the keys " + (", ".join(key[:40] for key in list(reply)[:8]) or "(none)")
    if isinstance(reply, bytes):
        start = reply[:64].lstrip().lower()
        return "a web page" if start.startswith((b"<!doctype", b"<html")) else f"{len(reply)} bytes of text"
    return f"a JSON {type(reply).__name__}"
