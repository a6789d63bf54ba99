"""How the page looks: Gradio's own components, system fonts, one accent; the style sheet has a reason for each rule."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import gradio as gr

from chatbot.ui.colour import button, shades

PARTS: Final = ("style", "answers", "list", "menus", "compare", "presenter", "print", "forced_colors")
STYLES: Final = tuple(Path(__file__).with_name(f"{name}.css") for name in PARTS)
"""The style sheet, in the order in which its files stand in it."""

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

EDGE: Final = "#7c8ba1"
"""Between two shades of slate: 3 to 1 on white and on the page, as the edge of an input needs (WCAG 2.2 AA, 1.4.11)."""


def style_sheet() -> str:
    """Return the page's style sheet."""
    return "\n".join(each.read_text(encoding="utf-8") for each in STYLES)


def theme(accent: str) -> gr.themes.Base:
    """Return the theme; its fonts are the visitor's own, so that the page fetches nothing from elsewhere.

    Args:
        accent: The one colour, ``#`` and six digits.
    """
    hue = palette(accent)
    fill, ink = button(accent)
    # Away from what is written on it.
    hover = f"color-mix(in srgb, {fill} 82%, {'black' if ink == '#ffffff' else 'white'})"
    return gr.themes.Soft(
        primary_hue=hue, secondary_hue=hue, neutral_hue="slate", radius_size="lg", font=SANS, font_mono=MONO
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
        button_primary_background_fill=fill,
        button_primary_background_fill_dark=fill,
        button_primary_background_fill_hover=hover,
        button_primary_background_fill_hover_dark=hover,
        button_primary_text_color=ink,
        button_primary_text_color_dark=ink,
        # So that a button is seen to be one in white on white, and in black on black.
        button_primary_border_color="*primary_600",
        button_primary_border_color_dark="*primary_500",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
        slider_color_dark="*primary_500",
        input_border_width="1px",
        input_border_color=EDGE,
        input_border_color_dark="*neutral_500",
        input_border_color_focus="*primary_500",
        input_border_color_focus_dark="*primary_500",
        block_label_text_color="*primary_600",
        button_border_width="1px",
        button_border_width_dark="1px",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_700",
        block_border_color="*neutral_300",
        block_border_color_dark="*neutral_700",
        # A label is no button.
        block_title_background_fill="none",
        block_title_background_fill_dark="none",
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        block_title_padding="0",
    )


def palette(accent: str) -> gr.themes.Color:
    """Return eleven shades of a colour; ``c600`` is itself, or the next darker one that white is readable on."""
    return gr.themes.Color(name="accent", **shades(accent))
