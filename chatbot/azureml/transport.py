"""Bytes over HTTP, sync through urllib3 and async through aiohttp, with one set of decisions for both.

Why two libraries: for many streams at once httpx costs several times what these do (docs/decisions.md), and
aiohttp has no sync side. The decisions (what an error is, whether and when to try again) are pure and shared;
what stands here twice is only the waiting.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import aiohttp
import urllib3

from chatbot.azureml.errors import (
    AzureMLConnectionError,
    AzureMLError,
    AzureMLTimeoutError,
    from_response,
)

CONNECT_TIMEOUT: Final = 10.0
"""Seconds for name, TCP and TLS together: an endpoint that is up answers the door in far less."""

MAX_RETRY_SECONDS: Final = 30.0
"""Nobody waits longer than this for retries; a server that asks for more gets no retry but its say."""

MAX_ERROR_BYTES: Final = 64 * 1024
MAX_REPLY_BYTES: Final = 64 * 1024 * 1024
LINGER: Final = 0.5
"""Seconds to wait for the end of HTTP after the end of the answer, so that the connection can be used again."""


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One POST, complete.

    Attributes:
        key: The secret among the headers, to blot it out of anything the server echoes.
        timeout: Seconds until the reply begins, and for a whole reply to be read.
        idle_timeout: Seconds without a byte in the middle of a stream.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    key: str
    timeout: float
    idle_timeout: float


@dataclass(slots=True)
class Backoff:
    """Whether a failed attempt is worth another, and when: full jitter, the server's wishes, a cap in all."""

    max_retries: int
    started: float
    attempt: int = 0

    def after(self, error: AzureMLError, now: float) -> float:
        """Return the seconds to wait before the next attempt.

        Raises:
            AzureMLError: ``error`` itself, when it is final.
        """
        self.attempt += 1
        if not error.is_retryable or self.attempt > self.max_retries:
            raise error
        wait = error.retry_after
        if wait is None:
            wait = random.uniform(0, min(8.0, 0.5 * 2**self.attempt))  # noqa: S311 - jitter, not a secret
        if now - self.started + wait > MAX_RETRY_SECONDS:
            raise error
        return wait


class SyncReply:
    """A good reply whose body is still on the wire."""

    def __init__(self, response: urllib3.BaseHTTPResponse, request: WireRequest) -> None:
        self._response = response
        self._request = request
        self.headers = response.headers

    def chunks(self) -> Iterator[bytes]:
        """Yield what each network read brings, without waiting for more.

        Raises:
            AzureMLTimeoutError: Silence for longer than the idle time-out.
            AzureMLConnectionError: The connection broke.
        """
        self._wait_at_most(self._request.idle_timeout)
        with _sync_errors(self._request.idle_timeout):
            while data := self._response.read1(65536):
                yield data

    def read(self) -> bytes:
        """Return the whole body."""
        with _sync_errors(self._request.timeout):
            return self._read_within(self._request.timeout, MAX_REPLY_BYTES)

    def linger(self) -> None:
        """The answer is complete: take the end of HTTP, so that the connection is kept."""
        try:
            self._read_within(LINGER, MAX_ERROR_BYTES)
        except (urllib3.exceptions.HTTPError, OSError):
            return

    def _read_within(self, seconds: float, limit: int) -> bytes:
        deadline = time.monotonic() + seconds
        body = bytearray()
        while len(body) < limit:
            if (left := deadline - time.monotonic()) <= 0:
                raise TimeoutError
            self._wait_at_most(left)
            if not (data := self._response.read1(65536)):
                break
            body += data
        return bytes(body[:limit])

    def _wait_at_most(self, seconds: float) -> None:
        # Where the server announces that it will close the connection, http.client's reader alone has the socket.
        for path in ("connection.sock", "_fp.fp.raw._sock"):
            try:
                attrgetter(path)(self._response).settimeout(seconds)
            except AttributeError:
                continue


class SyncTransport:
    """One urllib3 pool, shared by all threads."""

    def __init__(self, max_retries: int) -> None:
        self._max_retries = max_retries
        self._pool = urllib3.PoolManager(num_pools=4, maxsize=32, retries=False)

    def close(self) -> None:
        """Close the idle connections; a later request opens new ones."""
        self._pool.clear()

    @contextmanager
    def open(self, request: WireRequest) -> Iterator[SyncReply]:
        """Send until the reply's headers are good; never again after that.

        Raises:
            AzureMLError: The reply was bad, or none came, and no retry is left or allowed.
        """
        backoff = Backoff(self._max_retries, time.monotonic())
        while True:
            try:
                response = self._send(request)
                break
            except AzureMLError as error:
                time.sleep(backoff.after(error, time.monotonic()))
        try:
            yield SyncReply(response, request)
        finally:
            _let_go(response)

    def _send(self, request: WireRequest) -> urllib3.BaseHTTPResponse:
        with _sync_errors(request.timeout):
            response = self._pool.request(
                "POST",
                request.url,
                body=request.body,
                headers=request.headers,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=request.timeout),
                redirect=False,
                preload_content=False,
            )
            if response.status == 200:
                return response
            try:
                body = response.read(MAX_ERROR_BYTES)
            finally:
                _let_go(response)
        raise from_response(response.status, response.headers, body, key=request.key)


