"""The time that an answer has for its first word, whatever the model does meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from langchain_core.exceptions import ModelTimeoutError

from chatbot.conversation.turn import FIRST_WORD_TIMEOUT


class FirstWordTimeoutError(ModelTimeoutError):
    """There was no word in time.

    Attributes:
        condition: What the failure is called.
        seconds: How long it was waited for.
    """

    condition = FIRST_WORD_TIMEOUT

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


@asynccontextmanager
async def first_word_within(seconds: float | None, answer: Sequence[object]) -> AsyncIterator[None]:
    """End what happens within the context where there is nothing of the answer yet after so many seconds.

    The answer is looked at once, when the time is over: nothing is done for each of its words.

    Args:
        seconds: None is for ever.
        answer: What there is of it; grows.

    Raises:
        FirstWordTimeoutError: There was nothing.
    """
    if seconds is None:
        yield
        return
    loop = asyncio.get_running_loop()

    def look() -> None:
        if not answer:
            limit.reschedule(loop.time())

    try:
        async with asyncio.timeout(None) as limit:
            timer = loop.call_later(seconds, look)
            try:
                yield
            finally:
                timer.cancel()
    except TimeoutError:
        if limit.expired():
            raise FirstWordTimeoutError(seconds) from None
        raise
