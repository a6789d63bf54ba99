"""Every route that a server has, also those of what is mounted in it."""

import http.client
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from starlette.routing import BaseRoute, Mount


def paths_of(routes: list[BaseRoute], prefix: str = "") -> Iterator[str]:
    """Yield the paths of routes as they were written, ``{parameters}`` included."""
    for route in routes:
        if inner := getattr(route, "original_router", None):
            yield from paths_of(inner.routes, prefix)
        elif isinstance(route, Mount):
            yield from paths_of(route.routes or [], prefix + route.path)
            yield f"{prefix}{route.path}/"
        elif hasattr(route, "path"):
            yield prefix + route.path


def filled(path: str, value: str = "x") -> str:
    """Return a path with something in the place of its parameters."""
    return re.sub(r"\{[^}]*\}", value, path)


class Caller:
    """Sends requests as they are written: no client of ours makes another path of one."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Return status and body of the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, body, named)
        reply = self._connection.getresponse()
        return reply.status, reply.read()

    def close(self) -> None:
        self._connection.close()
