"""A chat endpoint that costs less than any client: ready-made bytes, sent as the prompt asks.

    python benchmarks/chat_server.py        # prints its port

Every path takes a chat request and streams Azure's canonical events; what is asked for stands in the prompt, so that
every client can ask for it (:class:`Scenario`). ``GET /stats`` tells what no client can see of itself.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import time
from dataclasses import asdict, dataclass
from typing import Final

TOKEN: Final = " token"
EVENT_BYTES: Final = 208


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a stream is to be like.

    Attributes:
        tokens: Events with text in them.
        together: Events in one write.
        pause_ms: Time between two writes; at 0 they follow one another as fast as the client takes them.
        late_ms: How long after ``[DONE]`` the end of the HTTP reply comes.
    """

    tokens: int
    together: int = 1
    pause_ms: int = 0
    late_ms: int = 0

    @property
    def prompt(self) -> str:
        """The words that ask for this."""
        return f"tokens={self.tokens} together={self.together} pause_ms={self.pause_ms} late_ms={self.late_ms}"

    @property
    def text(self) -> str:
        """The answer."""
        return TOKEN * self.tokens

    @classmethod
    def read(cls, body: bytes) -> Scenario:
        """Return what a request asks for."""
        found = _PROMPT.search(body)
        if not found:
            raise ValueError("no prompt of this benchmark in the request")
        return cls(*map(int, found.groups()))

    def writes(self) -> list[bytes]:
        """Return what is to be written after the head, the last first."""
        whole, rest = divmod(self.tokens, self.together)
        first_to_last = [EVENT * self.together] * whole + ([EVENT * rest] if rest else [])
        first_to_last[-1] += TAIL
        return first_to_last[::-1]


_PROMPT: Final = re.compile(rb"tokens=(\d+) together=(\d+) pause_ms=(\d+) late_ms=(\d+)")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def _chunk(data: bytes) -> bytes:
    """An event in an HTTP chunk of its own."""
    event = b"data: " + data + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(event), event)


def _event(delta: dict[str, str], finish_reason: str | None = None, **rest: object) -> bytes:
    """An event with all that Azure sends in one, and as long."""
    choice = {"delta": delta, "finish_reason": finish_reason, "index": 0, "logprobs": None}
    answer = {"created": 1736389060, "model": "mistral-large-2411", "object": "chat.completion.chunk"}

    def data(identifier: str) -> bytes:
        return json.dumps({"choices": [choice], "id": identifier, **answer, **rest}, separators=(",", ":")).encode()

    return _chunk(data("0" * max(1, EVENT_BYTES - len(data("")))))


HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
) + _event({"role": "assistant", "content": ""})
EVENT: Final = _event({"content": TOKEN})
TAIL: Final = (
    _event({"content": ""}, "stop", usage={"prompt_tokens": 8, "completion_tokens": 8, "total_tokens": 16})
) + _chunk(b"[DONE]")
END: Final = b"0\r\n\r\n"


@dataclass(slots=True)
class Stats:
    """What the server saw.

    Attributes:
        connections: Connections that brought a chat request.
        tokens: Events with text in finished streams.
        cut_at: When (``time.monotonic``) an unfinished stream last lost its reader.
        cpu: Seconds the server's process has used.
    """

    connections: int = 0
    tokens: int = 0
    cut_at: float = 0.0
    cpu: float = 0.0

    def reply(self) -> bytes:
        """Return the reply to ``GET /stats``."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        self.cpu = usage.ru_utime + usage.ru_stime
        body = json.dumps(asdict(self)).encode()
        return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class Connection(asyncio.Protocol):
    """One client's connection: request after request, never two at once."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._is_counted = False
        self._received = b""
        self._scenario = Scenario(0)
        self._left: list[bytes] = []
        self._step = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        transport.set_write_buffer_limits(0)  # nothing gathers here: what was asked for as a write remains one

    def connection_lost(self, exc: Exception | None) -> None:
        if self._left:
            self._stats.cut_at = time.monotonic()
            self._left = []
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, complete, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not complete or (length and len(body) < int(length[1])):
            return
        self._received = b""
        if head.startswith(b"GET"):
            self._transport.write(self._stats.reply())
            self._transport.close()
        else:
            self._answer(Scenario.read(body))

    def _answer(self, scenario: Scenario) -> None:
        if not self._is_counted:
            self._is_counted = True
            self._stats.connections += 1
        self._scenario, self._left = scenario, scenario.writes()
        self._transport.write(HEAD)
        if scenario.pause_ms:
            self._step = int(self._loop.time() * 1000 / scenario.pause_ms)
            self._wait()
        else:
            self._write()

    def _wait(self) -> None:
        # All streams keep the same step, as those of a model do that decodes them in one batch.
        self._step += 1
        self._timer = self._loop.call_at(self._step * self._scenario.pause_ms / 1000, self._write)

    def _write(self) -> None:
        while self._left:
            self._transport.write(self._left.pop())
            if self._left and self._scenario.pause_ms:
                self._wait()
                return
            if self._left and self._transport.get_write_buffer_size():
                return  # until resume_writing
        self._stats.tokens += self._scenario.tokens
        if self._scenario.late_ms:
            self._timer = self._loop.call_later(self._scenario.late_ms / 1000, self._transport.write, END)
        else:
            self._transport.write(END)

    def resume_writing(self) -> None:
        if self._left and not self._scenario.pause_ms:
            self._write()


async def main() -> None:
    stats = Stats()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(stats), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
