"""Messages to request bodies, replies to messages: the part of the chat model that its user may replace. Pure.

The names are langchain_community's. A formatter made for that package works here as it is, through
``formatter_adapter``. Containers that take plain text get a body of their own; replies are read alike by all of ours,
since the reply itself tells which shape it has.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Final

import orjson
from langchain_core.messages import BaseMessage, get_buffer_string
from langchain_core.outputs import ChatGeneration, Generation

from chatbot.azureml.endpoints import AzureMLEndpointApiType
from chatbot.azureml.errors import AzureMLResponseError, from_body
from chatbot.azureml.lenient_json import loads_complete
from chatbot.azureml.messages import fold_system, to_wire
from chatbot.azureml.response import generations_of, message_of
from chatbot.azureml.score_response import find_message, unwrapped
from chatbot.azureml.usage import usage_of

FORMATTER_HINT: Final = (
    "If the container speaks a format of its own, choose the formatter for it: AZUREML_CONTENT_FORMATTER in the "
    "application's settings, content_formatter in code."
)
_OPENAI_ONLY: Final = ("tools", "tool_choice", "response_format")


class ContentFormatterBase:
    """Turn messages into a request body and a reply body into a message; subclass it for odd containers.

    A subclass overrides one method for each direction: :meth:`format_messages_request_payload`, or
    :meth:`format_request_payload` for a model that takes plain text, and :meth:`format_response_payload`.
    What it makes of a request serves ``invoke`` and ``stream`` alike; where the endpoint streams events that are not
    OpenAI's, each of them is read by :meth:`format_response_payload`.

    Example:
        .. code-block:: python

            class EchoFormatter(ContentFormatterBase):
                def format_request_payload(self, prompt, model_kwargs, api_type):
                    return json.dumps({"inputs": prompt, "parameters": model_kwargs}).encode()

                def format_response_payload(self, output, api_type):
                    return ChatGeneration(message=AIMessage(json.loads(output)["result"]))
    """

    content_type: str | None = "application/json"
    """MIME type of the request body."""

    accepts: str | None = "application/json"
    """MIME type of the reply."""

    def format_request_payload(
        self, prompt: str, model_kwargs: dict[str, Any], api_type: AzureMLEndpointApiType
    ) -> bytes | str:
        """Return the request body for a conversation written down as one text (``Human: …``, ``AI: …``)."""
        raise NotImplementedError(
            f"{type(self).__name__} must override format_messages_request_payload or format_request_payload"
        )

    def format_messages_request_payload(
        self, messages: list[BaseMessage], model_kwargs: dict[str, Any], api_type: AzureMLEndpointApiType
    ) -> bytes | str:
        """Return the request body for ``messages`` with the model's parameters."""
        return self.format_request_payload(get_buffer_string(messages), model_kwargs, api_type)

    def format_response_payload(
        self, output: bytes, api_type: AzureMLEndpointApiType
    ) -> ChatGeneration | Generation | BaseMessage | str:
        """Return the answer that a complete reply body, or one streamed event, holds.

        Raises:
            AzureMLResponseError: The body is no answer this formatter can read.
        """
        raise NotImplementedError(f"{type(self).__name__} must override format_response_payload")


