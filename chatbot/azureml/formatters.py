"""Messages to request bodies, replies to messages: the part of the chat model that its user may replace. Pure.

The names are langchain_community's. A formatter made for that package works here as it is: :func:`adopt` asks it
the way it expects to be asked.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from langchain_core.messages import AIMessage, BaseMessage, get_buffer_string
from langchain_core.outputs import ChatGeneration, ChatResult, Generation

from chatbot.azureml.errors import AzureMLResponseError, from_body
from chatbot.azureml.lenient import whole_loads
from chatbot.azureml.messages import fold_system, to_wire
from chatbot.azureml.replies import completion, message_of
from chatbot.azureml.score import opened, said_by, said_by_event
from chatbot.azureml.surfaces import AzureMLEndpointApiType
from chatbot.azureml.usage import usage_of

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_CHOICE = (
    "If the container speaks a format of its own, choose the formatter for it: AZUREML_CONTENT_FORMATTER in the "
    "application's settings, content_formatter in code."
)
_ONLY_OPENAI = ("tools", "tool_choice", "response_format")


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
        """Encode once, as UTF-8 JSON: what a person typed arrives byte for byte.

        Raises:
            ValueError: A message or a parameter has no JSON form, or ``/score`` is asked for what it has not.
        """
        wire_messages = self._wire_messages(messages)
        given = {name: value for name, value in model_kwargs.items() if value is not None}
        body: dict[str, Any]
        if api_type == AzureMLEndpointApiType.serverless:
            body = {"messages": wire_messages, **given}
        else:
            body = {"input_data": {"input_string": wire_messages, "parameters": container_parameters(given)}}
        return as_json(body)

    def format_response_payload(self, output: bytes, api_type: AzureMLEndpointApiType) -> ChatGeneration:
        """Return the first answer of :meth:`format_choices`."""
        return self.format_choices(output)[0]

    def format_choices(self, output: bytes) -> list[ChatGeneration]:
        """Read an OpenAI completion with all its choices, or any of the shapes ``/score`` containers answer in.

        Raises:
            AzureMLResponseError: The body is an error, or nothing of the kind.
        """
        try:
            reply = opened(whole_loads(output))
        except ValueError:
            raise _unreadable(self, f"not with JSON: {_shape(output)}") from None
        if isinstance(reply, dict):
            if generations := completion(reply):
                return generations
            if reply.get("error") or reply.get("object") == "error":
                raise from_body(reply)
            if isinstance(reply.get("choices"), list):
                raise AzureMLResponseError("The endpoint answered without a choice.")
        if (said := said_by(reply)) is None:
            raise _unreadable(self, f"not as a chat model: {_shape(reply)}")
        message = message_of(said)
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


class AdoptedFormatter:
    """Any formatter, asked the way it expects and answering the way the chat model expects."""

    def __init__(self, formatter: Any) -> None:
        self._formatter = formatter
        self.content_type: str = getattr(formatter, "content_type", None) or "application/json"
        self._reads_messages = _overrides(formatter, "format_messages_request_payload")
        name = "format_messages_request_payload" if self._reads_messages else "format_request_payload"
        self._format_request = getattr(formatter, name)
        self._format_response = formatter.format_response_payload
        # The first generation of formatters was not told the type.
        self._request_takes = _positional(self._format_request)
        self._response_takes = _positional(self._format_response)

    def body(self, messages: list[BaseMessage], parameters: dict[str, Any], api_type: AzureMLEndpointApiType) -> bytes:
        """Return the request body."""
        asked = messages if self._reads_messages else get_buffer_string(messages)
        body = self._format_request(*(asked, parameters, api_type)[: self._request_takes])
        return body.encode() if isinstance(body, str) else body

    def result(self, output: bytes, api_type: AzureMLEndpointApiType) -> ChatResult:
        """Return all that a complete reply body holds."""
        if _reads_as_stock(self._formatter):
            return ChatResult(generations=self._formatter.format_choices(output))
        try:
            answer = self._format_response(*(output, api_type)[: self._response_takes])
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            name = type(self._formatter).__name__
            failure = AzureMLResponseError(f"{name} could not read the endpoint's reply ({_shape_of(output)}).")
            failure.hint = _CHOICE
            raise failure from error
        return ChatResult(generations=[_generation(answer)])

    def said(self, event: Any, payload: bytes, api_type: AzureMLEndpointApiType) -> Mapping[str, Any]:
        """Return what a streamed event says that is not OpenAI's, as the raw message that it is.

        Args:
            event: The event's JSON value.
            payload: The same as it came.
            api_type: As for :meth:`result`.

        Raises:
            AzureMLResponseError: It is none that this formatter can read.
        """
        if not _reads_as_stock(self._formatter):
            return {"content": self.result(payload, api_type).generations[0].text}
        if (said := said_by_event(event)) is None:
            raise AzureMLResponseError("The endpoint sent an event that holds no text.")
        return said


def adopt(formatter: Any) -> AdoptedFormatter:
    """Take a formatter of ours, of langchain_community's, or of anyone's with the same two methods.

    Raises:
        TypeError: It has not got them.
    """
    for names in (("format_messages_request_payload", "format_request_payload"), ("format_response_payload",)):
        if not any(callable(getattr(formatter, name, None)) for name in names):
            raise TypeError(f"it has no method {names[0]}; derive it from chatbot.azureml.ContentFormatterBase")
    return AdoptedFormatter(formatter)


def _overrides(formatter: Any, name: str) -> bool:
    method = getattr(type(formatter), name, getattr(formatter, name, None))
    return callable(method) and method is not getattr(ContentFormatterBase, name)


def _positional(method: Callable[..., Any]) -> int | None:
    """How many arguments a method takes by position; None is any number."""
    kinds = [parameter.kind for parameter in inspect.signature(method).parameters.values()]
    return None if inspect.Parameter.VAR_POSITIONAL in kinds else sum(kind in _POSITIONAL for kind in kinds)


def _reads_as_stock(formatter: Any) -> bool:
    """Whether replies are read by the stock method, which alone knows of several choices."""
    return (
        isinstance(formatter, CustomOpenAIChatContentFormatter)
        and type(formatter).format_response_payload is CustomOpenAIChatContentFormatter.format_response_payload
    )


def _generation(answer: Any) -> ChatGeneration:
    if isinstance(answer, ChatGeneration):
        return answer
    if isinstance(answer, BaseMessage):
        return ChatGeneration(message=answer)
    text = answer.text if isinstance(answer, Generation) else answer
    if not isinstance(text, str):
        raise AzureMLResponseError(f"The content formatter returned a {type(answer).__name__}, which is no message.")
    return ChatGeneration(message=AIMessage(content=text))


def container_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as containers behind ``/score`` take them: by Hugging Face's names.

    Raises:
        ValueError: Some of them such a route has no form for.
    """
    if asked := [name for name in _ONLY_OPENAI if given.get(name)]:
        raise ValueError(
            f"{', '.join(asked)}: a dedicated endpoint's /score route has no tools and no response formats; if its "
            "container also has OpenAI's route, set endpoint_url to …/v1/chat/completions"
        )
    parameters = {name: value for name, value in given.items() if name not in _ONLY_OPENAI}
    for name in ("max_tokens", "max_completion_tokens"):
        if (limit := parameters.pop(name, None)) is not None:
            parameters.setdefault("max_new_tokens", limit)
    return parameters


def as_json(body: Mapping[str, Any]) -> bytes:
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
    error.hint = f"{error.hint} {_CHOICE}"
    return error


def _shape(reply: Any) -> str:
    """A reply described without repeating what it says: it may be long, and it may be private."""
    if isinstance(reply, dict):
        return "an object with the keys " + (", ".join(key[:40] for key in list(reply)[:8]) or "(none)")
    if isinstance(reply, bytes):
        start = reply[:64].lstrip().lower()
        return "a web page" if start.startswith((b"<!doctype", b"<html")) else f"{len(reply)} bytes of text"
    return f"a JSON {type(reply).__name__}"


def _shape_of(output: bytes) -> str:
    try:
        return _shape(whole_loads(output))
    except ValueError:
        return _shape(output)
