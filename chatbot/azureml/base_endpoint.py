"""The constructor's arguments of the chat model, with their environment variables, checks and defaults."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, Self

from langchain_core.language_models.chat_models import BaseChatModel
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

from chatbot.azureml.auth import Identity, identity_for, require_header_safe
from chatbot.azureml.endpoints import AzureMLEndpointApiType, Endpoint, resolve_endpoint
from chatbot.azureml.formatter_adapter import FormatterAdapter, adapt
from chatbot.azureml.formatters import formatter_named
from chatbot.azureml.request_repair import RefusalMemory
from chatbot.azureml.response_reader import ResponseReader
from chatbot.azureml.transport.common import MAX_RETRY_SECONDS
from chatbot.redaction import without_values

_HEADER_NAME: Final = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)

_OWN_HEADERS: Final = frozenset(
    {"accept", "api-key", "authorization", "azureml-model-deployment", "connection", "content-length", "content-type"}
    | {"extra-parameters", "host", "transfer-encoding", "user-agent", "x-ms-client-request-id"}
)


def _env(name: str, default: str | None = "") -> Callable[[], Any]:
    """LangChain's ``from_env`` for a field that pydantic turns into what it should be; empty counts as not set."""
    read = from_env(name, default=default)
    return lambda: read() or default


class AzureMLBaseEndpoint(BaseChatModel):
    """Checks the arguments, and keeps the endpoint, the identity and the content formatter that they stand for.

    langchain_community's class of this name holds the arguments there, too.

    Raises:
        pydantic.ValidationError: On construction, naming the argument and the mend.
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
    """``dedicated`` or ``serverless``: needed only where the URL leaves it open. From ``AZUREML_ENDPOINT_API_TYPE``."""

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
    of its two names); each answer's ``response_metadata["dropped_parameters"]`` and one warning name it. What was
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

    max_retry_seconds: float = Field(default=MAX_RETRY_SECONDS, ge=0)
    """How many seconds after the first attempt the last may begin. A server that asks for a longer wait is not asked
    again: a small number suits whoever can ask another model instead."""

    default_headers: dict[str, str] = Field(default_factory=dict, exclude=True, repr=False)
    """Further headers for every request, such as the subscription key of a gateway in front of the endpoint."""

    content_formatter: Any = Field(default_factory=_env("AZUREML_CONTENT_FORMATTER", "chat"), validate_default=True)
    """Turns messages into the request body and the reply into a message: a name, as of
    :func:`formatter_named`; or an instance, or a class that needs no arguments, of :class:`ContentFormatterBase`, of
    langchain_community's, or of anything with its two methods. From ``AZUREML_CONTENT_FORMATTER`` when left out;
    without, ``chat``, whose body the URL decides."""

    _endpoint: Endpoint = PrivateAttr()
    _identity: Identity = PrivateAttr()
    _formatter: FormatterAdapter = PrivateAttr()
    _refusals: RefusalMemory = PrivateAttr(default_factory=RefusalMemory)
    _reader: ResponseReader = PrivateAttr()

    def __init__(self, **arguments: Any) -> None:
        try:
            super().__init__(**arguments)
        except ValidationError as error:
            raise _without_inputs(error) from None

    @field_validator("content_formatter")
    @classmethod
    def _formatter_instance(cls, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return formatter_named(value or "chat")
        formatter = value() if isinstance(value, type) else value
        try:
            adapt(formatter)
        except TypeError as error:
            raise ValueError(str(error)) from error
        return formatter

    @field_validator("default_headers")
    @classmethod
    def _usable_headers(cls, value: dict[str, str]) -> dict[str, str]:
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
    def _prepare(self) -> Self:
        if not self.endpoint_url:
            raise ValueError("endpoint_url is missing: pass it, or set AZUREML_ENDPOINT_URL")
        require_header_safe("deployment_name", self.deployment_name)
        try:
            self._endpoint = resolve_endpoint(self.endpoint_url, self.endpoint_api_type)
        except ValueError as error:
            raise ValueError(f"endpoint_url: {error}") from error
        if twice := sorted(self._own_parameters.keys() & self.model_kwargs.keys()):
            raise ValueError(f"{', '.join(twice)}: given as an argument and in model_kwargs; keep one")
        self._identity = identity_for(
            self.endpoint_api_key.get_secret_value(),
            self.credential,
            self.azure_ad_token_provider,
            scope=self._endpoint.scope,
        )
        self._formatter = adapt(self.content_formatter)
        self._reader = ResponseReader(self._formatter, self._endpoint.api_type)
        return self

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        # A URL may have a key among its parameters, and so may the request.
        for name, value in super().__repr_args__():
            is_clean = name not in ("endpoint_url", "model_kwargs")
            yield name, value if is_clean else without_values({"shown": value})["shown"]

    @property
    def _own_parameters(self) -> dict[str, Any]:
        """The parameters that are arguments of the constructor, those that are given."""
        given = {name: getattr(self, name) for name in ("temperature", "top_p", "max_tokens", "stop", "seed")}
        return {name: value for name, value in given.items() if value is not None and value != []}


def _without_inputs(error: ValidationError) -> ValidationError:
    """Return the error without the arguments, which pydantic keeps in it: the key is among them."""
    lines = [
        InitErrorDetails(type=line["type"], loc=line["loc"], input=None, ctx=line.get("ctx", {}))
        for line in error.errors(include_url=False, include_input=False)
    ]
    return ValidationError.from_exception_data(error.title, lines, hide_input=True)
