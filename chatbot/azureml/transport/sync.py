"""HTTP through urllib3, for LangChain's sync methods. The decisions are in ``common``."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import TYPE_CHECKING, Final

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    SSLError,
)

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

_READ_SIZE: Final = 64 * 1024


class SyncResponse:
    """A good reply whose body is still on the wire."""

    def __init__(self, response: urllib3.BaseHTTPResponse, request: WireRequest) -> None:
        self._response = response
        self._request = request
        self._sockets = _sockets(response)
        self._first = b""
        self.headers = response.headers
        self.framing: Framing = "whole"

    def wait_for_first_bytes(self, until: float) -> None:
        """Wait for the first bytes of a stream: as long as there are none, it may be asked for again.

        Raises:
            AzureMLStreamError: The stream ended without any.
        """
        self._wait_at_most(until - time.monotonic())
        self._first = self._response.read1(_READ_SIZE)
        if not self._first and is_event_stream(self.headers):
            raise empty_stream(request_id(self.headers))

    def detect_framing(self) -> None:
        """Read as far as it takes to know the framing.

        Raises:
            AzureMLTimeoutError: Silence for longer than the idle time-out.
            AzureMLConnectionError: The connection broke.
        """
        framing = framing_of(self._first)
        try:
            while framing is None:
                self._wait_at_most(self._request.idle_timeout)
                if not (data := self._response.read1(_READ_SIZE)):
                    break
                self._first += data
                framing = framing_of(self._first)
        except (HTTPError, OSError) as error:
            raise _while_reading(error, fell_silent(self._request.idle_timeout)) from error
        self.framing = framing or "whole"

    def chunks(self) -> Iterator[bytes]:
        """Yield what each network read brings, without waiting for more.

        Raises:
            AzureMLTimeoutError: Silence for longer than the idle time-out.
            AzureMLConnectionError: The connection broke.
        """
        first, self._first = self._first, b""
        if first:
            yield first
        self._wait_at_most(self._request.idle_timeout)
        read = self._response.read1
        try:
            while data := read(_READ_SIZE):
                yield data
        except (HTTPError, OSError) as error:
            raise _while_reading(error, fell_silent(self._request.idle_timeout)) from error

    def read(self) -> bytes:
        """Return the whole body.

        Raises:
            AzureMLError: It did not come in time, or not whole, or is longer than any answer.
        """
        body = bytearray(self._first)
        try:
            for data in self._within(self._request.timeout):
                body += data
                if len(body) > MAX_REPLY_BYTES:
                    break
        except (HTTPError, OSError) as error:
            raise _while_reading(error, timed_out(self._request.timeout)) from error
        if len(body) > MAX_REPLY_BYTES:
            raise response_too_long()
        return bytes(body)

    def drain(self) -> None:
        """Read the end of HTTP after a complete answer, so that the connection is kept."""
        self.read_available(DRAIN_SECONDS)

    def read_available(self, seconds: float) -> bytes:
        """Return what arrives in that time, however it ends, and no more than an error needs."""
        body = bytearray()
        try:
            for data in self._within(seconds):
                body += data
                if len(body) >= MAX_ERROR_BYTES:
                    break
        except (HTTPError, OSError):
            pass
        return bytes(body[:MAX_ERROR_BYTES])

    def close(self) -> None:
        """A body read to its end is back in the pool already; anything else cannot be used again."""
        self._response.close()
        self._response.release_conn()

    def _within(self, seconds: float) -> Iterator[bytes]:
        until = time.monotonic() + seconds
        while True:
            self._wait_at_most(until - time.monotonic())
            if not (data := self._response.read1(_READ_SIZE)):
                return
            yield data

    def _wait_at_most(self, seconds: float) -> None:
        if seconds <= 0:
            raise TimeoutError
        for each in self._sockets:
            if each.fileno() >= 0:  # what was announced as the last reply closes with its last byte
                each.settimeout(seconds)


class SyncTransport:
    """One urllib3 pool per address, shared by all threads, with the network settings of its first use."""

    def __init__(self, max_retries: int, max_retry_seconds: float) -> None:
        self._max_retries = max_retries
        self._max_retry_seconds = max_retry_seconds
        self._pools: dict[str, tuple[NetworkSettings, urllib3.PoolManager]] = {}

    def close(self) -> None:
        """Close the idle connections; a later request opens new ones."""
        pools, self._pools = self._pools, {}
        for _, pool in pools.values():
            pool.clear()

    @contextmanager
    def open(
        self, request: WireRequest, on_retry: Callable[[RetryCallState], None] | None = None
    ) -> Iterator[SyncResponse]:
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
                reply = self._send(request)
                break
            except AzureMLError as error:
                wait = backoff.after(error, time.monotonic())
                if on_retry is not None:
                    on_retry(backoff.state(error, wait))
                time.sleep(wait)
        try:
            if request.may_stream(reply.headers):
                reply.detect_framing()
            yield reply
        finally:
            reply.close()

    def _send(self, request: WireRequest) -> SyncResponse:
        until = time.monotonic() + request.timeout
        network, pool = self._pool(request.url)
        response = None
        try:
            response = pool.request(
                "POST",
                request.url,
                body=request.body,
                headers=request.headers,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, total=request.timeout),
                redirect=False,
                preload_content=False,
            )
            return _checked(response, request, network, until)
        except (HTTPError, OSError, UnicodeError) as error:
            failure = _while_sending(error, request, network)
            failure.request_id = request_id(response.headers) if response is not None else None
            raise failure from error

    def _pool(self, url: str) -> tuple[NetworkSettings, urllib3.PoolManager]:
        if not (known := self._pools.get(url)):
            network = network_settings_for(url)
            known = self._pools.setdefault(url, (network, new_pool(network)))
        return known


def _checked(
    response: urllib3.BaseHTTPResponse, request: WireRequest, network: NetworkSettings, until: float
) -> SyncResponse:
    """Return the reply, once it is known to be a good one.

    Raises:
        AzureMLError: It is not.
    """
    reply = SyncResponse(response, request)
    try:
        if response.status == 200:
            if request.may_stream(reply.headers):
                reply.wait_for_first_bytes(until)
            return reply
        body = reply.read_available(MAX_ERROR_SECONDS)
    except BaseException:
        reply.close()
        raise
    reply.close()
    if response.status == 407:
        raise proxy_refused(network, 407)
    raise from_response(response.status, response.headers, body, key=request.key)


def new_pool(network: NetworkSettings) -> urllib3.PoolManager:
    """Return the connections for an address with these network settings; none is tried again by itself."""
    if network.proxy is None:
        return urllib3.PoolManager(maxsize=32, retries=False, ssl_context=network.context)
    return urllib3.ProxyManager(
        network.proxy,
        maxsize=32,
        retries=False,
        proxy_headers=network.proxy_headers,
        proxy_ssl_context=network.context,
        ssl_context=network.context,
    )


def _sockets(response: urllib3.BaseHTTPResponse) -> list[socket.socket]:
    """The socket, to set how long a read may wait: urllib3 sets it once, before the reply."""
    found = []
    # Where the server announces that it will close the connection, http.client's reader alone has it.
    for path in ("connection.sock", "_fp.fp.raw._sock"):
        try:
            found.append(attrgetter(path)(response))
        except AttributeError:
            continue
    return [each for each in found if each is not None]


_TUNNEL: Final = re.compile(r"Tunnel connection failed: (\d{3})")


def _while_sending(error: Exception, request: WireRequest, network: NetworkSettings) -> AzureMLError:
    if isinstance(error, ProxyError):
        cause = error.original_error
        if refusal := _TUNNEL.search(str(cause)):
            return proxy_refused(network, int(refusal.group(1)))
        if isinstance(cause, SSLError):
            return tls_error(cause, network)
        return proxy_failed(network, f"cannot be used: {_reason(cause)}")
    if isinstance(error, SSLError):
        return tls_error(error)
    if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
        # The caller's own time ran out first, which is no news of the network.
        return unreachable(_reason(error)) if request.timeout > CONNECT_TIMEOUT else timed_out(request.timeout)
    if isinstance(error, NewConnectionError | LocationValueError | UnicodeError):
        return unreachable(_reason(error))
    return _while_reading(error, timed_out(request.timeout))


def _while_reading(error: Exception, in_vain: AzureMLError) -> AzureMLError:
    return in_vain if isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError) else connection_lost()


def _reason(error: BaseException) -> str:
    if isinstance(error, NameResolutionError):
        return "its name is not known"
    if isinstance(error, NewConnectionError):  # to urllib3 also a time-out
        return os_reason(error.__cause__)
    if isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError):
        return "nothing answers there"
    if isinstance(error, LocationValueError | UnicodeError):
        return "its address is not valid"
    return "it broke the connection"
