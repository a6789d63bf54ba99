"""What stands between a client and a :class:`WireServer`: the end of a TLS connection, or a proxy. Real sockets both.

certificate = trustme.CA().issue_cert("endpoint.example")
with TLSFront(server, certificate) as front, Proxy({}, tunnels={"endpoint.example": front}) as proxy:
    ...                     # https://endpoint.example/ through proxy.url ends up at the server
"""

import asyncio
import ssl
import threading
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import trustme

from tests.support.wire import PATIENCE


class Server(Protocol):
    """Anything that has a port on the loopback."""

    url: str


class Relay:
    """A server on the loopback in a thread of its own; ``connections`` counts what it accepted."""

    scheme = "http"
    url: str

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self._context = context
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=type(self).__name__)
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._context))
        self.url = f"{self.scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def _run(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE)

    async def _stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self.serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError


async def _join(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes = b"") -> None:
    """Carry bytes both ways until one side has no more."""
    there, to_there = await asyncio.open_connection("127.0.0.1", urlsplit(server.url).port)
    to_there.write(first)
    ways = [asyncio.create_task(_carry(reader, to_there)), asyncio.create_task(_carry(there, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        to_there.transport.abort()
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()


class Front(Relay):
    """Hands on what comes."""

    def __init__(self, behind: Server, context: ssl.SSLContext | None = None) -> None:
        super().__init__(context)
        self._behind = behind

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join(self._behind, reader, writer)


class LosingFront(Front):
    """Hands on what comes, until it is told to lose what responses to some path bring, and to cut them off.

    Attributes:
        lost: Set once something was lost.
    """

    def __init__(self, behind: Server, path: str) -> None:
        super().__init__(behind)
        self._path = path.encode()
        self._losing = False
        self._streams: set[asyncio.StreamWriter] = set()
        self.lost = threading.Event()

    def lose(self) -> None:
        """From now on the server's words get as far as here: it takes them for sent."""
        self.lost.clear()
        self._losing = True

    def cut(self) -> None:
        """End the responses; those that are asked for from now on are whole."""
        self._losing = False
        self._loop.call_soon_threadsafe(lambda: [each.transport.abort() for each in self._streams])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection("127.0.0.1", urlsplit(self._behind.url).port)

        async def ask() -> None:
            while data := await reader.read(65536):
                # A browser takes a connection for one request after the other.
                (self._streams.add if self._path in data else self._streams.discard)(writer)
                to_there.write(data)

        async def answer() -> None:
            while data := await there.read(65536):
                if self._losing and writer in self._streams:
                    self.lost.set()
                else:
                    writer.write(data)

        ways = [asyncio.create_task(ask()), asyncio.create_task(answer())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._streams.discard(writer)
            to_there.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


class TLSFront(Front):
    """Takes TLS off and hands on what was in it; counts the handshakes that came about."""

    scheme = "https"

    def __init__(self, behind: Server, certificate: trustme.LeafCert) -> None:
        super().__init__(behind, _context(certificate))


class Proxy(Relay):
    """A proxy that knows its hosts by heart: hands on what names a whole address, and tunnels on CONNECT.

    Attributes:
        heads: The first request's head of every connection.
        refusal: What to answer instead, as raw HTTP; nothing at all, if it is empty.
    """

    def __init__(
        self,
        hosts: Mapping[str, Server],
        certificate: trustme.LeafCert | None = None,
        *,
        tunnels: Mapping[str, Server] | None = None,
    ) -> None:
        self.scheme = "https" if certificate else "http"
        super().__init__(_context(certificate) if certificate else None)
        self._hosts = hosts
        self._tunnels = tunnels or {}
        self.heads: list[str] = []
        self.refusal: bytes | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head.decode("latin-1"))
        if self.refusal is not None:
            writer.write(self.refusal)
            await writer.drain()
            if self.refusal:
                await reader.read()
            return
        method, target, _ = self.heads[-1].split(" ", 2)
        host = target.removeprefix("http://").split("/")[0].rsplit(":", 1)[0]
        if method != "CONNECT" and host in self._hosts:
            await _join(self._hosts[host], reader, writer, head)
        elif host not in self._tunnels:
            writer.write(b"HTTP/1.1 502 Unknown host\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await _join(self._tunnels[host], reader, writer)


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
