"""The server: one ASGI application around the page, and the uvicorn that runs it to an orderly end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from h11 import LocalProtocolError
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

from chatbot.access.door import Door
from chatbot.access.entrances import DoorPlan
from chatbot.access.owner import OwnerDoor, TooManyAttemptsError
from chatbot.access.proxies import Proxies, TrustedProxies, origin_of
from chatbot.api import MAX_BYTES, Api
from chatbot.conversation import ConversationService
from chatbot.observability import Metrics, MetricsRoute, Readiness, RequestIds
from chatbot.shutdown import Step, shut_down
from chatbot.ui import (
    DOCTOR,
    LENGTHS,
    OWNER_POLICY,
    SHARED,
    SHARED_POLICY,
    USAGE,
    Branding,
    Doctor,
    DoctorPage,
    Gate,
    HandOver,
    Launcher,
    Lengths,
    OwnerPage,
    PageRoutes,
    PageSessions,
    SecurityHeaders,
    SharedPages,
    SignInPage,
    UsagePage,
    VisitorCookie,
    build_page,
    mount,
    policy,
)

KEEP_SECONDS: Final = 10.0
"""How long the end may take to keep what there is of every answer."""

HANG_UP_SECONDS: Final = 1
"""How long connections stay open once every answer is kept."""

METRICS: Final = "/metrics"

FIRST_REMOVAL_SECONDS: Final = 60.0
REMOVAL_SECONDS: Final = 3600.0
"""When conversations that have expired are removed: a while after the start, and how often from then on."""

LOCAL_PROXIES: Final = Proxies("127.0.0.1,::1")
"""Believed unless something else is said: a proxy on this machine."""

logger = logging.getLogger(__name__)


def create_page_app(
    service: ConversationService,
    branding: Branding,
    closing: Sequence[Step] = (),
    *,
    frame_ancestors: Sequence[str] = ("'self'",),
    drain_seconds: float = 0.0,
    request_id_header: str | None = None,
    metrics: Metrics | None = None,
    owner: OwnerDoor | None = None,
    proxies: Proxies = LOCAL_PROXIES,
    door: DoorPlan | None = None,
    lengths: Lengths = LENGTHS,
    doctor: Doctor | None = None,
    api_max_bytes: int = MAX_BYTES,
) -> FastAPI:
    """Return the page over ``service`` as an ASGI application, with what surrounds it.

    Args:
        service: What the page talks to.
        branding: How it is to look.
        closing: What is done when the application has ended, after its last answer is kept.
        frame_ancestors: Who may show the page in a frame, as a Content-Security-Policy writes it.
        drain_seconds: How long answers may go on once the application is told to end.
        request_id_header: Where a proxy in front names its requests; see :class:`RequestIds`.
        metrics: What is told of the pages, and of the event loop.
        owner: Lets the owner in to their page and to the metrics; without it, neither is there.
        proxies: Who is believed in what is said of where a request comes from.
        door: Who is let in; None is everybody.
        lengths: How long what visitors send may be.
        doctor: Examines the endpoints for the owner; without it, the owner has no page for that.
        api_max_bytes: How long what programs send may be.
    """
    owners_pages: list[OwnerPage] = []
    if owner is not None:
        theirs = {USAGE: "Usage"} if doctor is None else {USAGE: "Usage", DOCTOR: "Doctor"}
        owners_pages.append(UsagePage(service.usage, owner, branding, theirs))
        if doctor is not None:
            owners_pages.append(DoctorPage(doctor, owner, branding, theirs))
    owners = tuple(each.path for each in owners_pages)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(_remove_expired(service, sessions))]
        if metrics is not None:
            tasks.append(asyncio.create_task(metrics.watch_loop()))
        yield
        for each in tasks:
            each.cancel()
        for owners_page in owners_pages:
            owners_page.close()
        await shut_down(Step("end what is done again and again", lambda: asyncio.wait(tasks), 5), *closing)

    policies = {**dict.fromkeys(owners, OWNER_POLICY), SHARED: SHARED_POLICY}
    sessions = PageSessions(service)
    service.titled = sessions.titled
    page = build_page(service, branding)
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        middleware=[
            Middleware(TrustedProxies, proxies=proxies),
            Middleware(RequestIds, trusted=request_id_header),
            # Before the door: whoever shows a key needs no cookie. Without one it shuts what is under /v1 as all else.
            Middleware(Api, service=service, max_bytes=api_max_bytes),
            *_door(door, SignInPage(branding, frame_ancestors), beside=(*owners, METRICS) if owners else ()),
            Middleware(SecurityHeaders, policy=policy(frame_ancestors), others=policies),
            Middleware(Gate, page=page, lengths=lengths, also=owners),
            Middleware(HandOver, service=service) if door and door.knows_persons else Middleware(VisitorCookie),
            # Nobody else's pages may read ours. Without this, Gradio lets every origin.
            Middleware(CORSMiddleware, allow_origins=()),
        ],
    )
    app.add_api_route("/healthz", _healthy, methods=["GET", "HEAD"])
    app.add_route("/readyz", Readiness(service.ping, lambda: service.is_draining).answer)
    if metrics is not None:
        metrics.watch_pages(lambda: sessions.open_count)
        metrics.watch_breakers(service.breaker_states)
        if owner is not None:
            app.add_route(METRICS, MetricsRoute(metrics, partial(_is_owner, owner)).answer)
    PageRoutes(service, sessions, branding).add_to(app)
    SharedPages(service, branding).add_to(app)
    Launcher(branding, frame_ancestors).add_to(app)
    for owners_page in owners_pages:
        owners_page.add_to(app)
    mount(app, page, branding)

    async def end_answers() -> None:
        await shut_down(Step("keep what there is of every answer", service.aclose, KEEP_SECONDS))
        sessions.close()

    app.state.drain = partial(service.drain, drain_seconds)
    app.state.end_answers = end_answers
    app.state.sessions = sessions
    return app


class _Protocol(H11Protocol):
    """uvicorn's, which says of a broken request that it is one, and fails where its answer has begun by then."""

    def send_400_response(self, msg: str) -> None:
        """Answer a request that is no HTTP, or end the connection where that is too late."""
        try:
            super().send_400_response(msg)
        except LocalProtocolError:
            self.transport.close()


