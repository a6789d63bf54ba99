"""The clients that are compared: ours, its peers, and loops written by hand over bare HTTP libraries.

Each is built by a function of :data:`CLIENTS` that imports what it needs, so that a client whose packages are not
installed is left out, and one that is measured carries nothing of the others.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final
from urllib.parse import urlsplit

from chat_server import TOKEN

MODEL: Final = "mistral-large-2411"
PATH: Final = "/v1/chat/completions"
KEY: Final = "benchmark"


@dataclass(frozen=True, slots=True)
class Client:
    """How a client streams the answer to a prompt.

    Attributes:
        stream: Prompt to chunks, or None where it cannot.
        astream: The same in an event loop.
        text: A chunk's text.
    """

    stream: Callable[[str], Iterable[Any]] | None
    astream: Callable[[str], AsyncIterator[Any]]
    text: Callable[[Any], str] = str


def _model(model: Any) -> Client:
    """A LangChain chat model, through the methods that everybody uses."""
    return Client(model.stream, model.astream, attrgetter("text"))


def ours(url: str) -> Client:
    from chatbot.azureml import AzureMLChatOnlineEndpoint

    return _model(AzureMLChatOnlineEndpoint(endpoint_url=url + PATH, endpoint_api_key=KEY))


def chat_openai(url: str) -> Client:
    from langchain_openai import ChatOpenAI

    return _model(ChatOpenAI(base_url=url + "/v1", api_key=KEY, model=MODEL))


def azure_ai(url: str) -> Client:
    from langchain_azure_ai.chat_models import AzureAIOpenAIApiChatModel

    return _model(AzureAIOpenAIApiChatModel(endpoint=url + "/openai/v1", credential=KEY, model=MODEL))


def community(url: str) -> Client:
    import openai  # noqa: F401 - what it streams with, though it does not say so
    from langchain_community.chat_models.azureml_endpoint import (
        AzureMLChatOnlineEndpoint,
        CustomOpenAIChatContentFormatter,
    )

    return _model(
        AzureMLChatOnlineEndpoint(
            endpoint_url=url + "/models/chat/completions",  # of the two paths it takes the one it can stream from
            endpoint_api_type="serverless",
            endpoint_api_key=KEY,
            content_formatter=CustomOpenAIChatContentFormatter(),
        )
    )


def _body(prompt: str) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": prompt}], "stream": True}


def _delta(line: str | bytes) -> str:
    """The text in a line of the stream, the way a loop written by hand gets it."""
    data = line[6:].strip()
    if not data or data in ("[DONE]", b"[DONE]"):
        return ""
    text: str = json.loads(data)["choices"][0]["delta"].get("content", "")
    return text


def _httpx_like(library: Any, url: str) -> Client:
    sync, waiting = library.Client(timeout=60), library.AsyncClient(timeout=60)

    def stream(prompt: str) -> Iterator[str]:
        with sync.stream("POST", url + PATH, json=_body(prompt)) as response:
            for line in response.iter_lines():
                yield _delta(line)

    async def astream(prompt: str) -> AsyncIterator[str]:
        async with waiting.stream("POST", url + PATH, json=_body(prompt)) as response:
            async for line in response.aiter_lines():
                yield _delta(line)

    return Client(stream, astream)


def httpx(url: str) -> Client:
    import httpx as library

    return _httpx_like(library, url)


def httpx2(url: str) -> Client:
    import httpx2 as library

    return _httpx_like(library, url)


def aiohttp(url: str) -> Client:
    import aiohttp as library

    session: Any = None

    async def astream(prompt: str) -> AsyncIterator[str]:
        nonlocal session
        session = session or library.ClientSession(connector=library.TCPConnector(limit=0))
        async with session.post(url + PATH, json=_body(prompt)) as response:
            async for line in response.content:
                yield _delta(line)

    return Client(None, astream)


_MARK: Final = json.dumps(TOKEN).encode()
_END: Final = b"0\r\n\r\n"


class _Counter:
    """Tokens counted in the bytes of one reply."""

    def __init__(self) -> None:
        self._left = b""
        self.is_done = False

    def text(self, data: bytes) -> str:
        data = self._left + data
        self._left = data[1 - len(_MARK) :]
        self.is_done = data.endswith(_END)
        return TOKEN * data.count(_MARK)


class _Reads(asyncio.BufferedProtocol):
    """A connection of the raw client in an event loop, with one buffer for all that comes."""

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None
        self._buffer = bytearray(65536)
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._data += self._buffer[:nbytes]
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    async def read(self) -> bytes:
        if not self._data:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        data, self._data = self._data, b""
        return data


def raw_socket(url: str) -> Client:
    """The floor: bytes in, tokens counted, nothing parsed."""
    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 0
    idle: list[socket.socket] = []
    idle_async: list[_Reads] = []

    def request(prompt: str) -> bytes:
        body = json.dumps(_body(prompt)).encode()
        return b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (PATH.encode(), len(body), body)

    def stream(prompt: str) -> Iterator[str]:
        connection = idle.pop() if idle else socket.create_connection((host, port))
        connection.sendall(request(prompt))
        counter = _Counter()
        while not counter.is_done:
            yield counter.text(connection.recv(65536))
        idle.append(connection)

    async def astream(prompt: str) -> AsyncIterator[str]:
        if idle_async:
            connection = idle_async.pop()
        else:
            _, connection = await asyncio.get_running_loop().create_connection(_Reads, host, port)
        connection.transport.write(request(prompt))
        counter = _Counter()
        while not counter.is_done:
            yield counter.text(await connection.read())
        idle_async.append(connection)

    return Client(stream, astream)


CLIENTS: Final[dict[str, Callable[[str], Client]]] = {
    "raw socket, nothing parsed": raw_socket,
    "httpx": httpx,
    "httpx2": httpx2,
    "aiohttp": aiohttp,
    "ChatOpenAI": chat_openai,
    "AzureAIOpenAIApiChatModel": azure_ai,
    "langchain_community AzureMLChatOnlineEndpoint": community,
    "this project's AzureMLChatOnlineEndpoint": ours,
}
OURS: Final = "this project's AzureMLChatOnlineEndpoint"
RAW: Final = "raw socket, nothing parsed"
PEERS: Final = ("ChatOpenAI", "AzureAIOpenAIApiChatModel")
"""The better of these two is the peer class that the bars are set against."""
