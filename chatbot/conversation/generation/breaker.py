"""Whether a deployment is worth asking right now: after a failure that may pass it is left alone for a while. Sans-IO.

Closed, everybody may ask. A failure opens it for as long as the endpoint says, or for a pause that grows with each
failure in a row. After that it is half-open: one may ask, and how that ends decides for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Self

FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 60.0
"""Seconds that it stays open where the endpoint says nothing; each failure in a row doubles them."""

LONGEST_TOLD: Final = 3600.0
"""Seconds that an endpoint may ask for: what is longer is taken for a mistake, and tried again after these."""


class BreakerState(StrEnum):
    """Who may ask: everybody, nobody, or the one who tries."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Attempt:
    """Leave to ask once; a context, at whose end the place of the one who tries is free again."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker

    def succeeded(self) -> None:
        """Tell that the deployment answers."""
        self._breaker._succeeded(self)

    def failed(self, cause: str, retry_after: float | None = None) -> None:
        """Tell that it cannot answer for now.

        Args:
            cause: What of, as :attr:`~chatbot.conversation.turn.Failure.kind`.
            retry_after: Seconds that the endpoint asked to wait.
        """
        self._breaker._failed(self, cause, retry_after)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._breaker._ended(self)


class Breaker:
    """The breaker of one deployment.

    Args:
        clock: Seconds from whenever.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._open_until: float | None = None
        self._probe: Attempt | None = None
        self.cause = ""
        """What the latest failure was, as :attr:`~chatbot.conversation.turn.Failure.kind`."""

    @property
    def state(self) -> BreakerState:
        """Who may ask right now."""
        if self._open_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self.seconds_left else BreakerState.HALF_OPEN

    @property
    def seconds_left(self) -> float:
        """Seconds until it may be tried again."""
        return 0.0 if self._open_until is None else max(self._open_until - self._clock(), 0.0)

    def attempt(self) -> Attempt | None:
        """Return leave to ask; None where nobody may, or somebody is trying already."""
        state = self.state
        if state is BreakerState.OPEN or self._probe is not None:
            return None
        attempt = Attempt(self)
        if state is BreakerState.HALF_OPEN:
            self._probe = attempt
        return attempt

    def _succeeded(self, attempt: Attempt) -> None:
        # An answer that was asked for before it opened is no news.
        if self._open_until is None or attempt is self._probe:
            self._failures, self._open_until, self._probe = 0, None, None

    def _failed(self, attempt: Attempt, cause: str, retry_after: float | None) -> None:
        if retry_after is not None:
            pause = min(retry_after, LONGEST_TOLD)
        elif self._open_until is None or attempt is self._probe:
            pause = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
        else:
            return
        if self._open_until is None or attempt is self._probe:
            # Of many that fail together one counts.
            self._failures += 1
        self.cause = cause
        self._open_until = max(self._open_until or 0.0, self._clock() + pause)
        self._ended(attempt)

    def _ended(self, attempt: Attempt) -> None:
        if attempt is self._probe:
            self._probe = None
