"""Buttons within what is drawn as HTML, and what they say when they are pressed. Pure.

Gradio's sanitizer takes nearly everything off a button in a chat bubble but its class, so the action is written there.
A model could write such a button too: the page knows its own by a token that no model is told.
"""

from __future__ import annotations

import html
import secrets
from typing import Final

TOKEN: Final = f"act-{secrets.token_hex(8)}"


def button(label: str, title: str, action: str, *details: int | str) -> str:
    """Return a button that asks for ``action`` with ``details``."""
    return _button(html.escape(label), title, action, details)


def icon(name: str, title: str, action: str, *details: int | str, disabled: bool = False) -> str:
    """Return a button with one of the style sheet's icons; the title is for those who do not see it."""
    # As text, not as an aria-label: the sanitizer leaves none.
    inner = f'<i class="glyph {name}"></i><span class="said">{html.escape(title)}</span>'
    return _button(inner, title, action, details, disabled=disabled)


def line(kind: str, inner: str) -> str:
    """Return a line of the page's own between messages; the token tells it from the model's words when they are copied.

    Args:
        kind: How it looks.
        inner: HTML.
    """
    return f'<div class="{TOKEN} {kind}" role="status">{inner}</div>'


def _button(inner: str, title: str, action: str, details: tuple[int | str, ...], *, disabled: bool = False) -> str:
    words = " ".join([TOKEN, action, *map(str, details)])
    off = " disabled" if disabled else ""
    return f'<button type="button" class="{html.escape(words)}" title="{html.escape(title)}"{off}>{inner}</button>'
