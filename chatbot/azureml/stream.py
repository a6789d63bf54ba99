"""One streamed answer: bytes in, chunks out, and a verdict at the end. Everything but the socket. Pure.

All the text that one network read brought becomes one chunk: no token is held back, none costs more than it must.
The metadata comes once, in the chunk that ends the answer, since LangChain adds up the metadata of chunks: how the
network cut the stream must not show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk

from chatbot.azureml.chunks import text_chunk
from chatbot.azureml.deduplication import Deduplicator
from chatbot.azureml.errors import AzureMLResponseError, AzureMLStreamError, from_event
from chatbot.azureml.framing import Framing, decoder_of
from chatbot.azureml.lenient_json import SurrogateJoiner, loads, without_surrogates
from chatbot.azureml.reasoning import CLOSING_TAG, FirstChunk, ReasoningSplitter, ReplacingChunk, split_at_closing_tag
from chatbot.azureml.response import (
    additional_kwargs_of,
    answer_metadata,
    choice_metadata,
    reasoning_of,
    refusal_of,
    text_of,
)
from chatbot.azureml.sse import EventTooLargeError
from chatbot.azureml.tool_calls import CallFragments
from chatbot.azureml.usage import usage_of

EventReader = Callable[[Any, bytes], Mapping[str, Any]]
"""Reads an event that is not OpenAI's, from its JSON value or the bytes of it: returns the raw message that it holds;
raises AzureMLResponseError where there is none."""


class ChatStream:
    """One streamed answer.

    Args:
        metadata: What is known of it already, for the ``response_metadata`` of its last chunk.
        read_event: Reads events that are not OpenAI's, such as prompt flow's ``{"answer": …}``.
        framing: How its events are cut.
    """

    def __init__(
        self,
        metadata: Mapping[str, Any] | None = None,
        read_event: EventReader | None = None,
        framing: Framing = "events",
    ) -> None:
        self._decoder = decoder_of(framing)
        self._splitter = ReasoningSplitter()
        self._answer = Deduplicator()
        self._thinking = Deduplicator()
        self._calls = CallFragments()
        self._surrogates: SurrogateJoiner | None = None  # only where the server cuts pairs
        self._read_event = read_event
        self._text: list[str] = []
        self._metadata: dict[str, Any] = dict(metadata or {})
        self._logprobs: dict[str, list[Any]] = {}
        self._usage: UsageMetadata | None = None
        self._finished = False
        self._other_events = False
        self._apart = False  # is the reasoning sent apart from the answer?
        self._closed = False  # was reasoning taken out of the answer?
        self._unsure = False  # does the text end with what may have closed reasoning?
        self._begun = False
        self._failure: AzureMLStreamError | None = None
        # What one read brought besides text.
        self._reasoning = ""
        self._refusal = ""
        self.done = False
        """``[DONE]`` came, or a failure: nothing that follows counts."""

    @property
    def text(self) -> str:
        """The answer so far, without its reasoning."""
        return "".join(self._text)

    @property
    def begun(self) -> bool:
        """Whether there is any of its text or reasoning."""
        return self._begun

    @property
    def complete(self) -> bool:
        """Whether ``[DONE]`` or a finish reason has come."""
        return self._failure is None and (self.done or self._finished)

    def feed(self, data: bytes) -> ChatGenerationChunk | None:
        """Take what one read brought; return its content as one chunk, or None where it has none.

        Raises:
            AzureMLStreamError: An event does not end; carries the partial text.
        """
        try:
            text = self._read(self._decoder.feed(data))
        except EventTooLargeError as error:
            raise AzureMLStreamError(f"The endpoint's answer could not be read: {error}.", partial=self.text) from error
        if self._begun and text and not (self._reasoning or self._refusal or self._calls.new):
            if ">" not in text and not self._unsure:
                return text_chunk(text)
        elif not (text or self._reasoning or self._refusal or self._calls.new):
            return None
        message = self._message(text)
        if self._begun:
            return ChatGenerationChunk(message=message)
        self._begun = True
        return FirstChunk(message=message)

    def finish(self) -> ChatGenerationChunk:
        """End the stream; return what is left and the metadata, if the answer is complete.

        Raises:
            AzureMLStreamError: The server reported an error or sent what is no event, or neither ``[DONE]`` nor a
                finish reason was seen; carries the partial text.
        """
        was_complete = self.complete
        text = "" if self.done else self._read(self._decoder.flush())
        text += self._rest()
        if self._failure is not None and not was_complete:
            self._failure.partial = self.text
            raise self._failure
        # Prompt flow ends its streams by closing them, without a word.
        if not (was_complete or self.complete or (self._other_events and self._read_event)):
            raise AzureMLStreamError("The endpoint's answer broke off before it was complete.", partial=self.text)
        if self._logprobs:
            self._metadata["logprobs"] = self._logprobs
        metadata = without_surrogates(self._metadata) if self._surrogates else self._metadata
        message = self._message(text, usage_metadata=self._usage, response_metadata=metadata, chunk_position="last")
        return ChatGenerationChunk(message=message)

    def _read(self, payloads: Sequence[bytes]) -> str:
        parts: list[str] = []
        try:
            for payload in map(bytes.strip, payloads):
                if payload == b"[DONE]":
                    self.done = True
                    break
                if not payload:
                    continue
                try:
                    event = orjson.loads(payload)
                except orjson.JSONDecodeError:
                    parts.append(self._read_lenient(payload))
                    if self.done:
                        break
                    continue
                if text := self._take(event, payload):
                    self._text.append(text)
                    parts.append(text)
        except AzureMLStreamError as error:
            # What came before it is handed over first; finish() raises it.
            self._failure, self.done = error, True
        return "".join(parts)

    def _read_lenient(self, payload: bytes) -> str:
        """Read an event that is no strict JSON: a lone surrogate, a number that is none, or one event a line."""
        try:
            event = loads(payload)
        except ValueError as error:
            if b"\n" in payload:
                return self._read(payload.split(b"\n"))
            raise AzureMLStreamError(
                "The endpoint's answer broke off in the middle of an event.", partial=self.text
            ) from error
        self._surrogates = self._surrogates or SurrogateJoiner()
        if text := self._take(event, payload):
            self._text.append(text)
        return text

    def _take(self, event: Any, payload: bytes) -> str:
        """Return the text of an event, and note what else it holds."""
        if type(event) is not dict:
            return self._take_other(event, payload)
        if event.get("error") or event.get("object") == "error":
            raise from_event(event, self.text)
        if event.get("usage"):
            self._usage = usage_of(event) or self._usage
        choices = event.get("choices")
        if type(choices) is not list:
            return self._take_other(event, payload)
        self._read_event = None  # this server speaks OpenAI
        if not choices:
            if results := event.get("prompt_filter_results"):
                self._metadata["prompt_filter_results"] = results
            return ""
        text = ""
        for choice in choices:
            # A stream is one message: of several choices, the first.
            if not isinstance(choice, dict) or (choice.get("index") and choice["index"] != "0"):
                continue
            text += self._take_choice(choice)
            if choice.get("finish_reason") or choice.get("logprobs") or choice.get("content_filter_results"):
                self._note_choice(choice, event)
        return text

    def _take_choice(self, choice: Mapping[str, Any]) -> str:
        delta = choice.get("delta")
        if isinstance(delta, dict):
            content = delta.get("content")
            if type(content) is str:
                if len(delta) > 1:
                    self._note_delta(delta)
            else:
                self._note_delta(delta)
                content = text_of(delta)
            if content:
                return self._without_reasoning(content)
        if isinstance(message := choice.get("message"), dict):
            return self._take_message(message)
        return self._without_reasoning(text) if isinstance(text := choice.get("text"), str) else ""

    def _take_message(self, message: Mapping[str, Any]) -> str:
        """Return the text of a message that the deltas before it did not hold."""
        if reasoning := reasoning_of(message):
            self._apart = True
            self._reasoning += self._thinking.new_in_message(without_surrogates(reasoning))
        if not self._calls.seen:
            self._calls.add(message)
        return self._divided(self._answer.new_in_message(without_surrogates(text_of(message))))

    def _note_delta(self, delta: Mapping[str, Any]) -> None:
        if reasoning := reasoning_of(delta):
            self._apart = True
            self._reasoning += self._thinking.new_in_delta(self._joined("reasoning", reasoning))
        if refusal := refusal_of(delta):
            self._refusal += self._joined("refusal", refusal)
        self._calls.add(delta, self._surrogates)

    def _note_choice(self, choice: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        metadata = choice_metadata(choice)
        if metadata.pop("finish_reason"):
            self._finished = True
            self._metadata["finish_reason"] = choice["finish_reason"]
            # The filter's results after the end name no model.
            self._metadata |= {
                name: value for name, value in answer_metadata(event).items() if value or name not in self._metadata
            }
        logprobs = metadata.pop("logprobs", None)
        for name, tokens in logprobs.items() if isinstance(logprobs, dict) else ():
            if isinstance(tokens, list):
                self._logprobs.setdefault(name, []).extend(tokens)
        if categories := metadata.pop("filtered_categories", None):
            self._metadata["filtered_categories"] = categories
        # The filter looks at more and more of the text; its last result counts.
        self._metadata |= metadata

    def _take_other(self, event: Any, payload: bytes) -> str:
        """The text of an event that is not OpenAI's."""
        try:
            raw = self._read_event(event, payload) if self._read_event else None
        except AzureMLResponseError:
            raw = None
        if raw is None:
            if not isinstance(event, dict):
                raise AzureMLStreamError("The endpoint sent an event that is no object.", partial=self.text)
            return ""
        self._other_events = True
        self._note_delta(raw)
        return self._without_reasoning(text_of(raw))

    def _without_reasoning(self, content: str) -> str:
        """What is new in the content of a delta, without the reasoning, which is noted."""
        if self._surrogates:
            content = self._surrogates.join("content", content)
        content = self._answer.new_in_delta(content)
        return content if self._splitter.answering else self._divided(content)

    def _divided(self, text: str) -> str:
        if not text or self._splitter.answering:
            return text
        split = self._splitter.feed(text)
        self._reasoning += split.reasoning
        return split.answer

    def _joined(self, of: str, text: str) -> str:
        return self._surrogates.join(of, text) if self._surrogates else text

    def _rest(self) -> str:
        """Return the text that was held back until the end, and note what else was."""
        text = self._divided(self._answer.finish())
        self._reasoning += self._thinking.finish()
        for of in self._surrogates.unpaired() if self._surrogates else ():
            if of == "content":
                text += self._divided("\ufffd")
            elif of == "reasoning":
                self._reasoning += "\ufffd"
            elif isinstance(of, int):
                self._calls.add_to(of, "\ufffd")
        if not self._splitter.answering:
            held = self._splitter.finish()
            self._reasoning += held.reasoning
            text += held.answer
        self._text.append(text)
        return text

    def _message(self, text: str, **rest: Any) -> AIMessageChunk:
        """Return a chunk of this text, and of what this read brought besides."""
        kind: type[AIMessageChunk] = AIMessageChunk
        if (">" in text or self._unsure) and (answer := self._after_reasoning(text)) is not None:
            if len(self.text) > len(text):
                kind = ReplacingChunk
            self._text, text = [answer], answer
        if additional_kwargs := additional_kwargs_of(self._reasoning, self._refusal):
            rest["additional_kwargs"] = additional_kwargs
        if fragments := self._calls.take():
            rest["tool_call_chunks"] = fragments
        self._reasoning = self._refusal = ""
        return kind(content=text, **rest)

    def _after_reasoning(self, text: str) -> str | None:
        """Return the answer where the text so far, whose end is ``text``, turns out to begin with reasoning.

        The reasoning is noted.
        """
        if (
            self._closed
            or self._splitter.opened
            or not (self._unsure or CLOSING_TAG in self._last_characters(len(text) + len(CLOSING_TAG)))
        ):
            return None
        so_far = self.text
        self._unsure = False
        if (split := split_at_closing_tag(so_far, apart=self._apart)) is None:
            self._unsure = so_far.endswith(CLOSING_TAG)
            return None
        self._closed = True
        self._reasoning = "" if self._apart else split.reasoning
        self._splitter = ReasoningSplitter(closed=True)
        return self._splitter.feed(split.answer).answer

    def _last_characters(self, size: int) -> str:
        """The last characters of the text so far, that many at least."""
        pieces: list[str] = []
        for piece in reversed(self._text):
            pieces.append(piece)
            size -= len(piece)
            if size <= 0:
                break
        return "".join(reversed(pieces))