class Server(uvicorn.Server):
    """A uvicorn that ends the application's answers before its connections, so that open pages see them end.

    Args:
        app: From :func:`create_page_app`.
        ready: Called when connections are accepted.
    """

    def __init__(self, app: FastAPI, ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,  # what uvicorn has to say goes where everything does
            log_level="warning",
            access_log=False,
            ws="none",
            http=_Protocol,
            proxy_headers=False,  # a middleware of ours reads them, which knows which proxy is believed
        )
        super().__init__(config)
        self._app = app
        self._ready = ready
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, and say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let answers go on for a while, keep what there is of the others, then end connections and application."""
        self._draining = asyncio.create_task(self._app.state.drain())
        await asyncio.wait([self._draining])
        await self._app.state.end_answers()
        # Gradio's pages, and the streams of its API's clients, would never end by themselves.
        asyncio.get_running_loop().call_later(HANG_UP_SECONDS, self._hang_up)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End, and do so in order also when told twice: then without letting answers go on."""
        self.should_exit = True
        if self._draining is not None:
            self._draining.get_loop().call_soon_threadsafe(self._draining.cancel)

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


def _is_owner(owner: OwnerDoor, request: Request) -> bool:
    try:
        return owner.admits(request, origin_of(request))
    except TooManyAttemptsError:
        return False


def _door(plan: DoorPlan | None, page: SignInPage, beside: Sequence[str]) -> list[Middleware]:
    if plan is None:
        return []
    entrance, open_requests = plan.make(page)
    return [Middleware(Door, entrance=entrance, open_requests=open_requests, beside=beside)]


async def _healthy() -> PlainTextResponse:
    """Say that this process answers; nothing is asked of the store or of an endpoint."""
    return PlainTextResponse("ok", headers={"cache-control": "no-store"})
