from collections.abc import Callable
from typing import Any

import httpx
import pytest

from chatbot.emulator import Emulator

Score = Callable[..., httpx.Response]


def test_a_reply_is_one_text(score: Score) -> None:
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
def test_parameters(score: Score, parameters: dict[str, Any], output: str) -> None:
    assert score("repeat one two three", **parameters).json() == {"output": output}


def test_parameters_may_be_missing_and_content_in_parts(emulator: Emulator, client: httpx.Client) -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "repeat a"}, {"type": "text", "text": "b"}]}
    body = {"input_data": {"input_string": [message]}}
    reply = client.post(emulator.score_url, json=body, headers={"Authorization": f"Bearer {emulator.key}"})
    assert reply.json() == {"output": "a\nb"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "{key}"},
        {"Authorization": "bearer{key}"},
        {"api-key": "{key}"},
    ],
)
def test_only_a_bearer_key_opens(emulator: Emulator, client: httpx.Client, headers: dict[str, str]) -> None:
    filled = {name: value.format(key=emulator.key) for name, value in headers.items()}
    reply = client.post(emulator.score_url, json={}, headers=filled)
    assert (reply.status_code, reply.text) == (401, "key_auth_access_denied")
    assert reply.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1]",
        b"{}",
        b'{"input_data":[]}',
        b'{"input_data":{}}',
        b'{"input_data":{"input_string":[]}}',
        b'{"input_data":{"input_string":["prompt"]}}',
        b'{"input_data":{"input_string":[{"role":"user","content":"hi"}],"parameters":[]}}',
        b'{"input_data":{"input_string":[{"role":"user","content":"hi"}],"parameters":{"max_new_tokens":-1}}}',
    ],
)
def test_a_refusal_of_the_container_is_a_424(emulator: Emulator, client: httpx.Client, content: bytes) -> None:
    reply = client.post(emulator.score_url, content=content, headers={"Authorization": f"Bearer {emulator.key}"})
    assert reply.status_code == 424
    assert reply.headers["ms-azureml-model-error-reason"] == "model_error"
    assert reply.headers["ms-azureml-model-error-statuscode"] == "400"
    assert list(reply.json()) == ["message"]
