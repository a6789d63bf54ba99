import logging
import re
import socket
import threading
from collections.abc import Callable

import httpx
import pytest
import uvicorn

import chatbot.emulator
from chatbot.emulator import Emulator, server
from chatbot.emulator.app import create_app
from chatbot.emulator.server import CannotListenError, _listen

OpenStream = Callable[..., socket.socket]


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_the_public_names() -> None:
    assert chatbot.emulator.__all__ == ["Emulator"]


def test_the_addresses(own_emulator: Emulator) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", own_emulator.base_url)
    assert own_emulator.score_url == f"{own_emulator.base_url}/score"
    assert own_emulator.chat_url == f"{own_emulator.base_url}/v1/chat/completions"


def test_keys_are_random_unless_given() -> None:
    first, second = Emulator(), Emulator()
    assert first.key != second.key
    assert len(first.key) == 32
    assert Emulator(key="mine").key == "mine"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hello"}]}),
        ("/score", {"input_data": {"input_string": [{"role": "user", "content": "hello"}]}}),
    ],
)
async def test_an_app_without_a_key_lets_everyone_in(path: str, body: dict[str, object]) -> None:
    transport = httpx.ASGITransport(create_app(key=None))
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
        assert (await client.post(path, json=body)).status_code == 200


def test_several_run_side_by_side(own_emulator: Emulator, client: httpx.Client) -> None:
    with Emulator() as other:
        assert other.base_url != own_emulator.base_url
        client.get(other.base_url)
        assert (len(other.requests), len(own_emulator.requests)) == (1, 0)


def test_there_is_no_address_before_the_start() -> None:
    with pytest.raises(RuntimeError, match="before it is started"):
        _ = Emulator().chat_url


def test_starting_twice_is_a_mistake(own_emulator: Emulator) -> None:
    with pytest.raises(RuntimeError, match="running already"):
        own_emulator.start()


def test_it_stops_and_starts_again(client: httpx.Client) -> None:
    threads = threading.enumerate()
    emulator = Emulator()
    for _ in range(2):
        emulator.start()
        assert client.get(emulator.base_url).text == "Healthy"
        emulator.stop()
        with pytest.raises(httpx.ConnectError):
            client.get(emulator.base_url)
    emulator.stop()  # nothing left to stop
    assert threading.enumerate() == threads
    assert len(emulator.requests) == 2


def test_a_taken_port_is_named(own_emulator: Emulator) -> None:
    port = int(own_emulator.base_url.rpartition(":")[2])
    threads = threading.enumerate()
    with pytest.raises(CannotListenError, match=rf"127\.0\.0\.1:{port}: the port is already in use"):
        Emulator(port=port).start()
    assert threading.enumerate() == threads


@pytest.mark.parametrize(("host", "port"), [("203.0.113.1", 0), ("no.such.host.invalid", 0), ("127.0.0.1", 70000)])
def test_an_address_that_cannot_be_used_is_named(host: str, port: int) -> None:
    with pytest.raises(CannotListenError, match=re.escape(f"{host}:{port}: ")):
        Emulator(host=host, port=port).start()


def test_a_server_that_does_not_come_up_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    async def startup(*_: object, **__: object) -> None:
        raise SystemExit(3)  # what uvicorn does

    monkeypatch.setattr(uvicorn.Server, "startup", startup)
    emulator = Emulator()
    with pytest.raises(RuntimeError, match="ended while it was starting"):
        emulator.start()
    with pytest.raises(httpx.ConnectError):
        httpx.get(emulator.base_url, trust_env=False)


def test_small_writes_are_not_held_back() -> None:
    # asyncio sets TCP_NODELAY only where the listening socket names its protocol.
    with _listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_stopping_cuts_open_streams(
    slow_emulator: Emulator, open_stream: OpenStream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    threads = threading.enumerate()
    with open_stream(slow_emulator) as connection:
        slow_emulator.stop()  # would take ten minutes if it waited for the next piece
        rest = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"[DONE]" not in rest
    assert not rest.endswith(b"0\r\n\r\n")  # cut, not ended: a client can tell
    assert (slow_emulator.active_streams, slow_emulator.cancelled_streams) == (0, 1)
    assert len(threading.enumerate()) == len(threads) - 1
    assert caplog.messages == []


def test_stopping_lets_a_short_stream_end(monkeypatch: pytest.MonkeyPatch, open_stream: OpenStream) -> None:
    monkeypatch.setattr(server, "_GRACE", 60)  # a busy machine must not make this stream a long one
    emulator = Emulator(token_delay=0.1)
    emulator.start()
    with open_stream(emulator, "repeat one two three four five") as connection:
        emulator.stop()
        rest = b"".join(iter(lambda: connection.recv(65536), b""))
    assert rest.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert emulator.cancelled_streams == 0


def test_stopping_does_not_wait_for_a_client_that_does_not_read(
    own_emulator: Emulator, open_stream: OpenStream
) -> None:
    with open_stream(own_emulator, "repeat " + "word " * 300_000):
        own_emulator.stop()
    assert own_emulator.cancelled_streams == 1


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")
def test_ipv6() -> None:
    with httpx.Client(trust_env=False) as client, Emulator(host="::1") as emulator:
        assert emulator.base_url.startswith("http://[::1]:")
        assert client.get(emulator.base_url).text == "Healthy"
