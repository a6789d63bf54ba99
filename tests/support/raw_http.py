"""Requests as no client sends them: bytes on a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from urllib.parse import urlsplit

READ_AT_MOST = 1_000_000
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status (0 where the connection ended without one), and the beginning of the rest."""

    status: int
    head: bytes
    body: bytes


def head(method: str, target: bytes, headers: Mapping[str, bytes] | None = None) -> bytes:
    """Return the head of a request, byte for byte as told."""
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"host: 127.0.0.1"]
    lines += [name.encode() + b": " + value for name, value in (headers or {}).items()]
    return b"\r\n".join(lines) + b"\r\n\r\n"


async def send(url: str, pieces: Iterable[bytes], *, stays: bool = False) -> Answer:
    """Send pieces until there is an answer, and return it.

    Args:
        url: Of the server.
        pieces: What to send; the rest is not sent once there is an answer.
        stays: Wait for an answer also after the last piece; otherwise the sending side ends, as a client's that goes.
    """
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=READ_AT_MOST)
    waiting = iter(pieces)
    first = next(waiting)
    reading = asyncio.create_task(_answer(reader, has_body=not first.startswith(b"HEAD ")))
    try:
        with suppress(OSError):
            for piece in chain([first], waiting):
                if reading.done():
                    break
                writer.write(piece)
                await writer.drain()
            if not stays and writer.can_write_eof():
                writer.write_eof()
        async with asyncio.timeout(SECONDS):
            return await reading
    finally:
        reading.cancel()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader, *, has_body: bool) -> Answer:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return Answer(0, b"", b"")
    status = int(head.split(b" ", 2)[1])
    lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    body = b""
    # A stream has no end to wait for.
    if has_body and lines.get(b"content-length", b"").isdigit():
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            body = await reader.readexactly(min(int(lines[b"content-length"]), READ_AT_MOST))
    return Answer(status, head, body)
