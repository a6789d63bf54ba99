"""Requests of those who are in that have not ended: a stream ends soon after whoever reads it is out."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.access.sessions import Revocations, Visit

WATCH_SECONDS: Final = 1.0

logger = logging.getLogger(__name__)


class OpenRequests:
    """The requests that are being answered.

    Args:
        revocations: Who is out.
    """

    def __init__(self, revocations: Revocations) -> None:
        self._revocations = revocations
        self._open: dict[asyncio.Task[None], Visit] = {}
        self._ended: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None

    async def answer(self, visit: Visit, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Have an application answer a request for as long as whoever sent it is in."""
        started = complete = False

        async def noting(message: Message) -> None:
            nonlocal started, complete
            started = True
            complete = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        async def answering() -> None:
            await app(scope, receive, noting)

        task = asyncio.create_task(answering())
        self._open[task] = visit
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        try:
            await task
        except asyncio.CancelledError:
            if task not in self._ended:
                raise
        finally:
            is_ended = task in self._ended
            self._ended.discard(task)
            del self._open[task]
        if is_ended and not complete:
            # In order, so that the browser sees an end and no failure.
            if not started:
                await send({"type": "http.response.start", "status": 401, "headers": [(b"cache-control", b"no-store")]})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def end_those_who_are_out(self) -> None:
        """End the requests of those who are in no more."""
        for task, visit in list(self._open.items()):
            if task not in self._ended and await self._revocations.have_ended(visit) and task in self._open:
                self._ended.add(task)
                task.cancel()

    async def _watch(self) -> None:
        while self._open:
            try:
                await self.end_those_who_are_out()
            except Exception:
                logger.exception("It could not be looked who has signed out")
            await asyncio.sleep(WATCH_SECONDS)
        self._watching = None
