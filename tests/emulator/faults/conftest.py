"""A look at the bytes that a fault lets through."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from chatbot.emulator import Emulator


@dataclass(frozen=True)
class Received:
    """What came over the wire, and whether the connection was reset in the end."""

    head: bytes
    body: bytes
    reset: bool

    @property
    def complete(self) -> bool:
        """Whether a client can tell that this was all."""
        return self.body.endswith(b"0\r\n\r\n")

    @property
    def pieces(self) -> list[bytes]:
        """The chunks of HTTP, as far as they came."""
        found, rest = [], self.body
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            found.append(rest[:length])
            rest = rest[length + 2 :]
        return [piece for piece in found if piece]


Receive = Callable[..., Received]


@pytest.fixture
def receive(emulator: Emulator) -> Receive:
    """Ask with a fault over a bare socket and return the bytes: `receive("crlf")`."""

    def receive_one(fault: str, text: str = "repeat one two three", *, stream: bool = True) -> Received:
        body = b'{"messages":[{"role":"user","content":"%b"}],"stream":%b}' % (
            text.encode(),
            b"true" if stream else b"false",
        )
        target = urlsplit(emulator.chat_url)
        head = (
            f"POST {target.path} HTTP/1.1\r\nHost: {target.netloc}\r\nConnection: close\r\n"
            f"Authorization: {emulator.key}\r\nx-emulator-fault: {fault}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        received, reset = b"", False
        with socket.create_connection((target.hostname, target.port), timeout=30) as connection:
            connection.sendall(head.encode() + body)
            try:
                while part := connection.recv(65536):
                    received += part
            except ConnectionResetError:
                reset = True
        before, _, after = received.partition(b"\r\n\r\n")
        return Received(before, after, reset)

    return receive_one
