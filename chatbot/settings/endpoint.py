"""The endpoint that answers."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings


class EndpointSettings(BaseSettings):
    """Where the model is, and how it is asked."""

    endpoint_url: str | None = Field(
        None,
        validation_alias="AZUREML_ENDPOINT_URL",
        repr=False,  # some have a key among their parameters
        description="URL of the endpoint, as the Azure portal shows it. Not set: the built-in demo endpoint answers.",
        examples=["https://name.region.inference.ml.azure.com/score"],
    )
    endpoint_api_key: SecretStr | None = Field(
        None,
        validation_alias="AZUREML_ENDPOINT_API_KEY",
        description="Key of the endpoint. Needed as soon as a URL is set, but for AZUREML_AUTH=entra.",
    )
    endpoint_auth: Literal["key", "entra"] = Field(
        "key",
        validation_alias="AZUREML_AUTH",
        description="What the endpoint is shown: its key, or with entra a token of Microsoft Entra ID for the identity "
        "that the application runs as, see docs/deployments.md.",
    )
    endpoint_api_type: Literal["dedicated", "realtime", "serverless"] | None = Field(
        None,
        validation_alias="AZUREML_ENDPOINT_API_TYPE",
        description="dedicated or serverless (realtime is the old name of dedicated). Only needed where the URL does "
        "not tell.",
        examples=["serverless"],
    )
    deployment_name: str = Field(
        "",
        validation_alias="AZUREML_DEPLOYMENT_NAME",
        description="Deployment of the endpoint to call, or the model's name behind a gateway. Foundry resources need "
        "it; elsewhere, not set, the endpoint decides.",
        examples=["blue"],
    )
    content_formatter: str | None = Field(
        None,
        validation_alias="AZUREML_CONTENT_FORMATTER",
        description="The format that the endpoint's container speaks: chat, openai, mistral, promptflow, text, gpt2, "
        "hf or dolly, see docs/chat-model.md. Not set: chat, in the form that the URL tells.",
        examples=["promptflow"],
    )
    timeout: float = Field(
        190.0,
        gt=0,
        validation_alias="AZUREML_TIMEOUT",
        description="Seconds until the first word of an answer; one that takes longer has failed, or another "
        "deployment is asked instead.",
    )
    fallback: str = Field(
        "",
        description="Deployments of the file that stand in for the endpoint when it is out of capacity, by name, with "
        "semicolons between; the first is asked first.",
        examples=["Mistral Large; GPT at OpenAI"],
    )

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """The names of the deployments that stand in for the endpoint."""
        return tuple(filter(None, (name.strip() for name in self.fallback.split(";"))))

    @field_validator("endpoint_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise PydanticCustomError("url", "is no web address; it starts with https:// and names a host")
        return value.strip()

    @field_validator("endpoint_api_key")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        key = "" if value is None else value.get_secret_value().strip()
        if not key.isascii() or not key.isprintable() or " " in key:
            raise PydanticCustomError("key", "holds spaces, line breaks or other characters no key has; copy it again")
        return SecretStr(key) if key else None
