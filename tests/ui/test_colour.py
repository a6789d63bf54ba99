"""The owner's colour is recognised in its shades, and what is written in them can be read."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatbot.ui.colour import button, contrast, oklch, shades
from chatbot.ui.theme import EDGE, palette, theme

NAMES = ["c50", "c100", "c200", "c300", "c400", "c500", "c600", "c700", "c800", "c900", "c950"]
LIGHT = ["#ffffff", "#f8fafc"]
"""Cards and inputs, and the page behind them."""
DARK = ["#1e293b", "#0f172a", "#020617"]
NAMED = ["#2563eb", "#00aa77", "#b45309", "#facc15", "#111827", "#000000", "#ffffff", "#ffff00", "#00ff00", "#808080"]

colours = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


def examples(test):
    for each in NAMED:
        test = example(each)(test)
    return test


@settings(deadline=None)
@given(colours)
@examples
def test_shades_darken_and_keep_the_hue_without_more_of_it(colour):
    _, chroma, hue = oklch(colour)
    found = shades(colour)
    assert list(found) == NAMES
    light = [oklch(found[name])[0] for name in NAMES]
    assert light == sorted(light, reverse=True)
    for shade in found.values():
        of_shade = oklch(shade)
        assert of_shade[1] <= chroma + 0.008, "rounding to 256 steps gives no more than that"
        # In what is nearly grey, rounding decides on the hue.
        if min(chroma, of_shade[1]) > 0.04:
            turned = abs(of_shade[2] - hue)
            assert min(turned, 2 * 3.14159 - turned) < 0.2, (colour, shade)


@settings(deadline=None)
@given(st.integers(0, 255))
def test_grey_stays_grey(level):
    for shade in shades(f"#{level:02x}{level:02x}{level:02x}").values():
        assert shade[1:3] == shade[3:5] == shade[5:7]


@settings(deadline=None)
@given(colours)
@examples
def test_what_is_written_and_drawn_in_a_shade_can_be_seen(colour):
    found = shades(colour)
    assert contrast(found["c600"], "#ffffff") >= 4.5
    for ground in [*LIGHT, found["c100"]]:
        assert contrast(found["c700"], ground) >= 4.5, "a link, also in one's own question"
    for ground in LIGHT:
        assert contrast(found["c500"], ground) >= 3, "an icon, an edge, the focus"
    for ground in DARK:
        assert contrast(found["c500"], ground) >= 3
        assert contrast(found["c300"], ground) >= 4.5


@settings(deadline=None)
@given(colours)
@examples
def test_a_button_is_the_owners_colour_and_can_be_read(colour):
    fill, ink = button(colour)
    assert contrast(fill, ink) >= 4.5
    (lightness, chroma, _), (filled, of_fill, _) = oklch(colour), oklch(fill)
    assert abs(lightness - filled) < 0.07
    assert abs(chroma - of_fill) < 0.04
    if contrast(colour, "#ffffff") >= 4.5:
        assert (fill, ink) == (colour, "#ffffff")


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ("#b45309", ("#b45309", "#ffffff")),
        ("#00aa77", ("#00aa77", "#000000")),
        ("#facc15", ("#facc15", "#000000")),
        ("#ffffff", ("#ffffff", "#000000")),
        ("#000000", ("#000000", "#ffffff")),
    ],
)
def test_a_button_is_written_on_in_white_where_that_can_be_read(colour, expected):
    assert button(colour) == expected


def test_the_theme_is_made_of_them():
    assert palette("#00aa77").c600 == shades("#00aa77")["c600"]
    assert theme("#00aa77").button_primary_background_fill == "#00aa77"


def test_the_edge_of_an_input_is_seen_on_both_its_sides():
    assert re.fullmatch("#[0-9a-f]{6}", EDGE)
    for ground in LIGHT:
        assert contrast(EDGE, ground) >= 3
