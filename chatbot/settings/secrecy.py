"""What visitors are not told."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class SecrecySettings(BaseSettings):
    """Who reads what is for whoever runs the application."""

    show_endpoint_errors: bool | None = Field(
        None,
        description="Whether visitors read an endpoint's own words when it fails, and its host as its name. Not set: "
        "only on the machine that the application runs on. The log has the words in any case.",
        examples=["false"],
    )
