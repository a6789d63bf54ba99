"""The prompts to begin with, as Gradio's Chatbot takes them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chatbot.ui.branding import ExamplePrompt
from chatbot.ui.icons import data_url
from chatbot.ui.theme import palette


def example_cards(examples: Sequence[ExamplePrompt], accent: str, language: str) -> list[dict[str, Any]]:
    """Return a card for each example.

    Args:
        examples: What can be begun with.
        accent: The page's colour.
        language: Code of the language that they are told in.
    """
    cards = []
    for each in examples:
        label, prompt = each.told_in(language)
        icon = {"url": data_url(each.icon, palette(accent).c500), "mime_type": "image/svg+xml"}
        cards.append({"text": prompt, "display_text": label, "icon": icon})
    return cards
