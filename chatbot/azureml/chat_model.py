"""The LangChain chat model for Azure ML endpoints: LangChain's four methods over one endpoint."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils import from_env
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, field_validator, model_validator

from chatbot.azureml.errors import AzureMLConnectionError, AzureMLError, AzureMLTimeoutError, request_id
from chatbot.azureml.formatters import ChatStream, ContentFormatterBase, CustomOpenAIChatContentFormatter
from chatbot.azureml.surfaces import AzureMLEndpointApiType, Surface, resolve
from chatbot.azureml.transport import AsyncTransport, SyncTransport, WireRequest


def _env(name: str, default: str | None = "") -> Callable[[], Any]:
    """LangChain's ``from_env`` for a field that pydantic turns into what it should be; empty counts as not set."""
    read = from_env(name, default=default)
    return lambda: read() or default


class AzureMLChatOnlineEndpoint(BaseChatModel):
    """A chat model behind an Azure Machine Learning endpoint.

    Speaks two surfaces so far: dedicated online endpoints (``…/score``) and serverless deployments
    (``…/v1/chat/completions``). Constructor arguments and environment variables carry langchain_community's
    names.

    Example:
        .. code-block:: python

            from chatbot.azureml import AzureMLChatOnlineEndpoint

            model = AzureMLChatOnlineEndpoint(
                endpoint_url="https://name.region.models.ai.azure.com/v1/chat/completions",
                endpoint_api_key="…",
                model_kwargs={"temperature": 0.7, "max_tokens": 512},
            )
            for chunk in model.stream("What is a memory window?"):
                print(chunk.text, end="", flush=True)

    Raises:
        pydantic.ValidationError: On construction, naming the argument and the mend. An argument that does not
            exist is refused by name.
        AzureMLError: On use; each kind is also LangChain's ``ModelError`` of the same condition.
    """

    # Pydantic's errors would show the arguments, and the key is one of them.
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)

    endpoint_url: str = Field(default_factory=_env("AZUREML_ENDPOINT_URL"))
    """URL of the endpoint as the portal shows it. From ``AZUREML_ENDPOINT_URL`` when left out."""

    endpoint_api_key: SecretStr = Field(default_factory=_env("AZUREML_ENDPOINT_API_KEY"), validate_default=True)
    """Key of the endpoint. From ``AZUREML_ENDPOINT_API_KEY`` when left out."""

    endpoint_api_type: AzureMLEndpointApiType | None = Field(
        default_factory=_env("AZUREML_ENDPOINT_API_TYPE", None), validate_default=True
    )
    """``dedicated`` or ``serverless``: needed only where the URL does not tell."""

    deployment_name: str = Field(default_factory=_env("AZUREML_DEPLOYMENT_NAME"))
    """Deployment to call. Dedicated endpoints get it as a header, instead of their traffic split; serverless
    routes also get it as ``model``, which gateways in front of several models need."""

    timeout: float = Field(default_factory=_env("AZUREML_TIMEOUT", "190"), validate_default=True, gt=0)
    """Seconds to wait for the first byte of a reply, and for a whole one that is not streamed. The default is
    a little over the longest time a managed endpoint may take (180 s)."""

    stream_idle_timeout: float = Field(default=60.0, gt=0)
    """Seconds of silence in the middle of a stream after which it counts as broken."""

    max_retries: int = Field(default=2, ge=0)
    """How often a request is repeated after a failure that may pass. A stream is never repeated once its
    first byte has arrived, and nothing is repeated for longer than 30 seconds."""

    content_formatter: ContentFormatterBase = Field(default_factory=CustomOpenAIChatContentFormatter)
    """Turns messages into the request body and the reply into a message: an instance, or a class that needs no
    arguments, as many documents show it."""

    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Parameters for the model in every request, such as ``temperature``. Arguments of a call come on top and
    never stick."""

    _surface: Surface = PrivateAttr()
    _sync: SyncTransport = PrivateAttr()
    _async: AsyncTransport = PrivateAttr()

    @field_validator("content_formatter", mode="before")
    @classmethod
    def _instance(cls, value: Any) -> Any:
        return value() if isinstance(value, type) else value

    @model_validator(mode="after")
    def _connect(self) -> Self:
        _require("endpoint_url", self.endpoint_url)
        _require("endpoint_api_key", self.endpoint_api_key.get_secret_value())
        _require_header_safe("endpoint_api_key", self.endpoint_api_key.get_secret_value())
        _require_header_safe("deployment_name", self.deployment_name)
        try:
            self._surface = resolve(self.endpoint_url, self.endpoint_api_type)
        except ValueError as error:
            raise ValueError(f"endpoint_url: {error}") from error
        self._sync = SyncTransport(self.max_retries)
        self._async = AsyncTransport(self.max_retries)
        return self

    @property
    def _llm_type(self) -> str:
        return "azureml_chat_endpoint"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        # Part of LangChain's cache key: two endpoints must never answer for each other.
        return {
            "endpoint_url": self._surface.url,
            "deployment_name": self.deployment_name,
            "model_kwargs": self.model_kwargs,
        }

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "azureml"
        return params

    def close(self) -> None:
        """Close the idle connections of the sync methods."""
        self._sync.close()

    async def aclose(self) -> None:
        """Close the connections that the async methods opened in this event loop."""
        await self._async.aclose()

    # One request, whole or streamed, sync or async: the same steps over two transports.

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with self._sync.open(self._request(messages, stop, kwargs, stream=False)) as reply:
            return self._result(reply.read(), reply.headers)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        async with self._async.open(self._request(messages, stop, kwargs, stream=False)) as reply:
            return self._result(await reply.read(), reply.headers)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with self._sync.open(self._request(messages, stop, kwargs, stream=True)) as reply:
            if not _is_event_stream(reply.headers):
                yield _whole(self._result(reply.read(), reply.headers))
                return
            stream = ChatStream(request_id(reply.headers))
            with self._told(reply.headers, stream):
                with _unless_complete(stream):
                    for data in reply.chunks():
                        if chunk := stream.feed(data):
                            yield chunk
                        if stream.done:
                            reply.linger()
                            break
                yield stream.finish()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async with self._async.open(self._request(messages, stop, kwargs, stream=True)) as reply:
            if not _is_event_stream(reply.headers):
                yield _whole(self._result(await reply.read(), reply.headers))
                return
            stream = ChatStream(request_id(reply.headers))
            with self._told(reply.headers, stream):
                with _unless_complete(stream):
                    async for data in reply.chunks():
                        if chunk := stream.feed(data):
                            yield chunk
                        if stream.done:
                            await reply.linger()
                            break
                yield stream.finish()

    def _request(
        self, messages: list[BaseMessage], stop: list[str] | None, kwargs: Mapping[str, Any], *, stream: bool
    ) -> WireRequest:
        parameters = {**self.model_kwargs, **kwargs}
        if stop:
            parameters["stop"] = stop
        if self._surface.streams:
            if self.deployment_name:
                parameters.setdefault("model", self.deployment_name)
            if stream:
                parameters["stream"] = True
        body = self.content_formatter.format_messages_request_payload(messages, parameters, self._surface.api_type)
        key = self.endpoint_api_key.get_secret_value()
        return WireRequest(
            url=self._surface.url,
            headers=self._headers(key, stream=stream and self._surface.streams),
            body=body,
            key=key,
            timeout=self.timeout,
            idle_timeout=self.stream_idle_timeout,
        )

    def _headers(self, key: str, *, stream: bool) -> dict[str, str]:
        headers = {
            "Content-Type": self.content_formatter.content_type or "application/json",
            "Accept": "application/json, text/event-stream" if stream else "application/json",
            # Dedicated and serverless endpoints read the first, Azure OpenAI and Foundry the second.
            "Authorization": f"Bearer {key}",
            "api-key": key,
            "User-Agent": "azureml-chatbot",
            "x-ms-client-request-id": str(uuid.uuid4()),
        }
        if self.deployment_name:
            headers["azureml-model-deployment"] = self.deployment_name
        return headers

    def _result(self, body: bytes, headers: Mapping[str, str]) -> ChatResult:
        with self._told(headers):
            generation = self.content_formatter.format_response_payload(body, self._surface.api_type)
        if isinstance(generation.message, AIMessage) and (identifier := request_id(headers)):
            generation.message.response_metadata["request_id"] = identifier
        return ChatResult(generations=[generation])

    @contextmanager
    def _told(self, headers: Mapping[str, str], stream: ChatStream | None = None) -> Iterator[None]:
        """An error after good headers carries what was known by then: the request's id, the text; never the key."""
        try:
            yield
        except AzureMLError as error:
            error.request_id = error.request_id or request_id(headers)
            error.partial = stream.text if stream else ""
            error.blot(self.endpoint_api_key.get_secret_value())
            raise


