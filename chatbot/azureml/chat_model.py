"""The LangChain chat model for Azure ML endpoints: LangChain's methods over one endpoint, no wire details."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun, Callbacks
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config, merge_configs
from langchain_core.utils import from_env
from pydantic import (
    AliasChoices,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails

from chatbot.azureml.auth import CredentialIdentity, Identity, KeyIdentity, TokenIdentity, require_header_safe
from chatbot.azureml.errors import (
    AzureMLAuthenticationError,
    AzureMLError,
    AzureMLInvalidRequestError,
)
from chatbot.azureml.formatters import AdoptedFormatter, adopt
from chatbot.azureml.reading import ReplyReader, unless_complete
from chatbot.azureml.replies import told_in_headers
from chatbot.azureml.request_repair import RefusalMemory, RepairableRequest
from chatbot.azureml.retry_events import ARGUMENT as RETRY_ARGUMENT
from chatbot.azureml.retry_events import with_retry_events
from chatbot.azureml.surfaces import AzureMLEndpointApiType, Surface, resolve
from chatbot.azureml.text_formatters import formatter_named
from chatbot.azureml.transport import WireRequest

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from chatbot.azureml.async_transport import AsyncReply, AsyncTransport
    from chatbot.azureml.structured import Method, Schema, Tool
    from chatbot.azureml.sync_transport import SyncReply, SyncTransport

DEFAULT_MAX_TOKENS = 1024
"""Sent to serverless deployments when the caller names no limit: some of them end after 16 tokens without."""

_TRANSPORTS = ("_sync", "_async")

_HEADER_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)

_OWN_HEADERS = frozenset(
    {"accept", "api-key", "authorization", "azureml-model-deployment", "connection", "content-length", "content-type"}
    | {"extra-parameters", "host", "transfer-encoding", "user-agent", "x-ms-client-request-id"}
)


def _env(name: str, default: str | None = "") -> Callable[[], Any]:
    """LangChain's ``from_env`` for a field that pydantic turns into what it should be; empty counts as not set."""
    read = from_env(name, default=default)
    return lambda: read() or default


@dataclass(frozen=True, slots=True)
class _Call:
    """One question to the endpoint, and what was already tried to have it answered."""

    request: RepairableRequest
    stream: bool
    timeout: float
    on_retry: Callable[[RetryCallState], Any] | None
    renewed: bool = False


