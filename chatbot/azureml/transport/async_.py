"""HTTP through aiohttp, for LangChain's async methods. The decisions are in ``common``."""

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
from chatbot.azureml.transport.common import (
    CONNECT_TIMEOUT,
    DRAIN_SECONDS,
    MAX_ERROR_BYTES,
    MAX_ERROR_SECONDS,
    MAX_REPLY_BYTES,
    Backoff,
    WireRequest,
    connection_lost,
    empty_stream,
    fell_silent,
    is_event_stream,
    os_reason,
    response_too_long,
    timed_out,
    unreachable,
)
from chatbot.azureml.transport.network import (
    NetworkSettings,
    network_settings_for,
    proxy_failed,
    proxy_refused,
    tls_error,
)

if TYPE_CHECKING:
    from tenacity import RetryCallState

_MAX_BYTES_AT_ONCE: Final = 2**18

_TIMER_TOLERANCE: Final = 0.001
"""Seconds by which a timer may ring too early."""


class AsyncResponse:
    """A good reply whose body is still on the wire."""

    def __init__(self, response: aiohttp.ClientResponse, request: WireRequest) -> None:
        self._response = response
        self._request = request
        self._first = b""
        self._chunks: _Chunks | None = None
        self.headers = response.headers
        self.framing: Framing = "whole"

    async def wait_for_first_bytes(self) -> None:
        """Wait for the first bytes of a stream: as long as there are none, it may be asked for again.

        Raises:
            AzureMLStreamError: The stream ended without any.
        """
        self._first = await _read_any(self._response.content)
        if not self._first and is_event_stream(self.headers):
            raise empty_stream(request_id(self.headers))

    async def detect_framing(self) -> None:
        """Read as far as it takes to know the framing.

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
            raise _while_reading(error, fell_silent(self._request.idle_timeout)) from error
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

    async def rest(self, seconds: float) -> None:
        """Read nothing for so long; of a body that is complete there is nothing to wait for.

        What arrives stays with the operating system, which then wakes nobody for each packet.
        """
        connection = self._response.connection
        if connection is None or (transport := connection.transport) is None:
            return
        transport.pause_reading()
        try:
            await asyncio.sleep(seconds)
        finally:
            transport.resume_reading()

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
            raise _while_reading(error, timed_out(self._request.timeout)) from error
        if len(body) > MAX_REPLY_BYTES:
            raise response_too_long()
        return bytes(body)

    async def drain(self) -> None:
        """The answer is complete: take the end of HTTP, so that the connection is kept."""
        if not self._response.content.at_eof():
            await self.read_available(DRAIN_SECONDS)

    async def read_available(self, seconds: float) -> bytes:
        """Return what arrives in that time, however it ends, and no more than an error needs."""
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
            self._chunks.cancel_timer()
        self._response.close()


class _Chunks:
    """The body as it comes, watched by one timer for the whole stream.

    A time-out of its own for each read costs as much as the read. This timer is set once, finds when it rings how
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
        self._timer = self._loop.call_later(idle, self._check_idle)

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
            raise _while_reading(error, fell_silent(self._idle)) from error
        self._waiting_since = None
        if not data:
            raise StopAsyncIteration
        return data

    def cancel_timer(self) -> None:
        self._timer.cancel()

    def _check_idle(self) -> None:
        waited = 0.0 if self._waiting_since is None else self._loop.time() - self._waiting_since
        if waited + _TIMER_TOLERANCE < self._idle:
            self._timer = self._loop.call_later(self._idle - waited, self._check_idle)
        else:
            self._content.set_exception(TimeoutError())


