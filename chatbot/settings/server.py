"""The process: where it listens, where it keeps conversations, and what is different on a Hugging Face Space."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

SPACE_VOLUME: Final = Path("/data")
"""Where a Hugging Face Space has storage that outlives it, if it was given any."""


class ServerSettings(BaseSettings):
    """Where the application runs."""

    store_url: SecretStr = Field(
        SecretStr("sqlite:///data/conversations.db"),
        description="Where conversations are kept: a SQLAlchemy URL. The folder of an SQLite file is made if missing. "
        "With ?exclusive=true at its end it may be where there are no file locks, and one process has it.",
    )
    max_answers: int = Field(
        200, ge=1, description="How many answers are written at once; who asks for one more is told to come back."
    )
    host: str = Field("127.0.0.1", description="Address to listen on. 0.0.0.0 lets other machines in.")
    port: int = Field(7860, ge=0, le=65535, description="Port to listen on. 0 takes any free one.")
    demo_token_delay: float = Field(
        0.02, ge=0, le=5, description="Seconds the demo endpoint pauses between words. 0 is as fast as it can."
    )

    space_id: str | None = Field(
        None,
        validation_alias="SPACE_ID",
        description="Set by Hugging Face where the application runs as a Space.",
        exclude=True,
    )
    zero_gpu: bool = Field(
        False,
        validation_alias="SPACES_ZERO_GPU",
        description="Set by Hugging Face where that Space has ZeroGPU hardware.",
        exclude=True,
    )

    @property
    def keeps_conversations(self) -> bool:
        """Whether conversations outlive a restart: a Space has no disk but what is mounted at /data."""
        driver, _, file = self.store_url.get_secret_value().partition(":///")
        return not (self.space_id and driver.startswith("sqlite") and not file.startswith(f"{SPACE_VOLUME}/"))

    @model_validator(mode="after")
    def _suits_a_space(self) -> Self:
        if self.space_id:
            for name, value in space_defaults().items():
                if name not in self.model_fields_set:
                    setattr(self, name, SecretStr(value) if name == "store_url" else value)
        return self


def space_defaults() -> dict[str, str]:
    """Return what is different on a Space: visitors come through a proxy, and no file belongs beside the source."""
    keeps = SPACE_VOLUME.is_dir() and os.access(SPACE_VOLUME, os.W_OK | os.X_OK)
    folder = SPACE_VOLUME if keeps else Path(tempfile.gettempdir())
    # What is mounted is a bucket, which has no locks.
    store_url = f"sqlite:///{folder / 'conversations.db'}{'?exclusive=true' if keeps else ''}"
    return {"host": "0.0.0.0", "store_url": store_url, "trusted_proxies": "*"}  # noqa: S104
