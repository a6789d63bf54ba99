"""What a browser may do with this page, whatever a model's answer says: a Content-Security-Policy."""

from __future__ import annotations

from collections.abc import Sequence
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


def policy(frame_ancestors: Sequence[str]) -> str:
    """Return the Content-Security-Policy.

    Args:
        frame_ancestors: Who may show the page in a frame, as the policy writes it: origins, ``*``, ``'self'``.
    """
    return f"{CONTENT}; frame-ancestors {' '.join(frame_ancestors)}"


class SecurityHeaders:
    """ASGI middleware that sends ``policy``, and what goes with it, with everything."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._headers = [
            (b"content-security-policy", policy.encode("latin-1")),
            (b"x-content-type-options", b"nosniff"),
            # A link in an answer that is followed tells nobody where it stood.
            (b"referrer-policy", b"no-referrer"),
        ]
        self._names = {name for name, _ in self._headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, with the headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                others = [each for each in message.get("headers", ()) if each[0].lower() not in self._names]
                message["headers"] = [*others, *self._headers]
            await send(message)

        await self._app(scope, receive, send_with_headers)
