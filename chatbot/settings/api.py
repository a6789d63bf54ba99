"""The application as an endpoint for programs; whether it is one, its keys say (``python -m chatbot.api_keys``)."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class ApiSettings(BaseSettings):
    """What programs may send."""

    api_max_mb: float = Field(
        20,
        gt=0,
        le=1_000,
        description="Megabytes of one request to /v1/chat/completions, pictures among them. A longer one is not read.",
    )
