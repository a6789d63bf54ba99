"""Bytes over HTTP through aiohttp, for LangChain's async methods. The decisions are ``transport``'s."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Self

import aiohttp

from chatbot.azureml.errors import AzureMLError, from_response, request_id
from chatbot.azureml.framing import Framing, framing_of
from chatbot.azureml.route import Route, proxy_failed, proxy_refused, route_to, untrusted
from chatbot.azureml.transport import (
    CONNECT_TIMEOUT,
    LINGER,
    MAX_ERROR_BYTES,
    MAX_ERROR_SECONDS,
    MAX_REPLY_BYTES,
    Backoff,
    WireRequest,
    broken,
    empty,
    is_event_stream,
    too_long,
    too_slow,
    unreachable,
    why_unreachable,
)

if TYPE_CHECKING:
    from tenacity import RetryCallState

_MAX_WRITE: Final = 2**18

_CLOCK: Final = 0.001
"""Seconds by which a timer may ring too early."""


class AsyncReply:
    """A good reply whose body is still on the wire."""

    def __init__(self, response: aiohttp.ClientResponse, request: WireRequest) -> None:
        self._response = response
        self._request = request
        self._first = b""
        self._chunks: _Chunks | None = None
        self.headers = response.headers
        self.framing: Framing = "whole"

    async def wait_for_first(self) -> None:
        """Wait for the first bytes of a stream: as long as there are none, it may be asked for again.

        Raises:
            AzureMLStreamError: The stream ended without any.
        """
        self._first = await _read_any(self._response.content)
        if not self._first and is_event_stream(self.headers):
            raise empty(request_id(self.headers))

    async def tell_framing(self) -> None:
        """Read as far as it takes to tell how the reply is framed.

        Raises:
            AzureMLTimeoutError: Silence for longer than the idle time-out.
            AzureMLConnectionError: The connection broke.
        """
        framing = framing_of(self._first)
        try:
            while framing is None:
                async with asyncio.timeout(self._request.idle_timeout):
                    data = await _read_any(self._response.content)
                if not data:
                    break
                self._first += data
                framing = framing_of(self._first)
        except (aiohttp.ClientError, OSError) as error:
            raise _while_reading(error, self._request.idle_timeout) from error
        self.framing = framing or "whole"

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield what each network read brings, without waiting for more.

        Raises:
            AzureMLTimeoutError: Silence for longer than the idle time-out.
            AzureMLConnectionError: The connection broke.
        """
        self._chunks = _Chunks(self._response.content, self._first, self._request.idle_timeout)
        self._first = b""
        return self._chunks

    async def read(self) -> bytes:
        """Return the whole body.

        Raises:
            AzureMLError: It did not come in time, or not whole, or is longer than any answer.
        """
        body = bytearray(self._first)
        try:
            async with asyncio.timeout(self._request.timeout):
                while data := await _read_any(self._response.content):
                    body += data
                    if len(body) > MAX_REPLY_BYTES:
                        break
        except (aiohttp.ClientError, OSError) as error:
            raise _while_reading(error, self._request.timeout) from error
        if len(body) > MAX_REPLY_BYTES:
            raise too_long()
        return bytes(body)

    async def linger(self) -> None:
        """The answer is complete: take the end of HTTP, so that the connection is kept."""
        if not self._response.content.at_eof():
            await self.read_what_comes(LINGER)

    async def read_what_comes(self, seconds: float) -> bytes:
        """Return what comes in that time, however it ends, and no more than an error needs."""
        body = bytearray()
        try:
            async with asyncio.timeout(seconds):
                while len(body) < MAX_ERROR_BYTES and (data := await _read_any(self._response.content)):
                    body += data
        except (aiohttp.ClientError, OSError):
            pass
        return bytes(body[:MAX_ERROR_BYTES])

    def close(self) -> None:
        """A body read to its end is back in the pool already; anything else must reach the server, at once.

        As a closed connection: that is what Stop is.
        """
        if self._chunks:
            self._chunks.stop_watching()
        self._response.close()


