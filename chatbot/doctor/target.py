"""What is examined: an endpoint as the settings of the application would have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import SecretStr

from chatbot.azureml import AzureMLChatOnlineEndpoint, AzureMLEndpointApiType, formatter_named
from chatbot.azureml.auth import Identity, identity_for
from chatbot.azureml.endpoints import Endpoint, resolve_endpoint
from chatbot.azureml.entra import default_credential
from chatbot.config_files import DeploymentEntry
from chatbot.doctor.findings import MASKED
from chatbot.settings import Settings, variable

URL: Final = variable("endpoint_url")
KEY: Final = variable("endpoint_api_key")
AUTH: Final = variable("endpoint_auth")
API_TYPE: Final = variable("endpoint_api_type")
DEPLOYMENT: Final = variable("deployment_name")
FORMATTER: Final = variable("content_formatter")


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint, and what the application has to know to ask it.

    Attributes:
        url: Its address, as it was given.
        key: Its key; empty with ``auth`` ``entra``.
        deployment: The deployment, where one has to be named.
        api_type: ``dedicated`` or ``serverless``, where the URL does not tell.
        formatter: What its container speaks; None for what the URL tells.
        auth: ``key``, or ``entra`` for a token of Microsoft Entra ID.
        name: What it is called in a report; empty for its host.
        arguments: Further parameters of every request.
    """

    url: str = field(repr=False)  # a gateway's may hold a key
    key: SecretStr = field(default_factory=lambda: SecretStr(""))
    deployment: str = ""
    api_type: str | None = None
    formatter: str | None = None
    auth: Literal["key", "entra"] = "key"
    name: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def endpoint(self) -> Endpoint:
        """Return where and how it is asked.

        Raises:
            ValueError: Its URL is none, or does not tell.
        """
        return resolve_endpoint(self.url, self.api_type)

    def identity(self) -> Identity:
        """Return what is shown to it.

        Raises:
            ValueError: There is nothing to show.
            ImportError: The package for Microsoft Entra ID is not installed.
        """
        credential = default_credential() if self.auth == "entra" else None
        key = "" if credential else self.key.get_secret_value()
        return identity_for(key, credential, None, scope=self.endpoint().scope)

    def model(self, *, timeout: float, **arguments: Any) -> AzureMLChatOnlineEndpoint:
        """Return the chat model that the application would make of it, which tries everything once.

        Args:
            timeout: Seconds until an answer begins, and of silence within one.
            **arguments: Further ones of the chat model.

        Raises:
            ValueError: It cannot be asked at all.
            ImportError: The package for Microsoft Entra ID is not installed.
        """
        return AzureMLChatOnlineEndpoint(
            endpoint_url=self.url,
            endpoint_api_key=SecretStr("") if self.auth == "entra" else self.key,
            credential=default_credential() if self.auth == "entra" else None,
            endpoint_api_type=AzureMLEndpointApiType(self.api_type) if self.api_type else None,
            deployment_name=self.deployment,
            content_formatter=formatter_named(self.formatter or "chat"),
            timeout=timeout,
            stream_idle_timeout=timeout,
            max_retries=0,
            model_kwargs=dict(self.arguments),
            **arguments,
        )

    def variables(self) -> dict[str, str]:
        """Return the settings that say all of it, without what is so by itself; the key is :data:`MASKED`."""
        has_key = bool(self.key.get_secret_value()) and self.auth == "key"
        told = {
            URL: self.url,
            KEY: MASKED if has_key else "",
            AUTH: "entra" if self.auth == "entra" else "",
            API_TYPE: self.api_type or "",
            DEPLOYMENT: self.deployment,
            FORMATTER: self.formatter or "",
        }
        return {name: value for name, value in told.items() if value}

    def changes_from(self, other: Target) -> dict[str, str]:
        """Return the variables that make this one of another; an empty value is for one that is to be unset."""
        mine, theirs = self.variables(), other.variables()
        changed = {name: mine.get(name, "") for name in (*mine, *theirs) if mine.get(name) != theirs.get(name)}
        if self.key != other.key and KEY in mine:
            changed[KEY] = MASKED
        return changed


def of_settings(settings: Settings) -> Target | None:
    """Return the endpoint that the settings name; None where it is the demo or in a file."""
    if settings.endpoint_url is None:
        return None
    return Target(
        url=settings.endpoint_url,
        key=settings.endpoint_api_key or SecretStr(""),
        deployment=settings.deployment_name,
        api_type=settings.endpoint_api_type,
        formatter=settings.content_formatter,
        auth=settings.endpoint_auth,
    )


def of_entry(entry: DeploymentEntry) -> Target | None:
    """Return the endpoint of a file's deployment; None for another package's model."""
    if entry.endpoint_url is None:
        return None
    return Target(
        url=entry.endpoint_url,
        key=entry.api_key or SecretStr(""),
        deployment=entry.deployment_name,
        api_type=entry.endpoint_api_type,
        formatter=entry.content_formatter,
        auth=entry.auth,
        name=entry.name,
        arguments=entry.model_arguments,
    )
