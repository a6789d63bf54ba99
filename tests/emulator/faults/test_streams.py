"""Every way to frame a stream, compared with its samples; replies that are late, cut, or end with an error."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from chatbot.emulator import Emulator
from chatbot.emulator.faults import FAULTS, parse
from chatbot.emulator.faults.fault import Event
from chatbot.emulator.faults.middleware import FaultMiddleware, FaultQueue, _steps
from tests.support.wire import sample

Receive = Callable[..., Any]
TEXT = "one two three"
DONE = b"data: [DONE]\n\n"


def framed(fault: str, pieces: list[str]) -> list[str]:
    """What a fault makes of the pieces of a stream."""
    found = []
    for number, piece in enumerate(pieces, start=1):
        found += [step for step in _steps(Event(number, 0, piece.encode()), parse(fault)) if isinstance(step, bytes)]
    return [step.decode() for step in found]


@pytest.fixture
def plain() -> list[str]:
    return [*sample("sse_no_done_after_finish")["response"]["sse"], "data: [DONE]\n\n"]


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("crlf", "sse_crlf"),
        ("comments", "sse_comments"),
        ("empty-data", "sse_empty_data"),
        ("event-lines", "sse_event_id_retry"),
        ("no-space", "sse_no_space"),
        ("no-done", "sse_no_done_after_finish"),
        ("no-ending", "sse_no_done_clean_close"),
    ],
)
def test_a_framing_is_that_of_its_sample(plain: list[str], fault: str, name: str) -> None:
    assert framed(fault, plain) == sample(name)["response"]["sse"]


def text_of(events: list[bytes]) -> str:
    """The text in events, read by the rules of the standard."""
    text = ""
    for event in events:
        lines = [line.removeprefix(b"data:") for line in event.splitlines() if line.startswith(b"data:")]
        data = b"\n".join(line.removeprefix(b" ") for line in lines)
        if data and data.strip() != b"[DONE]":
            text += "".join(choice.get("delta", {}).get("content", "") for choice in json.loads(data)["choices"])
    return text


@pytest.mark.parametrize(
    "fault",
    [
        "crlf",
        "cr",
        "comments",
        "event-lines",
        "no-space",
        "multi-line-data",
        "empty-data",
        "byte-order-mark",
        "spaced-done",
        "filter-annotations",
        "byte-by-byte",
        "crlf,comments,event-lines",
    ],
)
def test_the_text_stays_the_same(receive: Receive, fault: str) -> None:
    received = receive(fault)
    assert received.complete
    body = b"".join(received.pieces).removeprefix(b"\xef\xbb\xbf")
    events = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n")
    assert text_of(events) == TEXT
    assert b"[DONE]" in body


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("crlf", b"}\r\n\r\ndata: "),
        ("cr", b"}\r\rdata: "),
        ("comments", b": keep-alive\n\ndata: "),
        ("event-lines", b"event: message\nid: 0\nretry: 1000\ndata: "),
        ("no-space", b"data:[DONE]"),
        ("multi-line-data", b',\ndata: "object"'),
        ("empty-data", b"data:\n\n\n\ndata: "),
        ("byte-order-mark", b"\xef\xbb\xbfdata: "),
        ("spaced-done", b"data:  [DONE] \n\n"),
        ("data-after-done", b'data: [DONE]\n\ndata: {"choices"'),
        ("filter-annotations", b'"content_filter_offsets"'),
    ],
)
def test_the_framing_is_seen_on_the_wire(receive: Receive, fault: str, seen: bytes) -> None:
    assert seen in b"".join(receive(fault).pieces)


def test_every_byte_in_a_write_of_its_own(receive: Receive) -> None:
    assert {len(piece) for piece in receive("byte-by-byte", "repeat é").pieces} == {1}


@pytest.mark.parametrize("size", [10, 2_000_000])
def test_a_huge_line(receive: Receive, size: int) -> None:
    received = receive(f"huge-line:{size}")
    assert received.complete
    assert b'"content": "' + b"x" * size + b'"' in b"".join(received.pieces)


def test_a_line_that_never_ends(emulator, client) -> None:
    body = {"messages": [{"role": "user", "content": "hello"}], "stream": True}
    headers = {"Authorization": emulator.key, "x-emulator-fault": "endless-line"}
    received = 0
    with client.stream("POST", emulator.chat_url, json=body, headers=headers) as reply:
        for part in reply.iter_raw():
            assert b"\n" not in part or received < 1000
            received += len(part)
            if received > 1_000_000:
                break


@pytest.mark.parametrize("fault", [name for name, fault in FAULTS.items() if fault.streams_only])
def test_a_whole_reply_is_left_alone(receive: Receive, fault: str) -> None:
    received = receive(fault, stream=False)
    assert b"content-length" in received.head.lower()
    assert json.loads(received.body)["choices"][0]["message"]["content"] == TEXT


Eventually = Callable[[Callable[[], bool]], bool]
FINISH = b'"finish_reason":"stop"'


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize(
    ("fault", "complete", "reset"),
    [
        ("end-after-events", True, False),
        ("cut-after-events", False, False),
        ("reset-after-events", False, True),
    ],
)
def test_a_stream_that_ends_after_some_events(
    receive: Receive, fault: str, complete: bool, reset: bool, count: int
) -> None:
    received = receive(f"{fault}:{count}")
    assert received.head.startswith(b"HTTP/1.1 200")
    assert (len(received.pieces), received.complete, received.reset) == (count, complete, reset)


def test_a_stream_that_is_cut_within_an_event(receive: Receive) -> None:
    received = receive("cut-mid-event:1")
    assert (received.complete, received.reset) == (False, True)
    assert sample("sse_cut_mid_json")["response"]["connection"] == "reset"
    whole, half = received.pieces
    assert whole.endswith(b"\n\n")
    assert half.startswith(b'data: {"choices"')
    assert b"\n" not in half


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("count", [0, 1, 77])
def test_a_reply_that_is_cut_after_some_bytes(receive: Receive, count: int, stream: bool) -> None:
    received = receive(f"cut-after-bytes:{count}", stream=stream)
    assert sum(map(len, received.pieces)) == count
    assert not received.complete


@pytest.mark.parametrize(("fault", "reset"), [("hang-up", False), ("reset", True)])
@pytest.mark.parametrize("stream", [True, False])
def test_no_reply_at_all(receive: Receive, fault: str, reset: bool, stream: bool) -> None:
    received = receive(fault, stream=stream)
    assert (received.head, received.body, received.reset) == (b"", b"", reset)


def test_endings_without_their_marks(receive: Receive) -> None:
    no_done, no_reason, neither = (b"".join(receive(f).pieces) for f in ("no-done", "no-finish-reason", "no-ending"))
    assert (FINISH in no_done, DONE in no_done) == (True, False)
    assert (FINISH in no_reason, DONE in no_reason) == (False, True)
    assert (FINISH in neither, DONE in neither) == (False, False)
    assert all(b'"content":" three"' in body for body in (no_done, no_reason, neither))


def test_errors_in_the_middle_of_a_stream(receive: Receive) -> None:
    azure, vllm = receive("error-after-events:2"), receive("vllm-error-after-events:2")
    assert len(azure.pieces) == 3
    assert azure.pieces[-1].startswith(b'data: {"error":{"code":"InternalServerError"')
    assert vllm.pieces[-2].startswith(b'data: {"object":"error"')
    assert vllm.pieces[-1] == DONE
    assert azure.complete
    assert vllm.complete


def test_a_slow_drip(receive: Receive) -> None:
    received = receive("slow-drip:0", "repeat é")
    assert {len(piece) for piece in received.pieces} == {1}
    assert received.complete


def waiting(emulator: Emulator, fault: str) -> socket.socket:
    """Ask with a fault, and return the connection without reading from it."""
    host, port = emulator.base_url.removeprefix("http://").split(":")
    body = b'{"messages":[{"role":"user","content":"hello"}],"stream":true}'
    connection = socket.create_connection((host, int(port)), timeout=30)
    connection.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: %b\r\nx-emulator-fault: %b\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (emulator.key.encode(), fault.encode(), len(body), body)
    )
    return connection


@pytest.mark.parametrize(
    ("fault", "seen"),
    [("delay:600", b""), ("stall-after-events:0", b"\r\n\r\n"), ("stall-after-events:1", b"assistant")],
)
def test_nothing_comes_for_a_long_time_and_a_client_that_leaves_is_noticed(
    own_emulator: Emulator, eventually: Eventually, fault: str, seen: bytes
) -> None:
    with waiting(own_emulator, fault) as connection:
        received = b""
        while seen not in received:
            received += connection.recv(65536)
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            received += b"".join(iter(lambda: connection.recv(65536), b""))
        assert b"[DONE]" not in received
        assert eventually(lambda: own_emulator.active_streams == 1)
    assert eventually(lambda: own_emulator.active_streams == 0)
    assert own_emulator.cancelled_streams == 1


def test_the_reply_of_a_fault_may_be_late_too(emulator: Emulator, client: httpx.Client) -> None:
    with waiting(emulator, "unavailable,delay:600") as connection:
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    soon = {"x-emulator-fault": "unavailable,delay:0.01"}
    assert client.post(emulator.chat_url, json={}, headers=soon).status_code == 503


def test_stopping_does_not_wait_for_a_fault() -> None:
    emulator = Emulator(token_delay=0)
    emulator.start()
    before = threading.active_count()
    with waiting(emulator, "delay:600"), waiting(emulator, "stall-after-events:1") as other:
        while b"assistant" not in other.recv(65536):
            continue
        emulator.stop()  # would take ten minutes if it did
    assert threading.active_count() == before - 1


def test_nothing_is_logged(receive: Receive, caplog: pytest.LogCaptureFixture) -> None:
    for fault in ("hang-up", "reset", "cut-after-events", "cut-after-bytes:3", "end-after-events", "cut-mid-event"):
        receive(fault)
        receive(fault, stream=False)
    assert caplog.messages == []


async def test_a_connection_can_be_cut_only_where_there_is_one() -> None:
    """Without a server around it, as with httpx's ASGI transport, the application says so."""
    queue = FaultQueue()
    queue.put(parse("hang-up"), None)

    async def nothing() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    with pytest.raises(KeyError, match=r"emulator\.transport"):
        async with asyncio.timeout(20):
            await FaultMiddleware(app, queue)({"type": "http", "method": "POST", "headers": []}, nothing, nothing)
