"""Who is let in, and what the others get."""

import httpx
import pytest

from chatbot.emulator import Emulator


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
def test_only_a_bearer_key_opens_a_dedicated_endpoint(
    emulator: Emulator, client: httpx.Client, headers: dict[str, str]
) -> None:
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


DENIED = {
    "statusCode": 401,
    "message": "Auth token validation failed. Please provide a valid key or a valid AAD token",
}


@pytest.mark.parametrize("form", ["Bearer {key}", "{key}"])
def test_the_key_opens_a_serverless_deployment(emulator: Emulator, client: httpx.Client, form: str) -> None:
    body = {"messages": [{"role": "user", "content": "hello"}]}
    reply = client.post(emulator.chat_url, json=body, headers={"Authorization": form.format(key=emulator.key)})
    assert reply.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "wrong"},
        {"Authorization": "Bearer {key}x"},
        {"Authorization": "Basic {key}"},
        {"api-key": "{key}"},
        {"Authorization": "Bearer clé"},
    ],
)
@pytest.mark.parametrize("content", [b'{"messages":[{"role":"user","content":"hi"}],"stream":true}', b"not json"])
def test_anything_else_is_denied(
    emulator: Emulator, client: httpx.Client, headers: dict[str, str], content: bytes
) -> None:
    filled = {name: value.format(key=emulator.key).encode() for name, value in headers.items()}
    reply = client.post(emulator.chat_url, content=content, headers=filled)
    assert reply.status_code == 401
    assert reply.json() == DENIED
    assert reply.headers["x-ms-error-reason"] == "Invalid JWT."
    assert emulator.key not in reply.text
