"""The orderly end: every step of it runs, whatever becomes of the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

logger = logging.getLogger(__name__)


class Step(NamedTuple):
    """One thing to do at the end.

    Attributes:
        name: What it does, for the log: "The end did not …".
        run: Does it.
        seconds: How long it may take; what takes longer is left behind.
    """

    name: str
    run: Callable[[], Awaitable[object]]
    seconds: float


async def shut_down(*steps: Step) -> None:
    """Take the steps in order; one that fails or takes too long is told to the log and costs no other its turn."""
    for step in steps:
        task = asyncio.ensure_future(step.run())
        # Not wait_for, which waits until what it has cancelled has ended: that may be what does not end.
        done, _ = await asyncio.wait([task], timeout=step.seconds)
        if not done:
            task.cancel()
            logger.error("The end did not %s: it took longer than %g seconds", step.name, step.seconds)
        elif not task.cancelled() and (error := task.exception()) is not None:
            logger.error("The end did not %s: %s: %s", step.name, type(error).__name__, error)
