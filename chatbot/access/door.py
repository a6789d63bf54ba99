"""The door: one decision, in front of everything, for every path there is or will be."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Protocol
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from chatbot.access.open_requests import OpenRequests
from chatbot.access.person import PERSON
from chatbot.access.sessions import Visit
from chatbot.access.sign_in import SIGN_OUT

FOR_STRANGERS: Final = frozenset(("/healthz", "/readyz", "/robots.txt", "/launcher.js"))
"""What everybody may read beside the way in. Whatever is not named here is shut, also what is added later."""

NO_STORE: Final = {"cache-control": "no-store"}


class Entrance(Protocol):
    """One way to be let in."""

    async def visit(self, request: Request) -> Visit | None:
        """Return as whom a request is let in; None for a stranger's."""

    async def answer(self, request: Request) -> Response | None:
        """Answer a request that is part of signing in; None where it is none."""

    def refuse(self, request: Request, destination: str) -> Response:
        """Return the page on which one signs in, and goes on to a path of this server."""

    async def sign_out(self, request: Request, visit: Visit) -> Response:
        """Have somebody out; the answer is JSON with where the browser goes ``next``.

        That is a path of this server, or the whole address at which whoever knows them signs them out as well.
        """


class Door:
    """ASGI middleware that lets nobody in but who may be.

    Args:
        app: What is behind it.
        entrance: How one gets in.
        open_requests: Keeps what is open of those who are in.
        beside: Paths with a door of their own, which this one leaves alone.
    """

    def __init__(
        self, app: ASGIApp, entrance: Entrance, open_requests: OpenRequests, beside: Collection[str] = ()
    ) -> None:
        self._app = app
        self._entrance = entrance
        self._open_requests = open_requests
        self._beside = frozenset(beside)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request of somebody who is in, or show the way in."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # No page of ours opens a socket.
            await send({"type": "websocket.close", "code": 1008})
            return
        is_open = scope["path"] in FOR_STRANGERS and scope["method"] in ("GET", "HEAD")
        if is_open or scope["path"] in self._beside:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        if (response := await self._response(request)) is not None:
            await response(scope, receive, send)
            return
        visit = await self._entrance.visit(request)
        if visit is None:
            await self._refuse(request)(scope, receive, send)
            return
        if scope["path"] == SIGN_OUT:
            response = await self._sign_out(request, visit)
            await response(scope, receive, send)
            return
        scope = {**scope, "state": {**scope.get("state", {}), PERSON: visit.person}}
        if scope["method"] in ("GET", "HEAD"):
            await self._open_requests.answer(visit, self._app, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _response(self, request: Request) -> Response | None:
        if request.method == "POST" and is_from_elsewhere(request):
            return JSONResponse({"detail": "Another site may not write here."}, 403, headers=NO_STORE)
        return await self._entrance.answer(request)

    async def _sign_out(self, request: Request, visit: Visit) -> Response:
        if request.method != "POST":
            return JSONResponse({"detail": "Signing out is a POST."}, 405, headers={**NO_STORE, "allow": "POST"})
        response = await self._entrance.sign_out(request, visit)
        await self._open_requests.end_those_who_are_out()
        return response

    def _refuse(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD") or not _is_looked_at(request):
            return JSONResponse({"detail": "Sign in first."}, 401, headers=NO_STORE)
        query = f"?{urlencode(request.query_params.multi_items())}" if request.query_params else ""
        return self._entrance.refuse(request, request.scope["path"] + query)


def is_from_elsewhere(request: Request) -> bool:
    """Say whether another site's page sends a request; who does not say where it is from is no browser."""
    return request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")


def _is_looked_at(request: Request) -> bool:
    """Whether a person will see what is answered, and not a script."""
    return "text/html" in request.headers.get("accept", "") and request.headers.get("sec-fetch-mode", "navigate") in (
        "navigate",
        "nested-navigate",
    )
