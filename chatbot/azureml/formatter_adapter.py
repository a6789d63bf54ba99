"""Any content formatter, called the way it expects and answering the way the chat model expects."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, get_buffer_string
from langchain_core.outputs import ChatGeneration, ChatResult, Generation

from chatbot.azureml.endpoints import AzureMLEndpointApiType
from chatbot.azureml.errors import AzureMLResponseError
from chatbot.azureml.formatters import FORMATTER_HINT, ContentFormatterBase, CustomOpenAIChatContentFormatter, describe
from chatbot.azureml.lenient_json import loads_complete
from chatbot.azureml.score_response import find_event_message

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class FormatterAdapter:
    """Calls a formatter of any generation with the arguments that its methods take."""

    def __init__(self, formatter: Any) -> None:
        self._formatter = formatter
        self.content_type: str = getattr(formatter, "content_type", None) or "application/json"
        self._reads_messages = _overrides(formatter, "format_messages_request_payload")
        name = "format_messages_request_payload" if self._reads_messages else "format_request_payload"
        self._format_request = getattr(formatter, name)
        self._format_response = formatter.format_response_payload
        # The first generation of formatters took no API type.
        self._request_takes = _positional(self._format_request)
        self._response_takes = _positional(self._format_response)

    def body(self, messages: list[BaseMessage], parameters: dict[str, Any], api_type: AzureMLEndpointApiType) -> bytes:
        """Return the request body."""
        prompt = messages if self._reads_messages else get_buffer_string(messages)
        body = self._format_request(*(prompt, parameters, api_type)[: self._request_takes])
        return body.encode() if isinstance(body, str) else body

    def result(self, output: bytes, api_type: AzureMLEndpointApiType) -> ChatResult:
        """Return all that a complete reply body holds."""
        if _reads_as_stock(self._formatter):
            return ChatResult(generations=self._formatter.format_choices(output))
        try:
            answer = self._format_response(*(output, api_type)[: self._response_takes])
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            name = type(self._formatter).__name__
            failure = AzureMLResponseError(f"{name} could not read the endpoint's reply ({_describe_body(output)}).")
            failure.hint = FORMATTER_HINT
            raise failure from error
        return ChatResult(generations=[_generation(answer)])

    def event_message(self, event: Any, payload: bytes, api_type: AzureMLEndpointApiType) -> Mapping[str, Any]:
        """Return the raw message that a streamed event holds which is not OpenAI's.

        Args:
            event: The event's JSON value.
            payload: The same, as received.
            api_type: As for :meth:`result`.

        Raises:
            AzureMLResponseError: There is none that this formatter can read.
        """
        if not _reads_as_stock(self._formatter):
            return {"content": self.result(payload, api_type).generations[0].text}
        if (raw := find_event_message(event)) is None:
            raise AzureMLResponseError("The endpoint sent an event that holds no text.")
        return raw


def adapt(formatter: Any) -> FormatterAdapter:
    """Wrap a formatter of ours, of langchain_community's, or of anyone's with the same two methods.

    Raises:
        TypeError: It lacks one of them.
    """
    for names in (("format_messages_request_payload", "format_request_payload"), ("format_response_payload",)):
        if not any(callable(getattr(formatter, name, None)) for name in names):
            raise TypeError(f"it has no method {names[0]}; derive it from chatbot.azureml.ContentFormatterBase")
    return FormatterAdapter(formatter)


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


def _describe_body(output: bytes) -> str:
    try:
        return describe(loads_complete(output))
    except ValueError:
        return describe(output)
