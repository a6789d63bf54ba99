"""Everything here goes through a real socket: the emulator is what others test their streaming against."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from chatbot.emulator import Emulator
from chatbot.emulator.profiles import PROFILES


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """Shared by the tests of a module: they ask, and look at the replies only."""
    with Emulator(token_delay=0) as running:
        yield running


@pytest.fixture
def own_emulator() -> Iterator[Emulator]:
    """For tests that look at what the emulator counts and remembers."""
    with Emulator(token_delay=0) as running:
        yield running


@pytest.fixture
def slow_emulator() -> Iterator[Emulator]:
    """Longer between two pieces than any test may take: whoever waits for a piece fails."""
    with Emulator(token_delay=600) as running:
        yield running


@pytest.fixture(scope="session")
def endpoints() -> Iterator[dict[str, Emulator]]:
    """One of each profile, shared by all tests that only ask."""
    running = {profile: Emulator(profile, token_delay=0) for profile in PROFILES}
    for emulator in running.values():
        emulator.start()
    yield running
    for emulator in running.values():
        emulator.stop()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    # Without TLS there is nothing to verify, and reading all certificates takes longer than most tests.
    with httpx.Client(trust_env=False, timeout=30, verify=False) as running:
        yield running


@pytest.fixture
def chat(emulator: Emulator, client: httpx.Client) -> Callable[..., httpx.Response]:
    """Ask the chat route: `chat("Hello", max_tokens=3)`."""

    def ask(text: str, **parameters: object) -> httpx.Response:
        body = {"messages": [{"role": "user", "content": text}], **parameters}
        return client.post(emulator.chat_url, json=body, headers=bearer(emulator))

    return ask


@pytest.fixture
def score(emulator: Emulator, client: httpx.Client) -> Callable[..., httpx.Response]:
    """Ask the scoring route: `score("Hello", max_new_tokens=3)`."""

    def ask(text: str, **parameters: object) -> httpx.Response:
        data = {"input_string": [{"role": "user", "content": text}], "parameters": parameters}
        return client.post(emulator.score_url, json={"input_data": data}, headers=bearer(emulator))

    return ask


@dataclass(frozen=True)
class Asked:
    """A reply, and how the tests look into it."""

    reply: httpx.Response

    @property
    def status(self) -> int:
        return self.reply.status_code

    @property
    def body(self) -> Any:
        return self.reply.json()

    @property
    def message(self) -> dict[str, Any]:
        return self.body["choices"][0]["message"]

    @property
    def calls(self) -> list[tuple[str, Any]]:
        """The calls of tools: names and arguments."""
        functions = [call["function"] for call in self.message["tool_calls"]]
        return [(function["name"], json.loads(function["arguments"])) for function in functions]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of a stream that ends as it should."""
        *parts, done, rest = self.reply.text.split("\n\n")
        assert (done, rest) == ("data: [DONE]", "")
        return [json.loads(part.removeprefix("data: ")) for part in parts]

    @property
    def choices(self) -> list[dict[str, Any]]:
        """All choices of a stream, in its order."""
        return [choice for event in self.events for choice in event["choices"]]


Ask = Callable[..., Asked]


@pytest.fixture
def ask(endpoints: dict[str, Emulator], client: httpx.Client) -> Ask:
    """Ask an endpoint: `ask("foundry", "Hello", path="/openai/v1/chat/completions", max_tokens=3)`."""

    def ask_one(
        profile: str = "serverless",
        text: str = "hello",
        *,
        path: str = "",
        headers: dict[str, str] | None = None,
        **body: Any,
    ) -> Asked:
        emulator = endpoints[profile]
        body = {"model": "built-in-demo", "messages": [{"role": "user", "content": text}], **body}
        url = emulator.base_url + path if path else emulator.chat_url
        return Asked(client.post(url, json=body, headers={**bearer(emulator), **(headers or {})}))

    return ask_one


def bearer(emulator: Emulator) -> dict[str, str]:
    return {"Authorization": f"Bearer {emulator.key}"}


@dataclass(frozen=True)
class RawReply:
    head: bytes
    http_chunks: list[bytes]


@pytest.fixture
def raw_post() -> Callable[[str, dict[str, str], bytes], RawReply]:
    """Post over a bare socket and return the bytes, cut only where HTTP chunks are cut."""

    def post(url: str, headers: dict[str, str], body: bytes) -> RawReply:
        with open_post(url, headers, body) as connection:
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, rest = received.partition(b"\r\n\r\n")
        return RawReply(head, list(_dechunked(rest)))

    return post


@pytest.fixture
def open_stream() -> Callable[..., socket.socket]:
    """Ask for a stream and return the connection once its first event is here."""

    def open_one(emulator: Emulator, text: str = "tell me a long story") -> socket.socket:
        body = b'{"messages":[{"role":"user","content":"%b"}],"stream":true}' % text.encode()
        connection = open_post(emulator.chat_url, bearer(emulator), body)
        received = b""
        while b"\n\n\r\n" not in received:
            received += connection.recv(1)  # not one byte of what follows
        return connection

    return open_one


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], bool]:
    """Wait for something the server's thread is about to do. The limit only bounds a failing test."""

    def wait(condition: Callable[[], bool]) -> bool:
        give_up = time.monotonic() + 20
        while not condition() and time.monotonic() < give_up:
            time.sleep(0.01)
        return condition()

    return wait


def open_post(url: str, headers: dict[str, str], body: bytes) -> socket.socket:
    target = urlsplit(url)
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"Host: {target.netloc}",
        "Connection: close",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    connection = socket.create_connection((target.hostname, target.port), timeout=30)
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return connection


def _dechunked(rest: bytes) -> Iterator[bytes]:
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        chunk, end, rest = rest[:length], rest[length : length + 2], rest[length + 2 :]
        assert end == b"\r\n"
        yield chunk
