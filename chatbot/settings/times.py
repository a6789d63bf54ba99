"""How long an answer may take."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class TimeSettings(BaseSettings):
    """Times beside that for the first word, which is among the endpoint's."""

    silence_timeout: float = Field(
        60.0, gt=0, description="Seconds of silence within an answer after which it counts as broken off."
    )
    answer_timeout: float = Field(600.0, gt=0, description="Seconds that an answer may take in all.")
