"""What a page is loaded from, sent without making it anew for each visitor: Gradio's files, and the page itself."""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ASSET: Final = re.compile(r"/assets/[^/]+")
"""Files whose names tell what is in them: what has another content has another name."""

MAX_KEPT: Final = 30_000_000
"""Bytes of files that are kept, as they are sent: more than all of Gradio's take, in two encodings."""

FOREVER: Final = "public, max-age=31536000, immutable"

LEVEL: Final = 5
"""How hard a page is compressed: a third of its size, in some 3 ms."""


class Assets:
    """ASGI application around Gradio's: keeps its files as they were sent first, and compresses the page.

    Gradio reads a file and compresses it, on the event loop, for each request, and a page asks for seventy. The page
    itself it sends as it is.

    Args:
        app: What is behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressing = GZipMiddleware(app, compresslevel=LEVEL)
        self._kept: dict[tuple[str, str], tuple[Message, bytes]] = {}
        self._size = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
        elif scope["path"] == "/":
            await self._compressing(scope, receive, send)
        elif ASSET.fullmatch(scope["path"]) and _is_plain(Headers(scope=scope)):
            await self._asset(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _asset(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = scope["path"], _encoding(Headers(scope=scope))
        if key not in self._kept:
            start, body = await whole_reply(self._app, scope, receive)
            if start["status"] != 200 or self._size + len(body) > MAX_KEPT:
                await send_whole(start, body, send)
                return
            headers = MutableHeaders(raw=start["headers"])
            headers["cache-control"] = FOREVER
            headers["content-length"] = str(len(body))
            self._size += len(body) * (key not in self._kept)
            self._kept[key] = start, body
        await send_whole(*self._kept[key], send)


def _is_plain(headers: Headers) -> bool:
    """Whether a request wants the whole file, whoever asks; browsers ask so for what they do not have."""
    return not {"if-none-match", "if-modified-since", "range", "origin"} & set(headers.keys())


def _encoding(headers: Headers) -> str:
    accepted = headers.get("accept-encoding", "")
    return next((each for each in ("br", "gzip") if each in accepted), "")


async def whole_reply(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """Return what an application answers: its first message, and all of the body."""
    start: Message = {}
    parts = []

    async def take(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, receive, take)
    return start, b"".join(parts)


async def send_whole(start: Message, body: bytes, send: Send) -> None:
    """Send what :func:`whole_reply` returns; what is outside of this may add headers of its own."""
    await send({**start, "headers": list(start["headers"])})
    await send({"type": "http.response.body", "body": body})
