"""What the page is told about itself: its name, its colours, what it offers."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chatbot import HOME
from chatbot.ui.demo import DemoOffer
from chatbot.ui.house_rules import HouseRules

LOGO: Final = HOME / "assets" / "logo.svg"


@dataclass(frozen=True, slots=True)
class ExamplePrompt:
    """A prompt to begin with.

    Attributes:
        label: What its card says.
        prompt: What is sent.
        icon: Name of one of the page's icons.
        translations: Label and prompt by the code of a language.
    """

    label: str
    prompt: str
    icon: str = "spark"
    translations: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def told_in(self, language: str) -> tuple[str, str]:
        """Return its label and its prompt in a language, or as they are where it has none."""
        return self.translations.get(language, (self.label, self.prompt))


@dataclass(frozen=True, slots=True)
class Branding:
    """How one application presents itself.

    Attributes:
        title: Its name.
        tagline: A line below the name where a conversation begins; empty is one about the endpoint.
        logo: An SVG or PNG file.
        accent: The one colour, ``#`` and six digits.
        currency: What costs are told in.
        examples: Prompts to begin with.
        presets: System prompts by name.
        hidden: Names of the options that are not offered.
        hidden_parts: What of the page is not shown: ``panel``, ``tokens``, ``costs``, ``details``.
        is_demo: Whether the demo endpoint answers.
        keeps: Whether conversations outlive a restart; where they do not, the page says so.
        can_sign_out: Whether there is a door to go out of.
        rules: What everybody is told and asked.
        demo: A rehearsed demo that can be played, where there is one.
    """

    title: str = "Chat"
    tagline: str = ""
    logo: Path = LOGO
    accent: str = "#2563eb"
    currency: str = "$"
    examples: Sequence[ExamplePrompt] = ()
    presets: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    hidden_parts: frozenset[str] = frozenset()
    is_demo: bool = False
    keeps: bool = True
    can_sign_out: bool = False
    rules: HouseRules = field(default_factory=HouseRules)
    demo: DemoOffer | None = None

    @property
    def unseen(self) -> frozenset[str]:
        """All that visitors do not see: options, and parts of the page."""
        return self.hidden | self.hidden_parts

    @property
    def logo_url(self) -> str:
        """The logo as a URL that needs no request."""
        kind = "svg+xml" if self.logo.suffix.lower() == ".svg" else "png"
        return f"data:image/{kind};base64,{base64.b64encode(self.logo.read_bytes()).decode()}"
