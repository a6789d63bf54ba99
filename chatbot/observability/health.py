"""Whether this process should be sent visitors: the answer of ``/readyz``, in words without any secret."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
"""How often the store is asked at most, however many ask here."""

ANSWER_SECONDS: Final = 2.0
"""How long the store may take to answer."""

RESTARTING: Final = "the application is about to end"
SILENT: Final = f"the store did not answer within {ANSWER_SECONDS:g} seconds"


class Readiness:
    """Looks whether the process can do what visitors come for; an endpoint, which costs money, is never asked.

    The configuration is not looked at: where it cannot work, there is no process that could be asked.

    Args:
        ping: Asks the store for something; raises where it cannot be read.
        is_draining: Whether the application is about to end.
    """

    def __init__(self, ping: Callable[[], Awaitable[None]], is_draining: Callable[[], bool]) -> None:
        self._ping = ping
        self._is_draining = is_draining
        self._asking: asyncio.Task[str] | None = None
        self._asked_at = 0.0

    async def answer(self, _: Request) -> Response:
        """Say ``ready``, or with status 503 why not."""
        trouble = await self.trouble()
        words = f"not ready: {trouble}" if trouble else "ready: configuration, store"
        return PlainTextResponse(words, 503 if trouble else 200, headers={"cache-control": "no-store"})

    async def trouble(self) -> str:
        """Return what is in the way, empty where nothing is."""
        if self._is_draining():
            return RESTARTING
        now = time.monotonic()
        if self._asking is None or (self._asking.done() and now > self._asked_at + LOOK_SECONDS):
            self._asking, self._asked_at = asyncio.create_task(self._ask()), now
        # One that hangs is left to hang, and asked for by everybody: a statement cut short may leave its lock behind.
        await asyncio.wait([self._asking], timeout=max(self._asked_at + ANSWER_SECONDS - now, 0))
        return self._asking.result() if self._asking.done() else SILENT

    async def _ask(self) -> str:
        try:
            await self._ping()
        except Exception as error:  # noqa: BLE001 - whatever it is, the store cannot be read
            # Its words may name a host or a user, and are for the log; a traceback once a second would be too much.
            logger.error("The store cannot be read: %s", error)  # noqa: TRY400
            return f"the store cannot be read ({type(error).__name__})"
        return ""
