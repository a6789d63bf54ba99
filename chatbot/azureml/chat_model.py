"""The LangChain chat model for Azure ML endpoints: LangChain's methods over one endpoint, no wire details.

From a question to its answer: ``request`` makes of the messages what is sent, ``transport`` sends it and receives,
``response_reader`` and ``stream`` make LangChain's messages of what comes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun, Callbacks
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config, merge_configs

from chatbot.azureml.base_endpoint import AzureMLBaseEndpoint
from chatbot.azureml.errors import AzureMLError
from chatbot.azureml.request import ChatRequest, request_parameters, take_timeout
from chatbot.azureml.request_repair import RepairableRequest
from chatbot.azureml.response_reader import keep_partial_text
from chatbot.azureml.retry_events import PACE_ARGUMENT, RUN_MANAGER_ARGUMENT, with_retry_events
from chatbot.redaction import redacted, without_values

if TYPE_CHECKING:
    from chatbot.azureml.structured import Method, Schema, Tool
    from chatbot.azureml.transport.async_ import AsyncResponse, AsyncTransport
    from chatbot.azureml.transport.sync import SyncResponse, SyncTransport

_TRANSPORTS = ("_sync", "_async")


class AzureMLChatOnlineEndpoint(AzureMLBaseEndpoint):
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
        ``dropped_parameters``, each where the endpoint sends it; ``additional_kwargs`` has ``reasoning_content``
        and ``refusal``.

    Raises:
        pydantic.ValidationError: On construction, naming the argument and the mend.
        AzureMLError: On use; each kind is also LangChain's ``ModelError`` of the same condition.
        ValueError: On use, for a request that the endpoint's route has no form for.
    """

    @property
    def _sync(self) -> SyncTransport:
        transport: SyncTransport | None = self.__dict__.get("_sync")
        if transport is None:
            # Imported when needed: importing the model shall cost little more than importing LangChain's.
            from chatbot.azureml.transport.sync import SyncTransport

            # Of threads that come first at once, one's is kept.
            transport = self.__dict__.setdefault("_sync", SyncTransport(self.max_retries, self.max_retry_seconds))
        return transport

    @property
    def _async(self) -> AsyncTransport:
        transport: AsyncTransport | None = self.__dict__.get("_async")
        if transport is None:
            from chatbot.azureml.transport.async_ import AsyncTransport

            transport = self.__dict__.setdefault("_async", AsyncTransport(self.max_retries, self.max_retry_seconds))
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
    def _identifying_params(self) -> dict[str, Any]:
        # Part of LangChain's cache key: two endpoints must never answer for each other. And of what is traced.
        return without_values(
            {
                "endpoint_url": self._endpoint.url,
                "deployment_name": self.deployment_name,
                "model": self.model,
                "model_kwargs": {**self._own_parameters, **self.model_kwargs},
                "extra_parameters": self.extra_parameters,
                "content_formatter": self._name_of(self.content_formatter),
            }
        )

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        for ours in (RUN_MANAGER_ARGUMENT, PACE_ARGUMENT):
            kwargs.pop(ours, None)
        return super()._get_invocation_params(stop=stop, **kwargs)

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "azureml"
        configured = self.model_kwargs.get("model") or self.model or self.deployment_name or self._endpoint.deployment
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
            by_prompt=not self._endpoint.streams,
            **kwargs,
        )

    def with_retry(self, **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        """Repeat failed calls as LangChain does, on top of ``max_retries``; the model's other methods stay in reach.

        Args:
            **kwargs: Those of LangChain's ``Runnable.with_retry``.
        """
        from chatbot.azureml.retry_runnable import RetryingChatModel

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
        config, listening = with_retry_events(_with(config, callbacks), self.callbacks, CallbackManagerForLLMRun)
        return super().stream(input, config, **kwargs, **listening)

    def astream(
        self,
        input: LanguageModelInput,  # noqa: A002 - the name LangChain calls it by
        config: RunnableConfig | None = None,
        *,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """Do what :meth:`stream` does without blocking.

        Whoever reads many answers at once and shows each a few times a second need not pay for every token by itself:
        ``stream_pace`` in the config's ``configurable``, a function that returns seconds, has them wait between two
        reads once the answer has begun, and what arrived meanwhile comes as one chunk.
        """
        config, listening = with_retry_events(_with(config, callbacks), self.callbacks, AsyncCallbackManagerForLLMRun)
        if (pace := (config.get("configurable") or {}).get(PACE_ARGUMENT)) is not None:
            listening[PACE_ARGUMENT] = pace
        return super().astream(input, config, **kwargs, **listening)

    # One request, whole or streamed, sync or async: the same steps over two transports.

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        request = self._request(messages, stop, kwargs, run_manager, stream=False)
        with self._open(request) as (response, metadata):
            return self._reader.result(response.read(), response.headers, metadata)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        request = self._request(messages, stop, kwargs, run_manager, stream=False)
        async with self._aopen(request) as (response, metadata):
            return self._reader.result(await response.read(), response.headers, metadata)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        request = self._request(messages, stop, kwargs, run_manager, stream=True)
        with self._open(request) as (response, metadata):
            if response.framing == "whole":
                yield self._reader.chunk(response.read(), response.headers, metadata)
                return
            stream = self._reader.stream(response.framing, metadata)
            with keep_partial_text(stream):
                for data in response.chunks():
                    if chunk := stream.feed(data):
                        yield chunk
                    if stream.done:
                        response.drain()
                        break
            yield stream.finish()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        request = self._request(messages, stop, kwargs, run_manager, stream=True)
        async with self._aopen(request) as (response, metadata):
            if response.framing == "whole":
                yield self._reader.chunk(await response.read(), response.headers, metadata)
                return
            stream = self._reader.stream(response.framing, metadata)
            with keep_partial_text(stream):
                async for data in response.chunks():
                    if chunk := stream.feed(data):
                        yield chunk
                    if stream.done:
                        await response.drain()
                        break
                    if request.pace is not None and stream.begun and (seconds := request.pace()) > 0:
                        await response.rest(seconds)
            yield stream.finish()

    @contextmanager
    def _open(self, request: ChatRequest) -> Iterator[tuple[SyncResponse, dict[str, Any]]]:
        """Send a request, mended if need be; yield the good response, and the metadata in its headers."""
        with ExitStack() as stack:
            while True:
                secret = self._identity.secret()
                try:
                    wire = request.wire(self._formatter, self._identity, secret)
                    response = stack.enter_context(self._sync.open(wire, request.on_retry))
                    break
                except AzureMLError as error:
                    request = request.mended(error, self._identity, secret)
            with self._accepted(request, response.headers, secret) as metadata:
                yield response, metadata

    @asynccontextmanager
    async def _aopen(self, request: ChatRequest) -> AsyncIterator[tuple[AsyncResponse, dict[str, Any]]]:
        async with AsyncExitStack() as stack:
            while True:
                secret = await self._identity.asecret()
                try:
                    wire = request.wire(self._formatter, self._identity, secret)
                    response = await stack.enter_async_context(self._async.open(wire, request.on_retry))
                    break
                except AzureMLError as error:
                    request = request.mended(error, self._identity, secret)
            with self._accepted(request, response.headers, secret) as metadata:
                yield response, metadata

    @contextmanager
    def _accepted(self, request: ChatRequest, headers: Mapping[str, str], secret: str) -> Iterator[dict[str, Any]]:
        """Remember what the request had to do without; yield the metadata that is known before the first word.

        An error from here on carries the request's id, and never the secret, should the server echo it.
        """
        self._refusals.learn(request.target, request.content)
        metadata = redacted(request.metadata(headers), secret)
        try:
            yield metadata
        except AzureMLError as error:
            error.request_id = error.request_id or metadata.get("request_id")
            error.redact(secret)
            raise

    def _request(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        kwargs: Mapping[str, Any],
        run_manager: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None,
        *,
        stream: bool,
    ) -> ChatRequest:
        """Return the request of a call: the arguments' parameters, then ``model_kwargs``, then the call's own.

        Raises:
            ValueError: A time-out is no positive number, or the endpoint serves several models and none is named.
        """
        given = {**self._own_parameters, **self.model_kwargs, **kwargs}
        run_manager = given.pop(RUN_MANAGER_ARGUMENT, run_manager)
        pace = given.pop(PACE_ARGUMENT, None)
        if stop:
            given["stop"] = stop
        timeout = take_timeout(given, self.timeout)
        parameters = request_parameters(
            given,
            self._endpoint,
            model=self.model,
            deployment=self.deployment_name,
            stream=stream,
            stream_usage=self.stream_usage,
        )
        # What one model refuses another may take.
        target = self._endpoint.url, self.deployment_name, str(parameters.get("model"))
        known = self._refusals.known(target) if self._refusals else ()
        return ChatRequest(
            endpoint=self._endpoint,
            deployment=self.deployment_name,
            target=target,
            content=RepairableRequest(messages, parameters, known),
            stream=stream,
            timeout=timeout,
            idle_timeout=self.stream_idle_timeout,
            extra_parameters=self.extra_parameters,
            headers=self.default_headers,
            on_retry=None if run_manager is None else run_manager.on_retry,
            pace=pace,
        )


def _with(config: RunnableConfig | None, callbacks: Callbacks) -> RunnableConfig | None:
    return config if callbacks is None else merge_configs(ensure_config(config), RunnableConfig(callbacks=callbacks))