def _require(name: str, value: str) -> None:
    if not value:
        raise ValueError(f"{name} is missing: pass it, or set AZUREML_{name.upper()}")


def _require_header_safe(name: str, value: str) -> None:
    """A line break in a header value would let it forge further headers; the value is not repeated here."""
    if not value.isprintable() or not value.isascii() or value != value.strip():
        raise ValueError(f"{name} has characters that cannot stand in a header (spaces around it, line breaks)")


def _is_event_stream(headers: Mapping[str, str]) -> bool:
    return "text/event-stream" in headers.get("content-type", "").lower()


def _whole(result: ChatResult) -> ChatGenerationChunk:
    """A reply that came whole although a stream was asked for, as the one chunk of its stream."""
    generation: ChatGeneration = result.generations[0]
    message = generation.message
    return ChatGenerationChunk(
        message=AIMessageChunk(
            content=message.content,
            id=message.id,
            response_metadata=message.response_metadata,
            usage_metadata=message.usage_metadata if isinstance(message, AIMessage) else None,
            chunk_position="last",
        )
    )


@contextmanager
def _unless_complete(stream: ChatStream) -> Iterator[None]:
    """Once the server has said that the answer is complete, a connection that breaks breaks nothing."""
    try:
        yield
    except (AzureMLConnectionError, AzureMLTimeoutError):
        if not stream.complete:
            raise
