"""Formatters by name: what goes out on the wire, and the error for a name that there is not."""

import pytest
from pydantic import ValidationError

from chatbot.azureml import formatter_named
from chatbot.azureml.formatters import FORMATTERS
from tests.support.asking import CHAT, SCORE, ask, every_way, model_of
from tests.support.wire import json_reply

ASKED = [("system", "S"), ("user", "Q1"), ("assistant", "A1"), ("user", "Q2")]
TEXT = "System: S\nHuman: Q1\nAI: A1\nHuman: Q2\nAI:"
MESSAGES = [
    {"role": "system", "content": "S"},
    {"role": "user", "content": "Q1"},
    {"role": "assistant", "content": "A1"},
    {"role": "user", "content": "Q2"},
]
LIMIT = {"max_new_tokens": 7}
BODIES = {
    "chat": {"input_data": {"input_string": MESSAGES, "parameters": LIMIT}},
    "openai": {"messages": MESSAGES, "max_tokens": 7},
    "mistral": {
        "input_data": {
            "input_string": [{"role": "user", "content": "S\n\nQ1"}, *MESSAGES[2:]],
            "parameters": LIMIT,
        }
    },
    "promptflow": {
        "question": "Q2",
        "chat_history": [{"inputs": {"question": "Q1"}, "outputs": {"answer": "A1"}}],
    },
    "text": {"input_data": {"input_string": [TEXT], "parameters": LIMIT}},
    "gpt2": {"inputs": {"input_string": [TEXT]}, "parameters": LIMIT},
    "hf": {"inputs": [TEXT], "parameters": {"return_full_text": False, **LIMIT}},
    "dolly": {"input_data": {"input_string": [TEXT]}, "parameters": LIMIT},
}


def test_every_name_is_in_the_table():
    assert BODIES.keys() == FORMATTERS.keys()


@every_way
@pytest.mark.parametrize("name", BODIES)
async def test_each_speaks_its_containers_format(server, way, name):
    server.default = json_reply([{"0": {"generated_text": "Hello"}}])
    answer = await ask(way, model_of(server, SCORE, content_formatter=name, max_tokens=7), ASKED)

    assert answer.content == "Hello"
    assert server.requests[0].json == BODIES[name]


async def test_the_environment_may_choose_it(server, monkeypatch):
    monkeypatch.setenv("AZUREML_CONTENT_FORMATTER", " HF ")
    server.default = json_reply(["Hello"])
    await ask("invoke", model_of(server, SCORE), "Q")

    assert server.requests[0].json["inputs"] == ["Human: Q\nAI:"]


def test_a_name_that_there_is_not_is_told_with_those_that_there_are(answering):
    with pytest.raises(ValueError, match=r"no content formatter 'odd'; choose one of chat, openai, .*dolly"):
        formatter_named("odd")
    with pytest.raises(ValidationError, match="choose one of chat"):
        model_of(answering, CHAT, content_formatter="odd")
