"""Shades of a colour in OKLCH, where equal steps look equal (https://bottosson.github.io/posts/oklab/). Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

Triple = tuple[float, float, float]

READABLE: Final = 4.5
"""Contrast that text needs against what is behind it (WCAG 2.2 AA, 1.4.3)."""

_LIGHTER: Final = {"c50": 1.06, "c100": 1.16, "c200": 1.36, "c300": 1.75, "c400": 2.45, "c500": 3.4}
"""Contrast with white. At 3.4, icons and edges can be seen on light and on dark."""
_DARKER: Final = {"c700": 0.18, "c800": 0.36, "c900": 0.52, "c950": 0.74}
"""How far from the main shade to black, by contrast with white."""

_PALE: Final = 0.65
"""From this lightness on colours fade towards white, unless they are lighter themselves."""
_UNSEEN: Final = 0.06
"""A difference in lightness that does not make it another colour."""

# sRGB (linear) to the cone responses whose cube roots OKLab is made of, and those to OKLab; and both ways back.
_TO_CONES: Final = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_TO_LAB: Final = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
_FROM_LAB: Final = (
    (1.0, 0.3963377774, 0.2158037573),
    (1.0, -0.1055613458, -0.0638541728),
    (1.0, -0.0894841775, -1.2914855480),
)
_FROM_CONES: Final = (
    (4.0767416621, -3.3077115913, 0.2309699292),
    (-1.2684380046, 2.6097574011, -0.3413193965),
    (-0.0041960863, -0.7034186147, 1.7076147010),
)


@cache
def shades(colour: str) -> Mapping[str, str]:
    """Return eleven shades of ``colour`` by name, ``c50`` (nearly white) to ``c950`` (nearly black).

    All have its hue and none more chroma, so that it is recognised in each. ``c600`` is the colour itself, or the next
    darker one that white is readable on; the lighter ones are as light as their contrast with white says, whatever the
    colour is, so that each can be relied on for what it is used for.

    Args:
        colour: ``#`` and six digits.
    """
    own = oklch(colour)
    main = colour if contrast(colour, "#ffffff") >= READABLE else _shade(own, READABLE)
    from_white = contrast(main, "#ffffff")
    found = {name: _shade(own, target) for name, target in _LIGHTER.items()}
    found["c600"] = main
    for name, way in _DARKER.items():
        found[name] = _shade(own, from_white * (21 / from_white) ** way)
    return MappingProxyType(found)


def button(colour: str) -> tuple[str, str]:
    """Return the fill of a button in ``colour``, and what is written with on it.

    That is the colour itself with white, or a darker one that nobody tells from it; where white would need another
    colour, it is the colour itself with black.
    """
    main = shades(colour)["c600"]
    is_close = oklch(colour)[0] - oklch(main)[0] <= _UNSEEN
    return (main, "#ffffff") if is_close else (colour, "#000000")


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG counts it, from 1 to 21."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def oklch(colour: str) -> Triple:
    """Return lightness (0 to 1), chroma (0 to about 0.32) and hue (radians) of a colour as people see it."""
    cones = _times(_TO_CONES, _linear(colour))
    lightness, a, b = _times(_TO_LAB, tuple(map(math.cbrt, cones)))
    return lightness, math.hypot(a, b), math.atan2(b, a)


def _shade(own: Triple, target: float) -> str:
    """Return the lightest colour with this hue and at least ``target`` contrast with white."""
    lightness, chroma, hue = own

    def at(light: float) -> str:
        # With all its chroma a darker shade would look more saturated than the colour itself, and white be tinged.
        share = min(1.0, light / max(lightness, 1e-6), (1 - light) / max(1 - max(lightness, _PALE), 1e-6))
        return _in_gamut(light, chroma * share, hue)

    return at(_largest(lambda light: contrast(at(light), "#ffffff") >= target))


def _in_gamut(lightness: float, chroma: float, hue: float) -> str:
    """Return the colour, or the most colourful one of its lightness and hue that screens can show."""

    def channels(chroma: float) -> Triple:
        if chroma < 1e-4:  # the last digits of the matrices would tinge a grey
            return lightness**3, lightness**3, lightness**3
        cones = _times(_FROM_LAB, (lightness, chroma * math.cos(hue), chroma * math.sin(hue)))
        return _times(_FROM_CONES, tuple(each**3 for each in cones))

    def fits(share: float) -> bool:
        return all(-1e-4 <= each <= 1 + 1e-4 for each in channels(chroma * share))

    return _hex(channels(chroma if fits(1.0) else chroma * _largest(fits)))


def _largest(holds: Callable[[float], bool]) -> float:
    """Return the largest number from 0 to 1 for which something holds that holds for all smaller ones."""
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _luminance(colour: str) -> float:
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), _linear(colour), strict=True))


def _linear(colour: str) -> Triple:
    red, green, blue = (
        each / 255 / 12.92 if each <= 10 else ((each / 255 + 0.055) / 1.055) ** 2.4
        for each in bytes.fromhex(colour.removeprefix("#"))
    )
    return red, green, blue


def _hex(linear: Triple) -> str:
    encoded = (
        12.92 * each if each <= 0.0031308 else 1.055 * each ** (1 / 2.4) - 0.055
        for each in (min(max(each, 0.0), 1.0) for each in linear)
    )
    return "#" + "".join(f"{round(255 * each):02x}" for each in encoded)


def _times(matrix: tuple[Triple, Triple, Triple], vector: tuple[float, ...]) -> Triple:
    first, second, third = (sum(map(float.__mul__, row, vector)) for row in matrix)
    return first, second, third
