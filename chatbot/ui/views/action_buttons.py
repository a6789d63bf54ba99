"""Buttons within what is drawn as HTML, and what they say when they are pressed. Pure.

Gradio's sanitizer takes nearly everything off a button in a chat bubble but its class, so the action is written there.
A model could write such a button too: the page knows its own by a token that no model is told.
"""

from __future__ import annotations

import html
import re
import secrets
from typing import Final

from chatbot.ui.markdown.renderer import RESERVED

TOKEN: Final = f"act-{secrets.token_hex(8)}"


GROWING: Final = f"<!--{TOKEN} growing-->\n\n"
"""Before an answer that grows: its own text would be sent again with each word, so what is copied is what is shown."""


def button(label: str, title: str, action: str, *details: int | str) -> str:
    """Return a button that asks for ``action`` with ``details``."""
    return html_button(html.escape(label), title, action, *details)


def html_button(
    inner: str, title: str, action: str, *details: int | str, disabled: bool = False, attributes: str = ""
) -> str:
    """Return a button with HTML in it.

    Args:
        inner: The HTML.
        title: What it does, or is.
        action: What it asks for.
        details: Of what.
        disabled: Whether it can be pressed.
        attributes: Further ones; where the sanitizer is there is none of them left.
    """
    words = " ".join([TOKEN, action, *map(str, details)])
    further = f" {attributes}" * bool(attributes) + " disabled" * disabled
    return f'<button type="button" class="{html.escape(words)}" title="{html.escape(title)}"{further}>{inner}</button>'


def icon(name: str, title: str, action: str, *details: int | str, disabled: bool = False) -> str:
    """Return a button with one of the style sheet's icons; the title is for those who do not see it."""
    # As text, not as an aria-label: the sanitizer leaves none.
    inner = f'<i class="glyph {name}"></i><span class="said">{html.escape(title)}</span>'
    return html_button(inner, title, action, *details, disabled=disabled)


def line(kind: str, inner: str) -> str:
    """Return a line of the page's own between messages; the token tells it from the model's words when they are copied.

    Args:
        kind: How it looks.
        inner: HTML.
    """
    # Behind an empty line Gradio would read Markdown again.
    one_line = inner.replace("\n", "&#10;")
    return f'<div class="{TOKEN} {kind}" role="status">{one_line}</div>'


def as_typed(text: str) -> str:
    """Return a text as HTML in which nothing of it is taken for anything else; the page's script takes it back.

    Gradio makes four spaces of a tab that begins a line, and puts a formula in the place of ``%%%LATEX_BLOCK_0%%%``.
    """
    return RESERVED.sub(_reference, html.escape(text, quote=False)).replace("\t", "&#9;").replace("%%%", "&#37;%%")


def copied(text: str) -> str:
    """Return a comment that the page's script finds when an answer is copied: the model's text, byte for byte."""
    return f"<!--{TOKEN} {as_typed(text)}-->"


def _reference(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"
