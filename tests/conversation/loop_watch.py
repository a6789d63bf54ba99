"""How long one step of the event loop works, in processor time of its own thread."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Steps:
    """What was seen.

    Attributes:
        longest: Seconds of processor time that the longest step took.
        count: How many steps there were.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        self.count = 0


@contextmanager
def watched_steps() -> Iterator[Steps]:
    """Measure every callback of the running event loop, those of tasks among them.

    What is there by now is kept from the garbage collector, as the application does: to look at all that a run of tests
    has loaded takes longer than any step may.
    """
    steps = Steps()
    run = asyncio.Handle._run

    def measured(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        try:
            run(handle)
        finally:
            steps.longest = max(steps.longest, time.thread_time() - began)
            steps.count += 1

    gc.collect()
    gc.freeze()
    asyncio.Handle._run = measured
    try:
        yield steps
    finally:
        # Not unfrozen: that would be all ten thousand tests, too, which tests/conftest.py has frozen.
        asyncio.Handle._run = run
