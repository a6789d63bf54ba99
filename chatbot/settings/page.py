"""How the page presents itself, and what visitors may choose on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings

from chatbot.conversation.options import COMPARE, OPTIONS

CONTROLS: Final = (*OPTIONS, COMPARE)
"""What a visitor can choose for a conversation, and that one can ask two at a time."""

PARTS: Final = ("panel", "tokens", "costs", "details")
"""What of the page can be left out."""

_FRAME_ANCESTOR: Final = re.compile(r"https?://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?", re.IGNORECASE)
"""An origin as a Content-Security-Policy names it: no path, no user, no word of the policy's own."""


class PageSettings(BaseSettings):
    """The page: its name, its look, and what can be done on it."""

    title: str = Field("Azure ML Chat", min_length=1, description="Name of the application, on the page and its tab.")
    tagline: str = Field("", description="A line below the name, where a conversation begins.")
    logo: Path | None = Field(
        None,
        description="An SVG or PNG file, also shown in the tab. Not set: the project's own.",
        examples=["logo.svg"],
    )
    accent: str = Field(
        "#2563eb", pattern="^#[0-9a-fA-F]{6}$", description="The page's one colour, as in CSS: # and six digits."
    )
    prompts_file: Path | None = Field(
        None,
        description="A TOML file of example prompts for the welcome and of system prompts to choose from. Not set: "
        "assets/prompts.toml.",
        examples=["prompts.toml"],
    )
    hidden_controls: str = Field(
        "",
        description=f"What visitors do not see and cannot choose, with commas between: {', '.join(CONTROLS)}, or all.",
        examples=["system_prompt,top_p"],
    )
    locked_controls: str = Field(
        "", description="What visitors see and cannot choose, in the same words.", examples=["all"]
    )
    hidden_parts: str = Field(
        "",
        description="What of the page visitors do not see, with commas between: panel (memory and settings beside the "
        "chat, so that all but the deployment is hidden and cannot be chosen), tokens (how many), costs, details (what "
        "stands below an answer about times, tokens, costs and ids), or all.",
        examples=["panel,tokens,costs"],
    )
    frame_ancestors: str = Field(
        "self,https://huggingface.co,https://*.hf.space",
        description="Who may show the page in a frame, with commas between: self (its own site), origins such as "
        "https://www.example.com or https://*.example.com; or * for everybody, or none.",
    )

    @property
    def hidden(self) -> frozenset[str]:
        """The controls that visitors do not see."""
        in_panel = frozenset(CONTROLS) - {"deployment"} if "panel" in self.unseen else frozenset()
        return _named(self.hidden_controls, CONTROLS) | in_panel

    @property
    def locked(self) -> frozenset[str]:
        """The controls that visitors cannot use, be they seen or not."""
        return _named(self.locked_controls, CONTROLS) | self.hidden

    @property
    def unseen(self) -> frozenset[str]:
        """The parts of the page that visitors do not see."""
        return _named(self.hidden_parts, PARTS)

    @property
    def frame_sources(self) -> tuple[str, ...]:
        """Who may show the page in a frame, as a Content-Security-Policy writes it."""
        named = _frame_ancestors(self.frame_ancestors)
        return tuple(f"'{each}'" if each in ("self", "none") else each for each in named)

    @field_validator("hidden_controls", "locked_controls")
    @classmethod
    def _names_controls(cls, value: str) -> str:
        return _known(value, CONTROLS)

    @field_validator("hidden_parts")
    @classmethod
    def _names_parts(cls, value: str) -> str:
        return _known(value, PARTS)

    @field_validator("frame_ancestors")
    @classmethod
    def _names_origins(cls, value: str) -> str:
        named = _frame_ancestors(value)
        for each in named:
            if each not in ("self", "none", "*") and not _FRAME_ANCESTOR.fullmatch(each):
                raise PydanticCustomError(
                    "origin",
                    f"{each} is no origin; write https:// and a host without a path, such as https://www.example.com "
                    "or https://*.example.com, or self, *, none",
                )
        if not named or (len(named) > 1 and {"none", "*"} & set(named)):
            raise PydanticCustomError("origin", "names origins, or * or none alone")
        return value


def _named(names: str, known: Sequence[str]) -> frozenset[str]:
    listed = frozenset(filter(None, (name.strip() for name in names.split(","))))
    return frozenset(known) if "all" in listed else listed


def _known(names: str, known: Sequence[str]) -> str:
    if unknown := _named(names, known) - set(known):
        raise PydanticCustomError("controls", f"knows no {', '.join(sorted(unknown))}; only {', '.join(known)}, all")
    return names


def _frame_ancestors(value: str) -> list[str]:
    """With a slash at its end, within quotes as in a policy, or in capitals, it is the same one."""
    return [each.strip("'\"").rstrip("/").lower() for each in value.replace(",", " ").split()]
