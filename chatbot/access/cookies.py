"""Cookies of the doors: no script reads them, no other site sends them, and no neighbour can plant them behind TLS."""

from __future__ import annotations

from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

_HOST: Final = "__Host-"
"""Before the name of a cookie that only this very host could set, over TLS."""


def read_cookie(request: HTTPConnection, name: str) -> str:
    """Return the value of a cookie; behind TLS only what was set behind TLS; empty where there is none."""
    return request.cookies.get(_full_name(request, name), "")


def set_cookie(request: HTTPConnection, response: Response, name: str, value: str, seconds: int) -> None:
    """Have the browser keep a cookie; 0 seconds takes it away."""
    response.set_cookie(
        _full_name(request, name),
        value,
        max_age=seconds,
        path="/",
        secure=_is_secure(request),
        httponly=True,
        samesite="lax",
    )


def _full_name(request: HTTPConnection, name: str) -> str:
    return _HOST + name if _is_secure(request) else name


def _is_secure(request: HTTPConnection) -> bool:
    return request.url.scheme == "https"
