"""What everybody is told and asked, how long things are kept, and how much of anything there may be."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class HouseRuleSettings(BaseSettings):
    """House rules for the public; see docs/operating.md."""

    ai_notice: str | None = Field(
        None,
        max_length=200,
        description="The line below the box that is always in sight. Not set: that an AI answers and can be wrong, in "
        "the visitor's language. none shows nothing.",
        examples=["You are talking to an AI. Please check what it says."],
    )
    banner: str = Field(
        "",
        max_length=1_000,
        description="A text on top of the page, which visitors can close; it comes back when it is changed.",
    )
    terms_file: Path | None = Field(
        None,
        description="A Markdown or text file of terms that each visitor has to accept before anything else. Programs "
        "that use the API have to as well, see docs/operating.md.",
        examples=["terms.md"],
    )
    terms_version: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="The version of the terms: whoever has accepted another one is asked again. Not set: made of their "
        "text, so that every change is asked again.",
        examples=["2026-11"],
    )
    retention_days: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Days after which a conversation that nobody has written to is removed for good; the page says so. "
        "Not set: as long as its owner may come back, see docs/operating.md.",
        examples=["30"],
    )
    share_days: int = Field(
        0,
        ge=0,
        le=365,
        description="For how many days at most a visitor may share a chat by a link, which shows it as it was then to "
        "everybody who has the link and passes the door, see docs/sharing.md. 0: not at all.",
        examples=["30"],
    )
    max_message_chars: int = Field(100_000, ge=1, le=1_000_000, description="Characters that a message may have.")
    max_upload_mb: int = Field(25, ge=1, le=25, description="Megabytes that a file to be imported may have.")
    max_conversations: int | None = Field(
        None, ge=1, description="How many conversations one visitor may keep. Not set: any number.", examples=["200"]
    )
    max_stored_mb: float | None = Field(
        None,
        gt=0,
        description="Megabytes that the words of one visitor's conversations may take; pictures and files have 100 of "
        "their own. Not set: any number.",
        examples=["20"],
    )
