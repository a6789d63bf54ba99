"""LangChain's results from a good reply: whole or streamed, whichever came, whichever was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from chatbot.azureml.endpoints import AzureMLEndpointApiType
from chatbot.azureml.errors import AzureMLConnectionError, AzureMLTimeoutError
from chatbot.azureml.formatter_adapter import FormatterAdapter
from chatbot.azureml.framing import Framing, framing_of_whole
from chatbot.azureml.stream import ChatStream
from chatbot.azureml.usage import usage_in_headers

_SAME_IN_A_CHUNK: Final = (
    "content",
    "id",
    "additional_kwargs",
    "response_metadata",
    "usage_metadata",
    "tool_calls",
    "invalid_tool_calls",
)


class ResponseReader:
    """Makes LangChain's results of the replies of one endpoint.

    Args:
        formatter: Reads what is not OpenAI's.
        api_type: The API type that the formatter gets.
    """

    def __init__(self, formatter: FormatterAdapter, api_type: AzureMLEndpointApiType) -> None:
        self._formatter = formatter
        self._api_type = api_type

    def result(self, body: bytes, headers: Mapping[str, str], metadata: Mapping[str, Any]) -> ChatResult:
        """Return the answer in a complete body.

        Args:
            body: The body, be it one JSON text or all events of a stream.
            headers: Those of the reply.
            metadata: What is known of the answer already, for its ``response_metadata``.

        Raises:
            AzureMLError: It is no answer.
        """
        framing = framing_of_whole(body)
        result = self._formatter.result(body, self._api_type) if framing == "whole" else self._summed(body, framing)
        for generation in result.generations:
            generation.message.response_metadata |= metadata
        first = result.generations[0].message
        if isinstance(first, AIMessage) and first.usage_metadata is None:
            first.usage_metadata = usage_in_headers(headers)
        # LangChain adds it to the message, where streams have no more than their events hold.
        name = first.response_metadata.get("model_name")
        result.llm_output = {"model_name": name} if name else {}
        return result

    def chunk(self, body: bytes, headers: Mapping[str, str], metadata: Mapping[str, Any]) -> ChatGenerationChunk:
        """Return the result as the only chunk of a stream."""
        message = self.result(body, headers, metadata).generations[0].message
        fields = {name: getattr(message, name) for name in _SAME_IN_A_CHUNK if hasattr(message, name)}
        return ChatGenerationChunk(message=AIMessageChunk(**fields, chunk_position="last"))

    def stream(self, framing: Framing, metadata: Mapping[str, Any]) -> ChatStream:
        """Return the state of a stream that begins."""
        return ChatStream(metadata, self._event_message, framing)

    def _summed(self, body: bytes, framing: Framing) -> ChatResult:
        stream = self.stream(framing, {})
        first, last = stream.feed(body), stream.finish()
        message = message_chunk_to_message((first + last if first else last).message)
        reason = message.response_metadata.get("finish_reason")
        return ChatResult(generations=[ChatGeneration(message=message, generation_info={"finish_reason": reason})])

    def _event_message(self, event: Any, payload: bytes) -> Mapping[str, Any]:
        return self._formatter.event_message(event, payload, self._api_type)


@contextmanager
def keep_partial_text(stream: ChatStream) -> Iterator[None]:
    """Pass over a connection that breaks once the answer is complete; before, give the error the text so far."""
    try:
        yield
    except (AzureMLConnectionError, AzureMLTimeoutError) as error:
        if not stream.complete:
            error.partial = stream.text
            raise
