"""What can go wrong between us and an endpoint, as one tree of LangChain errors.

    ModelError (langchain_core)
    └── AzureMLError                      status, code, param, reason, request_id, retry_after, partial
        ├── AzureMLAuthenticationError    401
        ├── AzureMLPermissionDeniedError  403
        ├── AzureMLNotFoundError          404
        ├── AzureMLInvalidRequestError    400, 405, 413, 415, 422, 431, a redirect; names refused parameters
        │   ├── AzureMLContentFilterError     the prompt was blocked; names the categories
        │   └── AzureMLContextOverflowError   the prompt is longer than the model's context
        ├── AzureMLRateLimitError         429
        ├── AzureMLTimeoutError           408, 504, or no byte within our own limit
        ├── AzureMLConnectionError        no connection, it broke, or a proxy (407) or certificate is at fault
        └── AzureMLAPIError               424 and 5xx
            ├── AzureMLResponseError      a reply in a shape nobody documented
            └── AzureMLStreamError        a stream that broke, or ended without being complete

Each class is also the LangChain class of the same condition, so ``except ModelRateLimitError`` works.
Every message holds what happened, in the server's own words where it gave any, and what to do about it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any, Final

from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)

from chatbot.azureml.context_overflow import limits_answer
from chatbot.azureml.error_body import MAX_NAME, ErrorBody, error_body_from_json, parse_error_body
from chatbot.redaction import redacted

MAX_WORDS: Final = 600
"""Characters of the server's own words that are kept in a message: enough for any real one."""

MAX_WAIT: Final = 7 * 86400.0
"""Seconds; a server that asks for more has not understood its own header."""

SILENCE_TIMEOUT: Final = "SilenceTimeout"
"""Condition: nothing came for too long in the middle of a stream."""

SIGN_IN_FAILED: Final = "SignInFailed"
"""Condition: Microsoft Entra ID gave no token, or the endpoint did not accept the one it gave."""

_WAIT: Final = re.compile(r"(?:retry after|wait|again in)\s+(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|sec|seconds?)\b", re.I)
"""How servers write in words how long to wait: ``43 seconds``, ``20s``, ``350ms``."""


class AzureMLError(ModelError):
    """Something between us and the endpoint failed.

    Attributes:
        status: HTTP status that counts: the container's own one where a managed endpoint hid it in a 424.
        code: The server's short code, for instance ``content_filter`` or ``unknown_model``.
        param: The request's parameter at fault, by the server's account.
        reason: ``ms-azureml-model-error-reason``, for instance ``too_many_pending_request``.
        request_id: The id to quote to the endpoint's operator.
        retry_after: Seconds the server asked us to wait, if it did.
        partial: The text that had arrived before a stream failed.
        condition: What happened, where that is more exact than LangChain's class: :data:`SILENCE_TIMEOUT` or
            :data:`SIGN_IN_FAILED`.
        seconds: How long a time-out of ours was waited for.
        is_retryable: Whether the same request may succeed later.
    """

    hint = ""
    """What to do about it: the last sentence of the message."""

    condition: str | None = None
    seconds: float | None = None

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        reason: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        retryable: bool | None = None,
        partial: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.reason = reason
        self.request_id = request_id
        self.retry_after = retry_after
        self.partial = partial
        if retryable is not None:
            self.is_retryable = retryable
        if retry_after and self.is_retryable:
            # The wait that the server asks for beats general advice, and is not repeated.
            seconds = math.ceil(retry_after)
            named = _WAIT.search(message)
            self.hint = "" if named else f"Try again in {seconds} second{'s' if seconds > 1 else ''}."

    def __str__(self) -> str:
        # Joined here and not on construction, so that a copied or pickled error has it once.
        return " ".join(filter(None, (super().__str__(), self.hint)))

    def redact(self, secret: str) -> None:
        """Mask a secret in everything this error holds, in case the server echoed it."""
        self.args = redacted(self.args, secret)
        for name, value in vars(self).items():
            setattr(self, name, redacted(value, secret))


class AzureMLAuthenticationError(AzureMLError, ModelAuthenticationError):
    """The endpoint did not accept the key or token (HTTP 401), or there was no token to send."""

    hint = "Check AZUREML_ENDPOINT_API_KEY: copy the key again from the endpoint's Consume page."

    def of_token(self) -> None:
        """Say that it is about a token of Microsoft Entra ID, not about a key."""
        self.condition = SIGN_IN_FAILED
        self.hint = (
            "Check the identity that this program runs as (AZURE_CLIENT_ID names a managed identity; az login is for "
            "your own machine), and that it has a role on the endpoint."
        )


