"""The emulator as an object: uvicorn in a thread of its own, on a socket that is bound before anyone waits for it."""

import asyncio
import errno
import os
import secrets
import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from chatbot.emulator.app import create_app
from chatbot.emulator.faults import parse
from chatbot.emulator.faults.middleware import TRANSPORT, FaultQueue
from chatbot.emulator.profiles import PROFILES, SCORE_PATH
from chatbot.emulator.recorder import ReceivedRequest, Recorder

# Streams that end within this time, in seconds, end well when the emulator stops; the others are cut.
_GRACE = 0.5
# Longer than the clients' pools keep their connections, so that they are never handed a dying one.
_KEEP_ALIVE = 120
_LAST_PORT = 65535
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared, not bound


class CannotListenError(OSError):
    """The address cannot be used: its port is taken, it is not ours, or it does not exist."""


class Emulator:
    """A local Azure ML endpoint.

    Use it as a context manager, or call `start` and `stop`; after a stop it may be started again.

        with Emulator() as emulator:
            print(emulator.chat_url, emulator.key)

    Let the next requests fail:

        emulator.fail("rate-limit:2", times=3)

    Args:
        profile: The kind of endpoint: "dedicated", "serverless", "foundry" or "azure-openai". The default, "demo",
            answers on the best known routes of the first two.
        host: The address to listen on. Anything beyond this machine is for the caller to decide.
        port: The port to listen on; 0 takes a free one.
        key: What clients must show; a random one when not given.
        token_delay: Seconds between the pieces of a stream; 0 sends as fast as possible.
        deployments: The names of its deployments, the one with all the traffic first, instead of the profile's own.
        max_pending: How many requests a dedicated endpoint takes at a time, streams included; more are refused with
            429. `None` for any number.

    Raises:
        ValueError: There is no such profile.
    """

    def __init__(
        self,
        profile: str = "demo",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        key: str | None = None,
        token_delay: float = 0.02,
        deployments: Sequence[str] | None = None,
        max_pending: int | None = None,
    ) -> None:
        if profile not in PROFILES:
            raise ValueError(f"There is no profile {profile!r}; there are {', '.join(PROFILES)}.")
        self.profile = profile
        self.key = key or secrets.token_hex(16)
        self._host = host
        self._wanted_port = port
        self._port: int | None = None
        self._app = create_app(
            key=self.key,
            profile=profile,
            deployments=deployments,
            max_pending=max_pending,
            token_delay=token_delay,
        )
        self._recorder: Recorder = self._app.state.recorder
        self._fault_queue: FaultQueue = self._app.state.fault_queue
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, and return when connections are accepted.

        Raises:
            CannotListenError: The port is taken or the address cannot be used.
            RuntimeError: It is running already, or the server did not come up.
        """
        if self._server is not None:
            raise RuntimeError("The emulator is running already.")
        listener = _listen(self._host, self._wanted_port)
        self._port = listener.getsockname()[1]
        self._server = _Server(self._app)
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="azureml-emulator", daemon=True
        )
        self._thread.start()
        self._server.ready.wait()
        if failure := self._server.failure:
            self.stop()
            raise RuntimeError("The emulator's server ended while it was starting.") from failure

    def stop(self) -> None:
        """Stop listening, and return when everything is closed: about a second at most, open streams or not."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join()
        self._server = self._thread = None

    def fail(self, faults: str, *, times: int | None = 1) -> None:
        """Let the next requests fail; further calls are for the requests after those.

        Args:
            faults: Names with commas in between, each with a value behind a colon if need be: "delay:0.1,no-done".
            times: How many requests fail; `None` for all until `heal` is called.

        Raises:
            ValueError: There is no such fault; the message names close ones.
        """
        self._fault_queue.put(parse(faults), times)

    def heal(self) -> None:
        """Let the next requests succeed."""
        self._fault_queue.clear()

    @property
    def base_url(self) -> str:
        """The address without a path. It stays known after a stop.

        Raises:
            RuntimeError: It was never started, so there is no port yet.
        """
        if self._port is None:
            raise RuntimeError("The emulator has no address before it is started.")
        host = _ANY_ADDRESS.get(self._host, self._host)
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    @property
    def score_url(self) -> str:
        """Where a dedicated endpoint is asked.

        Raises:
            RuntimeError: This kind of endpoint has no such route.
        """
        if not PROFILES[self.profile].scores:
            raise RuntimeError(f"The profile {self.profile} has no {SCORE_PATH}.")
        return self.base_url + SCORE_PATH

    @property
    def chat_url(self) -> str:
        """The chat route that people know best."""
        return self.base_url + PROFILES[self.profile].chat_url

    @property
    def openai_url(self) -> str:
        """What OpenAI's clients take for their base URL."""
        return self.base_url + PROFILES[self.profile].openai_path

    @property
    def requests(self) -> list[ReceivedRequest]:
        """The last 200 requests, oldest first, whatever became of them."""
        return self._recorder.requests

    @property
    def active_streams(self) -> int:
        """How many streams are open now."""
        return self._recorder.active_streams

    @property
    def cancelled_streams(self) -> int:
        """How many streams were left by their client, or cut by a stop or a fault, before their end."""
        return self._recorder.cancelled_streams


class _Protocol(H11Protocol):
    """Lets the application see the connection: some faults end it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to serve a connection."""
        super().connection_made(transport)
        app = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, TRANSPORT: transport}, receive, send)

        self.app = with_transport


class _Server(uvicorn.Server):
    """A uvicorn that signals when it is ready, and hangs up on streams that would keep it from stopping."""

    def __init__(self, app: Starlette) -> None:
        # No `log_config` and no `log_level`: both would change logging for the whole process.
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE,
            )
        )
        self.ready = threading.Event()
        self.failure: BaseException | None = None

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `should_exit`."""
        try:
            super().run(sockets)
        except (OSError, RuntimeError, SystemExit) as error:
            if self.started:
                raise
            self.failure = error
        finally:
            # It may never have come up: nobody shall wait for it, nor reach a socket that nobody serves.
            for listener in sockets or []:
                listener.close()
            self.ready.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, and signal it."""
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wait for replies in progress, but not for long."""
        asyncio.get_running_loop().call_later(_GRACE, self._hang_up)
        await super().shutdown(sockets)

    def _hang_up(self) -> None:
        # As if the machine went away. Cancelling the tasks instead would end in logged tracebacks.
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= _LAST_PORT:
        raise CannotListenError(f"Cannot listen on {host}:{port}: ports end at {_LAST_PORT}.")
    # Not `socket.create_server`: it leaves the protocol open, and asyncio switches Nagle's algorithm off only
    # where TCP is named. With it on, a reply of two writes takes 40 ms.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere this would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        reason = "the port is already in use" if error.errno == errno.EADDRINUSE else error.strerror
        raise CannotListenError(f"Cannot listen on {host}:{port}: {reason}.") from error
    return listener
