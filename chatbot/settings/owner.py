"""What the owner alone may see."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class OwnerSettings(BaseSettings):
    """What only the owner sees."""

    owner_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="Opens /metrics and the owner's pages (/owner/usage, /owner/doctor) to whoever sends it; at least "
        "16 characters. Not set: all are shut.",
    )
