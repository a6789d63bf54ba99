"""The first bytes decide what a reply is, whatever it is labelled and whatever was asked for."""

import gzip
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.azureml import AzureMLResponseError
from chatbot.azureml.endpoints import AzureMLEndpointApiType
from chatbot.azureml.formatter_adapter import adapt
from chatbot.azureml.formatters import CustomOpenAIChatContentFormatter
from chatbot.azureml.framing import framing_of, framing_of_whole
from chatbot.azureml.response_reader import ResponseReader
from chatbot.azureml.stream import ChatStream
from tests.support.asking import CHAT, FINISH, SCORE, ask, every_way, failure, model_of
from tests.support.completions import piece
from tests.support.wire import DONE, Reply, event, text_reply

LABELS = ["application/json", "text/plain", "text/event-stream", "application/x-ndjson", "application/octet-stream"]
EVENTS = event("Hel") + event("lo") + FINISH + DONE
LINES = b"\n".join(each.strip().removeprefix(b"data: ") for each in (event("Hel"), event("lo"), FINISH))
WHOLE = json.dumps({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}).encode()
PRETTY = json.dumps(json.loads(WHOLE), indent=2).encode()
BODIES = {
    "events": EVENTS,
    "events after a mark": b"\xef\xbb\xbf" + EVENTS,
    "events after blank lines": b"\n\r\n\n" + EVENTS,
    "events after a comment": b": ping\n\n" + EVENTS,
    "named events": b"event: message\n" + EVENTS,
    "events with one line between": EVENTS.replace(b"\n\n", b"\n"),
    "lines": LINES,
    "lines after a mark": b"\xef\xbb\xbf" + LINES + b"\n",
    "whole": WHOLE,
    "whole, after a mark and blanks": b"\xef\xbb\xbf\n " + WHOLE,
    "whole, over lines": PRETTY,
}


@every_way
@pytest.mark.parametrize("label", [*LABELS, None])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_a_reply_is_read_as_what_it_is(server, way, label, body):
    server.default = Reply(200, {"Content-Type": label} if label else {}, (body,), length=True)
    answer = await ask(way, model_of(server))

    assert answer.content == "Hello"
    assert answer.response_metadata["finish_reason"] == "stop"


@every_way
@pytest.mark.parametrize(
    "body", [b'{"answer":"Hel"}\n{"answer":"lo"}\n', b'data: {"answer":"Hel"}\n\ndata: {"answer":"lo"}\n\n']
)
async def test_so_are_events_that_are_not_openais(server, way, body):
    server.default = text_reply(body, content_type="application/json")

    assert (await ask(way, model_of(server, SCORE))).content == "Hello"


@every_way
@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("path", [CHAT, SCORE])
async def test_a_web_page_is_told_as_one(server, way, label, path):
    server.default = text_reply("<!DOCTYPE html><title>Sign in</title>", content_type=label)

    assert "a web page" in str(await failure(way, model_of(server, path), AzureMLResponseError))


@every_way
@pytest.mark.parametrize("body", [EVENTS, WHOLE], ids=["events", "whole"])
async def test_what_is_compressed_is_unpacked(server, way, body):
    packed = gzip.compress(body)
    server.default = Reply(200, {"Content-Encoding": "gzip", "Content-Type": "text/plain"}, (packed,), length=True)

    assert (await ask(way, model_of(server))).content == "Hello"


def test_one_byte_at_a_time_comes_to_the_same():
    for body in BODIES.values():
        seen = next(
            framing for end in range(1, len(body) + 1) if (framing := framing_of(body[:end])) or end == len(body)
        )
        assert (seen or "whole") in (framing_of_whole(body), "whole")


MIXED = (
    piece({"reasoning_content": "Hm \U0001f600."})
    + b'data: {"choices":[{"delta":{"content":"Hi \\ud83d"}}]}\n\n'
    + b'data: {"choices":[{"delta":{"content":"\\ude00!"}}],"x":NaN}\r\n\r\n'
    + piece({"tool_calls": [{"index": 0, "id": "1", "function": {"name": "f", "arguments": "{}"}}]})
    + piece({"tool_calls": [{"index": 0, "id": "2", "function": {"name": "g", "arguments": '{"a": 1}'}}]})
    + FINISH
    + DONE
)


@given(st.lists(st.integers(0, len(MIXED)), max_size=5))
def test_however_the_network_cuts_a_stream_the_message_is_the_same(places):
    edges = [0, *sorted(places), len(MIXED)]
    stream = ChatStream()
    chunks = [chunk for start, end in pairwise(edges) if (chunk := stream.feed(MIXED[start:end]))]
    chunks.append(stream.finish())
    message = (chunks[0] + chunks[1:]).message
    [whole] = (
        ResponseReader(adapt(CustomOpenAIChatContentFormatter()), AzureMLEndpointApiType.serverless)
        .result(MIXED, {}, {})
        .generations
    )

    assert message.content == "Hi \U0001f600!" == whole.message.content
    assert message.additional_kwargs == {"reasoning_content": "Hm \U0001f600."}
    assert [(call["name"], call["args"]) for call in message.tool_calls] == [("f", {}), ("g", {"a": 1})]
    assert message.tool_calls == whole.message.tool_calls
