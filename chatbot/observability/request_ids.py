"""Gives every request an id, by which the page, the log and a proxy in front tell of the same one."""

from __future__ import annotations

import re
import secrets
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.conversation import REQUEST_ID

HEADER: Final = "x-request-id"

WELL_FORMED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
"""What is taken over of a proxy's: nothing that a line of a log or of a page could be broken with."""


class RequestIds:
    """ASGI middleware that names each request, for all that is done for it and to whoever sent it.

    Args:
        app: What is behind it.
        trusted: The header in which a proxy in front sends an id of its own; without one, none is believed.
    """

    def __init__(self, app: ASGIApp, trusted: str | None = None) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request under its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        known = Headers(scope=scope).get(self._trusted, "") if self._trusted else ""
        request = known if WELL_FORMED.fullmatch(known) else secrets.token_hex(8)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request
            await send(message)

        # Gradio answers its API's clients in tasks of its own: they find the id in the request.
        others = [each for each in scope["headers"] if each[0] != HEADER.encode()]
        named = {**scope, "headers": [*others, (HEADER.encode(), request.encode())]}
        # Not set back: it is the request's own task, and what nobody caught is logged after this.
        REQUEST_ID.set(request)
        await self._app(named, receive, send_with_id)
