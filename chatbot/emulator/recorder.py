"""The requests that came in and the streams that are open, for those who test against the emulator."""

import json
import threading
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.emulator.services.responses import json_response

MAX_BODY = 20_000_000
_KEPT_REQUESTS = 200
# Larger bodies are answered but not remembered, or 200 of them would be gigabytes.
_KEPT_BODY = 1_000_000
_SECRET_HEADERS = frozenset({"authorization", "api-key"})


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request as it came over the wire. Header names are in lower case; keys are not kept."""

    method: str
    path: str
    headers: dict[str, str]
    content: bytes = field(repr=False)

    @property
    def body(self) -> Any:
        """The JSON body, or `None` when there was none, it was no JSON or it was over a megabyte."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None


class Recorder:
    """Requests and streams of one emulator. Written by its event loop, read from any thread."""

    def __init__(self) -> None:
        self.active_requests = 0
        self.active_streams = 0
        self.cancelled_streams = 0
        self._requests: deque[ReceivedRequest] = deque(maxlen=_KEPT_REQUESTS)
        self._lock = threading.Lock()

    @property
    def requests(self) -> list[ReceivedRequest]:
        """The last 200 requests, oldest first."""
        with self._lock:
            return list(self._requests)

    def record(self, request: Request, content: bytes) -> None:
        """Remember a request."""
        headers = {name: value for name, value in request.headers.items() if name not in _SECRET_HEADERS}
        kept = content if len(content) <= _KEPT_BODY else b""
        with self._lock:
            self._requests.append(ReceivedRequest(request.method, request.scope["path"], headers, kept))

    @contextmanager
    def count_stream(self) -> Iterator[None]:
        """Count a stream while it is open, and whether it was left before its end."""
        self.active_streams += 1
        finished = False
        try:
            yield
            finished = True
        finally:
            self.active_streams -= 1
            self.cancelled_streams += not finished


class RecordingMiddleware:
    """Reads every request to its end, remembers it, and gives every reply its ids."""

    def __init__(self, app: ASGIApp, recorder: Recorder) -> None:
        self._app = app
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            content = await _read(request)
        except ClientDisconnect:
            return
        self._recorder.record(request, content or b"")
        app = self._app if content is not None else _TOO_LARGE
        self._recorder.active_requests += 1
        try:
            await app(scope, _replay(content or b"", receive), _with_ids(request, send))
        finally:
            self._recorder.active_requests -= 1


_TOO_LARGE = json_response(
    {"error": {"code": "payload_too_large", "message": f"The request body is over {MAX_BODY} bytes."}}, 413
)


async def _read(request: Request) -> bytes | None:
    """Return the body, or nothing when it is too large.

    The rest of a large body is read and dropped: a client that is still sending would see a broken
    connection instead of the reply.
    """
    content = bytearray()
    size = 0
    async for part in request.stream():
        size += len(part)
        if size <= MAX_BODY:
            content += part
    return bytes(content) if size <= MAX_BODY else None


def _replay(content: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the whole body once, then what the connection reports."""
    unread = True

    async def replayed() -> Message:
        nonlocal unread
        if not unread:
            return await receive()
        unread = False
        return {"type": "http.request", "body": content, "more_body": False}

    return replayed


def _with_ids(request: Request, send: Send) -> Send:
    """Return a `send` that adds a request id, and the caller's own id if there is one."""
    ids = {"X-Request-ID": str(uuid.uuid4())}
    if client_id := request.headers.get("x-ms-client-request-id"):
        ids["x-ms-client-request-id"] = client_id

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(ids)
        await send(message)

    return sending
