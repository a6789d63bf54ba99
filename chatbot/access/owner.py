"""The owner's door: whoever knows the token of the settings, which stands in no URL and in no cookie."""

from __future__ import annotations

import hashlib
import hmac
import math
import time
from collections.abc import Callable
from typing import Final

from starlette.requests import HTTPConnection

from chatbot.access.attempts import Attempts
from chatbot.access.signing import Signer

COOKIE: Final = "chatbot_owner"

COOKIE_SECONDS: Final = 12 * 3600
"""How long whoever has shown the token once is known by a cookie."""


class TooManyAttemptsError(Exception):
    """Wrong tokens came from there: for some ``seconds`` none is looked at."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"try again in {seconds:.0f} seconds")
        self.seconds = seconds


class OwnerDoor:
    """Lets in who shows the token, or the cookie that who showed it was given.

    Args:
        token: The token.
        clock: Seconds that only grow.
    """

    def __init__(self, token: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._token = token.encode()
        self._signer = Signer(token, COOKIE)
        # A wrong token is no slip of the tongue, and the right one may be read by a program that is soon back.
        self._attempts = Attempts(
            clock, free_failures=0, first_wait=1, longest_wait=60, forgotten_after=600, burst=math.inf
        )

    def admits(self, request: HTTPConnection, origin: str) -> bool:
        """Return whether a request shows the cookie, or the token as ``Authorization: Bearer``.

        Args:
            request: The request.
            origin: Where it comes from.

        Raises:
            TooManyAttemptsError: Its token was not looked at.
        """
        if self._signer.read(request.cookies.get(COOKIE, "")) is not None:
            return True
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and self.is_token(token.strip(), origin)

    def is_token(self, token: str, origin: str) -> bool:
        """Return whether this is the token; each wrong one makes its address wait longer for the next.

        Raises:
            TooManyAttemptsError: It was not looked at.
        """
        if wait := self._attempts.begin(origin):
            raise TooManyAttemptsError(wait)
        if not _equal(token.encode(errors="replace"), self._token):
            return False
        self._attempts.succeeded(origin)
        return True

    def cookie(self, path: str, *, secure: bool) -> str:
        """Return a cookie for who showed the token, as a header has it.

        Args:
            path: Where it is sent to.
            secure: Whether over TLS only.
        """
        return _cookie(self._signer.sign({}, time.time() + COOKIE_SECONDS), COOKIE_SECONDS, path, secure=secure)

    def no_cookie(self, path: str, *, secure: bool) -> str:
        """Return what takes the cookie away again; takes what :meth:`cookie` does."""
        return _cookie("", 0, path, secure=secure)


def _equal(one: bytes, other: bytes) -> bool:
    """Compare in a time that tells nothing, of their lengths neither."""
    return hmac.compare_digest(hashlib.sha256(one).digest(), hashlib.sha256(other).digest())


def _cookie(value: str, seconds: int, path: str, *, secure: bool) -> str:
    cookie = f"{COOKIE}={value}; HttpOnly; Max-Age={seconds}; Path={path}; SameSite=Strict"
    return cookie + ("; Secure" if secure else "")
