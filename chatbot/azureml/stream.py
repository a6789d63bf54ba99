"""One streamed answer: bytes in, chunks out, and a verdict at the end. Everything but the socket. Pure.

All the text that one network read brought becomes one chunk: no token is held back, none costs more than it must.
What is told about the answer comes once, in the chunk that ends it, since LangChain adds up what chunks tell: how
the network cut the stream must not show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk

from chatbot.azureml.chunks import text_chunk
from chatbot.azureml.errors import AzureMLResponseError, AzureMLStreamError, from_event
from chatbot.azureml.framing import Framing, decoder_of
from chatbot.azureml.lenient import Halves, loads, mended
from chatbot.azureml.parts import reasoning_of, refusal_of, text_of
from chatbot.azureml.reasoning import CLOSE, ThinkSplitter, closing
from chatbot.azureml.recalling import FirstChunk, RecallingChunk
from chatbot.azureml.repetition import NewText
from chatbot.azureml.replies import beside_the_text, told_by, told_of
from chatbot.azureml.sse import EventTooLargeError
from chatbot.azureml.tool_calls import CallFragments
from chatbot.azureml.usage import usage_of

ReadOther = Callable[[Any, bytes], Mapping[str, Any]]
"""Reads an event that is not OpenAI's, from its JSON value or the bytes of it: returns the raw message that it holds;
raises AzureMLResponseError where there is none."""


class ChatStream:
    """One streamed answer.

    Args:
        told: What is known of it already, for the ``response_metadata`` of its last chunk.
        read_other: Reads events that are not OpenAI's, such as prompt flow's ``{"answer": …}``.
        framing: How its events are cut.
    """

    def __init__(
        self,
        told: Mapping[str, Any] | None = None,
        read_other: ReadOther | None = None,
        framing: Framing = "events",
    ) -> None:
        self._decoder = decoder_of(framing)
        self._splitter = ThinkSplitter()
        self._said = NewText()
        self._thought = NewText()
        self._calls = CallFragments()
        self._halves: Halves | None = None  # only where the server cuts pairs
        self._read_other = read_other
        self._text: list[str] = []
        self._told: dict[str, Any] = dict(told or {})
        self._logprobs: dict[str, list[Any]] = {}
        self._usage: UsageMetadata | None = None
        self._finished = False
        self._foreign = False
        self._apart = False  # are the thoughts sent apart from the answer?
        self._closed = False  # were thoughts taken out of the answer?
        self._unsure = False  # does the text end with what may have closed thoughts?
        self._begun = False
        self._failure: AzureMLStreamError | None = None
        # What one read brought besides text.
        self._reasoning = ""
        self._refusal = ""
        self.done = False
        """The server said ``[DONE]``, or failed: nothing that follows counts."""

    @property
    def text(self) -> str:
        """The answer so far, without the thoughts."""
        return "".join(self._text)

    @property
    def complete(self) -> bool:
        """The server said that the answer is: ``[DONE]``, or a finish reason."""
        return self._failure is None and (self.done or self._finished)

    def feed(self, data: bytes) -> ChatGenerationChunk | None:
        """Take what one read brought; return what it says as one chunk, or None where it says nothing.

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
        """The server is done, or the connection ended: return what is left to tell, if the answer is complete.

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
        # Prompt flow ends its streams by closing them, and says nothing.
        if not (was_complete or self.complete or (self._foreign and self._read_other)):
            raise AzureMLStreamError("The endpoint's answer broke off before it was complete.", partial=self.text)
        if self._logprobs:
            self._told["logprobs"] = self._logprobs
        told = mended(self._told) if self._halves else self._told
        message = self._message(text, usage_metadata=self._usage, response_metadata=told, chunk_position="last")
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
                    parts.append(self._read_odd(payload))
                    if self.done:
                        break
                    continue
                if text := self._take(event, payload):
                    self._text.append(text)
                    parts.append(text)
        except AzureMLStreamError as error:
            # What came before it is handed over first; finish() tells the rest.
            self._failure, self.done = error, True
        return "".join(parts)

    def _read_odd(self, payload: bytes) -> str:
        """Read an event that is no strict JSON: half a pair, a number that is none, or lines that are events each."""
        try:
            event = loads(payload)
        except ValueError as error:
            if b"\n" in payload:
                return self._read(payload.split(b"\n"))
            raise AzureMLStreamError(
                "The endpoint's answer broke off in the middle of an event.", partial=self.text
            ) from error
        self._halves = self._halves or Halves()
        if text := self._take(event, payload):
            self._text.append(text)
        return text

    def _take(self, event: Any, payload: bytes) -> str:
        """Return the text of an event, and note what else it says."""
        if type(event) is not dict:
            return self._take_other(event, payload)
        if event.get("error") or event.get("object") == "error":
            raise from_event(event, self.text)
        if event.get("usage"):
            self._usage = usage_of(event) or self._usage
        choices = event.get("choices")
        if type(choices) is not list:
            return self._take_other(event, payload)
        self._read_other = None  # this server speaks OpenAI
        if not choices:
            if results := event.get("prompt_filter_results"):
                self._told["prompt_filter_results"] = results
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
                return self._answer_of(content)
        if isinstance(message := choice.get("message"), dict):
            return self._take_message(message)
        return self._answer_of(text) if isinstance(text := choice.get("text"), str) else ""

    def _take_message(self, message: Mapping[str, Any]) -> str:
        """Return what a message says that the deltas before it did not."""
        if thoughts := reasoning_of(message):
            self._apart = True
            self._reasoning += self._thought.of_message(mended(thoughts))
        if not self._calls.seen:
            self._calls.add(message)
        return self._divided(self._said.of_message(mended(text_of(message))))

    def _note_delta(self, delta: Mapping[str, Any]) -> None:
        if thoughts := reasoning_of(delta):
            self._apart = True
            self._reasoning += self._thought.of_delta(self._joined("reasoning", thoughts))
        if refusal := refusal_of(delta):
            self._refusal += self._joined("refusal", refusal)
        self._calls.add(delta, self._halves)

    def _note_choice(self, choice: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        told = told_of(choice)
        if told.pop("finish_reason"):
            self._finished = True
            self._told["finish_reason"] = choice["finish_reason"]
            # What the filter adds after the end names no model.
            self._told |= {name: value for name, value in told_by(event).items() if value or name not in self._told}
        logprobs = told.pop("logprobs", None)
        for name, tokens in logprobs.items() if isinstance(logprobs, dict) else ():
            if isinstance(tokens, list):
                self._logprobs.setdefault(name, []).extend(tokens)
        if categories := told.pop("filtered_categories", None):
            self._told["filtered_categories"] = categories
        # The filter looks at more and more of the text; its last word counts.
        self._told |= told

    def _take_other(self, event: Any, payload: bytes) -> str:
        """The text of an event that is not OpenAI's."""
        try:
            said = self._read_other(event, payload) if self._read_other else None
        except AzureMLResponseError:
            said = None
        if said is None:
            if not isinstance(event, dict):
                raise AzureMLStreamError("The endpoint sent an event that is no object.", partial=self.text)
            return ""
        self._foreign = True
        self._note_delta(said)
        return self._answer_of(text_of(said))

    def _answer_of(self, content: str) -> str:
        """What is new in the content of a delta, without the thoughts, which are noted."""
        if self._halves:
            content = self._halves.joined("content", content)
        content = self._said.of_delta(content)
        return content if self._splitter.answering else self._divided(content)

    def _divided(self, text: str) -> str:
        if not text or self._splitter.answering:
            return text
        split = self._splitter.feed(text)
        self._reasoning += split.reasoning
        return split.answer

    def _joined(self, of: str, text: str) -> str:
        return self._halves.joined(of, text) if self._halves else text

    def _rest(self) -> str:
        """The stream is over: return the text that was held back, and note what else was."""
        text = self._divided(self._said.finish())
        self._reasoning += self._thought.finish()
        for of in self._halves.left() if self._halves else ():
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
        if (">" in text or self._unsure) and (answer := self._after_thoughts(text)) is not None:
            if len(self.text) > len(text):
                kind = RecallingChunk
            self._text, text = [answer], answer
        if beside := beside_the_text(self._reasoning, self._refusal):
            rest["additional_kwargs"] = beside
        if fragments := self._calls.take():
            rest["tool_call_chunks"] = fragments
        self._reasoning = self._refusal = ""
        return kind(content=text, **rest)

    def _after_thoughts(self, text: str) -> str | None:
        """Return the answer where the text so far, whose end is ``text``, turns out to begin with thoughts.

        The thoughts are noted.
        """
        if self._closed or self._splitter.opened or not (self._unsure or CLOSE in self._end(len(text) + len(CLOSE))):
            return None
        so_far = self.text
        self._unsure = False
        if (split := closing(so_far, apart=self._apart)) is None:
            self._unsure = so_far.endswith(CLOSE)
            return None
        self._closed = True
        self._reasoning = "" if self._apart else split.reasoning
        self._splitter = ThinkSplitter(closed=True)
        return self._splitter.feed(split.answer).answer

    def _end(self, size: int) -> str:
        """The last characters of the text so far, that many at least."""
        pieces: list[str] = []
        for piece in reversed(self._text):
            pieces.append(piece)
            size -= len(piece)
            if size <= 0:
                break
        return "".join(reversed(pieces))
