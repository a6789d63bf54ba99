"""Every stream sample over a real socket: the same answer or the same error, however it is cut, sync and async."""

import threading
from dataclasses import replace

import pytest

from chatbot.azureml import AzureMLConnectionError, AzureMLError, AzureMLStreamError
from tests.support.asking import ask, every_stream, failure, model_of
from tests.support.wire import DONE, SAMPLES, event, sample, sample_body, sample_reply, stream_reply

ANSWERS = {
    "aoai_stream_ok": "There are",
    "aoai_tool_call_stream_fragments": "",
    "maas_stream_ok": "Absolutely\n",
    "maas_tool_call_stream_no_index": "",
    "r1_reasoning_stream": "About",
    "sse_comments": "Hé",
    "sse_crlf": "Hé",
    "sse_empty_data": "Hé",
    "sse_event_id_retry": "Hé",
    "sse_multiline_data": "Hi",
    "sse_no_done_after_finish": "Hé",
    "sse_no_space": "Hé",
}
CALLS = {
    "aoai_tool_call_stream_fragments": ("get_future_temperature", {"locationName": "Honolulu", "daysInAdvance": 3}),
    "maas_tool_call_stream_no_index": ("get_weather", {"city": "Seattle"}),
}
BROKEN = {
    "sse_cut_mid_json": (AzureMLConnectionError, ""),
    "sse_no_done_clean_close": (AzureMLStreamError, "Hé"),
}

CUTS = {
    "as recorded": lambda reply, body: reply,
    "in one": lambda reply, body: replace(reply, pieces=(body,)),
    "by threes": lambda reply, body: replace(
        reply, pieces=tuple(body[place : place + 3] for place in range(0, len(body), 3))
    ),
    "byte by byte": lambda reply, body: replace(reply, pieces=tuple(bytes([byte]) for byte in body)),
}

every_cut = pytest.mark.parametrize("cut", CUTS)


def content_of(message):
    """All that a message holds, without the ids that LangChain makes up."""
    return message.model_dump(exclude={"id", "tool_call_chunks"})


def test_every_stream_sample_takes_part():
    streamed = {path.stem for path in SAMPLES.glob("*.json") if "sse" in sample(path.stem)["response"]}

    assert streamed == {*ANSWERS, *BROKEN}


@every_stream
@every_cut
@pytest.mark.parametrize("name", ANSWERS)
async def test_a_sample_is_answered_alike(server, way, cut, name):
    server.script(sample_reply(name), CUTS[cut](sample_reply(name), sample_body(name)))
    model = model_of(server)
    plain, message = await ask("astream", model), await ask(way, model)

    assert message.content == ANSWERS[name]
    assert content_of(message) == content_of(plain)
    assert len(server.requests) == 2


@every_stream
@every_cut
@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_sample_is_the_same_error(server, way, cut, name):
    cls, partial = BROKEN[name]
    server.default = CUTS[cut](sample_reply(name), sample_body(name))
    error = await failure(way, model_of(server, max_retries=0), AzureMLError if name == "sse_cut_mid_json" else cls)

    assert isinstance(error, cls)
    assert error.partial == partial
    assert len(server.requests) == 1


@every_stream
@pytest.mark.parametrize("name", CALLS)
async def test_the_calls_of_a_sample_are_whole(server, way, name):
    server.default = sample_reply(name)
    message = await ask(way, model_of(server))

    assert [(call["name"], call["args"]) for call in message.tool_calls] == [CALLS[name]]
    assert message.invalid_tool_calls == []


async def test_what_arrives_while_a_paced_stream_is_not_read_comes_as_one_chunk(server):
    begun, paused = threading.Event(), []
    server.default = stream_reply(
        event("There "), begun, event("are "), event("two "), event("words.", finish_reason="stop") + DONE
    )

    def pace():
        begun.set()
        paused.append(None)
        return 0.5

    config = {"configurable": {"stream_pace": pace}}
    words = [chunk.text async for chunk in model_of(server).astream("How many?", config)]

    assert [word for word in words if word] == ["There ", "are two words."]
    assert len(paused) == 1, "before there is a word, and after the last one, nothing waits"
