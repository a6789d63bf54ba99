"""What goes wrong, in the shape that OpenAI's clients read: a status, words, a type and a code."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson
from starlette.responses import Response

from chatbot.conversation import ConversationError, Failure

INVALID: Final = "invalid_request_error"
SERVER: Final = "server_error"
LIMITED: Final = "rate_limit_exceeded"
NO_BUDGET: Final = "insufficient_quota"

BUSY_SECONDS: Final = 10
"""When to come back where too much is being written."""


class ApiError(Exception):
    """A request is not answered.

    Args:
        status: Of the reply.
        message: What is wrong, why, and what to do.
        kind: OpenAI's type of the error.
        code: Its code, for programs.
        param: What of the request it is about.
        retry_after: Seconds after which to try again.
        may_retry: Whether OpenAI's clients are to try again by themselves; None leaves it to them.
    """

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = INVALID,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        *,
        may_retry: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: Mapping[str, Any] = {"error": {"message": message, "type": kind, "param": param, "code": code}}
        self.headers = {"cache-control": "no-store"}
        if status == 401:
            self.headers["www-authenticate"] = "Bearer"
        if retry_after is not None:
            self.headers["retry-after"] = str(max(math.ceil(retry_after), 1))
        if may_retry is not None:
            self.headers["x-should-retry"] = str(may_retry).lower()

    @property
    def response(self) -> Response:
        """The reply."""
        return Response(orjson.dumps(self.body), self.status, self.headers, "application/json")


def bad_request(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """Return the error for a request that cannot be answered as it is."""
    return ApiError(400, message, INVALID, code, param)


class _Kind(NamedTuple):
    status: int
    words: str
    type: str = SERVER
    code: str | None = None


_REFUSALS: Final[Mapping[str, _Kind]] = MappingProxyType(
    {
        "ApplicationRestartingError": _Kind(
            503, "The application is about to restart. Send the request again in a moment."
        ),
        "ApplicationBusyError": _Kind(503, "Many answers are being written right now. Try again in ten seconds."),
        "OwnerBusyError": _Kind(
            429,
            "As many answers are being written for this key as one key may have at once. Wait for one of them.",
            "requests",
            LIMITED,
        ),
        "OriginBusyError": _Kind(
            429,
            "Very many answers are being written for your network address. Try again in ten seconds.",
            "requests",
            LIMITED,
        ),
        "LimitError.visitor_messages": _Kind(
            429, "One key may send {most:,} requests per {period}, and this one sent that many.", "requests", LIMITED
        ),
        "LimitError.visitor_tokens": _Kind(
            429,
            "One key may use {most:,} tokens per {period}, and less is left than this answer may take. A smaller "
            "max_completion_tokens may fit.",
            "tokens",
            LIMITED,
        ),
        "LimitError.address_messages": _Kind(
            429,
            "From one network address {most:,} requests may be sent per {period}, and that many were sent from yours.",
            "requests",
            LIMITED,
        ),
        "LimitError.address_tokens": _Kind(
            429,
            "One network address may use {most:,} tokens per {period}, and less is left for yours than this answer may "
            "take. A smaller max_completion_tokens may fit.",
            "tokens",
            LIMITED,
        ),
        "BudgetError": _Kind(
            429, "Today's budget of this application is used up, or set aside for other answers.", NO_BUDGET, NO_BUDGET
        ),
    }
)
"""What the service refuses, by :attr:`ConversationError.kind`."""

_UNKNOWN_REFUSAL: Final = _Kind(503, "The application cannot answer right now; its log says why. Try again later.")

_FAILURES: Final[Mapping[str, _Kind]] = MappingProxyType(
    {
        "ModelInvalidRequestError": _Kind(
            400,
            "The endpoint refused the request, and would refuse it again: change the messages or the parameters.",
            INVALID,
        ),
        "ContextOverflowError": _Kind(
            400,
            "The messages, with the room for the answer, are too long for the model. Send fewer, or ask for a shorter "
            "answer.",
            INVALID,
            "context_length_exceeded",
        ),
        "ModelRefusalError": _Kind(400, "The model declined to answer. Ask in other words.", INVALID),
        "ModelRateLimitError": _Kind(
            429, "The endpoint is busy with others' requests. Wait a moment, then try again.", "requests", LIMITED
        ),
        "ModelTimeoutError": _Kind(504, "There was no answer in time. Try again."),
        "FirstWordTimeout": _Kind(504, "No word of an answer came within {seconds:g} seconds. Try again."),
        "SilenceTimeout": _Kind(504, "Nothing more came for {seconds:g} seconds, so the answer was ended. Try again."),
        "AnswerTimeout": _Kind(
            504, "The answer was ended after {seconds:g} seconds. Ask for a shorter one, or try again."
        ),
        "ModelConnectionError": _Kind(502, "The endpoint could not be reached. Try again in a moment."),
        "ModelAPIError": _Kind(502, "The endpoint failed. Try again."),
        "ModelAuthenticationError": _Kind(
            502, "The endpoint refused the application's own key. Whoever runs the application has to check it."
        ),
        "SignInFailed": _Kind(
            502, "The application could not sign in to the endpoint. Whoever runs it has to check its identity."
        ),
        "ModelPermissionDeniedError": _Kind(
            502, "The application may not call the endpoint. Whoever runs it has to check its key or role."
        ),
        "ModelNotFoundError": _Kind(
            502, "No model answers at the endpoint's address. Whoever runs the application has to check it."
        ),
    }
)
"""What a model fails of, by :attr:`Failure.kind`."""

_UNKNOWN_FAILURE: Final = _Kind(500, "Something went wrong in the application; its log says what. Try again.")

_BLOCKED: Final = _Kind(
    400, "The content filter refused the messages. Put them in other words.", INVALID, "content_filter"
)

_STOPPED: Final = _Kind(503, "The application ended while it was answering. Send the request again.")


def refused(error: ConversationError) -> ApiError:
    """Return what a program is told of a refusal, with when to come back."""
    known = _REFUSALS.get(error.kind, _UNKNOWN_REFUSAL)
    seconds = float(error.data["until"]) - time.time() if "until" in error.data else BUSY_SECONDS
    # The clients of OpenAI would ask again by themselves, and in vain: the day is not over in a few seconds.
    may_retry = False if known.code == NO_BUDGET else None
    words = known.words.format(**error.data)
    return ApiError(known.status, words, known.type, known.code, retry_after=seconds, may_retry=may_retry)


def failed(failure: Failure) -> ApiError:
    """Return what a program is told of an answer that failed, in the endpoint's own words where it may read them."""
    known = _BLOCKED if failure.blocked else _FAILURES.get(failure.kind, _UNKNOWN_FAILURE)
    words = known.words.format(**{"seconds": 0.0, **failure.data})
    if detail := failure.data.get("detail"):
        words = f"{words} The endpoint's words: “{detail}”"
    # What may be tried again at a known time is not available until then.
    status = 503 if known.status == 502 and failure.retry_after is not None else known.status
    return ApiError(status, words, known.type, known.code, retry_after=failure.retry_after)


def stopped() -> ApiError:
    """Return what a program is told of an answer that the application's end cut short."""
    return ApiError(_STOPPED.status, _STOPPED.words, _STOPPED.type, retry_after=BUSY_SECONDS)
