"""One request: its parameters, headers and body, and its next form where the endpoint refuses this one. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from chatbot.azureml.auth import Identity
from chatbot.azureml.endpoints import Endpoint
from chatbot.azureml.errors import AzureMLAuthenticationError, AzureMLError, AzureMLInvalidRequestError
from chatbot.azureml.formatter_adapter import FormatterAdapter
from chatbot.azureml.request_repair import RepairableRequest
from chatbot.azureml.response import header_metadata
from chatbot.azureml.transport.common import WireRequest

if TYPE_CHECKING:
    from tenacity import RetryCallState

DEFAULT_MAX_TOKENS: Final = 1024
"""Sent to serverless deployments when the caller names no limit: some of them end after 16 tokens without."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request for one answer.

    Attributes:
        deployment: Name of the deployment; empty for the endpoint's own choice.
        target: Identifies the model that is asked, among all that the chat model may ask.
        content: Messages and parameters, and what is known to be refused of them.
        timeout: Seconds until the reply begins, and for a whole one to be read.
        idle_timeout: Seconds without a byte in the middle of a stream.
        extra_parameters: Value of the header of that name, if any.
        headers: Further headers.
        on_retry: Called before each wait for another attempt.
        pace: Seconds to wait between two reads of a stream that has begun; None reads what comes as it comes.
        renewed: A fresh token was fetched for it already.
    """

    endpoint: Endpoint
    deployment: str
    target: Hashable
    content: RepairableRequest
    stream: bool
    timeout: float
    idle_timeout: float
    extra_parameters: str | None
    headers: Mapping[str, str]
    on_retry: Callable[[RetryCallState], Any] | None
    pace: Callable[[], float] | None = None
    renewed: bool = False

    def wire(self, formatter: FormatterAdapter, identity: Identity, secret: str) -> WireRequest:
        """Return what is sent, with a client request id of its own each time.

        Raises:
            ValueError: It has no form on the endpoint's route.
        """
        fitted = self.content.fitted()
        headers = {
            **self.headers,
            "User-Agent": "azureml-chatbot",
            "x-ms-client-request-id": str(uuid.uuid4()),
            "Content-Type": formatter.content_type,
            # Prompt flow streams on /score where this asks for it, and only there.
            "Accept": "application/json, text/event-stream" if self.stream else "application/json",
            **identity.headers(secret),
        }
        if self.deployment and self.endpoint.routes_by_header:
            headers["azureml-model-deployment"] = self.deployment
        if self.extra_parameters:
            headers["extra-parameters"] = self.extra_parameters
        return WireRequest(
            url=self.endpoint.url,
            headers=headers,
            body=formatter.body(fitted.messages, dict(fitted.parameters), self.endpoint.api_type),
            key=secret,
            timeout=self.timeout,
            idle_timeout=self.idle_timeout,
            streams=self.stream,
        )

    def mended(self, error: AzureMLError, identity: Identity, secret: str) -> ChatRequest:
        """Return a form that may be taken: without what was refused, or once with a fresh token.

        Raises:
            AzureMLError: ``error`` itself, when there is nothing to mend.
        """
        if isinstance(error, AzureMLInvalidRequestError) and self.extra_parameters in (None, "drop"):
            repaired = self.content.repaired(error)
            if repaired is not None:
                return replace(self, content=repaired)
        if isinstance(error, AzureMLAuthenticationError):
            if not self.renewed and identity.renew(secret):
                return replace(self, renewed=True)
            identity.explain(error)
        raise error

    def metadata(self, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return the ``response_metadata`` that is known once a good reply's headers are there."""
        metadata = header_metadata(headers)
        if dropped := self.content.fitted().dropped:
            metadata["dropped_parameters"] = list(dropped)
        return metadata


def take_timeout(parameters: dict[str, Any], default: float) -> float:
    """Take the seconds to wait out of the parameters of a call.

    Raises:
        ValueError: They are no positive number.
    """
    limits = [parameters.pop(name, None) for name in ("timeout", "request_timeout")]
    timeout = next((limit for limit in limits if limit is not None), default)
    if not isinstance(timeout, int | float) or timeout <= 0:
        raise ValueError(f"timeout must be a positive number of seconds, not {timeout!r}")
    return timeout


def request_parameters(
    given: Mapping[str, Any],
    endpoint: Endpoint,
    *,
    model: str,
    deployment: str,
    stream: bool,
    stream_usage: bool | None,
) -> dict[str, Any]:
    """Return the parameters that are given, in the wire's form, with those that this endpoint needs.

    Args:
        given: The caller's; those that are None are left out.
        endpoint: Where they go, with its quirks.
        model: Name for the request's ``model``, where it is another than the deployment's.
        deployment: Name of the deployment.
        stream: Whether a stream is asked for.
        stream_usage: Whether it is to hold token counts; None for what the endpoint needs.

    Raises:
        ValueError: Several deployments answer at the endpoint, and none is named.
    """
    parameters = {name: value for name, value in given.items() if value is not None and name != "stream"}
    if isinstance(parameters.get("stop"), str):
        parameters["stop"] = [parameters["stop"]]
    if not endpoint.streams:
        parameters.pop("model", None)
        return parameters
    if model := model or (deployment if endpoint.takes_model else ""):
        parameters.setdefault("model", model)
    if endpoint.needs_model and not parameters.get("model"):
        raise ValueError(
            "deployment_name is missing: several deployments answer at this URL; pass the name of yours, or set "
            "AZUREML_DEPLOYMENT_NAME"
        )
    if endpoint.needs_max_tokens and "max_completion_tokens" not in parameters:
        parameters.setdefault("max_tokens", DEFAULT_MAX_TOKENS)
    if not stream:
        parameters.pop("stream_options", None)  # refused where there is no stream
        return parameters
    parameters["stream"] = True
    if stream_usage if stream_usage is not None else endpoint.usage_on_request:
        parameters.setdefault("stream_options", {"include_usage": True})
    return parameters
