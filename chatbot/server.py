"""The server: one ASGI application around the page, and the uvicorn that runs it to an orderly end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from chatbot.conversation import ConversationService
from chatbot.shutdown import Step, shut_down
from chatbot.ui import (
    Branding,
    Gate,
    PageRoutes,
    PageSessions,
    SecurityHeaders,
    VisitorCookie,
    build_page,
    mount,
    policy,
)

KEEP_SECONDS: Final = 10.0
"""How long the end may take to keep what there is of every answer."""

DRAIN_SECONDS: Final = 1
"""How long connections stay open once every answer is kept."""

FIRST_REMOVAL_SECONDS: Final = 60.0
REMOVAL_SECONDS: Final = 3600.0
"""When conversations that have expired are removed: a while after the start, and how often from then on."""

logger = logging.getLogger(__name__)


def create_page_app(
    service: ConversationService,
    branding: Branding,
    closing: Sequence[Step] = (),
    *,
    frame_ancestors: Sequence[str] = ("'self'",),
) -> FastAPI:
    """Return the page over ``service`` as an ASGI application, with what surrounds it.

    Args:
        service: What the page talks to.
        branding: How it is to look.
        closing: What is done when the application has ended, after its last answer is kept.
        frame_ancestors: Who may show the page in a frame, as a Content-Security-Policy writes it.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        removing = asyncio.create_task(_remove_expired(service, sessions))
        yield
        removing.cancel()
        await shut_down(Step("end removing what has expired", lambda: asyncio.wait([removing]), 1), *closing)

    sessions = PageSessions(service)
    page = build_page(service, branding)
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        middleware=[
            Middleware(SecurityHeaders, policy=policy(frame_ancestors)),
            Middleware(Gate, page=page),
            Middleware(VisitorCookie),
            # Nobody else's pages may read ours. Without this, Gradio lets every origin.
            Middleware(CORSMiddleware, allow_origins=()),
        ],
    )
    app.add_api_route("/healthz", _healthy, methods=["GET", "HEAD"])
    PageRoutes(service, sessions, branding).add_to(app)
    mount(app, page, branding)

    async def end_answers() -> None:
        await shut_down(Step("keep what there is of every answer", service.aclose, KEEP_SECONDS))
        sessions.close()

    app.state.end_answers = end_answers
    app.state.sessions = sessions
    return app


class Server(uvicorn.Server):
    """A uvicorn that ends the application's answers before its connections, so that open pages see them end.

    Args:
        app: From :func:`create_page_app`.
        ready: Called when connections are accepted.
    """

    def __init__(self, app: FastAPI, ready: Callable[[], None]) -> None:
        super().__init__(uvicorn.Config(app, log_level="warning", access_log=False, ws="none"))
        self._app = app
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, and say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Keep what there is of every answer, then end the connections and the application."""
        await self._app.state.end_answers()
        asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._hang_up)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End, and do so in order also when told twice."""
        self.should_exit = True

    def _hang_up(self) -> None:
        # Open pages and clients hold a connection each, for as long as they are open.
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.

    Raises:
        OSError: The port is taken, or the address is not this machine's.
    """
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    # Connections take it over. asyncio sets it for sockets that name their protocol only, which this one does not, and
    # without it the second part of a reply waits for the client to acknowledge the first, which takes 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address(listener: socket.socket) -> str:
    """Return the address at which a browser on this machine finds a socket."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def serve(app: FastAPI, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until the process is told to end, by Ctrl-C or by SIGTERM, and return when that is done."""
    server = Server(app, ready)
    # uvicorn raises the signal again when it has ended in order; to whoever started this, that would look like a crash.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    server.run(sockets=[listener])


async def _remove_expired(service: ConversationService, sessions: PageSessions) -> None:
    """Remove what has expired, again and again; what belongs to an open page has not."""
    await asyncio.sleep(FIRST_REMOVAL_SECONDS)
    while True:
        try:
            await sessions.renew_open()
            await service.remove_expired()
        except Exception:
            logger.exception("What has expired could not be removed")
        await asyncio.sleep(REMOVAL_SECONDS)


async def _healthy() -> PlainTextResponse:
    """Say that this process answers; nothing is asked of the store or of an endpoint."""
    return PlainTextResponse("ok", headers={"cache-control": "no-store"})
