"""Those who guess a password or a token are slowed down."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

FREE_FAILURES: Final = 3
FIRST_WAIT: Final = 2.0
LONGEST_WAIT: Final = 900.0
FORGOTTEN_AFTER: Final = 3_600.0
"""Of one address: how many failures cost nothing, the first wait after more, the longest, and when all is forgotten."""

BURST, REFILL = 30.0, 0.5
"""Of all addresses together: how many failures there may be at once, and how many more in a second."""

MAX_ADDRESSES: Final = 10_000
"""How many addresses are remembered."""


class _Failures(NamedTuple):
    number: int
    open_at: float


class Attempts:
    """Slows down those who guess: each address after a few failures, and all together after many.

    Args:
        clock: Seconds.
        free_failures: How many failures of an address cost nothing.
        first_wait: Seconds to wait after the next one; each further one doubles them.
        longest_wait: The most.
        forgotten_after: Seconds after which the failures of an address are forgotten.
        burst: How many failures there may be at once from all addresses together.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        free_failures: int = FREE_FAILURES,
        first_wait: float = FIRST_WAIT,
        longest_wait: float = LONGEST_WAIT,
        forgotten_after: float = FORGOTTEN_AFTER,
        burst: float = BURST,
    ) -> None:
        self._clock = clock
        self._free_failures = free_failures
        self._first_wait = first_wait
        self._longest_wait = longest_wait
        self._forgotten_after = forgotten_after
        self._burst = burst
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._left = burst
        self._refilled_at = clock()

    def begin(self, origin: str) -> float:
        """Begin an attempt, which counts as a failure until it :meth:`succeeded`: many at once count, too.

        Args:
            origin: Where it comes from.

        Returns:
            How many seconds to wait before there may be one; 0 where it has begun.
        """
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._refilled_at) * REFILL)
        self._refilled_at = now
        count, open_at = self._failures.get(origin, _Failures(0, now))
        if now < open_at:
            return open_at - now
        if self._left < 1:
            return (1 - self._left) / REFILL
        self._left -= 1
        count = 1 if now - open_at > self._forgotten_after else count + 1
        self._failures[origin] = _Failures(count, now + self._wait(count - self._free_failures))
        self._failures.move_to_end(origin)
        if len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)
        return 0.0

    def succeeded(self, origin: str) -> None:
        """Take the attempts from somewhere back: somebody there knows it."""
        self._failures.pop(origin, None)
        self._left = min(self._burst, self._left + 1)

    def _wait(self, further: int) -> float:
        if further < 1:
            return 0.0
        # Not 2 to the power of what somebody tries all week.
        return min(self._first_wait * 2.0 ** min(further - 1, 20), self._longest_wait)
