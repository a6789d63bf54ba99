"""The shapes that a score.py returns: read whole and where a stream was asked for, or an error with what to do."""

import json

import pytest

from chatbot.azureml import AzureMLResponseError
from tests.support.asking import SCORE, ask, every_way, failure, model_of
from tests.support.wire import json_reply, text_reply

CHAT = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "Hello"}]
READ = [
    {"output": "Hello"},
    {"result": "Hello"},
    {"response": "Hello"},
    {"answer": "Hello", "context": ["a"]},
    {"what_the_flow_calls_it": "Hello"},
    {"chat_output": "Hello", "took": 3},
    {"output": None, "answer": "Hello"},
    {"result": {"response": "Hello"}},
    {"output": CHAT},
    CHAT,
    [*CHAT, {"role": "user", "content": "Q2"}],
    [{"type": "human", "content": "Q"}, {"type": "ai", "content": "Hello"}],
    {"role": "assistant", "content": "Hello"},
    ["Hello"],
    [["Hello"]],
    [{"generated_text": "Hello"}],
    [[{"generated_text": CHAT}]],
    [{"generated_text": CHAT}],
    {"predictions": "Hello"},
    {"predictions": ["Hello"]},
    {"predictions": [{"0": "Hello"}]},
    {"predictions": [{"candidates": ["Hello"]}]},
    {"predictions": [{"generated_text": "Hello"}]},
    {"predictions": {"candidates": ["Hello"]}},
    {"predictions": [{"choices": [{"message": {"content": "Hello", "role": "assistant"}}]}]},
    {"columns": ["0"], "index": [0], "data": [["Hello"]]},
    {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hel"}, {"text": "lo"}]}}]},
    {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]},
    {"choices": [{"text": "Hello"}]},
    {"output": {"choices": [{"message": {"content": "Hello"}}]}},
    json.dumps({"output": "Hello"}),
    json.dumps(json.dumps({"output": "Hello"})),
    json.dumps(["Hello"]),
    json.dumps("Hello"),
    json.dumps(CHAT),
    json.dumps({"choices": [{"message": {"content": "Hello"}}]}),
    str({"output": "Hello"}),
    [json.dumps({"output": "Hello"})],
    {"output": json.dumps({"output": "Hello"})},
    {"body": {"output": "Hello"}},
]
ASKED_FOR = ['{"answer": "42"}', '{"name": "Seoul", "population": 9}', "[1, 2]", '["red", "green"]', '"quoted"']


@every_way
@pytest.mark.parametrize("reply", READ, ids=lambda reply: json.dumps(reply)[:60])
async def test_a_reply_is_read_in_every_shape(server, way, reply):
    server.default = json_reply(reply)

    assert (await ask(way, model_of(server, SCORE))).content == "Hello"


@pytest.mark.parametrize("answer", ASKED_FOR)
async def test_an_answer_that_is_json_stays_as_it_is(server, answer):
    server.default = json_reply({"output": answer})

    assert (await ask("invoke", model_of(server, SCORE))).content == answer


@every_way
@pytest.mark.parametrize(
    "reply", [{"status": "ok"}, {"a": "x", "b": "y"}, [], 7, {"output": None}, [{"role": "user", "content": "Q"}]]
)
async def test_what_cannot_be_read_names_the_formatter_and_the_setting(server, way, reply):
    server.default = json_reply(reply)
    error = await failure(way, model_of(server, SCORE), AzureMLResponseError)

    assert "CustomOpenAIChatContentFormatter" in str(error)
    assert "AZUREML_CONTENT_FORMATTER" in str(error)


@every_way
async def test_an_error_that_was_made_json_twice_is_an_error(server, way):
    server.default = json_reply(json.dumps({"error": "CUDA out of memory"}))

    assert "CUDA out of memory" in str(await failure(way, model_of(server, SCORE), AzureMLResponseError))


@every_way
async def test_a_chat_that_was_returned_keeps_its_thoughts_and_counts(server, way):
    message = {"role": "assistant", "content": "Hello", "reasoning_content": "Hm."}
    server.default = json_reply({"output": [message], "usage": {"prompt_tokens": 2, "completion_tokens": 3.0}})
    answer = await ask(way, model_of(server, SCORE))

    assert (answer.content, answer.additional_kwargs) == ("Hello", {"reasoning_content": "Hm."})
    assert answer.usage_metadata["output_tokens"] == 3


@every_way
@pytest.mark.parametrize("frame", ["\ufeff{}", "\n\n{}", '{{"x": NaN, "y": [-Infinity, 1,], "z": {},}}'])
async def test_json_is_read_leniently(server, way, frame):
    server.default = text_reply(
        frame.format('{"output": "He\nllo"}').replace('"z"', '"output"'), content_type="text/plain"
    )

    assert (await ask(way, model_of(server, SCORE))).content == "He\nllo"
