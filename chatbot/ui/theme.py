"""How the page looks: Gradio's own components, system fonts, one accent; ``style.css`` has a reason for each rule."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import gradio as gr

STYLE: Final = Path(__file__).with_name("style.css")

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


def theme() -> gr.themes.Base:
    """Return the theme; its fonts are the visitor's own, so that the page fetches nothing from elsewhere."""
    return gr.themes.Soft(
        primary_hue="blue", secondary_hue="blue", neutral_hue="slate", radius_size="lg", font=SANS, font_mono=MONO
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        # Soft's own pale text is too pale to read (WCAG AA wants 4.5:1).
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_500",
        block_info_text_color_dark="*neutral_400",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        button_secondary_background_fill_hover_dark="*neutral_700",
        # A label is no button.
        block_title_background_fill="none",
        block_title_background_fill_dark="none",
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        block_title_padding="0",
    )