class CustomOpenAIChatContentFormatter(ContentFormatterBase):
    """The stock formatter: OpenAI messages, wrapped in ``input_data`` for dedicated ``/score`` endpoints."""

    def format_messages_request_payload(
        self, messages: list[BaseMessage], model_kwargs: dict[str, Any], api_type: AzureMLEndpointApiType
    ) -> bytes:
        """Return UTF-8 JSON, encoded once: the text of a message arrives byte for byte.

        Raises:
            ValueError: A message or a parameter has no JSON form, or ``/score`` has no form for one.
        """
        wire_messages = self._wire_messages(messages)
        given = {name: value for name, value in model_kwargs.items() if value is not None}
        body: dict[str, Any]
        if api_type == AzureMLEndpointApiType.serverless:
            body = {"messages": wire_messages, **given}
        else:
            body = {"input_data": {"input_string": wire_messages, "parameters": score_parameters(given)}}
        return json_body(body)

    def format_response_payload(self, output: bytes, api_type: AzureMLEndpointApiType) -> ChatGeneration:
        """Return the first answer of :meth:`format_choices`."""
        return self.format_choices(output)[0]

    def format_choices(self, output: bytes) -> list[ChatGeneration]:
        """Read an OpenAI completion with all its choices, or any of the shapes ``/score`` containers answer in.

        Raises:
            AzureMLResponseError: The body is an error, or nothing of the kind.
        """
        try:
            reply = unwrapped(loads_complete(output))
        except ValueError:
            raise _unreadable(self, f"not with JSON: {describe(output)}") from None
        if isinstance(reply, dict):
            if generations := generations_of(reply):
                return generations
            if reply.get("error") or reply.get("object") == "error":
                raise from_body(reply)
            if isinstance(reply.get("choices"), list):
                raise AzureMLResponseError("The endpoint answered without a choice.")
        if (raw := find_message(reply)) is None:
            raise _unreadable(self, f"not as a chat model: {describe(reply)}")
        message = message_of(raw)
        if isinstance(reply, dict):
            message.usage_metadata = usage_of(reply)
        return [ChatGeneration(message=message)]

    def _wire_messages(self, messages: list[BaseMessage]) -> list[dict[str, Any]]:
        return to_wire(messages)


class LlamaChatContentFormatter(CustomOpenAIChatContentFormatter):
    """langchain_community's older name of the stock formatter. Deprecated there, and here."""

    def __init__(self) -> None:
        super().__init__()
        warnings.warn(
            "LlamaChatContentFormatter is deprecated: use CustomOpenAIChatContentFormatter, which does the same.",
            DeprecationWarning,
            stacklevel=2,
        )


class MistralChatContentFormatter(CustomOpenAIChatContentFormatter):
    """For models without a system role, such as the open Mistral ones: its text goes into the first question."""

    def _wire_messages(self, messages: list[BaseMessage]) -> list[dict[str, Any]]:
        return fold_system(to_wire(messages))


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
        return json_body(self._body(f"{get_buffer_string(messages)}\nAI:", score_parameters(given)))

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
        return json_body({"question": question, "chat_history": turns})


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
        ValueError: There is none; the message lists those there are.
    """
    if (formatter := FORMATTERS.get(name.strip().lower())) is None:
        raise ValueError(f"there is no content formatter {name!r}; choose one of {', '.join(FORMATTERS)}")
    return formatter()


def score_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as containers behind ``/score`` take them: by Hugging Face's names.

    Raises:
        ValueError: Some of them such a route has no form for.
    """
    if asked := [name for name in _OPENAI_ONLY if given.get(name)]:
        raise ValueError(
            f"{', '.join(asked)}: a dedicated endpoint's /score route has no tools and no response formats; if its "
            "container also has OpenAI's route, set endpoint_url to …/v1/chat/completions"
        )
    parameters = {name: value for name, value in given.items() if name not in _OPENAI_ONLY}
    for name in ("max_tokens", "max_completion_tokens"):
        if (limit := parameters.pop(name, None)) is not None:
            parameters.setdefault("max_new_tokens", limit)
    return parameters


def json_body(body: Mapping[str, Any]) -> bytes:
    """Return a request body as UTF-8 JSON.

    Raises:
        ValueError: It has no JSON form.
    """
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise ValueError(f"the request cannot be written as JSON: {error}") from error


def _unreadable(formatter: ContentFormatterBase, how: str) -> AzureMLResponseError:
    name = type(formatter).__name__
    error = AzureMLResponseError(f"The endpoint answered, but {how}. It was read by {name}.")
    error.hint = f"{error.hint} {FORMATTER_HINT}"
    return error


def describe(reply: Any) -> str:
    """Describe a reply without its content: it may be long, and it may be private."""
    if isinstance(reply, dict):
        return "an object with the keys " + (", ".join(key[:40] for key in list(reply)[:8]) or "(none)")
    if isinstance(reply, bytes):
        start = reply[:64].lstrip().lower()
        return "a web page" if start.startswith((b"<!doctype", b"<html")) else f"{len(reply)} bytes of text"
    return f"a JSON {type(reply).__name__}"
