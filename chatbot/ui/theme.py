"""How the page looks: Gradio's own components, system fonts, one accent; ``style.css`` has a reason for each rule."""

from __future__ import annotations

import colorsys
from pathlib import Path
from typing import Final

import gradio as gr

STYLE: Final = Path(__file__).with_name("style.css")

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

_LIGHTNESS: Final = {
    "c50": 0.97,
    "c100": 0.93,
    "c200": 0.86,
    "c300": 0.77,
    "c400": 0.68,
    "c500": 0.58,
    "c700": 0.42,
    "c800": 0.34,
    "c900": 0.27,
    "c950": 0.18,
}
_READABLE: Final = 4.5
"""Contrast that text needs against what is behind it (WCAG AA)."""


def theme(accent: str) -> gr.themes.Base:
    """Return the theme; its fonts are the visitor's own, so that the page fetches nothing from elsewhere.

    Args:
        accent: The one colour, ``#`` and six digits. Where white text would not be readable on it, it is darkened.
    """
    hue = palette(accent)
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
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
        # A label is no button.
        block_title_background_fill="none",
        block_title_background_fill_dark="none",
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        block_title_padding="0",
    )


def palette(accent: str) -> gr.themes.Color:
    """Return eleven shades of a colour; ``c600`` is itself, or the next darker one that white is readable on."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*_channels(accent))
    main = accent
    while contrast(main, "#ffffff") < _READABLE:
        lightness -= 0.01
        main = _hex(hue, lightness, saturation)
    shades = {name: _hex(hue, light, saturation) for name, light in _LIGHTNESS.items()}
    # Darker than the main one, however dark that is.
    shades["c700"] = _hex(hue, min(lightness * 0.85, _LIGHTNESS["c700"]), saturation)
    return gr.themes.Color(c600=main, name="accent", **shades)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG counts it, from 1 to 21."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    linear = (each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in _channels(colour))
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red / 255, green / 255, blue / 255


def _hex(hue: float, lightness: float, saturation: float) -> str:
    return "#" + "".join(
        f"{round(255 * each):02x}" for each in colorsys.hls_to_rgb(hue, max(lightness, 0.0), saturation)
    )