class AzureMLPermissionDeniedError(AzureMLError, ModelPermissionDeniedError):
    """The key or identity is known, but may not call this endpoint (HTTP 403)."""

    hint = "Check the role assignment and the network rules of the endpoint."


class AzureMLNotFoundError(AzureMLError, ModelNotFoundError):
    """Nothing answers at this URL, or no deployment takes traffic (HTTP 404)."""

    hint = "Check AZUREML_ENDPOINT_URL, and that a deployment of the endpoint receives traffic."


class AzureMLInvalidRequestError(AzureMLError, ModelInvalidRequestError):
    """The endpoint refused the request as it was (HTTP 400, 405, 413, 415, 422, 431, or a redirect)."""

    hint = "The same request would be refused again: change the message, or the model's parameters."

    refused_parameters: tuple[str, ...] = ()
    """Parameters of the request, by their names on the wire, that the server does not take."""

    refuses_value: bool = False
    """It knows these parameters, and does not take the value they had."""

    supported_value: float | None = None
    """The one number that it takes in place of that value; None where not known."""

    refuses_system_role: bool = False
    """The endpoint takes no message of the role ``system`` or ``developer``."""


class AzureMLContentFilterError(AzureMLInvalidRequestError):
    """The content filter blocked the prompt."""

    hint = "Rephrase the message and send it again."

    categories: tuple[str, ...] = ()
    """What the filter blocked, such as ``violence``; empty where not known."""

    filter_results: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    """All that the filter found, by category: ``filtered``, and ``severity`` or ``detected`` where known."""


# LangChain's name of the condition first: it is more exact than an invalid request.
class AzureMLContextOverflowError(ContextOverflowError, AzureMLInvalidRequestError):
    """The messages, with the room that was asked for the answer, are longer than the model's context."""

    hint = "Send a shorter message, or remember fewer turns."

    context_size: int | None = None
    """Tokens of the model's window (of the longest prompt, where only that is known); None where not known."""

    requested_tokens: int | None = None
    """Tokens of the messages and the room for the answer, together; None where not known."""

    prompt_tokens: int | None = None
    """Tokens of the messages; None where not known."""


class AzureMLRateLimitError(AzureMLError, ModelRateLimitError):
    """Too many requests or tokens for now (HTTP 429)."""

    hint = "Wait a moment and try again."


class AzureMLAPIError(AzureMLError, ModelAPIError):
    """The endpoint or the model's container failed (HTTP 424 or 5xx)."""

    hint = "Try again; if it stays, look at the deployment's logs."


class AzureMLTimeoutError(AzureMLError, ModelTimeoutError):
    """No answer in time, by the server's clock (HTTP 408, 504) or by ours."""

    hint = "Try again; a model that is slow by nature needs a larger request time-out on both sides."


class AzureMLConnectionError(AzureMLError, ModelConnectionError):
    """The endpoint could not be reached, or the connection broke before it answered."""

    hint = "Check the network and AZUREML_ENDPOINT_URL, then try again."


class AzureMLResponseError(AzureMLAPIError):
    """A reply that is no chat answer in any shape we know."""

    hint = "Check that AZUREML_ENDPOINT_URL is the chat route of a chat model."
    is_retryable = False


class AzureMLStreamError(AzureMLAPIError):
    """A streamed answer that broke off, reported an error or ended without a sign that it was complete."""

    hint = "What had arrived is kept; try again."


