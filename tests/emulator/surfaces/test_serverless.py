import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from chatbot.emulator import Emulator

Chat = Callable[..., httpx.Response]

DENIED = {
    "statusCode": 401,
    "message": "Auth token validation failed. Please provide a valid key or a valid AAD token",
}


def events(reply: httpx.Response) -> list[dict[str, Any]]:
    """The events of a stream that ends as it should."""
    *parts, done, rest = reply.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(part.removeprefix("data: ")) for part in parts]


def streamed_text(reply: httpx.Response) -> str:
    return "".join(event["choices"][0]["delta"]["content"] for event in events(reply))


def test_a_reply_has_the_recorded_shape(chat: Chat) -> None:
    reply = chat("repeat Hé, Ada")
    body = reply.json()
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert re.fullmatch("[0-9a-f]{32}", body.pop("id"))
    assert body.pop("created") > 1_700_000_000
    assert body == {
        "choices": [
            {
                "finish_reason": "stop",
                "index": 0,
                "message": {"content": "Hé, Ada", "role": "assistant", "tool_calls": None},
            }
        ],
        "model": "built-in-demo",
        "object": "chat.completion",
        "usage": {"completion_tokens": 3, "prompt_tokens": 4, "total_tokens": 7},
    }
    assert (reply.headers["prompt_token_len"], reply.headers["sampling_token_len"]) == ("4", "3")


def test_a_reply_is_compact_sorted_and_raw_utf8(chat: Chat) -> None:
    content = chat("repeat Hé").content
    assert content.startswith(b'{"choices":[{"finish_reason":"stop","index":0,"message":{"content":"H\xc3\xa9","role":')


def test_the_bytes_of_a_stream(emulator: Emulator, raw_post: Callable[..., Any]) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "repeat Ada é\n"}], "stream": True}).encode()
    reply = raw_post(emulator.chat_url, {"Authorization": f"Bearer {emulator.key}"}, body)

    head = reply.head.lower().split(b"\r\n")
    assert head[0] == b"http/1.1 200 ok"
    assert b"content-type: text/event-stream; charset=utf-8" in head
    assert b"transfer-encoding: chunked" in head
    first = json.loads(reply.http_chunks[0].removeprefix(b"data: "))
    tail = b'"created":%d,"id":"%b","model":"built-in-demo","object":"chat.completion.chunk"' % (
        first["created"],
        first["id"].encode(),
    )
    choice = b'data: {"choices":[{"delta":{"content":"%b"%b},"finish_reason":%b,"index":0,"logprobs":null}],'
    assert reply.http_chunks == [
        choice % (b"", b',"role":"assistant"', b"null") + tail + b"}\n\n",
        choice % (b"Ada", b"", b"null") + tail + b"}\n\n",
        choice % (b" \xc3\xa9", b"", b"null") + tail + b"}\n\n",
        choice % (b"\\n", b"", b"null") + tail + b"}\n\n",
        choice % (b"", b"", b'"stop"')
        + tail
        + b',"usage":{"completion_tokens":3,"prompt_tokens":4,"total_tokens":7}}\n\n',
        b"data: [DONE]\n\n",
        b"",  # the end of chunked transfer, not an event
    ]


@pytest.mark.parametrize(
    ("stream", "content_type"),
    [
        (True, "text/event-stream; charset=utf-8"),
        ("True", "text/event-stream; charset=utf-8"),
        ("true", "text/event-stream; charset=utf-8"),
        (False, "application/json"),
        ("False", "application/json"),
        (None, "application/json"),
    ],
)
def test_stream_may_be_a_text(chat: Chat, stream: object, content_type: str) -> None:
    assert chat("hello", stream=stream).headers["content-type"] == content_type


def test_a_stream_carries_the_same_text_as_a_reply(chat: Chat) -> None:
    whole = chat("tell me a long story").json()
    stream = chat("tell me a long story", stream=True)
    assert streamed_text(stream) == whole["choices"][0]["message"]["content"]
    assert events(stream)[-1]["usage"] == whole["usage"]


def test_usage_is_streamed_once_also_when_asked_for(chat: Chat) -> None:
    found = events(chat("hello", stream=True, stream_options={"include_usage": True}))
    assert [bool(event["choices"]) for event in found] == [True] * len(found)
    assert ["usage" in event for event in found] == [False] * (len(found) - 1) + [True]


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
def test_parameters(
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


@pytest.mark.parametrize("form", ["Bearer {key}", "{key}"])
def test_the_key_opens(emulator: Emulator, client: httpx.Client, form: str) -> None:
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


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b"[1]",
        b"{}",
        b'{"messages":[]}',
        b'{"messages":"hi"}',
        b'{"messages":["hi"]}',
        b'{"messages":[{"content":"hi"}]}',
        b'{"messages":[{"role":"user","content":1}]}',
        b'{"messages":[{"role":"user","content":[1]}]}',
        b'{"messages":[{"role":"user","content":"hi"}],"max_tokens":0}',
        b'{"messages":[{"role":"user","content":"hi"}],"max_tokens":"9"}',
        b'{"messages":[{"role":"user","content":"hi"}],"max_tokens":true}',
        b'{"messages":[{"role":"user","content":"hi"}],"stop":[1]}',
        b'{"messages":[{"role":"user","content":"hi"}],"stop":{"a":1}}',
        b'{"messages":[{"role":"user","content":"hi"}],"stream":"yes"}',
    ],
)
def test_a_body_that_cannot_be_used(emulator: Emulator, client: httpx.Client, content: bytes) -> None:
    reply = client.post(emulator.chat_url, content=content, headers={"Authorization": f"Bearer {emulator.key}"})
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "invalid_request"
    assert reply.json()["error"]["message"]


def test_messages_may_be_parts_or_empty(emulator: Emulator, client: httpx.Client) -> None:
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "My name is Ada"}]},
        {"role": "assistant", "content": None},
        {"role": "user", "content": "what is my name?"},
    ]
    headers = {"Authorization": emulator.key}
    reply = client.post(emulator.chat_url, json={"messages": messages}, headers=headers)
    assert "**Ada**" in reply.json()["choices"][0]["message"]["content"]


@pytest.mark.parametrize("stream", [b"true", b"false"])
def test_half_a_character_does_not_break_the_reply(emulator: Emulator, client: httpx.Client, stream: bytes) -> None:
    content = b'{"messages":[{"role":"user","content":"repeat a\\ud83db"}],"stream":%b}' % stream
    reply = client.post(emulator.chat_url, content=content, headers={"Authorization": emulator.key})
    assert reply.status_code == 200
    assert '"content":"a' in reply.content.decode("utf-8", errors="strict")
