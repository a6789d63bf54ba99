"""Every way to frame a stream, compared with the samples of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chatbot.emulator.faults.catalogue import FAULTS, parse
from chatbot.emulator.faults.fault import Event
from chatbot.emulator.faults.line import _steps
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
