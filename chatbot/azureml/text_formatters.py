"""Formatters for models that take plain text instead of messages, as langchain_community has them, and all by name.

Replies are read as the stock formatter reads them: which shape a container answers in is the reply's to tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from langchain_core.messages import BaseMessage, get_buffer_string

from chatbot.azureml.formatters import (
    ContentFormatterBase,
    CustomOpenAIChatContentFormatter,
    MistralChatContentFormatter,
    as_json,
    container_parameters,
)
from chatbot.azureml.messages import to_wire
from chatbot.azureml.surfaces import AzureMLEndpointApiType


class OpenAIChatContentFormatter(CustomOpenAIChatContentFormatter):
    """OpenAI's body on every route: for containers that take it on ``/score`` too."""

    def format_messages_request_payload(
        self, messages: list[BaseMessage], model_kwargs: dict[str, Any], api_type: AzureMLEndpointApiType
    ) -> bytes:
        """Return OpenAI's body."""
        return super().format_messages_request_payload(messages, model_kwargs, AzureMLEndpointApiType.serverless)


class CustomOpenAIContentFormatter(CustomOpenAIChatContentFormatter):
    """For text models behind ``/score``: ``{"input_data": {"input_string": [text], "parameters": {…}}}``."""

    def format_messages_request_payload(
        self, messages: list[BaseMessage], model_kwargs: dict[str, Any], api_type: AzureMLEndpointApiType
    ) -> bytes:
        """Return the body for the conversation written down as one text that the model goes on with."""
        given = {name: value for name, value in model_kwargs.items() if value is not None}
        return as_json(self._body(f"{get_buffer_string(messages)}\nAI:", container_parameters(given)))

    def _body(self, text: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"input_data": {"input_string": [text], "parameters": parameters}}


class GPT2ContentFormatter(CustomOpenAIContentFormatter):
    """For GPT-2 and its like: ``{"inputs": {"input_string": [text]}, "parameters": {…}}``."""

    def _body(self, text: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"inputs": {"input_string": [text]}, "parameters": parameters}


class HFContentFormatter(CustomOpenAIContentFormatter):
    """For pipelines of Hugging Face: ``{"inputs": [text], "parameters": {…}}``."""

    def _body(self, text: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"inputs": [text], "parameters": {"return_full_text": False, **parameters}}


class DollyContentFormatter(CustomOpenAIContentFormatter):
    """For Dolly: ``{"input_data": {"input_string": [text]}, "parameters": {…}}``."""

    def _body(self, text: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"input_data": {"input_string": [text]}, "parameters": parameters}


class PromptFlowContentFormatter(CustomOpenAIChatContentFormatter):
    """For chat flows of prompt flow: ``{"question": …, "chat_history": [{"inputs": …, "outputs": …}, …]}``."""

    def format_messages_request_payload(
        self, messages: list[BaseMessage], model_kwargs: dict[str, Any], api_type: AzureMLEndpointApiType
    ) -> bytes:
        """Return the last question, and the turns before it. A flow has prompts and parameters of its own."""
        turns: list[dict[str, Any]] = []
        question: Any = ""
        for message in to_wire(messages):
            if message["role"] == "user":
                question = message["content"]
            elif message["role"] == "assistant":
                turns.append({"inputs": {"question": question}, "outputs": {"answer": message["content"]}})
        return as_json({"question": question, "chat_history": turns})


FORMATTERS: Final[Mapping[str, type[ContentFormatterBase]]] = {
    "chat": CustomOpenAIChatContentFormatter,
    "openai": OpenAIChatContentFormatter,
    "mistral": MistralChatContentFormatter,
    "promptflow": PromptFlowContentFormatter,
    "text": CustomOpenAIContentFormatter,
    "gpt2": GPT2ContentFormatter,
    "hf": HFContentFormatter,
    "dolly": DollyContentFormatter,
}
"""Formatters by the names that a setting may have."""


def formatter_named(name: str) -> ContentFormatterBase:
    """Return the formatter of that name.

    Raises:
        ValueError: There is none; says which there are.
    """
    if (formatter := FORMATTERS.get(name.strip().lower())) is None:
        raise ValueError(f"there is no content formatter {name!r}; choose one of {', '.join(FORMATTERS)}")
    return formatter()
