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
from langchain_core.messages.tool import ToolCallChunk, tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from chatbot.azureml.chunks import text_chunk
from chatbot.azureml.errors import AzureMLResponseError, AzureMLStreamError, from_event
from chatbot.azureml.reasoning import ThinkSplitter
from chatbot.azureml.replies import (
    arguments_of,
    beside_the_text,
    id_of,
    name_of,
    new_id,
    reasoning_of,
    text_of,
    told_by,
    told_of,
    tool_calls_of,
    usage_of,
)
from chatbot.azureml.sse import EventTooLargeError, SSEDecoder

ReadOther = Callable[[bytes], str]
"""Reads the text of an event that is not OpenAI's; raises AzureMLResponseError where there is none."""


class ChatStream:
    """One streamed answer.

    Args:
        told: What is known of it already, for the ``response_metadata`` of its last chunk.
        read_other: Reads events that are not OpenAI's, such as prompt flow's ``{"answer": …}``.
    """

    def __init__(self, told: Mapping[str, Any] | None = None, read_other: ReadOther | None = None) -> None:
        self._decoder = SSEDecoder()
        self._splitter = ThinkSplitter()
        self._calls = _CallIndex()
        self._read_other = read_other
        self._text: list[str] = []
        self._told: dict[str, Any] = dict(told or {})
        self._logprobs: dict[str, list[Any]] = {}
        self._usage: UsageMetadata | None = None
        self._finished = False
        self._foreign = False
        self._failure: AzureMLStreamError | None = None
        # What one read brought besides text.
        self._reasoning = ""
        self._refusal = ""
        self._fragments: dict[int, ToolCallChunk] = {}
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
        if self._reasoning or self._refusal or self._fragments:
            return ChatGenerationChunk(message=AIMessageChunk(content=text, **self._besides()))
        return text_chunk(text) if text else None

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
        # Prompt flow ends its streams by closing them, and says nothing.
        if not (was_complete or self.complete or (self._foreign and self._read_other)):
            raise AzureMLStreamError("The endpoint's answer broke off before it was complete.", partial=self.text)
        if not self._splitter.answering:
            held = self._splitter.finish()
            self._reasoning += held.reasoning
            self._text.append(held.answer)
            text += held.answer
        if self._logprobs:
            self._told["logprobs"] = self._logprobs
        return ChatGenerationChunk(
            message=AIMessageChunk(
                content=text,
                usage_metadata=self._usage,
                response_metadata=self._told,
                chunk_position="last",
                **self._besides(),
            )
        )

    def _read(self, payloads: Sequence[bytes]) -> str:
        parts: list[str] = []
        try:
            for payload in map(bytes.strip, payloads):
                if payload == b"[DONE]":
                    self.done = True
                    break
                if payload and (text := self._take(self._event(payload), payload)):
                    self._text.append(text)
                    parts.append(text)
        except AzureMLStreamError as error:
            # What came before it is handed over first; finish() tells the rest.
            self._failure, self.done = error, True
        return "".join(parts)

    def _take(self, event: Mapping[str, Any], payload: bytes) -> str:
        """Return the text of an event, and note what else it says."""
        if event.get("usage"):
            self._usage = usage_of(event)
        choices = event.get("choices")
        if type(choices) is not list:
            return self._take_other(payload)
        self._read_other = None  # this server speaks OpenAI
        if not choices:
            if results := event.get("prompt_filter_results"):
                self._told["prompt_filter_results"] = results
            return ""
        text = ""
        for choice in choices:
            # A stream is one message: of several choices, the first.
            if not isinstance(choice, dict) or choice.get("index"):
                continue
            delta = choice.get("delta") or choice.get("message")
            if isinstance(delta, dict):
                content = delta.get("content")
                text += self._answer_of(content if type(content) is str else text_of(delta))
                if len(delta) > 1 or content is None:
                    self._note_delta(delta)
            if choice.get("finish_reason") or choice.get("logprobs") or choice.get("content_filter_results"):
                self._note_choice(choice, event)
        return text

    def _note_delta(self, delta: Mapping[str, Any]) -> None:
        self._reasoning += reasoning_of(delta)
        if isinstance(refusal := delta.get("refusal"), str):
            self._refusal += refusal
        for call in tool_calls_of(delta):
            self._add_fragment(call)

    def _add_fragment(self, call: Mapping[str, Any]) -> None:
        """Put fragments of one call that came in one read together: LangChain only does so from chunk to chunk."""
        index, identifier, name = self._calls.of(call)
        arguments = arguments_of(call) or ""
        if (known := self._fragments.get(index)) is None:
            self._fragments[index] = tool_call_chunk(name=name, args=arguments, id=identifier, index=index)
        else:
            known["args"] = (known["args"] or "") + arguments
            known["name"] = known["name"] or name

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

    def _besides(self) -> dict[str, Any]:
        """Hand over what this read brought besides text."""
        fields: dict[str, Any] = {}
        if beside := beside_the_text(self._reasoning, self._refusal):
            fields["additional_kwargs"] = beside
        if self._fragments:
            fields["tool_call_chunks"] = list(self._fragments.values())
        self._reasoning, self._refusal, self._fragments = "", "", {}
        return fields

    def _take_other(self, payload: bytes) -> str:
        """The text of an event that is not OpenAI's."""
        if self._read_other is None:
            return ""
        try:
            text = self._read_other(payload)
        except AzureMLResponseError:
            return ""
        self._foreign = True
        return self._answer_of(text)

    def _answer_of(self, text: str) -> str:
        """The text without the thoughts, which are noted."""
        if not text or self._splitter.answering:
            return text
        split = self._splitter.feed(text)
        self._reasoning += split.reasoning
        return split.answer

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


class _CallIndex:
    """Which call a fragment belongs to. Serverless Mistral deployments number nothing: a new id is a new call.

    LangChain adds up what fragments say, so a name or an id that a server repeats is said once.
    """

    def __init__(self) -> None:
        self._current = 0
        self._ids: dict[str, int] = {}
        self._named: dict[int, bool] = {}

    def of(self, fragment: Mapping[str, Any]) -> tuple[int, str | None, str | None]:
        """Return the call's index; its id where the fragment is its first; its name where none was said before."""
        index, identifier, name = fragment.get("index"), id_of(fragment), name_of(fragment)
        if type(index) is not int:
            index = self._index_of(identifier, name)
        self._current = index
        if identifier:
            self._ids[identifier] = index
        is_first, is_named = index not in self._named, self._named.get(index, False)
        self._named[index] = is_named or name is not None
        return index, (identifier or new_id()) if is_first else None, None if is_named else name

    def _index_of(self, identifier: str | None, name: str | None) -> int:
        following = max(self._named, default=-1) + 1
        if identifier:
            return self._ids.get(identifier, following)
        # Without index and id, a name is what tells two calls apart.
        return following if name and self._named.get(self._current) else self._current
