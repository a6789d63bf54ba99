import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.types import Message

from chatbot.emulator import Emulator
from chatbot.emulator.recorder import Recorder
from chatbot.emulator.services.streaming import EventStreamResponse, pause_after

OpenStream = Callable[..., socket.socket]
Eventually = Callable[[Callable[[], bool]], bool]


@pytest.mark.parametrize(
    ("piece", "pause"),
    [("word", 0.1), (" word", 0.1), (",", 0.1), (".", 0.3), (" end?", 0.3), ("\n\n", 0.3)],
)
def test_a_pause_is_longer_behind_a_sentence(piece: str, pause: float) -> None:
    assert pause_after(piece, 0.1) == pytest.approx(pause)
    assert pause_after(piece, 0) == 0


def test_a_reply_in_one_piece_is_not_paced(slow_emulator: Emulator, client: httpx.Client) -> None:
    body = {"messages": [{"role": "user", "content": "tell me a long story"}]}
    reply = client.post(slow_emulator.chat_url, json=body, headers={"Authorization": slow_emulator.key})
    assert reply.json()["usage"]["completion_tokens"] > 500


def test_a_stream_is_paced(slow_emulator: Emulator, open_stream: OpenStream) -> None:
    with open_stream(slow_emulator) as connection:
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        assert slow_emulator.active_streams == 1


def test_a_client_that_leaves_during_a_pause_is_noticed_at_once(
    slow_emulator: Emulator, open_stream: OpenStream, eventually: Eventually
) -> None:
    with open_stream(slow_emulator):
        assert (slow_emulator.active_streams, slow_emulator.cancelled_streams) == (1, 0)
    # The next piece would be due after the test has long failed.
    assert eventually(lambda: slow_emulator.cancelled_streams == 1)
    assert slow_emulator.active_streams == 0


def test_a_client_that_leaves_a_stream_without_pauses_is_noticed(
    own_emulator: Emulator, open_stream: OpenStream, eventually: Eventually
) -> None:
    # Far more than the sockets between us can hold, so it cannot have been sent to its end.
    with open_stream(own_emulator, "repeat " + "word " * 300_000):
        assert own_emulator.active_streams == 1
    assert eventually(lambda: own_emulator.cancelled_streams == 1)
    assert own_emulator.active_streams == 0


def test_a_stream_that_ends_is_not_cancelled(
    own_emulator: Emulator, client: httpx.Client, eventually: Eventually
) -> None:
    body = {"messages": [{"role": "user", "content": "hello"}], "stream": True}
    client.post(own_emulator.chat_url, json=body, headers={"Authorization": own_emulator.key})
    assert eventually(lambda: own_emulator.active_streams == 0)
    assert own_emulator.cancelled_streams == 0


async def test_there_is_no_pause_behind_the_last_event() -> None:
    """A client that has read the mark may leave at once; that must not count as leaving early."""
    sent: list[object] = []

    async def send(message: Message) -> None:
        sent.append(message.get("body"))

    async with asyncio.timeout(20):
        await EventStreamResponse([(b"first", 0), (b"last", 600)], Recorder()).stream_response(send)
    assert sent == [None, b"first", b"last", b""]


def test_others_are_answered_while_streams_are_open(
    slow_emulator: Emulator, open_stream: OpenStream, client: httpx.Client
) -> None:
    with open_stream(slow_emulator), open_stream(slow_emulator):
        assert slow_emulator.active_streams == 2
        assert client.get(slow_emulator.base_url).text == "Healthy"


Chat = Callable[..., httpx.Response]


def events(reply: httpx.Response) -> list[dict[str, Any]]:
    """The events of a stream that ends as it should."""
    *parts, done, rest = reply.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(part.removeprefix("data: ")) for part in parts]


def streamed_text(reply: httpx.Response) -> str:
    return "".join(event["choices"][0]["delta"]["content"] for event in events(reply))


def test_the_bytes_of_a_stream(emulator: Emulator, raw_post: Callable[..., Any]) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "repeat Ada é\n"}], "stream": True}).encode()
    reply = raw_post(emulator.chat_url, {"Authorization": f"Bearer {emulator.key}"}, body)

    head = reply.head.lower().split(b"\r\n")
    assert head[0] == b"http/1.1 200 ok"
    assert b"content-type: text/event-stream; charset=utf-8" in head
    assert b"transfer-encoding: chunked" in head
    first = json.loads(reply.http_chunks[0].removeprefix(b"data: "))
    tail = b'"created":%d,"id":"%b","model":"built-in-demo","object":"chat.completion.chunk"' % (
        first["created"],
        first["id"].encode(),
    )
    choice = b'data: {"choices":[{"delta":{"content":"%b"%b},"finish_reason":%b,"index":0,"logprobs":null}],'
    assert reply.http_chunks == [
        choice % (b"", b',"role":"assistant"', b"null") + tail + b"}\n\n",
        choice % (b"Ada", b"", b"null") + tail + b"}\n\n",
        choice % (b" \xc3\xa9", b"", b"null") + tail + b"}\n\n",
        choice % (b"\\n", b"", b"null") + tail + b"}\n\n",
        choice % (b"", b"", b'"stop"')
        + tail
        + b',"usage":{"completion_tokens":3,"prompt_tokens":4,"total_tokens":7}}\n\n',
        b"data: [DONE]\n\n",
        b"",  # the end of chunked transfer, not an event
    ]


def test_a_stream_carries_the_same_text_as_a_reply(chat: Chat) -> None:
    whole = chat("tell me a long story").json()
    stream = chat("tell me a long story", stream=True)
    assert streamed_text(stream) == whole["choices"][0]["message"]["content"]
    assert events(stream)[-1]["usage"] == whole["usage"]


def test_usage_is_streamed_once_also_when_asked_for(chat: Chat) -> None:
    found = events(chat("hello", stream=True, stream_options={"include_usage": True}))
    assert [bool(event["choices"]) for event in found] == [True] * len(found)
    assert ["usage" in event for event in found] == [False] * (len(found) - 1) + [True]