def from_response(status: int, headers: Mapping[str, str], body: bytes, *, key: str = "") -> AzureMLError:
    """Turn an unsuccessful HTTP reply into the error that explains it.

    Args:
        status: The HTTP status line's number.
        headers: The reply's headers; their names are compared without case.
        body: The reply's body, as received: JSON of any known shape, text, HTML or nothing.
        key: The secret that was sent. Should the server echo it, it is redacted.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    reason = lowered.get("ms-azureml-model-error-reason")
    real = _real_status(status, lowered)
    parsed = parse_error_body(body)
    # Before the words are cut: half a key is a secret too.
    words = redacted(parsed.message, key)
    cls = _classify(status, real, reason, parsed)
    error = cls(
        _sentence(cls, real, reason, words, parsed.filtered),
        status=real,
        code=_short(redacted(_code(parsed, lowered), key)),
        param=_short(redacted(parsed.param, key)),
        reason=_short(redacted(reason, key)),
        request_id=_short(redacted(request_id(lowered), key)),
        retry_after=retry_after(lowered, words),
        # What the request itself is at fault for stays so, whatever status it comes with.
        retryable=not issubclass(cls, AzureMLInvalidRequestError) and _retryable(status, real, reason, words),
    )
    if 300 <= real < 400:
        error.hint = "Set AZUREML_ENDPOINT_URL to the endpoint's own address."
    if isinstance(error, AzureMLContentFilterError):
        error.categories, error.filter_results = parsed.filtered, parsed.filters
    elif isinstance(error, AzureMLContextOverflowError) and (overflow := parsed.overflow):
        error.context_size = overflow.context_size
        error.requested_tokens = overflow.requested_tokens
        error.prompt_tokens = overflow.prompt_tokens
        if overflow.answer_alone:
            error.hint = _SHORTER_ANSWER
    elif isinstance(error, AzureMLInvalidRequestError):
        _note_refused(error, parsed)
    error.redact(key)
    return error


_SHORTER_ANSWER: Final = "Ask for a shorter answer: lower max_tokens."


def _note_refused(error: AzureMLInvalidRequestError, parsed: ErrorBody) -> None:
    if limits_answer(parsed.message):
        error.param = error.param or "max_tokens"
        error.hint = _SHORTER_ANSWER
    elif error.status in (400, 422):
        refused = parsed.refused
        error.refused_parameters = refused.parameters
        error.refuses_value, error.supported_value = refused.of_value, refused.supported
        error.refuses_system_role = refused.system_role
        if names := error.refused_parameters[:5]:
            error.hint = f"Take {' and '.join(names)} out of the model's parameters."


def from_event(event: Mapping[str, Any], partial: str) -> AzureMLStreamError:
    """Turn an error event in the middle of a 200 stream into an error that carries the partial text."""
    parsed = error_body_from_json(event)
    opening = "The endpoint reported an error in the middle of its answer"
    return AzureMLStreamError(
        _as_sentence(opening, parsed.message),
        code=_short(_code(parsed)),
        param=_short(parsed.param),
        retryable=False if parsed.code in _FILTERED else None,
        partial=partial,
    )


def from_body(content: Mapping[str, Any]) -> AzureMLResponseError:
    """Turn a reply with status 200 that holds an error into that error."""
    parsed = error_body_from_json(content)
    opening = "The endpoint answered with an error inside a successful reply"
    return AzureMLResponseError(
        _as_sentence(opening, parsed.message), code=_short(_code(parsed)), param=_short(parsed.param)
    )


def no_token(cause: Exception) -> AzureMLAuthenticationError:
    """Return the error for a credential that failed: by its class alone, for its words are for the log."""
    error = AzureMLAuthenticationError(f"Microsoft Entra ID gave no token ({type(cause).__name__}).")
    error.of_token()
    return error


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the id to quote to the endpoint's operator; the headers' names must be in lower case, or have no case."""
    names = ("x-request-id", "apim-request-id", "x-ms-request-id", "x-litellm-call-id", "x-ms-client-request-id")
    return next((headers[name] for name in names if headers.get(name)), None)


def retry_after(headers: Mapping[str, str], words: str = "") -> float | None:
    """Seconds the server asks to wait: its millisecond header, its second header, or its sentence."""
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        if (milliseconds := _number(headers.get(name), MAX_WAIT * 1000)) is not None:
            return milliseconds / 1000
    if value := headers.get("retry-after"):
        seconds = _number(value, MAX_WAIT)
        return seconds if seconds is not None else _seconds_until(value)
    if match := _WAIT.search(words):
        amount = float(match.group(1)) / (1000 if match.group(2).lower() == "ms" else 1)
        return amount if amount <= MAX_WAIT else None
    return None


def _real_status(status: int, headers: Mapping[str, str]) -> int:
    """A managed endpoint turns any failure of the container into 424; act on the container's own status."""
    real = _number(headers.get("ms-azureml-model-error-statuscode"), 599) if status == 424 else None
    return int(real) if real and real >= 100 else status


_FILTERED: Final = ("content_filter", "ResponsibleAIPolicyViolation")
"""Codes of what a content filter refused."""

