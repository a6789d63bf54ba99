"""Cookies of the doors: no script reads them, no other site sends them, and no neighbour can forge them behind TLS."""

from __future__ import annotations

from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

_HOST: Final = "__Host-"
"""Before the name of a cookie that only this very host could set, over TLS, for all its paths."""

_SECURE: Final = "__Secure-"
"""Before the name of one for a single path: a neighbour could set it, so what it says has to be signed."""


def read_cookie(request: HTTPConnection, name: str, path: str = "/") -> str:
    """Return the value of a cookie; behind TLS only what was set behind TLS; empty where there is none."""
    return request.cookies.get(_full_name(request, name, path), "")


def set_cookie(
    request: HTTPConnection, response: Response, name: str, value: str, seconds: int, path: str = "/"
) -> None:
    """Have the browser keep a cookie and send it to a path and what is below it; 0 seconds takes it away."""
    response.set_cookie(
        _full_name(request, name, path),
        value,
        max_age=seconds,
        path=path,
        secure=_is_secure(request),
        httponly=True,
        samesite="lax",
    )


def _full_name(request: HTTPConnection, name: str, path: str) -> str:
    if not _is_secure(request):
        return name
    return (_HOST if path == "/" else _SECURE) + name


def _is_secure(request: HTTPConnection) -> bool:
    return request.url.scheme == "https"
