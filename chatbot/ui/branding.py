"""What the page is told about itself: its name, its colours, what it offers."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

LOGO: Final = Path(__file__).parents[2] / "assets" / "logo.svg"


@dataclass(frozen=True, slots=True)
class Branding:
    """How one application presents itself.

    Attributes:
        title: Its name.
        tagline: A line below the name where a conversation begins; empty is one about the endpoint.
        logo: An SVG or PNG file.
        accent: The one colour, ``#`` and six digits.
        currency: What costs are told in.
        examples: Prompts to begin with: label, prompt and icon.
        presets: System prompts by name.
        hidden: Names of the options that are not offered.
        is_demo: Whether the demo endpoint answers.
        keeps: Whether conversations outlive a restart; where they do not, the page says so.
    """

    title: str = "Chat"
    tagline: str = ""
    logo: Path = LOGO
    accent: str = "#2563eb"
    currency: str = "$"
    examples: Sequence[tuple[str, str, str]] = ()
    presets: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    is_demo: bool = False
    keeps: bool = True

    @property
    def logo_url(self) -> str:
        """The logo as a URL that needs no request."""
        kind = "svg+xml" if self.logo.suffix.lower() == ".svg" else "png"
        return f"data:image/{kind};base64,{base64.b64encode(self.logo.read_bytes()).decode()}"
