"""The lock on an endpoint: which header carries the key, and whether it is the right one."""

import hmac
from dataclasses import dataclass, field

from starlette.requests import Request

_BEARER = "Bearer "


@dataclass(frozen=True, slots=True)
class Lock:
    """Compares keys in constant time. Without a key of its own it is open to everyone."""

    key: str | None = field(repr=False)

    def opens_to_bearer(self, request: Request) -> bool:
        """Return whether the request carries `Authorization: Bearer KEY`."""
        sent = _authorization(request)
        return self.key is None or (sent.startswith(_BEARER) and _same(sent.removeprefix(_BEARER), self.key))

    def opens_to_bearer_or_raw(self, request: Request) -> bool:
        """Return whether the key is in `Authorization`, with or without the word in front."""
        return self.key is None or _same(_authorization(request).removeprefix(_BEARER), self.key)

    def opens_to_api_key(self, request: Request) -> bool:
        """Return whether the key is in the header `api-key`."""
        return self.key is None or _same(request.headers.get("api-key", ""), self.key)


def _authorization(request: Request) -> str:
    return request.headers.get("authorization", "")


def _same(sent: str, key: str) -> bool:
    # Starlette reads headers as Latin-1, which gives back the bytes that were sent.
    return hmac.compare_digest(sent.encode("latin-1"), key.encode())
