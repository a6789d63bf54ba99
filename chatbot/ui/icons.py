"""The page's icons: drawn here, so that nothing has to be fetched and no font has to have them."""

from __future__ import annotations

import base64
from typing import Final

PATHS: Final = {
    "brain": "M9 4a3 3 0 0 0-3 3 3 3 0 0 0-2 5 3 3 0 0 0 2 5 3 3 0 0 0 6 1V6a3 3 0 0 0-3-2z"
    "M15 4a3 3 0 0 1 3 3 3 3 0 0 1 2 5 3 3 0 0 1-2 5 3 3 0 0 1-6 1",
    "chat": "M4 5h16v11H10l-5 4v-4H4z",
    "code": "M8 7l-5 5 5 5M16 7l5 5-5 5M13.5 5l-3 14",
    "list": "M9 6h11M9 12h11M9 18h11M4 6h.5M4 12h.5M4 18h.5",
    "pen": "M4 20l4-1L19 8l-3-3L5 16zM14 7l3 3",
    "spark": "M12 3l2.3 6.7L21 12l-6.7 2.3L12 21l-2.3-6.7L3 12l6.7-2.3z",
    "table": "M4 5h16v14H4zM4 10h16M10 10v9",
    "wave": "M5 11V6.5a1.5 1.5 0 0 1 3 0V11m0-1V4.5a1.5 1.5 0 0 1 3 0V10m0 0V5.5a1.5 1.5 0 0 1 3 0V12"
    "m0-2.5a1.5 1.5 0 0 1 3 0V15a6 6 0 0 1-6 6h-1c-3 0-4.5-2-6-4.5l-2-3.5a1.5 1.5 0 0 1 2.5-1.5L8 15",
}
"""Outlines on a field of 24 by 24."""


def data_url(name: str, colour: str) -> str:
    """Return an icon as a URL that needs no request; an unknown name is a spark."""
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="{colour}" stroke-width="1.6" '
        f'stroke-linecap="round" stroke-linejoin="round"><path d="{PATHS.get(name, PATHS["spark"])}"/></svg>'
    )
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()}"
