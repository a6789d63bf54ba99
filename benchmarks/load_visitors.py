"""The visitors of each system that ``load.py`` compares: what a person's browser sends and waits for.

Each has cookies and connections of their own, six at most as in a browser, and goes through the same steps: open the
page, type, ask, leave. To follow a page that works in another way, change its class here; nothing else knows one.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
import orjson
from chat_server import TOKEN
from load_application import ApplicationPage, words
from load_gradio import GradioPage

OURS: Final = "this application"
CHAT_INTERFACE: Final = "gr.ChatInterface"
CHAINLIT: Final = "Chainlit"
FLOOR: Final = "a bare SSE route"
SYSTEMS: Final = (OURS, CHAT_INTERFACE, CHAINLIT, FLOOR)
"""What is compared with what the application is without a setting."""

PUBLIC: Final = "with all of it set"
REPLICAS: Final = "two processes, nginx, PostgreSQL"
PASSWORD: Final = "correct horse"
"""Opens the door of an application that is set up for the public."""

CONNECTIONS: Final = 6
"""That a browser opens to one server over HTTP/1.1."""

_BEGINNING: Final = TOKEN.strip()


class Turn:
    """A question and its answer, as the visitor's browser gets it. Times are of ``time.perf_counter``, in seconds.

    Attributes:
        asked: When Enter was pressed.
        first: When the first text of the answer was there, or None.
        ended: When the page had the whole answer and was ready for the next question.
        text: The answer.
    """

    def __init__(self) -> None:
        self.asked = time.perf_counter()
        self.first: float | None = None
        self.ended = 0.0
        self.text = ""

    def now_reads(self, text: str) -> None:
        """Note what has come of the answer by now."""
        if text and self.first is None:
            self.first = time.perf_counter()
        self.text = text

    def end(self) -> None:
        """Note that the page is ready; the last call counts."""
        self.ended = time.perf_counter()


class Visitor(ABC):
    """One person at one open page.

    Args:
        url: Where the page is.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # takes those of an address without a name, as browsers do
            timeout=aiohttp.ClientTimeout(None),
            read_bufsize=2**20,  # an event with a whole conversation in it is one line
        )

    @abstractmethod
    async def open(self) -> None:
        """Open the page; return when a person could begin to type."""

    def type(self, text: str) -> None:
        """Have ``text`` in the box after one more key."""
        return

    @abstractmethod
    async def ask(self, text: str) -> Turn:
        """Press Enter; return when the page is ready for the next question."""

    async def close(self) -> None:
        """Close the page."""
        await self._http.close()


class FloorVisitor(Visitor):
    """Somebody who reads the bare route: bytes counted, nothing parsed."""

    async def open(self) -> None:
        async with self._http.get(self._url + "/") as response:
            await response.read()

    async def ask(self, text: str) -> Turn:
        turn, data = Turn(), b""
        async with self._http.post(self._url + "/ask", data=text.encode()) as response:
            async for chunk in response.content.iter_any():
                data += chunk
                if turn.first is None:
                    turn.now_reads(TOKEN)
        turn.now_reads("".join(line[6:] for line in data.decode().split("\n") if line))
        turn.end()
        return turn


class GradioVisitor(Visitor):
    """Somebody at a Gradio page whose answer travels through Gradio's queue."""

    async def open(self) -> None:
        self._turn: Turn | None = None
        self._page = GradioPage(self._http, self._url, self._drawn)
        await self._page.open()
        [self._chat] = [each["id"] for each in self._page.components if each["type"] == "chatbot"]
        [self._box] = self._page.listening("textbox", "submit")

    def type(self, text: str) -> None:
        self._page.set(self._box, text)

    async def ask(self, text: str) -> Turn:
        self._page.set(self._box, text)
        turn = self._turn = Turn()
        await self._page.fire(self._box, "submit")
        if self._page.errors:
            raise self._page.errors[0]
        return turn

    async def close(self) -> None:
        await self._page.close()
        await super().close()

    def _drawn(self, component: int) -> None:
        if self._turn is None:
            return
        if component == self._chat:
            self._turn.now_reads(_answer(self._page.value(component)))
        if component in (self._chat, self._box):
            self._turn.end()


def _answer(messages: list[dict[str, Any]]) -> str:
    """Return the words that are there of the answer to the last question; a page may show more beside it."""
    for message in reversed(messages):
        if message["role"] == "user":
            break
        text = words(message["content"][0].get("text", ""))
        if text.startswith(_BEGINNING):
            return text
    return ""


