"""What is let in: routes that the page and the API need, requests of a size that fits, no writing by other sites."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Final

import gradio as gr
import orjson
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.conversation.import_export import MAX_UPLOAD_BYTES
from chatbot.ui.gradio_private import api_function, make_room_in_queue
from chatbot.ui.i18n import language_of
from chatbot.ui.identity import identify

_API: Final = "/gradio_api"

READ: Final = re.compile(
    r"/|/healthz|/chat/(updates|export/(markdown|json|all))"
    r"|/config/?|/theme\.css|/robots\.txt|/favicon\.ico|/manifest\.json|/(assets|static|svelte)/.+"
    rf"|{_API}/(info|app_id|login_check|user|startup-events|theme\.css|queue/data)/?"
    rf"|{_API}/(heartbeat/[^/]+|call/(v2/)?chat/[^/]+)"
)
"""What may be read. Not among it: the server's files, deep links into other people's pages, monitoring, run history."""

WRITTEN: Final = re.compile(rf"/chat/[a-z_]+|{_API}/(queue/join|cancel|reset|call/(v2/)?chat)/?")
"""What may be written to: what pages do, and the chat for clients of the API."""

IMPORT: Final = "/chat/import"

MAX_BODY: Final = 1_000_000
"""Bytes of an event: a question of the greatest length, in whatever script, and then some."""

MAX_QUEUED: Final = 1_000
"""Sessions of API clients that Gradio's queue holds at once."""


TOO_LARGE: Final = "The request is too large."


class _TooLargeError(HTTPException):
    """The body of a request is longer than it may be."""

    def __init__(self) -> None:
        super().__init__(413, TOO_LARGE)


class Gate:
    """ASGI middleware that lets in what the page and the API need.

    Args:
        app: What is behind it.
        page: The page, for its queue.
    """

    def __init__(self, app: ASGIApp, page: gr.Blocks) -> None:
        self._app = app
        self._page = page
        self._owners: OrderedDict[str, str] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        path = scope["path"]
        most = MAX_UPLOAD_BYTES if path == IMPORT else MAX_BODY
        try:
            refusal = _refusal(request, scope["method"], path, most)
            receive = _bounded(receive, most)
            if refusal is None and path.startswith(f"{_API}/queue/"):
                receive, refusal = await self._queued(request, scope["method"], receive)
            await (refusal or self._app)(scope, receive, send)
        except _TooLargeError:
            await _too_large(request, path)(scope, receive, send)

    async def _queued(self, request: HTTPConnection, method: str, receive: Receive) -> tuple[Receive, Response | None]:
        """Let API clients, each with a session of its own, use Gradio's queue for the chat and nothing else."""
        if method == "GET":
            session = request.query_params.get("session_hash", "")
            owner = self._owners.get(session)
            is_theirs = owner is not None and owner == identify(_Session(request, session))
            return receive, None if is_theirs else _refuse(404, "There is no such session.")
        body = await _read(receive)
        try:
            event = orjson.loads(body)
            session, function = str(event["session_hash"]), int(event["fn_index"])
        except (ValueError, KeyError, TypeError):
            return receive, _refuse(400, "This is no event.")
        if function != api_function(self._page):
            return receive, _refuse(404, "There is no such function.")
        owner = identify(_Session(request, session))
        if self._owners.get(session, owner) != owner:
            return receive, _refuse(404, "There is no such session.")
        if not make_room_in_queue(self._page, MAX_QUEUED):
            return receive, _refuse(503, "Too many clients are waiting. Try again in about ten seconds.")
        self._owners[session] = owner
        self._owners.move_to_end(session)
        if len(self._owners) > 2 * MAX_QUEUED:
            self._owners.popitem(last=False)
        return _again(body, receive), None


class _Session:
    """A request of an API client, which is known by its session where it has no cookie."""

    def __init__(self, request: HTTPConnection, session_hash: str) -> None:
        self.headers = request.headers
        self.cookies = request.cookies
        self.client = request.client
        self.session_hash = session_hash


def _refusal(request: HTTPConnection, method: str, path: str, most: int) -> Response | None:
    allowed = READ if method in ("GET", "HEAD") else WRITTEN if method == "POST" else None
    if allowed is None or not allowed.fullmatch(path):
        return _refuse(404, "There is nothing here.")
    # Browsers say where a request comes from. Others, which do not, hold nobody's cookie.
    if method == "POST" and request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return _refuse(403, "Another site may not write here.")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > most:
        return _too_large(request, path)
    return None


def _too_large(request: HTTPConnection, path: str) -> Response:
    if path == IMPORT:
        return _refuse(413, TOO_LARGE)
    # Somebody may have typed it, or rather pasted.
    notice = language_of(request)("problem.request_too_long")
    return JSONResponse({"detail": TOO_LARGE, "notice": notice}, 413)


def _refuse(status: int, words: str) -> Response:
    return JSONResponse({"detail": words}, status)


def _bounded(receive: Receive, most: int) -> Receive:
    left = most

    async def bounded() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise _TooLargeError
        return message

    return bounded


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _again(body: bytes, then: Receive) -> Receive:
    """A receive that hands out a body that was read already, and what comes after it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await then()

    return receive
