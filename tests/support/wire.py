"""A real HTTP/1.1 server on the loopback, in a thread, that answers what a test tells it to, byte by byte if need be.

    with WireServer() as server:
        server.script(sample_reply("score_429_too_many_pending"), sample_reply("score_chat_ok"))
        ...                                     # the client under test talks to server.url
        assert server.requests[0].json == {...}

Where a test needs order it hands over a ``threading.Event`` among the pieces of a reply: the server goes on once
the event is set. A client that closes its connection ends every wait, and is noticed.
"""

import json
import math
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Self

PATIENCE = 20.0
"""Seconds after which a wait of a test or of the server has failed; no test that passes gets near it."""

SAMPLES = Path(__file__).parent.parent / "wire_samples"

Piece = bytes | float | threading.Event
End = Literal["normal", "close", "cut", "reset", "hang", "drop", "mute"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer to one request.

    Attributes:
        pieces: The body. Bytes are sent as one write, and as one HTTP chunk; an event is waited for; a number is a
            pause in seconds, for slowness alone and never for order.
        length: Announce the body's length and send it without chunks.
        hold: Say nothing at all, not even the status, before this event.
        end: How it ends. ``normal``: complete, and the connection is kept. ``close``: neither length nor chunks, so
            that the end of the connection is the end of the body. ``cut``: the connection ends before the body is
            complete. ``reset``: the same, as a TCP reset. ``hang``: nothing more comes. ``drop``: complete, but the
            connection that the client keeps for later is closed without a word. ``mute``: the connection ends before
            even the status is sent.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Sequence[Piece] = ()
    length: bool = False
    hold: threading.Event | None = None
    end: End = "normal"


def text_reply(text: str | bytes, status: int = 200, content_type: str = "text/plain", **headers: str) -> Reply:
    """Return a whole reply; underscores in the names of ``headers`` stand for hyphens."""
    body = text.encode() if isinstance(text, str) else text
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"Content-Type": content_type, **named}, (body,), length=True)


def json_reply(content: Any, status: int = 200, **headers: str) -> Reply:
    """Return a whole reply that is JSON."""
    return text_reply(json.dumps(content), status, "application/json", **headers)


def stream_reply(*pieces: Piece | str, end: End = "normal", **headers: str) -> Reply:
    """Return a streamed reply of these raw pieces."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = tuple(piece.encode() if isinstance(piece, str) else piece for piece in pieces)
    return Reply(200, {"Content-Type": "text/event-stream; charset=utf-8", **named}, raw, end=end)


def event(content: str | None = None, finish_reason: str | None = None, **rest: Any) -> bytes:
    """Return one canonical chat event; ``DONE`` is the last one."""
    delta = {} if content is None else {"content": content}
    choice = {"delta": delta, "finish_reason": finish_reason, "index": 0}
    return f"data: {json.dumps({'choices': [choice], 'model': 'm', **rest}, ensure_ascii=False)}\n\n".encode()


DONE = b"data: [DONE]\n\n"


def sample(name: str) -> dict[str, Any]:
    """Return the recorded or documented exchange of that name."""
    content: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return content


def sample_body(name: str) -> bytes:
    """Return the body of a sample's reply, as it was on the wire."""
    response = sample(name)["response"]
    if "sse" in response:
        return "".join(response["sse"]).encode()
    if "json" in response:
        return json.dumps(response["json"], ensure_ascii=False, separators=(",", ":")).encode()
    return response["text"].encode()


