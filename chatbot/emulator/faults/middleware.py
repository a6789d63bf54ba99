"""Where faults happen: between the endpoint and the socket. Without a fault it is not there."""

import asyncio
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.emulator.faults import UnknownFaultError, parse
from chatbot.emulator.faults.fault import Ending, Event, Fault, Step
from chatbot.emulator.services.responses import Quirks, change_quirks, json_response

Faults = tuple[Fault, ...]


class FaultQueue:
    """The faults of the next requests, in their order. Filled from any thread, read by the event loop."""

    def __init__(self) -> None:
        self._queue: deque[tuple[Faults, int | None]] = deque()
        self._lock = threading.Lock()

    def put(self, faults: Faults, times: int | None) -> None:
        """Let so many requests fail, after those that are to fail already; without a number all that follow."""
        with self._lock:
            self._queue.append((faults, times))

    def clear(self) -> None:
        """Let the next requests succeed."""
        with self._lock:
            self._queue.clear()

    def take(self) -> Faults:
        """Return the faults of the request that has come."""
        with self._lock:
            if not self._queue:
                return ()
            faults, times = self._queue[0]
            if times is not None:
                self._queue.popleft()
                if times > 1:
                    self._queue.appendleft((faults, times - 1))
            return faults


HEADER = "x-emulator-fault"
"""Asks for faults in one request: `x-emulator-fault: rate-limit:2`."""

TRANSPORT = "emulator.transport"
"""Where the server has put the connection, for faults that end it."""


class FaultMiddleware:
    """Lets requests fail that ask for it in a header, and those that the queue has faults for.

    The queue is for requests that ask the model something (POST); the header works on all.
    """

    def __init__(self, app: ASGIApp, queue: FaultQueue) -> None:
        self._app = app
        self._queue = queue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            faults = self._faults(request)
        except UnknownFaultError as error:
            error_response = json_response({"error": {"code": "unknown_fault", "message": str(error)}}, 400)
            await error_response(scope, receive, send)
            return
        app = _with_quirks(request, self._app, faults)
        if any(fault.rewrite or fault.headers for fault in faults):
            send = _FaultySend(scope, receive, send, faults).send
        with suppress(_ResponseEndedError):
            await app(scope, receive, send)

    def _faults(self, request: Request) -> Faults:
        notation = request.headers.get(HEADER)
        if notation is not None:
            return parse(notation)
        return self._queue.take() if request.method == "POST" else ()


def _with_quirks(request: Request, app: ASGIApp, faults: Faults) -> ASGIApp:
    """Return what answers the request: the endpoint, its quirks changed, or the response of a fault."""
    for fault in faults:
        if response := fault.response():
            return response
    changes = [fault.quirks for fault in faults if fault.quirks]
    if changes:

        def changed(quirks: Quirks) -> Quirks:
            for change in changes:
                quirks = change(quirks)
            return quirks

        change_quirks(request, changed)
    return app


class _ResponseEndedError(Exception):
    """The response is over, whatever else the endpoint would send."""


class _FaultySend:
    """One response on its way."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, faults: Faults) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._faults = faults
        self._event = Event(0, 0, b"")

    async def send(self, message: Message) -> None:
        """Send a part of the response, with all that goes wrong on the way."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if not headers.get("content-type", "").startswith("text/event-stream"):
                self._faults = tuple(fault for fault in self._faults if not fault.streams_only)
            for fault in self._faults:
                headers.update(fault.header_values())
            if any(fault.rewrite for fault in self._faults):
                del headers["content-length"]  # it may not be true any more
            await self._send_steps(self._event)
            await self._send(message)
            return
        content = message.get("body", b"")
        if content:
            last = self._event
            self._event = Event(last.number + 1, last.offset + len(last.content), content)
            await self._send_steps(self._event)
        if not message.get("more_body", False):
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_steps(self, event: Event) -> None:
        for step in _steps(event, self._faults):
            match step:
                case bytes():
                    if step:
                        await self._send({"type": "http.response.body", "body": step, "more_body": True})
                case float():
                    await self._wait(step)
                case ending:
                    await self._end(ending)

    async def _end(self, ending: Ending) -> None:
        if ending is Ending.CLEAN:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            raise _ResponseEndedError
        transport: asyncio.Transport = self._scope[TRANSPORT]
        if ending is Ending.RESET:
            # Linger for no time: what closing sends is a reset.
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        else:
            transport.close()
        await self._wait(float("inf"))

    async def _wait(self, seconds: float) -> None:
        """Wait, but not for a client that has gone."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None if seconds == float("inf") else seconds):
                while (await self._receive())["type"] != "http.disconnect":
                    continue
                raise _ResponseEndedError


def _steps(event: Event, faults: Sequence[Fault]) -> Iterator[Step]:
    """Yield what becomes of a piece of the response when one fault after the other has had it."""
    if not faults:
        yield event.content
        return
    first, *others = faults
    for step in first.steps(event):
        if isinstance(step, bytes):
            yield from _steps(replace(event, content=step), others)
        else:
            yield step