_CLASSES: Final[Mapping[int, type[AzureMLError]]] = {
    401: AzureMLAuthenticationError,
    403: AzureMLPermissionDeniedError,
    404: AzureMLNotFoundError,
    407: AzureMLConnectionError,
    408: AzureMLTimeoutError,
    409: AzureMLAPIError,
    424: AzureMLAPIError,
    429: AzureMLRateLimitError,
    504: AzureMLTimeoutError,
}


def _classify(status: int, real: int, reason: str | None, parsed: ErrorBody) -> type[AzureMLError]:
    if parsed.code in _FILTERED:
        return AzureMLContentFilterError
    if parsed.overflow is not None and real != 429:  # "too many tokens" of a minute are another matter
        return AzureMLContextOverflowError
    if reason == "too_many_pending_request":
        return AzureMLRateLimitError
    if status == 424 and real in (401, 403, 404):
        # The container's error is not about the key or the URL that its caller can mend.
        return AzureMLAPIError
    if real < 300:
        return AzureMLResponseError
    return _CLASSES.get(real) or (AzureMLAPIError if real >= 500 else AzureMLInvalidRequestError)


def _code(parsed: ErrorBody, headers: Mapping[str, str] = MappingProxyType({})) -> str | None:
    """The most telling of the words that servers use as a code; to LiteLLM and vLLM it is the status once more."""
    if parsed.code and not parsed.code.isdigit():
        return parsed.code
    return headers.get("x-ms-error-code") or (parsed.kind if parsed.code else None) or parsed.code


def _retryable(status: int, real: int, reason: str | None, words: str) -> bool:
    if status != 424:
        return real in (408, 409, 429) or real >= 500
    if (
        reason in ("model_not_ready", "too_few_model_instance", "too_many_pending_request")
        or "no healthy upstream" in words
    ):
        return True
    return real in (408, 429, 500, 504)


_OPENINGS: Final[Mapping[type[AzureMLError], str]] = {
    AzureMLAuthenticationError: "The endpoint did not accept the key or token",
    AzureMLPermissionDeniedError: "The endpoint does not allow this call",
    AzureMLNotFoundError: "Nothing answers at this address of the endpoint",
    AzureMLContentFilterError: "The endpoint's content filter blocked the message",
    AzureMLContextOverflowError: "The conversation is longer than the model can read",
    AzureMLRateLimitError: "The endpoint is busy",
    AzureMLTimeoutError: "The endpoint took too long",
    AzureMLAPIError: "The endpoint failed",
    AzureMLInvalidRequestError: "The endpoint refused the request",
    AzureMLConnectionError: "The proxy on the way to the endpoint refused the request",
    AzureMLResponseError: "The endpoint gave no answer",
}


def _sentence(cls: type[AzureMLError], real: int, reason: str | None, words: str, categories: tuple[str, ...]) -> str:
    opening = _OPENINGS[cls]
    if categories and cls is AzureMLContentFilterError:
        opening += f" for {_listed(categories)}"
    if 300 <= real < 400:
        opening += " and pointed to another address, which is not followed because the key would go along"
    elif reason == "model_not_ready":
        opening = "The model is not ready yet"
    return _as_sentence(f"{opening} (HTTP {real})", words)


def _as_sentence(opening: str, words: str) -> str:
    line = _one_line(words)
    return f"{opening}: {line}" if line else f"{opening}."


def _one_line(words: str) -> str:
    """One line, no HTML, bounded, and closed like a sentence, so that it can stand in a message."""
    if re.search(r"<(!doctype|html)\b", words, re.IGNORECASE):
        title = re.search(r"<title>([^<]*)", words, re.IGNORECASE)
        words = title.group(1) if title else ""
    line = " ".join(words.split())
    if len(line) > MAX_WORDS:
        line = line[:MAX_WORDS].rstrip() + "…"
    return line if not line or line[-1] in ".!?…" else line + "."


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(name.replace("_", " ") for name in names[:10])


def _short(value: str | None) -> str | None:
    """A header or a field is the server's, so it may be of any length."""
    return " ".join(value.split())[:MAX_NAME] if value else None


def _number(value: str | None, most: float) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if 0 <= number <= most else None


def _seconds_until(date: str) -> float | None:
    try:
        seconds = (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    return max(0.0, seconds) if seconds <= MAX_WAIT else None
