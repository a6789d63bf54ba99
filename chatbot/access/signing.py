"""Values that a browser keeps and cannot change: signed, and for a time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

MAX_LENGTH: Final = 3_800
"""Characters of a signed value: browsers keep cookies of 4,096."""


class Signer:
    """Signs values for one purpose: what was signed for another is not accepted.

    Args:
        secret: Known to this application alone.
        purpose: What the values are for.
        clock: Seconds since 1970.
    """

    def __init__(self, secret: str, purpose: str, clock: Callable[[], float] = time.time) -> None:
        self._key = hmac.digest(secret.encode(), purpose.encode(), hashlib.sha256)
        self._clock = clock

    def sign(self, value: Mapping[str, Any], expires_at: float) -> str:
        """Return a value as text for a cookie.

        Raises:
            ValueError: It is too long for one.
        """
        content = json.dumps({**value, "expires_at": expires_at}, separators=(",", ":")).encode()
        text = _encoded(content) + "." + _encoded(self._signature(content))
        if len(text) > MAX_LENGTH:
            raise ValueError("the value is too long for a cookie")
        return text

    def read(self, text: str) -> dict[str, Any] | None:
        """Return a value that was signed here for this purpose and has not expired; None otherwise."""
        content, _, signature = text.partition(".")
        try:
            decoded, signed = _decoded(content), _decoded(signature)
        except ValueError:
            return None
        if not hmac.compare_digest(signed, self._signature(decoded)):
            return None
        value: dict[str, Any] = json.loads(decoded)
        return value if value["expires_at"] > self._clock() else None

    def _signature(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, hashlib.sha256)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
