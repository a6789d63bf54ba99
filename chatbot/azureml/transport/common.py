"""What both transports decide alike, and none of their waiting: the request, when to try again, the errors."""

from __future__ import annotations

import errno
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from chatbot.azureml.errors import (
    SILENCE_TIMEOUT,
    AzureMLAPIError,
    AzureMLConnectionError,
    AzureMLError,
    AzureMLResponseError,
    AzureMLStreamError,
    AzureMLTimeoutError,
)

if TYPE_CHECKING:
    from tenacity import RetryCallState

CONNECT_TIMEOUT: Final = 10.0
"""Seconds for name, TCP and TLS together: an endpoint that is up answers the door in far less."""

MAX_RETRY_SECONDS: Final = 30.0
"""The last attempt begins no later than this after the first, unless told otherwise, so nobody waits longer than this
and ``timeout`` for a reply to begin. A server that asks for a longer wait gets no retry but its own words."""

MAX_TIMEOUT_RETRIES: Final = 1
"""After a time-out, ours or the server's: the container may still be working on the request before."""

MAX_FAILURE_RETRIES: Final = 3
"""After a 5xx, as Microsoft's own client has it."""

FIRST_WAIT: Final = 1.0
"""Most seconds to wait before the first retry, where the server names none; the next may take twice as long."""

LONGEST_WAIT: Final = 8.0

TIMEOUT_WAIT: Final = 4.0
"""Most seconds to wait after a time-out; at least the half of it."""

MAX_ERROR_BYTES: Final = 64 * 1024
MAX_ERROR_SECONDS: Final = 5.0
"""For the body of an unsuccessful reply: its status is worth most, and is there already."""

MAX_REPLY_BYTES: Final = 64 * 1024 * 1024
DRAIN_SECONDS: Final = 0.5
"""Seconds to wait for the end of HTTP after the end of the answer, so that the connection can be used again."""


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One POST, complete.

    Attributes:
        key: The secret among the headers, to mask it in anything the server echoes.
        timeout: Seconds until the reply begins (the first byte of a stream), and for a whole reply to be read.
        idle_timeout: Seconds without a byte in the middle of a stream.
        streams: A stream is asked for.
    """

    url: str
    # What a log that shows variables must not show: the key, and the messages.
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    key: str = field(repr=False)
    timeout: float
    idle_timeout: float
    streams: bool = False

    def may_stream(self, headers: Mapping[str, str]) -> bool:
        """Whether a good reply with these headers begins with its first bytes, since it may be a stream."""
        return self.streams or is_event_stream(headers)


@dataclass(slots=True)
class Backoff:
    """Whether a failed attempt is worth another, and when: full jitter, the server's own wait first, a cap in all."""

    max_retries: int
    started: float
    attempt: int = 0
    waited: float = 0.0
    max_seconds: float = MAX_RETRY_SECONDS

    def after(self, error: AzureMLError, now: float) -> float:
        """Return the seconds to wait before the next attempt.

        Raises:
            AzureMLError: ``error`` itself, when it is final.
        """
        self.attempt += 1
        if not error.is_retryable or self.attempt > min(self.max_retries, _max_retries_after(error)):
            raise error
        wait = error.retry_after if error.retry_after is not None else self._jitter(error)
        if now - self.started + wait > self.max_seconds:
            raise error
        self.waited += wait
        return wait

    def state(self, error: AzureMLError, wait: float) -> RetryCallState:
        """Describe the retry that follows after ``wait`` seconds, for LangChain's callbacks."""
        from chatbot.azureml.retry_events import retry_state

        return retry_state(error, self.attempt, wait, self.waited)

    def _jitter(self, error: AzureMLError) -> float:
        most = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (self.attempt - 1))
        low, high = (TIMEOUT_WAIT / 2, TIMEOUT_WAIT) if isinstance(error, AzureMLTimeoutError) else (0.0, most)
        return random.uniform(low, high)  # noqa: S311 - jitter, not a secret


def _max_retries_after(error: AzureMLError) -> float:
    if isinstance(error, AzureMLTimeoutError):
        return MAX_TIMEOUT_RETRIES
    return MAX_FAILURE_RETRIES if isinstance(error, AzureMLAPIError) else float("inf")


def is_event_stream(headers: Mapping[str, str]) -> bool:
    """Whether a reply is labelled as a stream of events, rightly or not; the headers' names must have no case."""
    return "text/event-stream" in headers.get("content-type", "").lower()


def unreachable(reason: str) -> AzureMLConnectionError:
    """Return the error for a connection that did not come about."""
    return AzureMLConnectionError(f"The endpoint cannot be reached: {reason}.")


def os_reason(error: BaseException | None) -> str:
    """Return the operating system's reason for a connection that did not come about."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (None, errno.ECONNREFUSED):
        return "the connection is refused"
    return f"the network says {(error.strerror if isinstance(error, OSError) else None) or number}"


def timed_out(timeout: float) -> AzureMLTimeoutError:
    """Return the error for silence of ``timeout`` seconds."""
    return AzureMLTimeoutError(f"The endpoint sent nothing for {timeout:g} seconds.")


def fell_silent(seconds: float) -> AzureMLTimeoutError:
    """Return the error for silence of so many seconds in the middle of a stream."""
    error = timed_out(seconds)
    error.condition, error.seconds = SILENCE_TIMEOUT, seconds
    return error


def connection_lost() -> AzureMLConnectionError:
    """Return the error for a connection that broke."""
    return AzureMLConnectionError("The connection to the endpoint broke.")


def empty_stream(request_id: str | None) -> AzureMLStreamError:
    """Return the error for a stream that was announced and holds no byte."""
    return AzureMLStreamError("The endpoint's answer broke off before it was complete.", request_id=request_id)


def response_too_long() -> AzureMLResponseError:
    """Return the error for a reply longer than any chat model's."""
    return AzureMLResponseError(f"The endpoint's answer is longer than {MAX_REPLY_BYTES // 2**20} MiB.")