class AsyncTransport:
    """One aiohttp session per event loop: a session lives and dies with the loop it was made in.

    An asynchronous generator keeps it, because that is what a loop closes before it closes itself, and what is
    closed in its loop when nobody holds it any more. So nothing is left open, whoever forgets to close.
    """

    def __init__(self, max_retries: int, max_retry_seconds: float) -> None:
        self._max_retries = max_retries
        self._max_retry_seconds = max_retry_seconds
        self._sessions: dict[
            asyncio.AbstractEventLoop, tuple[aiohttp.ClientSession, AsyncGenerator[aiohttp.ClientSession]]
        ] = {}
        self._networks: dict[str, NetworkSettings] = {}

    async def aclose(self) -> None:
        """Close this loop's connections; a later request opens new ones."""
        self._networks.clear()
        if kept := self._sessions.pop(asyncio.get_running_loop(), None):
            _, keeper = kept
            await keeper.aclose()

    @asynccontextmanager
    async def open(
        self, request: WireRequest, on_retry: Callable[[RetryCallState], Awaitable[None]] | None = None
    ) -> AsyncIterator[AsyncResponse]:
        """Send until the reply's headers are good and a stream has begun; never again after that.

        Args:
            request: What to send.
            on_retry: Called with each wait before it begins.

        Raises:
            AzureMLError: The reply was bad, or none came, and no retry is left or allowed.
        """
        backoff = Backoff(self._max_retries, time.monotonic(), max_seconds=self._max_retry_seconds)
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
            if request.may_stream(reply.headers):
                await reply.detect_framing()
            yield reply
        finally:
            reply.close()

    async def _send(self, request: WireRequest) -> AsyncResponse:
        network = self._network(request.url)
        response = None
        try:
            async with asyncio.timeout(request.timeout):
                session = await self._session()
                response = await session.post(
                    request.url, data=_body_of(request.body), allow_redirects=False, **_options(request, network)
                )
                return await _checked(response, request, network)
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            failure = _while_sending(error, request, network)
            failure.request_id = request_id(response.headers) if response is not None else None
            # What a proxy refused holds the headers that were sent, a password for the proxy among them.
            raise failure from (None if isinstance(error, aiohttp.ClientHttpProxyError) else error)

    def _network(self, url: str) -> NetworkSettings:
        if not (network := self._networks.get(url)):
            network = self._networks[url] = network_settings_for(url)
        return network

    async def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if kept := self._sessions.get(loop):
            return kept[0]
        for ended in [known for known in tuple(self._sessions) if known.is_closed()]:
            self._sessions.pop(ended, None)
        keeper = _keep_session(weakref.ref(self))
        session = await anext(keeper)
        self._sessions[loop] = session, keeper
        return session


async def _keep_session(owner: weakref.ref[AsyncTransport]) -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(
        # No limit of ours: how many requests there are at once is the application's decision.
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT, sock_connect=CONNECT_TIMEOUT),
        cookie_jar=aiohttp.DummyCookieJar(),
        # As urllib3 has it: a server that compresses may hold tokens back until a block is full.
        headers={"Accept-Encoding": "identity"},
        trust_env=False,  # it would read ~/.netrc too; ``network`` reads the rest
    ) as session:
        # Garbage in a cycle is finalized all at once, so an open session in it would complain before it can be closed
        # here. Held from outside until its owner is gone, it is no part of that garbage.
        held = weakref.finalize(owner(), _release, session)
        held.atexit = False
        try:
            yield session
        finally:
            held.detach()


def _release(_: aiohttp.ClientSession) -> None:
    """Do nothing more: the session's keeper closes it."""


def _options(request: WireRequest, network: NetworkSettings) -> dict[str, Any]:
    """The arguments that depend on the network. In a tunnel the proxy's headers do not reach the endpoint."""
    options: dict[str, Any] = {"headers": request.headers, "ssl": network.context or True}
    if network.proxy:
        options["proxy"] = network.proxy
        if request.url.startswith("https:"):
            options["proxy_headers"] = network.proxy_headers
        else:
            options["headers"] = {**request.headers, **network.proxy_headers}
    return options


def _body_of(body: bytes) -> bytes | BytesIO:
    """A picture is sent piece by piece: written in one, it would hold up all other answers."""
    return body if len(body) <= _MAX_BYTES_AT_ONCE else BytesIO(body)


async def _checked(response: aiohttp.ClientResponse, request: WireRequest, network: NetworkSettings) -> AsyncResponse:
    """Return the reply, once it is known to be a good one.

    Raises:
        AzureMLError: It is not.
    """
    reply = AsyncResponse(response, request)
    try:
        if response.status == 200:
            if request.may_stream(reply.headers):
                await reply.wait_for_first_bytes()
            return reply
        body = await reply.read_available(MAX_ERROR_SECONDS)
    except BaseException:
        reply.close()
        raise
    reply.close()
    if response.status == 407:
        raise proxy_refused(network, 407)
    raise from_response(response.status, response.headers, body, key=request.key)


async def _read_any(content: aiohttp.StreamReader) -> bytes:
    try:
        return await content.readany()
    except aiohttp.ClientError:
        # The connection broke. What had arrived before is still there, but only this method hands it out.
        if left := content._read_nowait(-1):
            return left
        raise


def _while_sending(error: Exception, request: WireRequest, network: NetworkSettings) -> AzureMLError:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return proxy_refused(network, error.status)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return proxy_failed(network, f"cannot be used: {os_reason(error.os_error)}")
    if isinstance(error, aiohttp.ClientSSLError):
        at_proxy = network.proxy == f"https://{error.host}:{error.port}"
        return tls_error(error, network if at_proxy else None)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        reason = _reason(error)
        return proxy_failed(network, f"cannot be used: {reason}") if network.proxy else unreachable(reason)
    if isinstance(error, aiohttp.InvalidURL | UnicodeError):
        return unreachable("its address is not valid")
    return _while_reading(error, timed_out(request.timeout))


def _while_reading(error: Exception, in_vain: AzureMLError) -> AzureMLError:
    return in_vain if isinstance(error, TimeoutError) else connection_lost()


def _reason(error: aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "nothing answers there"
    return os_reason(error.os_error)
