"""How long it is known what was used."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class UsageSettings(BaseSettings):
    """The counts behind ``python -m chatbot.usage`` and the usage page."""

    usage_days: int | None = Field(
        None,
        ge=1,
        description="For how many days it is kept how much each day, deployment and visitor used. Not set: for good.",
        examples=["400"],
    )
