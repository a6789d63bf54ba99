import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from chatbot.emulator import Emulator


def test_health(emulator: Emulator, client: httpx.Client) -> None:
    reply = client.get(emulator.base_url)
    assert (reply.status_code, reply.text) == (200, "Healthy")
    assert reply.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("path", ["/nowhere", "/score/", "/v1/chat/completions/", "/chat/completions", "/v1"])
def test_an_unknown_address(emulator: Emulator, client: httpx.Client, path: str) -> None:
    reply = client.post(emulator.base_url + path, json={})
    assert (reply.status_code, reply.text) == (404, "NOT FOUND")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["ms-azureml-model-error-reason"] == "model_error"
    assert reply.headers["ms-azureml-model-error-statuscode"] == "404"


@pytest.mark.parametrize("path", ["/score", "/v1/chat/completions"])
def test_a_wrong_method(emulator: Emulator, client: httpx.Client, path: str) -> None:
    reply = client.get(emulator.base_url + path)
    assert reply.status_code == 405
    assert reply.headers["allow"] == "POST"


Score = Callable[..., httpx.Response]


def test_a_score_is_one_text(score: Score) -> None:
    reply = score("repeat Hé, Ada")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.content == '{"output":"Hé, Ada"}'.encode()


@pytest.mark.parametrize(
    ("parameters", "output"),
    [
        ({"max_new_tokens": 2}, "one two"),
        ({"stop": ["three"]}, "one two "),
        ({"max_tokens": 1}, "one two three"),
        ({"temperature": 0.6, "top_p": 0.9, "do_sample": True, "max_new_tokens": 200}, "one two three"),
    ],
)
def test_score_parameters(score: Score, parameters: dict[str, Any], output: str) -> None:
    assert score("repeat one two three", **parameters).json() == {"output": output}


Chat = Callable[..., httpx.Response]


def events(reply: httpx.Response) -> list[dict[str, Any]]:
    """The events of a stream that ends as it should."""
    *parts, done, rest = reply.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(part.removeprefix("data: ")) for part in parts]


def streamed_text(reply: httpx.Response) -> str:
    return "".join(event["choices"][0]["delta"]["content"] for event in events(reply))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("parameters", "text", "finish_reason", "written"),
    [
        ({"max_tokens": 2}, "one two", "length", 2),
        ({"max_tokens": None}, "one two three", "stop", 3),
        ({"stop": " two"}, "one", "stop", 1),
        ({"stop": ["three", "two"]}, "one ", "stop", 2),
        ({"stop": None}, "one two three", "stop", 3),
        ({"temperature": 0.1, "unknown": {}}, "one two three", "stop", 3),
    ],
)
def test_chat_parameters(
    chat: Chat, parameters: dict[str, Any], text: str, finish_reason: str, written: int, stream: bool
) -> None:
    reply = chat("repeat one two three", stream=stream, **parameters)
    if stream:
        last = events(reply)[-1]
        found = streamed_text(reply)
    else:
        last = reply.json()
        found = last["choices"][0]["message"]["content"]
    assert found == text
    assert last["choices"][0]["finish_reason"] == finish_reason
    assert last["usage"]["completion_tokens"] == written