class ApplicationVisitor(Visitor):
    """Somebody at the page of this application, which one stream of server-sent events keeps up to date."""

    async def open(self) -> None:
        self._turn: Turn | None = None
        self._ended = asyncio.Event()
        self._page = ApplicationPage(self._http, self._url, self._updated)
        await self._page.open()

    def type(self, text: str) -> None:
        self._page.type(text)

    async def ask(self, text: str) -> Turn:
        turn = self._turn = Turn()
        self._ended.clear()
        await self._page.submit(text)
        await self._ended.wait()
        if self._page.failure:
            raise self._page.failure
        return turn

    async def close(self) -> None:
        await self._page.close()
        await super().close()

    def _updated(self) -> None:
        if self._turn is None:
            return
        self._turn.now_reads(_answer(self._page.messages))
        if self._page.failure or (self._turn.first and self._page.is_ready):
            self._turn.end()
            self._turn = None
            self._ended.set()


class SignedInVisitor(ApplicationVisitor):
    """Somebody at another network address, who gives the password first."""

    async def open(self) -> None:
        self._http.headers["X-Forwarded-For"] = ".".join(("10", *(str(random.randrange(256)) for _ in range(3))))
        form = {"password": PASSWORD, "next": "/"}
        async with self._http.post(self._url + "/sign-in", data=form, allow_redirects=False) as response:
            if response.status != 303:
                raise ConnectionRefusedError(f"HTTP {response.status} instead of being let in")
        await super().open()


class ChainlitVisitor(Visitor):
    """Somebody at a Chainlit page: Socket.IO over a WebSocket, compressed as browsers ask for it.

    The frames are written by hand. A client library costs several times as much for each, and it is the server that is
    measured.
    """

    async def open(self) -> None:
        session = str(uuid.uuid4())
        for path in ("/", "/auth/config", "/user", "/project/translations?language=en-US", "/project/settings"):
            await self._get(path)
        async with self._http.post(self._url + "/set-session-cookie", json={"session_id": session}) as response:
            await response.read()
        self._socket = await self._http.ws_connect(
            self._url + "/ws/socket.io/?EIO=4&transport=websocket", compress=15, max_msg_size=0
        )
        assert (await self._socket.receive_str()).startswith("0")
        about = {"clientType": "webapp", "sessionId": session, "threadId": "", "userEnv": "{}", "chatProfile": ""}
        await self._socket.send_str("40" + orjson.dumps(about).decode())
        assert (await self._socket.receive_str()).startswith("40")
        self._events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read())
        await self._emit("connection_successful")
        await self._emit("fetch_favorites")
        while (await self._events.get())[0] != "clear_call_fn":
            pass

    async def ask(self, text: str) -> Turn:
        message = {
            "threadId": "",
            "id": str(uuid.uuid4()),
            "name": "User",
            "type": "user_message",
            "output": text,
            "createdAt": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "metadata": {"location": self._url + "/"},
        }
        turn, read = Turn(), ""
        await self._emit("client_message", {"message": message, "fileReferences": []})
        asked_who = asyncio.create_task(self._get("/user"))
        while True:
            match await self._events.get():
                case "stream_start", data:
                    turn.now_reads(read := data["output"])
                case "stream_token", data:
                    turn.now_reads(read := read + data["token"])
                case "task_end", _:
                    break
                case "disconnect", _:
                    raise ConnectionError("the socket was closed")
        turn.end()
        await asked_who
        return turn

    async def close(self) -> None:
        await self._socket.close()
        await self._reader
        await super().close()

    async def _get(self, path: str) -> None:
        async with self._http.get(self._url + path) as response:
            await response.read()

    async def _emit(self, *event: Any) -> None:
        await self._socket.send_str("42" + orjson.dumps(event).decode())

    async def _read(self) -> None:
        async for frame in self._socket:
            if frame.data == "2":
                await self._socket.send_str("3")  # Engine.IO's ping and pong
            elif frame.data.startswith("42"):
                self._events.put_nowait(tuple(orjson.loads(frame.data[2:])))
        self._events.put_nowait(("disconnect", None))


VISITORS: Final[dict[str, type[Visitor]]] = {
    OURS: ApplicationVisitor,
    PUBLIC: SignedInVisitor,
    REPLICAS: ApplicationVisitor,
    CHAT_INTERFACE: GradioVisitor,
    CHAINLIT: ChainlitVisitor,
    FLOOR: FloorVisitor,
}
