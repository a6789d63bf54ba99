"""A rehearsed demo that can be played on the page."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class DemoSettings(BaseSettings):
    """Rehearsed demos; see docs/demos.md."""

    demo_file: Path | None = Field(
        None,
        description="A YAML file with a rehearsed demo that can be played on the page, see docs/demos.md. Only who "
        "sits at this machine can play it. Not set: there is none.",
        examples=["assets/demo.yaml"],
    )
    demo_public: bool = Field(
        False, description="Whether everybody who visits the page can play the demo, and record conversations as one."
    )
