"""Whether an answer that was given before is given again."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class AnswerCacheSettings(BaseSettings):
    """Answers from a cache."""

    answer_cache: SecretStr | None = Field(
        None,
        description="Where complete answers are kept to be given again to the same request: memory, sqlite:/// and a "
        "file, or the URL of a Redis (needs the package redis). Not set: every question is asked. See "
        "docs/deployments.md.",
        examples=["memory"],
    )
    answer_cache_shared: bool = Field(
        False,
        description="Whether a visitor may be given what another was. Not set to true, each visitor's answers are "
        "given to them alone.",
    )
    answer_cache_seconds: float = Field(86400.0, gt=0, description="How long an answer is given again.")
    answer_cache_size: int = Field(
        1000, ge=1, description="How many answers are kept, in memory or the SQLite file. Redis has a limit of its own."
    )
