"""What a request holds, what it tells the model, and what it costs."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from chatbot.conversation.options import OPTIONS


class ModelSettings(BaseSettings):
    """How the model is asked where nobody chose otherwise."""

    memory_turns: int = Field(
        5,
        **OPTIONS["k"].bounds,
        description="How many earlier turns the model is sent (k). 0 sends none. Visitors may choose up to 20, or up "
        "to this where it is more.",
    )
    token_budget: int = Field(
        6000,
        **OPTIONS["token_budget"].bounds,
        description="Tokens a request and its answer may have together, estimated; older turns are left out to keep "
        "within it. Visitors may choose fewer, never more.",
    )
    system_prompt: str = Field(
        "You are a helpful assistant.", description="What the model is told before every conversation."
    )
    temperature: float | None = Field(
        None,
        **OPTIONS["temperature"].bounds,
        description="Randomness of the answers. Not set: the model's own default.",
        examples=["0.7"],
    )
    max_tokens: int = Field(
        1024,
        **OPTIONS["max_tokens"].bounds,
        description="The longest answer, in tokens. Visitors may choose a shorter one, never a longer.",
    )
    top_p: float | None = Field(
        None,
        **OPTIONS["top_p"].bounds,
        description="Nucleus sampling. Not set: the model's own default.",
        examples=["0.9"],
    )

    auto_titles: bool = Field(
        False,
        description="Whether the model finds a title for each chat after its first answer. Each is one request more, "
        "which counts as a message. Otherwise a chat is called what was asked first, until somebody has a title found.",
    )
    deployments_file: Path | None = Field(
        None,
        description="A TOML file of further deployments to choose from, see docs/deployments.md.",
        examples=["deployments.toml"],
    )
    input_price: float | None = Field(
        None,
        ge=0,
        description="What a million tokens that the model reads cost. With both prices, answers tell their cost.",
        examples=["0.30"],
    )
    output_price: float | None = Field(
        None, ge=0, description="What a million tokens that the model writes cost.", examples=["0.61"]
    )
    currency: str = Field("$", min_length=1, max_length=8, description="What prices are told in.")
