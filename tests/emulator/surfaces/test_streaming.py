import asyncio
import socket
from collections.abc import Callable

import httpx
import pytest
from starlette.types import Message

from chatbot.emulator import Emulator
from chatbot.emulator.surfaces.streaming import PacedStream, pause_after
from chatbot.emulator.traffic import Traffic

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
        await PacedStream([(b"first", 0), (b"last", 600)], Traffic()).stream_response(send)
    assert sent == [None, b"first", b"last", b""]


def test_others_are_answered_while_streams_are_open(
    slow_emulator: Emulator, open_stream: OpenStream, client: httpx.Client
) -> None:
    with open_stream(slow_emulator), open_stream(slow_emulator):
        assert slow_emulator.active_streams == 2
        assert client.get(slow_emulator.base_url).text == "Healthy"
