"""The page on which one signs in: HTML and CSS of our own, which work without a script, in the page's look."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from chatbot.access.sign_in import SIGN_IN, SignIn
from chatbot.ui.branding import Branding
from chatbot.ui.colour import button, shades
from chatbot.ui.i18n import Language, language_of
from chatbot.ui.security import style_source
from chatbot.ui.theme import EDGE, SANS

_HEADERS: Final = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}

_STYLE: Final = Path(__file__).with_suffix(".css")


class SignInPage:
    """Makes the page.

    Args:
        branding: How the application looks.
        frame_ancestors: Who may show it in a frame, as a Content-Security-Policy writes it.
    """

    def __init__(self, branding: Branding, frame_ancestors: Sequence[str]) -> None:
        self._branding = branding
        fill, ink = button(branding.accent)
        fonts = ", ".join(f'"{each}"' if " " in each else each for each in SANS)
        ring = shades(branding.accent)["c500"]
        look = f"--fill: {fill}; --on: {ink}; --ring: {ring}; --edge: {EDGE}; --font: {fonts}"
        self._css = f":root {{ {look} }}\n{_STYLE.read_text(encoding='utf-8')}"
        # Nothing is loaded, nothing runs, and what is typed goes here and nowhere else.
        self._policy = "; ".join(
            (
                "default-src 'none'",
                f"style-src {style_source(self._css)}",
                "img-src data:",
                "form-action 'self'",
                "base-uri 'none'",
                f"frame-ancestors {' '.join(frame_ancestors)}",
            )
        )

    def __call__(self, request: Request, sign_in: SignIn, status: int) -> Response:
        """Return it, in the language of whoever asks."""
        t = language_of(request)
        title = html.escape(self._branding.title)
        # In a frame no provider shows itself: there the way to it opens a window of its own.
        is_framed = request.headers.get("sec-fetch-dest") in ("iframe", "frame")
        # On another site no browser keeps a session within the frame: a password that is typed there lets nobody in.
        is_elsewhere = is_framed and request.headers.get("sec-fetch-site") == "cross-site"
        if sign_in.way == "password" and is_elsewhere:
            lead, way = t("launcher.refused"), _go("", t("launcher.tab"), is_framed=True)
        else:
            lead, way = t(f"sign_in.lead_{sign_in.way}"), _way(t, sign_in, is_framed=is_framed)
        page = (
            f'<!doctype html><html lang="{t.code}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<title>{title}</title><link rel="icon" href="{self._branding.logo_url}"><style>{self._css}</style></head>'
            f'<body><main><img src="{self._branding.logo_url}" alt=""><h1 dir="auto">{title}</h1>'
            f"<p>{html.escape(lead)}</p>{way}{_problem(t, sign_in)}</main></body></html>"
        )
        headers = {**_HEADERS, "content-security-policy": self._policy, "vary": "accept-language, cookie"}
        return HTMLResponse(page, status, headers=headers)


def _way(t: Language, sign_in: SignIn, *, is_framed: bool) -> str:
    if sign_in.way == "proxy":
        return ""
    if sign_in.way == "password":
        invalid = ' aria-invalid="true" aria-describedby="problem"' if sign_in.problem else ""
        return (
            f'<form method="post" action="{SIGN_IN}">'
            f'<input type="hidden" name="next" value="{html.escape(sign_in.destination)}">'
            f'<label for="password">{html.escape(t("sign_in.password"))}</label>'
            '<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1000" '
            f"required autofocus{invalid}>"
            f'<button type="submit">{html.escape(t("sign_in.submit"))}</button></form>'
        )
    label = t("sign_in.huggingface" if sign_in.way == "huggingface" else "sign_in.provider")
    return _go(f"{SIGN_IN}?{urlencode({'next': sign_in.destination})}", label, is_framed=is_framed)


def _go(where: str, label: str, *, is_framed: bool) -> str:
    target = ' target="_blank" rel="noopener"' if is_framed else ""
    return f'<a class="go" href="{html.escape(where)}"{target}>{html.escape(label)}</a>'


def _problem(t: Language, sign_in: SignIn) -> str:
    if sign_in.problem is None:
        return ""
    said = t("sign_in.wait", sign_in.seconds) if sign_in.problem == "wait" else t(f"sign_in.{sign_in.problem}")
    return f'<p role="alert" id="problem">{html.escape(said)}</p>'