def sample_reply(name: str, **changes: Any) -> Reply:
    """Return a sample's reply, to be sent as it was recorded; ``changes`` replace fields of the :class:`Reply`."""
    response = sample(name)["response"]
    framing = ("content-length", "transfer-encoding")
    headers = {key: value for key, value in response["headers"].items() if key.lower() not in framing}
    ends: dict[str | None, End] = {None: "normal", "clean close": "close", "reset": "reset"}
    if "sse" in response:
        pieces = tuple(piece.encode() for piece in response["sse"])
        reply = Reply(response["status"], headers, pieces, end=ends[response.get("connection")])
    else:
        reply = Reply(response["status"], headers, (sample_body(name),), length=True)
    return replace(reply, **changes)


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent.

    Attributes:
        path: With the query.
        headers: Looked up without regard to case.
        connection: Number of the connection it came on, from 1.
        left: Set as soon as the client closes the connection before the reply is complete.
        ended: Set when the reply is over, one way or the other, and its connection closed if it is to be closed.
    """

    method: str
    path: str
    headers: Message
    body: bytes
    connection: int
    left: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class WireServer:
    """The server. Replies come from the script first, then ``default``; ``url`` is its root, without a path.

    Attributes:
        default: One reply for every request that no script is left for, or a function that makes one of a request.
        requests: All that came, in order.
        connections: How many were accepted so far.
    """

    def __init__(self, default: Reply | Callable[[Request], Reply] | None = None) -> None:
        self.default = default or text_reply("the test scripted no reply for this request", 500)
        self.requests: list[Request] = []
        self.connections = 0
        self._script: deque[Reply] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self), bind_and_activate=False)
        self._server.daemon_threads = False  # so that closing waits for them
        self._server.request_queue_size = 128
        self._server.server_bind()
        self._server.server_activate()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.002,), name="wire-server")
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def script(self, *replies: Reply) -> None:
        """Answer the next requests with these, in order."""
        self._script.extend(replies)

    def wait_for(self, requests: int) -> Request:
        """Wait until that many requests have come; return the last of them."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.requests) >= requests, PATIENCE), "no such request came"
        return self.requests[requests - 1]

    def wait_for_no_connection(self) -> None:
        """Wait until the clients have closed all their connections."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._open, PATIENCE), "a connection is still open"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        with self._changed:
            for connection in self._open:
                _shut(connection)
        self._server.server_close()
        self._thread.join()

    # For the handlers, each in a thread of its own.

    def accepted(self, connection: socket.socket) -> int:
        with self._changed:
            self._open.add(connection)
            self.connections += 1
            if self._closing.is_set():
                _shut(connection)
            return self.connections

    def ended(self, connection: socket.socket) -> None:
        with self._changed:
            self._open.discard(connection)
            self._changed.notify_all()

    def reply_to(self, request: Request) -> Reply:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            if self._script:
                return self._script.popleft()
            return self.default if isinstance(self.default, Reply) else self.default(request)

    @property
    def closing(self) -> bool:
        return self._closing.is_set()


class _ClientLeftError(Exception):
    """The client closed the connection, or the test is over."""


def _handler(wire: WireServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            self.number = wire.accepted(self.connection)

        def finish(self) -> None:
            wire.ended(self.connection)
            super().finish()

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                return  # the client is gone

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, self.path, self.headers, body, self.number)
            reply = wire.reply_to(request)
            try:
                self._answer(reply)
            except (_ClientLeftError, OSError):
                request.left.set()
                self.close_connection = True
            if self.close_connection:
                _shut(self.connection)
            request.ended.set()

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            """Keep the test's output for the test."""

        def _answer(self, reply: Reply) -> None:
            if reply.hold:
                self._wait(reply.hold)
            if reply.end == "mute":
                self.close_connection = True
                return
            chunked = not reply.length and reply.end != "close"
            self._send(_head(reply, chunked=chunked))
            for piece in reply.pieces:
                if isinstance(piece, threading.Event):
                    self._wait(piece)
                elif isinstance(piece, float):
                    self._wait(threading.Event(), piece)
                elif piece:
                    self._send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if reply.end == "hang":
                self._wait(threading.Event())
            if reply.end == "reset":
                # Linger for no time: what close() sends is a reset.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.rfile.close()
                self.connection.close()
            elif chunked and reply.end != "cut":
                self._send(b"0\r\n\r\n")
            self.close_connection = reply.end != "normal"

        def _send(self, data: bytes) -> None:
            self.connection.sendall(data)

        def _wait(self, go_on: threading.Event, seconds: float = math.inf) -> None:
            """Wait for the event, but so long at most, with an eye on the client."""
            until = time.monotonic() + seconds
            while not go_on.is_set() and time.monotonic() < until:
                readable, _, _ = select.select([self.connection], [], [], 0.005)
                if wire.closing or (readable and not self.connection.recv(1, socket.MSG_PEEK)):
                    raise _ClientLeftError

    return Handler


def _head(reply: Reply, *, chunked: bool) -> bytes:
    headers = dict(reply.headers)
    if chunked:
        headers["Transfer-Encoding"] = "chunked"
    elif reply.end == "close":
        headers["Connection"] = "close"
    else:
        headers["Content-Length"] = str(sum(len(piece) for piece in reply.pieces if isinstance(piece, bytes)))
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