class AzureMLChatOnlineEndpoint(BaseChatModel):
    """A chat model behind an Azure Machine Learning, Azure AI Foundry or Azure OpenAI endpoint.

    One class for all of them: dedicated (managed online) endpoints, serverless deployments and Foundry resources.
    Which one it is, is read off the URL. Constructor arguments and environment variables carry
    langchain_community's names; any other argument is refused by its name.

    Setup:
        Take the URL and the key from the endpoint's page in the portal, with or without its path:

        ==================================================  ===================================================
        what you have                                       ``endpoint_url``
        ==================================================  ===================================================
        dedicated endpoint                                  ``https://NAME.REGION.inference.ml.azure.com/score``
        the same, if its container has OpenAI's route       ``https://NAME.REGION.inference.ml.azure.com/v1``
        serverless deployment                               ``https://NAME.REGION.models.ai.azure.com``
        Foundry resource (needs ``deployment_name``)        ``https://NAME.services.ai.azure.com``
        the same, Model Inference API                       ``https://NAME.services.ai.azure.com/models``
        Azure OpenAI deployment                             ``https://NAME.openai.azure.com/openai/deployments/DEP``
        ==================================================  ===================================================

        .. code-block:: bash

            export AZUREML_ENDPOINT_URL="https://…"
            export AZUREML_ENDPOINT_API_KEY="…"

    Invoke and stream:
        .. code-block:: python

            from chatbot.azureml import AzureMLChatOnlineEndpoint

            model = AzureMLChatOnlineEndpoint(temperature=0.7, max_tokens=512)
            model.invoke("What is a memory window?").text
            for chunk in model.stream("And what is it for?"):
                print(chunk.text, end="", flush=True)

        ``ainvoke`` and ``astream`` do the same without blocking. Parameters of a call
        (``model.invoke(…, temperature=0)``) hold for that call only; ``timeout`` is one of them.

    Tools and structured output:
        .. code-block:: python

            model.bind_tools([get_weather]).invoke("Weather in Seoul?").tool_calls
            model.with_structured_output(Joke).invoke("A joke about cats")

    Microsoft Entra ID instead of a key:
        .. code-block:: python

            from azure.identity import DefaultAzureCredential

            AzureMLChatOnlineEndpoint(endpoint_url="https://…", credential=DefaultAzureCredential())

    What an answer carries:
        ``usage_metadata`` has the token counts; ``response_metadata`` has ``finish_reason``, ``model_name``,
        ``request_id``, ``rate_limit``, ``content_filter_results``, ``filtered_categories``, ``logprobs`` and
        ``dropped_parameters``, each where the endpoint tells it; ``additional_kwargs`` has ``reasoning_content``
        and ``refusal``.

    Raises:
        pydantic.ValidationError: On construction, naming the argument and the mend.
        AzureMLError: On use; each kind is also LangChain's ``ModelError`` of the same condition.
        ValueError: On use, for a request that the endpoint's route has no form for.
    """

    # Pydantic's errors would show the arguments, and the key is one of them.
    model_config = ConfigDict(
        extra="forbid",
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        # Building the validator takes as long as importing all the rest: whoever makes a model pays for it.
        defer_build=True,
    )

    endpoint_url: str = Field(default_factory=_env("AZUREML_ENDPOINT_URL"))
    """URL of the endpoint as the portal shows it. From ``AZUREML_ENDPOINT_URL`` when left out."""

    endpoint_api_key: SecretStr = Field(
        default_factory=_env("AZUREML_ENDPOINT_API_KEY"),
        validate_default=True,
        validation_alias=AliasChoices("endpoint_api_key", "api_key"),
    )
    """Key of the endpoint. From ``AZUREML_ENDPOINT_API_KEY`` when left out."""

    credential: Any = Field(default=None, exclude=True, repr=False)
    """An ``azure-identity`` credential to use instead of the key, such as ``DefaultAzureCredential()``, sync or
    async. Its tokens are kept and renewed."""

    azure_ad_token_provider: Callable[[], Any] | None = Field(default=None, exclude=True, repr=False)
    """A function that returns a valid Entra ID token, sync or async, to use instead of the key: what
    ``azure.identity.get_bearer_token_provider`` makes. It is asked before each request."""

    endpoint_api_type: AzureMLEndpointApiType | None = Field(
        default_factory=_env("AZUREML_ENDPOINT_API_TYPE", None), validate_default=True
    )
    """``dedicated`` or ``serverless``: needed only where the URL does not tell. From ``AZUREML_ENDPOINT_API_TYPE``."""

    deployment_name: str = Field(default_factory=_env("AZUREML_DEPLOYMENT_NAME"))
    """Deployment to call. Dedicated endpoints get it as a header, instead of their traffic split; Foundry resources
    need it, and get it as ``model``. From ``AZUREML_DEPLOYMENT_NAME`` when left out."""

    model: str = Field(default="", validation_alias=AliasChoices("model", "model_name"))
    """The request's ``model``, where it is another name than the deployment's: a container may know its model by a
    name of its own."""

    temperature: float | None = None
    """Randomness of the answer; the endpoint's default when left out, as for all parameters below."""

    top_p: float | None = None
    """Share of the likeliest tokens to choose from."""

    max_tokens: int | None = Field(default=None, gt=0)
    """Longest answer, in tokens. Dedicated ``/score`` routes get it as ``max_new_tokens``."""

    stop: list[str] | None = Field(default=None, validation_alias=AliasChoices("stop", "stop_sequences"))
    """Texts at which the answer ends."""

    seed: int | None = None
    """For answers that repeat, as far as the model can."""

    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Any further parameters of the request, for every call. Arguments of a call come on top and never stick."""

    extra_parameters: Literal["error", "drop", "pass-through"] | None = None
    """What the Model Inference API does with parameters it does not know, sent as the ``extra-parameters`` header:
    refuse the request, leave them out, or hand them to the model. When left out, the header is not sent, and a
    request that is refused for a parameter, or its value, is repeated without it (a limit of the answer under the other
    of its two names); each answer's ``response_metadata["dropped_parameters"]`` and one warning say which. What was
    refused is remembered for an hour, so that the next request is taken at once."""

    streaming: bool = False
    """Stream also where ``invoke`` was called."""

    stream_usage: bool | None = None
    """Ask streams for token counts (``stream_options``). Left out, they are asked where that is needed and known."""

    timeout: float = Field(
        default_factory=_env("AZUREML_TIMEOUT", "190"),
        validate_default=True,
        gt=0,
        validation_alias=AliasChoices("timeout", "request_timeout"),
    )
    """Seconds to wait for the first byte of a reply, and for a whole one that is not streamed. The default is
    a little over the longest time a managed endpoint may take (180 s). From ``AZUREML_TIMEOUT`` when left out."""

    stream_idle_timeout: float = Field(default=60.0, gt=0)
    """Seconds of silence in the middle of a stream after which it counts as broken."""

    max_retries: int = Field(default=2, ge=0)
    """How often a request is repeated after a failure that may pass. A stream is never repeated once its
    first byte has arrived."""

    default_headers: dict[str, str] = Field(default_factory=dict, exclude=True, repr=False)
    """Further headers for every request, such as the subscription key of a gateway in front of the endpoint."""

    content_formatter: Any = Field(default_factory=_env("AZUREML_CONTENT_FORMATTER", "chat"), validate_default=True)
    """Turns messages into the request body and the reply into a message: a name, as of
    :func:`formatter_named`; or an instance, or a class that needs no arguments, of :class:`ContentFormatterBase`, of
    langchain_community's, or of anything with its two methods. From ``AZUREML_CONTENT_FORMATTER`` when left out;
    without, ``chat``, whose body the URL decides."""

    _surface: Surface = PrivateAttr()
    _identity: Identity = PrivateAttr()
    _formatter: AdoptedFormatter = PrivateAttr()
    _refusals: RefusalMemory = PrivateAttr(default_factory=RefusalMemory)
    _reader: ReplyReader = PrivateAttr()

    def __init__(self, **arguments: Any) -> None:
        try:
            super().__init__(**arguments)
        except ValidationError as error:
            raise _without_inputs(error) from None

    @field_validator("content_formatter")
    @classmethod
    def _instance(cls, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return formatter_named(value or "chat")
        formatter = value() if isinstance(value, type) else value
        try:
            adopt(formatter)
        except TypeError as error:
            raise ValueError(str(error)) from error
        return formatter

    @field_validator("default_headers")
    @classmethod
    def _header_safe(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} cannot stand in a header, as its name")
            if name.lower() in _OWN_HEADERS:
                raise ValueError(f"{name}: the model writes this header itself")
            require_header_safe(name, text)
        return value

    @field_serializer("content_formatter")
    def _name_of(self, value: Any) -> str:
        return f"{type(value).__module__}.{type(value).__qualname__}"

    @model_validator(mode="after")
    def _connect(self) -> Self:
        if not self.endpoint_url:
            raise ValueError("endpoint_url is missing: pass it, or set AZUREML_ENDPOINT_URL")
        require_header_safe("deployment_name", self.deployment_name)
        try:
            self._surface = resolve(self.endpoint_url, self.endpoint_api_type)
        except ValueError as error:
            raise ValueError(f"endpoint_url: {error}") from error
        if twice := sorted(self._own_parameters.keys() & self.model_kwargs.keys()):
            raise ValueError(f"{', '.join(twice)}: given as an argument and in model_kwargs; keep one")
        self._identity = self._identify()
        self._formatter = adopt(self.content_formatter)
        self._reader = ReplyReader(self._formatter, self._surface.api_type)
        return self

    def _identify(self) -> Identity:
        key = self.endpoint_api_key.get_secret_value()
        if self.credential is not None and self.azure_ad_token_provider is not None:
            raise ValueError("credential and azure_ad_token_provider: give one of them")
        if self.azure_ad_token_provider is not None:
            return TokenIdentity(self.azure_ad_token_provider)
        if self.credential is None:
            if not key:
                raise ValueError(
                    "endpoint_api_key is missing: pass it, or set AZUREML_ENDPOINT_API_KEY; "
                    "for Microsoft Entra ID pass credential"
                )
            return KeyIdentity(key)
        if not hasattr(self.credential, "get_token"):
            raise ValueError("credential must have a method get_token, as those of azure-identity have")
        return CredentialIdentity(self.credential, self._surface.scope)

    @property
    def _sync(self) -> SyncTransport:
        transport: SyncTransport | None = self.__dict__.get("_sync")
        if transport is None:
            # Imported when needed: importing the model shall cost little more than importing LangChain's.
            from chatbot.azureml.sync_transport import SyncTransport

            # Of threads that come first at once, one's is kept.
            transport = self.__dict__.setdefault("_sync", SyncTransport(self.max_retries))
        return transport

    @property
    def _async(self) -> AsyncTransport:
        transport: AsyncTransport | None = self.__dict__.get("_async")
        if transport is None:
            from chatbot.azureml.async_transport import AsyncTransport

            transport = self.__dict__.setdefault("_async", AsyncTransport(self.max_retries))
        return transport

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        # What holds connections and locks has no copies: a copy of the model shares it.
        shared = [self._identity, self.credential, self.azure_ad_token_provider]
        shared += [self.__dict__.get(name) for name in _TRANSPORTS]
        memo = {} if memo is None else memo
        memo.update((id(part), part) for part in shared)
        return super().__deepcopy__(memo)

    def __getstate__(self) -> dict[Any, Any]:
        # What was pickled opens connections of its own.
        state = super().__getstate__()
        kept = {name: value for name, value in state["__dict__"].items() if name not in _TRANSPORTS}
        return {**state, "__dict__": kept}

    @property
    def _llm_type(self) -> str:
        return "azureml_chat_endpoint"

    @property
    def _own_parameters(self) -> dict[str, Any]:
        """The parameters that are arguments of the constructor, those that are given."""
        given = {name: getattr(self, name) for name in ("temperature", "top_p", "max_tokens", "stop", "seed")}
        return {name: value for name, value in given.items() if value is not None and value != []}

    @property
    def _identifying_params(self) -> dict[str, Any]:
        # Part of LangChain's cache key: two endpoints must never answer for each other.
        return {
            "endpoint_url": self._surface.url,
            "deployment_name": self.deployment_name,
            "model": self.model,
            "model_kwargs": {**self._own_parameters, **self.model_kwargs},
            "extra_parameters": self.extra_parameters,
            "content_formatter": self._name_of(self.content_formatter),
        }

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        kwargs.pop(RETRY_ARGUMENT, None)
        return super()._get_invocation_params(stop=stop, **kwargs)

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "azureml"
        configured = self.model_kwargs.get("model") or self.model or self.deployment_name or self._surface.deployment
        params["ls_model_name"] = kwargs.get("model") or configured or type(self).__name__
        return params

    def close(self) -> None:
        """Close the idle connections of the sync methods."""
        if "_sync" in self.__dict__:
            self._sync.close()

    async def aclose(self) -> None:
        """Close the connections that the async methods opened in this event loop."""
        if "_async" in self.__dict__:
            await self._async.aclose()

    def get_num_tokens(self, text: str) -> int:
        """Estimate the tokens of a text, without any download; exact with ``custom_get_token_ids``."""
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return count_tokens_approximately([text], extra_tokens_per_message=0) if text else 0

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Estimate the tokens of messages, without any download; exact counts come with each answer.

        Args:
            messages: The messages of a request.
            tools: Tools that go with them, if any.
        """
        if self.custom_get_token_ids is not None:
            return sum(len(self.custom_get_token_ids(message.text)) for message in messages)
        return count_tokens_approximately(messages, tools=list(tools) if tools else None)

    def bind_tools(
        self,
        tools: Sequence[Tool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools to the model.

        Args:
            tools: Functions, LangChain tools, pydantic or TypedDict classes, or OpenAI tool schemas.
            tool_choice: ``"auto"``, ``"none"``, ``"any"`` or ``"required"`` or True (some tool must be called), or
                the name of the one that must.
            strict: Whether arguments must fit the schema exactly, for models that can promise it.
            parallel_tool_calls: Whether several calls at once are welcome; the endpoint's default when left out.
            **kwargs: Further parameters of the request.

        Raises:
            ValueError: ``tool_choice`` names a tool that is not offered.
        """
        from chatbot.azureml.structured import tool_parameters

        parameters = tool_parameters(tools, tool_choice, strict=strict, parallel=parallel_tool_calls)
        return self.bind(**parameters, **kwargs)

    def with_structured_output(
        self,
        schema: Schema | None = None,
        *,
        method: Method = "function_calling",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Return a runnable whose answers fit a schema.

        Args:
            schema: A pydantic class (answers are its instances), or a TypedDict class, a JSON schema or an OpenAI
                tool schema (answers are dicts). May be left out with ``json_mode``.
            method: ``function_calling`` works with most models; ``json_schema`` holds the model to the schema where
                the endpoint can; ``json_mode`` only asks for JSON, so the prompt must say of what kind. Classic
                ``/score`` routes know none of them: there the schema is put into the system prompt.
            include_raw: Return ``{"raw": message, "parsed": answer or None, "parsing_error": error or None}``.
            strict: Whether the endpoint must hold the answer to the schema exactly.
            **kwargs: Further parameters of the request.

        Raises:
            ValueError: The method is unknown, or needs a schema and got none.
        """
        from chatbot.azureml.structured import structured_output

        return structured_output(
            self,
            schema,
            method=method,
            include_raw=include_raw,
            strict=strict,
            in_words=not self._surface.streams,
            **kwargs,
        )

    def with_retry(self, **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        """Repeat failed calls as LangChain does, on top of ``max_retries``; the model's other methods stay in reach.

        Args:
            **kwargs: Those of LangChain's ``Runnable.with_retry``.
        """
        from chatbot.azureml.retrying import RetryingChatModel

        return RetryingChatModel(**vars(super().with_retry(**kwargs)))

    # LangChain takes callbacks in the config alone; many documents pass them as an argument.

    def invoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - the name LangChain calls it by
        config: RunnableConfig | None = None,
        *,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Ask, and return the whole answer.

        Args:
            input: A text, messages, or a prompt value.
            config: LangChain's.
            callbacks: Handlers, beside those of ``config``.
            **kwargs: ``stop``, ``timeout`` in seconds, and parameters of the request, for this call only.

        Raises:
            AzureMLError: The endpoint could not be asked, or did not answer.
        """
        return super().invoke(input, _with(config, callbacks), **kwargs)

    async def ainvoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - the name LangChain calls it by
        config: RunnableConfig | None = None,
        *,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Do what :meth:`invoke` does without blocking."""
        return await super().ainvoke(input, _with(config, callbacks), **kwargs)

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002 - the name LangChain calls it by
        config: RunnableConfig | None = None,
        *,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """Ask, and yield the answer as it comes; arguments and errors as for :meth:`invoke`.

        Raises:
            AzureMLStreamError: The answer broke off; ``partial`` has what had come.
        """
        config, told = with_retry_events(_with(config, callbacks), self.callbacks, CallbackManagerForLLMRun)
        return super().stream(input, config, **kwargs, **told)

    def astream(
        self,
        input: LanguageModelInput,  # noqa: A002 - the name LangChain calls it by
        config: RunnableConfig | None = None,
        *,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """Do what :meth:`stream` does without blocking."""
        config, told = with_retry_events(_with(config, callbacks), self.callbacks, AsyncCallbackManagerForLLMRun)
        return super().astream(input, config, **kwargs, **told)

    # One request, whole or streamed, sync or async: the same steps over two transports.

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with self._open(self._call(messages, stop, kwargs, run_manager, stream=False)) as (reply, told):
            return self._reader.result(reply.read(), reply.headers, told)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        async with self._aopen(self._call(messages, stop, kwargs, run_manager, stream=False)) as (reply, told):
            return self._reader.result(await reply.read(), reply.headers, told)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with self._open(self._call(messages, stop, kwargs, run_manager, stream=True)) as (reply, told):
            if reply.framing == "whole":
                yield self._reader.chunk(reply.read(), reply.headers, told)
                return
            stream = self._reader.stream(reply.framing, told)
            with unless_complete(stream):
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
        async with self._aopen(self._call(messages, stop, kwargs, run_manager, stream=True)) as (reply, told):
            if reply.framing == "whole":
                yield self._reader.chunk(await reply.read(), reply.headers, told)
                return
            stream = self._reader.stream(reply.framing, told)
            with unless_complete(stream):
                async for data in reply.chunks():
                    if chunk := stream.feed(data):
                        yield chunk
                    if stream.done:
                        await reply.linger()
                        break
            yield stream.finish()

    @contextmanager
    def _open(self, call: _Call) -> Iterator[tuple[SyncReply, dict[str, Any]]]:
        """Send a call, mended if need be, and hand out the good reply with what its headers tell."""
        with ExitStack() as stack:
            while True:
                secret = self._identity.secret()
                try:
                    reply = stack.enter_context(self._sync.open(self._wire(call, secret), call.on_retry))
                    break
                except AzureMLError as error:
                    call = self._mended(call, error, secret)
            self._learn(call.request)
            told = _told_before(reply.headers, call)
            with _after_good_headers(told, secret):
                yield reply, told

    @asynccontextmanager
    async def _aopen(self, call: _Call) -> AsyncIterator[tuple[AsyncReply, dict[str, Any]]]:
        async with AsyncExitStack() as stack:
            while True:
                secret = await self._identity.asecret()
                try:
                    reply = await stack.enter_async_context(self._async.open(self._wire(call, secret), call.on_retry))
                    break
                except AzureMLError as error:
                    call = self._mended(call, error, secret)
            self._learn(call.request)
            told = _told_before(reply.headers, call)
            with _after_good_headers(told, secret):
                yield reply, told

    def _call(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        kwargs: Mapping[str, Any],
        run_manager: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None,
        *,
        stream: bool,
    ) -> _Call:
        """Gather what a call asks for: the arguments' parameters, then ``model_kwargs``, then the call's own.

        Raises:
            ValueError: A time-out is no positive number, or the endpoint serves several models and none is named.
        """
        parameters = {**self._own_parameters, **self.model_kwargs, **kwargs}
        run_manager = parameters.pop(RETRY_ARGUMENT, run_manager)
        if stop:
            parameters["stop"] = stop
        limits = [parameters.pop(name, None) for name in ("timeout", "request_timeout")]
        timeout = next((limit for limit in limits if limit is not None), self.timeout)
        if not isinstance(timeout, int | float) or timeout <= 0:
            raise ValueError(f"timeout must be a positive number of seconds, not {timeout!r}")
        if isinstance(parameters.get("stop"), str):
            parameters["stop"] = [parameters["stop"]]
        parameters.pop("stream", None)
        parameters = {name: value for name, value in parameters.items() if value is not None}
        self._add_habits(parameters, stream=stream)
        known = self._refusals.known(self._refusing(parameters)) if self._refusals else ()
        on_retry = None if run_manager is None else run_manager.on_retry
        return _Call(RepairableRequest(messages, parameters, known), stream, timeout, on_retry)

    def _refusing(self, parameters: Mapping[str, Any]) -> Hashable:
        """Names the model that a request asks: what one refuses another may take."""
        return self._surface.url, self.deployment_name, str(parameters.get("model"))

    def _learn(self, request: RepairableRequest) -> None:
        if request.learned:
            self._refusals.learn(self._refusing(request.parameters), request)

    def _add_habits(self, parameters: dict[str, Any], *, stream: bool) -> None:
        """Add what this surface needs and the caller left out."""
        surface = self._surface
        if not surface.streams:
            parameters.pop("model", None)
            return
        if model := self.model or (self.deployment_name if surface.takes_model else ""):
            parameters.setdefault("model", model)
        if surface.needs_model and not parameters.get("model"):
            raise ValueError(
                "deployment_name is missing: several deployments answer at this URL; pass the name of yours, or set "
                "AZUREML_DEPLOYMENT_NAME"
            )
        if surface.needs_max_tokens and "max_completion_tokens" not in parameters:
            parameters.setdefault("max_tokens", DEFAULT_MAX_TOKENS)
        if not stream:
            parameters.pop("stream_options", None)  # refused where there is no stream
        else:
            parameters["stream"] = True
            if self.stream_usage if self.stream_usage is not None else surface.counts_on_request:
                parameters.setdefault("stream_options", {"include_usage": True})

    def _wire(self, call: _Call, secret: str) -> WireRequest:
        fitted = call.request.fitted()
        headers = {
            **self.default_headers,
            "User-Agent": "azureml-chatbot",
            "x-ms-client-request-id": str(uuid.uuid4()),
            "Content-Type": self._formatter.content_type,
            # Prompt flow streams on /score if this says so, and only then.
            "Accept": "application/json, text/event-stream" if call.stream else "application/json",
            **self._identity.headers(secret),
        }
        if self.deployment_name and self._surface.routes_by_header:
            headers["azureml-model-deployment"] = self.deployment_name
        if self.extra_parameters:
            headers["extra-parameters"] = self.extra_parameters
        return WireRequest(
            url=self._surface.url,
            headers=headers,
            body=self._formatter.body(fitted.messages, dict(fitted.parameters), self._surface.api_type),
            key=secret,
            timeout=call.timeout,
            idle_timeout=self.stream_idle_timeout,
            streams=call.stream,
        )

    def _mended(self, call: _Call, error: AzureMLError, secret: str) -> _Call:
        """Return the call in a form that may be taken: without what was refused, or once with a fresh token.

        Raises:
            AzureMLError: ``error`` itself, when there is nothing to mend.
        """
        if isinstance(error, AzureMLInvalidRequestError) and self.extra_parameters in (None, "drop"):
            repaired = call.request.repaired(error)
            if repaired is not None:
                return replace(call, request=repaired)
        if isinstance(error, AzureMLAuthenticationError) and not call.renewed and self._identity.renew(secret):
            return replace(call, renewed=True)
        raise error


def _with(config: RunnableConfig | None, callbacks: Callbacks) -> RunnableConfig | None:
    return config if callbacks is None else merge_configs(ensure_config(config), RunnableConfig(callbacks=callbacks))


def _without_inputs(error: ValidationError) -> ValidationError:
    """Pydantic keeps what it was given in its errors, where a log may find it; the key is among it."""
    lines = [
        InitErrorDetails(type=line["type"], loc=line["loc"], input=None, ctx=line.get("ctx", {}))
        for line in error.errors(include_url=False, include_input=False)
    ]
    return ValidationError.from_exception_data(error.title, lines, hide_input=True)


def _told_before(headers: Mapping[str, str], call: _Call) -> dict[str, Any]:
    """What is known of an answer before its first word, for its ``response_metadata``."""
    told = told_in_headers(headers)
    if dropped := call.request.fitted().dropped:
        told["dropped_parameters"] = list(dropped)
    return told


@contextmanager
def _after_good_headers(told: Mapping[str, Any], secret: str) -> Iterator[None]:
    """An error from here on carries the request's id, and never the secret, should the server echo it."""
    try:
        yield
    except AzureMLError as error:
        error.request_id = error.request_id or told.get("request_id")
        error.blot(secret)
        raise