class _Chunks:
    """The body as it comes, watched by one timer for the whole stream.

    A time-out of its own for each read costs as much as the read. This timer is set once, looks when it rings how
    long the present read has been waiting, and is set again for what is left. An iterator and no generator, since
    an asynchronous generator that is left early costs a task to close it.
    """

    __slots__ = ("_content", "_first", "_idle", "_loop", "_timer", "_waiting_since")

    def __init__(self, content: aiohttp.StreamReader, first: bytes, idle: float) -> None:
        self._content = content
        self._first = first
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._waiting_since: float | None = None
        self._timer = self._loop.call_later(idle, self._look)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if data := self._first:
            self._first = b""
            return data
        self._waiting_since = self._loop.time()
        try:
            data = await _read_any(self._content)
        except (aiohttp.ClientError, OSError) as error:
            raise _while_reading(error, self._idle) from error
        self._waiting_since = None
        if not data:
            raise StopAsyncIteration
        return data

    def stop_watching(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        waited = 0.0 if self._waiting_since is None else self._loop.time() - self._waiting_since
        if waited + _CLOCK < self._idle:
            self._timer = self._loop.call_later(self._idle - waited, self._look)
        else:
            self._content.set_exception(TimeoutError())


class AsyncTransport:
    """One aiohttp session per event loop: a session lives and dies with the loop it was made in.

    An asynchronous generator keeps it, because that is what a loop closes before it closes itself, and what is
    closed in its loop when nobody holds it any more. So nothing is left open, whoever forgets to close.
    """

    def __init__(self, max_retries: int) -> None:
        self._max_retries = max_retries
        self._sessions: dict[
            asyncio.AbstractEventLoop, tuple[aiohttp.ClientSession, AsyncGenerator[aiohttp.ClientSession]]
        ] = {}
        self._routes: dict[str, Route] = {}

    async def aclose(self) -> None:
        """Close this loop's connections; a later request opens new ones."""
        self._routes.clear()
        if kept := self._sessions.pop(asyncio.get_running_loop(), None):
            _, keeper = kept
            await keeper.aclose()

    @asynccontextmanager
    async def open(
        self, request: WireRequest, on_retry: Callable[[RetryCallState], Awaitable[None]] | None = None
    ) -> AsyncIterator[AsyncReply]:
        """Send until the reply's headers are good and a stream has begun; never again after that.

        Args:
            request: What to send.
            on_retry: Told of each wait before it begins.

        Raises:
            AzureMLError: The reply was bad, or none came, and no retry is left or allowed.
        """
        backoff = Backoff(self._max_retries, time.monotonic())
        while True:
            try:
                reply = await self._send(request)
                break
            except AzureMLError as error:
                wait = backoff.after(error, time.monotonic())
                if on_retry is not None:
                    await on_retry(backoff.state(error, wait))
                await asyncio.sleep(wait)
        try:
            if request.is_begun_by(reply.headers):
                await reply.tell_framing()
            yield reply
        finally:
            reply.close()

    async def _send(self, request: WireRequest) -> AsyncReply:
        route = self._route(request.url)
        response = None
        try:
            async with asyncio.timeout(request.timeout):
                session = await self._session()
                response = await session.post(
                    request.url, data=_sendable(request.body), allow_redirects=False, **_options(request, route)
                )
                return await _begun(response, request, route)
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            failure = _while_sending(error, request, route)
            failure.request_id = request_id(response.headers) if response is not None else None
            # What a proxy refused holds the headers that were sent, a password for the proxy among them.
            raise failure from (None if isinstance(error, aiohttp.ClientHttpProxyError) else error)

    def _route(self, url: str) -> Route:
        if not (route := self._routes.get(url)):
            route = self._routes[url] = route_to(url)
        return route

    async def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if kept := self._sessions.get(loop):
            return kept[0]
        for ended in [known for known in tuple(self._sessions) if known.is_closed()]:
            self._sessions.pop(ended, None)
        keeper = _kept_session(weakref.ref(self))
        session = await anext(keeper)
        self._sessions[loop] = session, keeper
        return session


async def _kept_session(owner: weakref.ref[AsyncTransport]) -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(
        # No limit of ours: how many talk at once is the application's decision.
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT, sock_connect=CONNECT_TIMEOUT),
        cookie_jar=aiohttp.DummyCookieJar(),
        # As urllib3 has it: a server that compresses may hold tokens back until a block is full.
        headers={"Accept-Encoding": "identity"},
        trust_env=False,  # it would read ~/.netrc too; what is to be read, ``route`` reads
    ) as session:
        # Garbage in a cycle is finalized all at once, so an open session in it would complain before it can be closed
        # here. Held from outside until its owner is gone, it is no part of that garbage.
        held = weakref.finalize(owner(), _let_go, session)
        held.atexit = False
        try:
            yield session
        finally:
            held.detach()


def _let_go(_: aiohttp.ClientSession) -> None:
    """Nothing more: the session's keeper closes it."""


def _options(request: WireRequest, route: Route) -> dict[str, Any]:
    """What depends on the way. In a tunnel the proxy gets its own headers, and the endpoint does not see them."""
    options: dict[str, Any] = {"headers": request.headers, "ssl": route.context or True}
    if route.proxy:
        options["proxy"] = route.proxy
        if request.url.startswith("https:"):
            options["proxy_headers"] = route.proxy_headers
        else:
            options["headers"] = {**request.headers, **route.proxy_headers}
    return options


def _sendable(body: bytes) -> bytes | BytesIO:
    """A picture is sent piece by piece: written in one, it would hold up all other answers."""
    return body if len(body) <= _MAX_WRITE else BytesIO(body)


async def _begun(response: aiohttp.ClientResponse, request: WireRequest, route: Route) -> AsyncReply:
    """Return the reply, once it is known to be a good one.

    Raises:
        AzureMLError: It is not.
    """
    reply = AsyncReply(response, request)
    try:
        if response.status == 200:
            if request.is_begun_by(reply.headers):
                await reply.wait_for_first()
            return reply
        body = await reply.read_what_comes(MAX_ERROR_SECONDS)
    except BaseException:
        reply.close()
        raise
    reply.close()
    if response.status == 407:
        raise proxy_refused(route, 407)
    raise from_response(response.status, response.headers, body, key=request.key)


async def _read_any(content: aiohttp.StreamReader) -> bytes:
    try:
        return await content.readany()
    except aiohttp.ClientError:
        # The connection broke. What had arrived before is still there, but only this method hands it out.
        if left := content._read_nowait(-1):
            return left
        raise


def _while_sending(error: Exception, request: WireRequest, route: Route) -> AzureMLError:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return proxy_refused(route, error.status)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return proxy_failed(route, f"cannot be used: {why_unreachable(error.os_error)}")
    if isinstance(error, aiohttp.ClientSSLError):
        at_proxy = route.proxy == f"https://{error.host}:{error.port}"
        return untrusted(error, route if at_proxy else None)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        why = _why(error)
        return proxy_failed(route, f"cannot be used: {why}") if route.proxy else unreachable(why)
    if isinstance(error, aiohttp.InvalidURL | UnicodeError):
        return unreachable("its address is not valid")
    return _while_reading(error, request.timeout)


def _while_reading(error: Exception, seconds: float) -> AzureMLError:
    return too_slow(seconds) if isinstance(error, TimeoutError) else broken()


def _why(error: aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "nothing answers there"
    return why_unreachable(error.os_error)
