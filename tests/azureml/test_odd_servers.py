"""Servers that are slow, endless, deep or plain mad: an error of ours comes out, in time, and no secret with it."""

import gc
import pickle
import socket
import threading

import pytest

from chatbot.azureml import (
    AzureMLAPIError,
    AzureMLAuthenticationError,
    AzureMLChatOnlineEndpoint,
    AzureMLConnectionError,
    AzureMLInvalidRequestError,
    AzureMLRateLimitError,
    AzureMLResponseError,
    AzureMLStreamError,
    AzureMLTimeoutError,
)
from chatbot.azureml.transport import async_, sync
from chatbot.azureml.transport.common import MAX_ERROR_BYTES, WireRequest
from tests.support.asking import FINISH, KEY, SCORE, ask, every_stream, every_way, failure, happens, model_of
from tests.support.relay import Relay
from tests.support.wire import DONE, Reply, event, stream_reply, text_reply

every_whole_way = pytest.mark.parametrize("way", ["invoke", "ainvoke"])

TRANSPORTS = (sync, async_)


@pytest.fixture
def no_collector():
    """Where the parser is at its deepest, a finalizer that the collector runs just then has no depth left."""
    gc.disable()
    yield
    gc.enable()


def deep(depth, opening="[", closing="]"):
    return opening * depth + closing * depth


@every_way
@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("depth", [500, 1000, 100_000])
@pytest.mark.parametrize("frame", ["{}", '{{"error":{}}}', '{{"message":{}}}', '{{"error":{{"innererror":{}}}}}'])
async def test_a_deep_error_is_an_error(server, way, depth, frame):
    server.default = text_reply(frame.format(deep(depth)), 400, "application/json")

    await failure(way, model_of(server), AzureMLInvalidRequestError)


@every_stream
@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("depth", [500, 1000, 100_000])
@pytest.mark.parametrize("frame", ["{}", '{{"error":{}}}', '{{"error":{{"message":{}}}}}'])
async def test_a_deep_event_is_a_stream_error_with_the_text_so_far(server, way, depth, frame):
    bad = f"data: {frame.format(deep(depth))}\n\n".encode()
    server.default = stream_reply(event("so far"), bad, FINISH, DONE)
    error = await failure(way, model_of(server), AzureMLStreamError)

    assert error.partial == "so far"


@every_way
async def test_an_error_page_that_drips_is_not_waited_for(server, way, monkeypatch):
    for transport in TRANSPORTS:
        monkeypatch.setattr(transport, "MAX_ERROR_SECONDS", 0.2)
    drops = [piece for _ in range(400) for piece in (b"slow ", 0.05)]
    server.default = Reply(429, {"Content-Type": "text/plain", "Retry-After": "3600"}, drops)
    error = await failure(way, model_of(server), AzureMLRateLimitError)

    assert "slow" in str(error)  # what had come by then
    assert error.retry_after == 3600
    assert await happens(server.requests[0].left)


@every_way
async def test_an_error_whose_words_break_off_is_still_that_error(server, way):
    server.default = Reply(401, {"Content-Type": "text/plain"}, (b"bad k",), end="cut")

    error = await failure(way, model_of(server))
    assert error.status == 401


@every_whole_way
async def test_a_reply_longer_than_any_answer_is_refused(server, way, monkeypatch):
    for transport in TRANSPORTS:
        monkeypatch.setattr(transport, "MAX_REPLY_BYTES", 1_000_000)
    body = b'{"output":"' + b"x" * 1_000_000
    server.default = Reply(200, {"Content-Type": "application/json"}, (body,), end="hang")
    error = await failure(way, model_of(server, SCORE), AzureMLResponseError)

    assert "answer is longer than" in str(error)
    assert await happens(server.requests[0].left)


@every_stream
async def test_bytes_that_are_no_text_are_an_error_with_the_text_so_far(server, way):
    server.default = stream_reply(event("so far"), b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n', DONE)
    error = await failure(way, model_of(server), AzureMLStreamError)

    assert error.partial == "so far"


@every_way
async def test_words_that_are_no_text_are_shown_as_far_as_they_are(server, way):
    server.default = text_reply(b'{"message":"\xff oops"}', 400, "application/json")
    error = await failure(way, model_of(server), AzureMLInvalidRequestError)

    assert "oops" in str(error)


@every_way
@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "9" * 4000},
        {"Retry-After": "\xff\x01"},
        {"Retry-After-Ms": "1e999"},
        {"X-Request-ID": "x" * 4000},
        {"ms-azureml-model-error-statuscode": "-1"},
        {"ms-azureml-model-error-reason": "<script>"},
    ],
    ids=lambda headers: next(iter(headers)),
)
async def test_a_mad_header_does_not_hide_the_failure(server, way, headers):
    server.default = text_reply("words", 424, "text/plain", **headers)
    error = await failure(way, model_of(server), AzureMLAPIError)

    assert (error.status, error.retry_after) == (424, None)
    assert "words" in str(error)


