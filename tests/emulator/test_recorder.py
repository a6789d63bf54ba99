import httpx
import pytest

from chatbot.emulator import Emulator
from chatbot.emulator.recorder import MAX_BODY


@pytest.mark.parametrize("path", ["/", "/nowhere", "/score", "/v1/chat/completions"])
def test_every_reply_has_a_request_id_and_the_callers_own(emulator: Emulator, client: httpx.Client, path: str) -> None:
    url = emulator.base_url + path
    first = client.post(url, json={}, headers={"x-ms-client-request-id": "mine"})
    second = client.post(url, json={})
    assert first.headers["x-ms-client-request-id"] == "mine"
    assert "x-ms-client-request-id" not in second.headers
    assert len({first.headers["x-request-id"], second.headers["x-request-id"]}) == 2


@pytest.mark.parametrize(("size", "status"), [(MAX_BODY, 401), (MAX_BODY + 1, 413)])
def test_a_body_over_the_limit(emulator: Emulator, client: httpx.Client, size: int, status: int) -> None:
    assert client.post(emulator.chat_url, content=b" " * size).status_code == status


def test_what_was_received_is_remembered_without_keys(own_emulator: Emulator, client: httpx.Client) -> None:
    body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
    client.post(own_emulator.chat_url, json=body, headers={"Authorization": own_emulator.key})
    client.post(own_emulator.score_url, content=b"{", headers={"api-key": own_emulator.key, "X-Mine": "1"})
    first, second = own_emulator.requests
    assert (first.method, first.path) == ("POST", "/v1/chat/completions")
    assert first.body == body
    assert first.headers["content-type"] == "application/json"
    assert (second.path, second.body, second.headers["x-mine"]) == ("/score", None, "1")
    assert not {"authorization", "api-key"} & (first.headers.keys() | second.headers.keys())
    assert own_emulator.key not in repr(own_emulator.requests)


def test_only_the_last_200_requests_are_remembered(own_emulator: Emulator, client: httpx.Client) -> None:
    for number in range(201):
        client.get(f"{own_emulator.base_url}/{number}")
    assert [own_emulator.requests[0].path, own_emulator.requests[-1].path] == ["/1", "/200"]
    assert len(own_emulator.requests) == 200


def test_a_very_large_body_is_answered_but_not_kept(own_emulator: Emulator, client: httpx.Client) -> None:
    body = {"messages": [{"role": "user", "content": "x" * 1_000_001}]}
    headers = {"Authorization": own_emulator.key}
    assert client.post(own_emulator.chat_url, json=body, headers=headers).status_code == 200
    assert own_emulator.requests[0].body is None
