"""What the owner's pages have in common, as HTML: the frame, and the form that lets the owner in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Final

from chatbot.ui.branding import Branding
from chatbot.ui.colour import button, shades

_STYLE: Final = (Path(__file__).parents[1] / "owner.css").read_text(encoding="utf-8")


def owner_page(branding: Branding, what: str, body: str, *, reload_seconds: int | None = None) -> str:
    """Return a page.

    Args:
        branding: How it looks.
        what: What it tells of the application.
        body: Its HTML.
        reload_seconds: After how long it loads itself again, if it does.
    """
    reloads = "" if reload_seconds is None else f'<meta http-equiv="refresh" content="{reload_seconds}">'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(what)} of {escape(branding.title)}</title>{reloads}"
        f"<style>:root {{ {colours(branding.accent)} }}\n{_STYLE}</style></head>"
        f"<body>{body}</body></html>"
    )


def header(branding: Branding, path: str, pages: Mapping[str, str]) -> str:
    """Return what stands above a page for who is signed in: the way to the others, to the chat, and out.

    Args:
        branding: How it looks.
        path: Of the page.
        pages: All of the owner's, by their paths, which differ in the last part only.
    """
    # Relative: the application may be somewhere below a path of its server.
    links = "".join(
        f'<a href="{escape(each.rpartition("/")[2])}"{" aria-current=page" if each == path else ""}>{escape(what)}</a>'
        for each, what in pages.items()
    )
    return (
        f'<header><img src="{escape(branding.logo_url)}" alt="">'
        f"<h1>{escape(pages[path])} of {escape(branding.title)}</h1>"
        f'<nav aria-label="Pages">{links}<a href="../">Chat</a></nav>'
        '<form method="post"><button name="out" value="1">Sign out</button></form></header>'
    )


def sign_in(branding: Branding, what: str, problem: str = "") -> str:
    """Return the form that asks for the token, with what was wrong with the last one."""
    told = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    return owner_page(
        branding,
        what,
        f"""<main><form class="door" method="post"><h1>{escape(what)} of {escape(branding.title)}</h1>{told}
<label for="token">The owner's token (CHATBOT_OWNER_TOKEN)</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button class="main">Open</button></form></main>""",
    )


@cache
def colours(accent: str) -> str:
    """The accent's shades as CSS variables: milliseconds of arithmetic, once."""
    fill, ink = button(accent)
    named = {name.replace("c", "accent-", 1): value for name, value in shades(accent).items()}
    return "".join(f"--{name}:{value};" for name, value in {**named, "fill": fill, "ink": ink}.items())