class AsyncReply:
    """A good reply whose body is still on the wire."""

    def __init__(self, response: aiohttp.ClientResponse, request: WireRequest) -> None:
        self._response = response
        self._request = request
        self.headers = response.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield what each network read brings, without waiting for more.

        Raises:
            AzureMLTimeoutError: Silence for longer than the idle time-out.
            AzureMLConnectionError: The connection broke.
        """
        content, idle = self._response.content, self._request.idle_timeout
        while True:
            with _async_errors(idle):
                async with asyncio.timeout(idle):
                    data = await _read_any(content)
            if not data:
                return
            yield data

    async def read(self) -> bytes:
        """Return the whole body."""
        with _async_errors(self._request.timeout):
            async with asyncio.timeout(self._request.timeout):
                return await _read_at_most(self._response, MAX_REPLY_BYTES)

    async def linger(self) -> None:
        """The answer is complete: take the end of HTTP, so that the connection is kept."""
        try:
            async with asyncio.timeout(LINGER):
                await _read_at_most(self._response, MAX_ERROR_BYTES)
        except (aiohttp.ClientError, OSError):
            return


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

    async def aclose(self) -> None:
        """Close this loop's connections; a later request opens new ones."""
        if kept := self._sessions.pop(asyncio.get_running_loop(), None):
            _, keeper = kept
            await keeper.aclose()

    @asynccontextmanager
    async def open(self, request: WireRequest) -> AsyncIterator[AsyncReply]:
        """Send until the reply's headers are good; never again after that.

        Raises:
            AzureMLError: The reply was bad, or none came, and no retry is left or allowed.
        """
        backoff = Backoff(self._max_retries, time.monotonic())
        while True:
            try:
                response = await self._send(request)
                break
            except AzureMLError as error:
                await asyncio.sleep(backoff.after(error, time.monotonic()))
        try:
            yield AsyncReply(response, request)
        finally:
            # A body read to its end is back in the pool already; anything else must reach the server as a
            # closed connection, at once: that is what Stop is.
            response.close()

    async def _send(self, request: WireRequest) -> aiohttp.ClientResponse:
        with _async_errors(request.timeout):
            async with asyncio.timeout(request.timeout):
                session = await self._session()
                response = await session.post(
                    request.url, data=request.body, headers=request.headers, allow_redirects=False
                )
                if response.status == 200:
                    return response
                async with response:
                    body = await _read_at_most(response, MAX_ERROR_BYTES)
        raise from_response(response.status, response.headers, body, key=request.key)

    async def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if kept := self._sessions.get(loop):
            return kept[0]
        for ended in [known for known in tuple(self._sessions) if known.is_closed()]:
            self._sessions.pop(ended, None)
        keeper = _kept_session()
        session = await anext(keeper)
        self._sessions[loop] = session, keeper
        return session


async def _kept_session() -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(
        # No limit of ours: how many talk at once is the application's decision.
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield session


async def _read_any(content: aiohttp.StreamReader) -> bytes:
    try:
        return await content.readany()
    except aiohttp.ClientError:
        # The connection broke. What had arrived before is still there, but only this method hands it out.
        if left := content._read_nowait(-1):
            return left
        raise


async def _read_at_most(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    while len(body) < limit and (data := await response.content.readany()):
        body += data
    return bytes(body[:limit])


def _let_go(response: urllib3.BaseHTTPResponse) -> None:
    """A body read to its end is back in the pool already; anything else cannot be used again."""
    response.close()
    response.release_conn()


@contextmanager
def _sync_errors(timeout: float) -> Iterator[None]:
    try:
        yield
    except (
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
        urllib3.exceptions.SSLError,
    ) as error:
        raise _unreachable(error) from error
    except (urllib3.exceptions.TimeoutError, TimeoutError) as error:
        raise _too_slow(timeout) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise _broken() from error


@contextmanager
def _async_errors(timeout: float) -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ClientSSLError, aiohttp.ConnectionTimeoutError) as error:
        raise _unreachable(error) from error
    except TimeoutError as error:
        raise _too_slow(timeout) from error
    except (aiohttp.ClientError, OSError) as error:
        raise _broken() from error


_REASONS: Final = (
    ((urllib3.exceptions.NameResolutionError, aiohttp.ClientConnectorDNSError), "its name is not known"),
    ((urllib3.exceptions.SSLError, aiohttp.ClientSSLError), "no secure connection that can be trusted"),
    ((urllib3.exceptions.NewConnectionError,), "the connection is refused"),  # to urllib3 also a time-out
    ((urllib3.exceptions.ConnectTimeoutError, aiohttp.ConnectionTimeoutError), "nothing answers there"),
)


def _unreachable(error: Exception) -> AzureMLConnectionError:
    why = next((words for kinds, words in _REASONS if isinstance(error, kinds)), "the connection is refused")
    return AzureMLConnectionError(f"The endpoint cannot be reached: {why}.")


def _too_slow(timeout: float) -> AzureMLTimeoutError:
    return AzureMLTimeoutError(f"The endpoint sent nothing for {timeout:g} seconds.")


def _broken() -> AzureMLConnectionError:
    return AzureMLConnectionError("The connection to the endpoint broke.")