@every_way
@pytest.mark.parametrize(
    "head",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Header: " + b"x" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
    ],
    ids=["no status", "odd status", "odd length", "odd chunk", "long header", "many headers", "odd gzip"],
)
async def test_what_is_no_http_is_one_of_our_errors(way, head):
    class Mad(Relay):
        async def serve(self, reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            await writer.drain()
            writer.write_eof()
            await reader.read()

    with Mad() as mad:
        asked = AzureMLChatOnlineEndpoint(
            endpoint_url=mad.url + "/v1/chat/completions", endpoint_api_key=KEY, max_retries=0, timeout=5
        )
        error = await failure(way, asked)

    assert isinstance(error, AzureMLConnectionError | AzureMLResponseError | AzureMLStreamError)


@every_way
@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example", "x" * 300])
async def test_a_host_that_no_network_can_have_is_one_of_our_errors(way, host):
    try:
        asked = AzureMLChatOnlineEndpoint(
            endpoint_url=f"http://{host}/v1/chat/completions", endpoint_api_key=KEY, max_retries=0
        )
    except ValueError:
        return  # said even earlier
    await failure(way, asked, AzureMLConnectionError)


@every_way
async def test_a_key_that_the_limit_cuts_is_redacted(server, way):
    page = b" " * (MAX_ERROR_BYTES - 30) + f"your key {KEY} is bad".encode()
    server.default = text_reply(page, 401)
    error = await failure(way, model_of(server))

    assert "your key ***" in str(error)
    assert KEY[:6] not in f"{error} {error!r} {vars(error)} {pickle.dumps(error).decode('latin-1')}"


@every_way
async def test_the_key_is_in_no_error_that_is_chained_to_ours(server, way):
    server.script(Reply(end="mute"), text_reply(f"{KEY}", 401), Reply(hold=threading.Event()))
    model = model_of(server, max_retries=0, timeout=0.2)
    for _ in range(3):
        error: BaseException | None = await failure(way, model)
        while error is not None:
            assert KEY not in f"{error} {error!r}"
            error = error.__cause__ or error.__context__


@every_way
async def test_neither_the_key_nor_the_words_are_in_what_a_logger_of_variables_shows(server, way):
    server.default = text_reply("no", 401)
    error = await failure(way, model_of(server), AzureMLAuthenticationError)
    shown, trace = [], error.__traceback__
    while trace:
        shown += [repr(value) for value in trace.tb_frame.f_locals.values() if isinstance(value, WireRequest)]
        trace = trace.tb_next

    assert shown
    assert KEY not in "".join(shown)
    assert '"Q"' not in "".join(shown)


@every_stream
async def test_comments_alone_are_no_answer(server, way):
    server.default = stream_reply(*[b": ping\n\n"] * 50)
    error = await failure(way, model_of(server), AzureMLStreamError)

    assert error.partial == ""


@every_way
async def test_a_large_question_that_is_refused_before_it_is_read_is_refused_for_that(way):
    class Refusing(Relay):
        async def serve(self, reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large")
            await writer.drain()
            while await reader.read(65536):
                pass

    with Refusing() as refusing:
        asked = AzureMLChatOnlineEndpoint(
            endpoint_url=refusing.url + "/v1/chat/completions", endpoint_api_key=KEY, max_retries=0
        )
        with pytest.raises(AzureMLInvalidRequestError) as caught:
            await ask(way, asked, "x" * 3_000_000)

    assert caught.value.status == 413


@every_way
@pytest.mark.parametrize("size", [10, 300_000, 3_000_000])
async def test_a_question_of_any_size_arrives_and_can_be_repeated(answering, way, size):
    answering.script(text_reply("", 503, retry_after="0"))
    await ask(way, model_of(answering), "x" * size)

    assert [request.json["messages"][0]["content"] for request in answering.requests] == ["x" * size] * 2
    assert {request.headers["Content-Length"] for request in answering.requests} == {
        str(len(answering.requests[0].body))
    }
    assert {request.headers["Content-Type"] for request in answering.requests} == {"application/json"}


@pytest.fixture
def deaf():
    """The address of a server that takes no connection and refuses none: its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        yield f"http://127.0.0.1:{full.getsockname()[1]}/v1/chat/completions"
        for each in waiting:
            each.close()


@every_way
async def test_where_nobody_opens_the_door_is_said_after_the_time_for_that(deaf, way, monkeypatch):
    for transport in TRANSPORTS:
        monkeypatch.setattr(transport, "CONNECT_TIMEOUT", 0.2)
    asked = AzureMLChatOnlineEndpoint(endpoint_url=deaf, endpoint_api_key=KEY, max_retries=0)
    error = await failure(way, asked, AzureMLConnectionError)

    assert str(error).startswith("The endpoint cannot be reached: nothing answers there.")
    assert error.is_retryable


@every_way
async def test_a_caller_with_less_patience_than_that_gets_a_timeout(deaf, way):
    asked = AzureMLChatOnlineEndpoint(endpoint_url=deaf, endpoint_api_key=KEY, max_retries=0, timeout=0.2)
    error = await failure(way, asked, AzureMLTimeoutError)

    assert "sent nothing for 0.2 seconds" in str(error)
