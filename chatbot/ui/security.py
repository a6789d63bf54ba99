"""What a browser may do with this page, whatever a model's answer says, and what it may keep of it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Gradio's own scripts are inline and make functions from text, so scripts cannot be told apart here: Gradio's sanitizer
# takes them out of answers. What it leaves in, and what would load or send something by itself, is refused: remote
# images (an answer could tell somebody else what was said by asking for one), forms, frames, plug-ins and other bases.
CONTENT: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'none'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'none'",
    )
)


def style_source(css: str) -> str:
    """Return the source of a Content-Security-Policy that lets a page have this style, and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()}'"


def policy(frame_ancestors: Sequence[str]) -> str:
    """Return the Content-Security-Policy.

    Args:
        frame_ancestors: Who may show the page in a frame, as the policy writes it: origins, ``*``, ``'self'``.
    """
    return f"{CONTENT}; frame-ancestors {' '.join(frame_ancestors)}"


PUBLIC: Final = re.compile(
    r"/(assets|static|svelte)/.+|/(gradio_api/)?theme\.css|/robots\.txt|/favicon\.ico|/manifest\.json|/launcher\.js"
)
"""What everybody is sent alike. All else may be somebody's, and no cache keeps it."""

_NO_STORE: Final = (b"cache-control", b"no-store")
_TLS_ONLY: Final = (b"strict-transport-security", b"max-age=31536000")
"""Who was here over TLS comes back over TLS, for a year."""


class SecurityHeaders:
    """ASGI middleware that sends ``policy``, and what goes with it, with everything.

    Args:
        app: What is behind it.
        policy: The Content-Security-Policy.
        others: By path, that of pages that need less and are given less; a path with a slash at its end stands for all
            that are below it.
    """

    def __init__(self, app: ASGIApp, policy: str, others: Mapping[str, str] | None = None) -> None:
        self._app = app
        self._policy = policy.encode("latin-1")
        self._others = {path: other.encode("latin-1") for path, other in (others or {}).items()}
        self._headers = [
            (b"x-content-type-options", b"nosniff"),
            # A link in an answer that is followed tells nobody where it stood.
            (b"referrer-policy", b"no-referrer"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, with the headers."""
        path = scope.get("path", "")
        headers = [(b"content-security-policy", self._policy_of(path)), *self._headers]
        if scope["type"] == "http":
            if not PUBLIC.fullmatch(path):
                headers.append(_NO_STORE)
            if scope.get("scheme") == "https":
                headers.append(_TLS_ONLY)
        names = {name for name, _ in headers}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                others = [each for each in message.get("headers", ()) if each[0].lower() not in names]
                message["headers"] = [*others, *headers]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _policy_of(self, path: str) -> bytes:
        below = path[: path.rfind("/") + 1]
        return self._others.get(path) or self._others.get(below) or self._policy
