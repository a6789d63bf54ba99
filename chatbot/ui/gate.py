"""What is let in: routes that the page and the API need, requests of a size that fits, no writing by other sites."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

import gradio as gr
import orjson
from h11 import LocalProtocolError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.conversation import UnreadableExportError
from chatbot.ui.api_names import ApiNames
from chatbot.ui.gradio_private import api_function, make_room_in_queue
from chatbot.ui.i18n import language_of
from chatbot.ui.identity import MAX_NAME
from chatbot.ui.lengths import Lengths

_API: Final = "/gradio_api"

READ: Final = re.compile(
    r"/|/(healthz|readyz|metrics)|/chat/(updates|terms|export/(markdown|json|report|all|demo))"
    r"|/share/[\w-]{1,100}"
    r"|/launcher\.js|/config/?|/theme\.css|/robots\.txt|/favicon\.ico|/manifest\.json|/(assets|static|svelte)/.+"
    rf"|{_API}/(info|app_id|login_check|user|startup-events|theme\.css|queue/data)/?"
    rf"|{_API}/(heartbeat/[^/]+|call/(v2/)?chat/[^/]+)"
)
"""What may be read. Not among it: the server's files, deep links into other people's pages, monitoring, run history."""

WRITTEN: Final = re.compile(rf"/chat/[a-z_]+|{_API}/(queue/join|cancel|reset|call/(v2/)?chat)/?")
"""What may be written to: what pages do, and the chat for clients of the API."""

_BEGINS: Final = re.compile(rf"{_API}/(queue/join|call/(v2/)?chat)/?")
"""What begins an event, which the reply names."""

IMPORT: Final = "/chat/import"

MAX_PATH: Final = 250
"""Bytes of a path: no file system has a name that is longer."""

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
        lengths: How long what is sent may be.
        also: Further paths that are let in, to be read and written to.
    """

    def __init__(self, app: ASGIApp, page: gr.Blocks, lengths: Lengths, also: Collection[str] = ()) -> None:
        self._app = app
        self._page = page
        self._lengths = lengths
        self._also = also
        self._names = ApiNames(4 * MAX_QUEUED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        path = scope["path"]
        most = self._lengths.of_body(path)
        try:
            refusal = _refusal(request, scope["method"], path, most, self._also)
            receive = _bounded(receive, most)
            try:
                if refusal is None and path.startswith(f"{_API}/"):
                    scope, receive, send, refusal = await self._api(request, scope, receive, send)
                await (refusal or self._app)(scope, receive, send)
            except _TooLargeError:
                await _too_large(request, path, most)(scope, receive, send)
        except (ClientDisconnect, LocalProtocolError):
            # Who went away before the end of their request waits for no answer, and a request that broke off in what is
            # no HTTP was answered by the server itself.
            return

    async def _api(
        self, request: HTTPConnection, scope: Scope, receive: Receive, send: Send
    ) -> tuple[Scope, Receive, Send, Response | None]:
        """Let clients of the API do what Gradio can read, with names of sessions and events that are their own."""
        path, is_written = scope["path"], scope["method"] == "POST"
        if is_written:
            receive, refusal = await _event(path, receive)
            if refusal is not None:
                return scope, receive, send, refusal
        refusal = None
        begins = _BEGINS.fullmatch(path) is not None
        scope = self._names.hidden_in_path(request, scope)
        if self._names.is_called_by_others(request):
            refusal = _refuse(404, "There is no such event.")
        elif path.startswith(f"{_API}/queue/"):
            receive, refusal = await self._queued(request, scope["method"], receive)
        elif is_written:
            body = self._names.hidden_in_body(request, await _read(receive), begins=begins)
            receive = _again(body, receive)
        if begins:
            send = self._names.noting_event(request, send)
        return scope, receive, send, refusal

    async def _queued(self, request: HTTPConnection, method: str, receive: Receive) -> tuple[Receive, Response | None]:
        """Let API clients, each with a session of its own, use Gradio's queue for the chat and nothing else."""
        if method == "GET":
            session = request.query_params.get("session_hash", "")
            is_theirs = self._names.is_theirs(request, session)
            return receive, None if is_theirs else _refuse(404, "There is no such session.")
        body = await _read(receive)
        event = orjson.loads(body)
        try:
            session, function = str(event["session_hash"]), int(event["fn_index"])
        except (ValueError, KeyError, TypeError):
            return receive, _refuse(400, "This is no event.")
        if len(session) > MAX_NAME:
            return receive, _refuse(400, "This is no name of a session.")
        if function != api_function(self._page):
            return receive, _refuse(404, "There is no such function.")
        if not make_room_in_queue(self._page, MAX_QUEUED):
            return receive, _refuse(503, "Too many clients are waiting. Try again in about ten seconds.")
        if not self._names.take(request, session):
            return receive, _refuse(404, "There is no such session.")
        return _again(body, receive), None


def _refusal(request: HTTPConnection, method: str, path: str, most: int, also: Collection[str]) -> Response | None:
    allowed = READ if method in ("GET", "HEAD") else WRITTEN if method == "POST" else None
    if allowed is None or len(path.encode(errors="replace")) > MAX_PATH:
        return _refuse(404, "There is nothing here.")
    if not (path in also or allowed.fullmatch(path)):
        return _refuse(404, "There is nothing here.")
    # Browsers say where a request comes from. Others, which do not, hold nobody's cookie.
    if method == "POST" and request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return _refuse(403, "Another site may not write here.")
    length = request.headers.get("content-length", "0")
    if method != "POST" and (length != "0" or "transfer-encoding" in request.headers):
        return _refuse(400, "What is read takes no body.")
    if not length.isdecimal() or int(length) > most:
        return _too_large(request, path, most)
    return None


def _too_large(request: HTTPConnection, path: str, most: int) -> Response:
    t = language_of(request)
    # Somebody may have chosen it, or typed it, or rather pasted.
    file_too_large = UnreadableExportError("file_too_large", most=most // 1_000_000)
    notice = t.problem(file_too_large) if path == IMPORT else t("problem.request_too_long")
    return JSONResponse({"detail": TOO_LARGE, "notice": notice}, 413)


def _refuse(status: int, words: str) -> Response:
    return JSONResponse({"detail": words}, status)


async def _event(path: str, receive: Receive) -> tuple[Receive, Response | None]:
    """Let on to Gradio only what it can read: on half a character, and on arguments that are none, it fails."""
    body = await _read(receive)
    try:
        is_one = _is_event(path.removeprefix(f"{_API}/"), orjson.loads(body))
    except ValueError:
        is_one = False
    return _again(body, receive), None if is_one else _refuse(400, "This is no event.")


def _is_event(path: str, event: object) -> bool:
    if not isinstance(event, dict):
        return False
    if path.startswith("call/v2/"):
        return event.keys() == {"message"} and isinstance(event["message"], str)
    if path.startswith(("call/", "queue/")):
        # A message, and the place of the state that Gradio keeps: the short form leaves it out.
        data = event.get("data")
        least = 2 if path.startswith("queue/") else 1
        return isinstance(data, list) and len(data) >= least and isinstance(data[0], str) and data[1:] in ([], [None])
    return True


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
