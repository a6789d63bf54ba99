"""The line between the endpoint and the socket, where faults happen. Without a fault it is not there."""

import asyncio
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.emulator.faults.catalogue import UnknownFaultError, parse
from chatbot.emulator.faults.fault import Ending, Event, Fault, Step
from chatbot.emulator.faults.switch import Faults, Switch
from chatbot.emulator.replies import json_reply
from chatbot.emulator.surfaces.habits import Habits, change_for

HEADER = "x-emulator-fault"
"""Asks for faults in one request: `x-emulator-fault: rate-limit:2`."""

TRANSPORT = "emulator.transport"
"""Where the server has put the connection, for faults that end it."""


class FaultyLine:
    """Lets requests fail that ask for it in a header, and those that the switch is turned on for.

    The switch is for requests that ask the model something (POST); the header works on all.
    """

    def __init__(self, app: ASGIApp, switch: Switch) -> None:
        self._app = app
        self._switch = switch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            faults = self._faults(request)
        except UnknownFaultError as error:
            refusal = json_reply({"error": {"code": "unknown_fault", "message": str(error)}}, 400)
            await refusal(scope, receive, send)
            return
        app = _with_habits(request, self._app, faults)
        if any(fault.rewrite or fault.headers for fault in faults):
            send = _Line(scope, receive, send, faults).send
        with suppress(_OverError):
            await app(scope, receive, send)

    def _faults(self, request: Request) -> Faults:
        notation = request.headers.get(HEADER)
        if notation is not None:
            return parse(notation)
        return self._switch.take() if request.method == "POST" else ()


def _with_habits(request: Request, app: ASGIApp, faults: Faults) -> ASGIApp:
    """Return what answers the request: the endpoint, its habits changed, or the reply of a fault."""
    for fault in faults:
        if reply := fault.replying():
            return reply
    changes = [fault.habits for fault in faults if fault.habits]
    if changes:

        def changed(habits: Habits) -> Habits:
            for change in changes:
                habits = change(habits)
            return habits

        change_for(request, changed)
    return app


class _OverError(Exception):
    """The reply is over, whatever else the endpoint had to say."""


class _Line:
    """One reply on its way."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, faults: Faults) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._faults = faults
        self._event = Event(0, 0, b"")

    async def send(self, message: Message) -> None:
        """Send a part of the reply, with all that goes wrong on the way."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if not headers.get("content-type", "").startswith("text/event-stream"):
                self._faults = tuple(fault for fault in self._faults if not fault.streams_only)
            for fault in self._faults:
                headers.update(fault.heading())
            if any(fault.rewrite for fault in self._faults):
                del headers["content-length"]  # it may not be true any more
            await self._walk(self._event)
            await self._send(message)
            return
        content = message.get("body", b"")
        if content:
            last = self._event
            self._event = Event(last.number + 1, last.offset + len(last.content), content)
            await self._walk(self._event)
        if not message.get("more_body", False):
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _walk(self, event: Event) -> None:
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
            raise _OverError
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
                raise _OverError


def _steps(event: Event, faults: Sequence[Fault]) -> Iterator[Step]:
    """Yield what becomes of a piece of the reply when one fault after the other has had it."""
    if not faults:
        yield event.content
        return
    first, *others = faults
    for step in first.steps(event):
        if isinstance(step, bytes):
            yield from _steps(replace(event, content=step), others)
        else:
            yield step
