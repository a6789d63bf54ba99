"""Bodies that the services refuse, and so does the emulator: mistakes of a client that must not go unnoticed."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from chatbot.emulator import Emulator

Ask = Callable[..., Any]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
USER = {"role": "user", "content": "hi"}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"tools": []}, "'tools' must be a list of at least one tool"),
        ({"tools": "f"}, "'tools' must be a list"),
        ({"tools": [{"name": "f"}]}, "'tools[0]' must have the type function"),
        ({"tools": [TOOL, {"type": "function", "function": {"name": "no blanks"}}]}, "'tools[1].function.name'"),
        ({"tools": [{"type": "function", "function": {"name": "f" * 65}}]}, "1 to 64 letters"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]}, "'parameters' must be"),
        ({"tools": [TOOL], "tool_choice": "any"}, "'tool_choice' must be none, auto, required"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}}, "among the tools"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": "f"}}, "among the tools"),
        ({"tool_choice": "auto"}, "only allowed when 'tools' are specified"),
        ({"tools": [TOOL], "parallel_tool_calls": "maybe"}, "'parallel_tool_calls' must be true or false"),
        ({"response_format": "json"}, "'response_format' must be a JSON object"),
        ({"response_format": {"type": "yaml"}}, "must be text, json_object or json_schema, not 'yaml'"),
        ({"response_format": {"type": "json_schema"}}, "must have a name and a schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}, "must have a name and a schema"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"required": True}}}]},
            "Invalid schema at 'tools[0].function.parameters': the value of 'required' is of the wrong kind",
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "S", "schema": {"properties": {"a": {"minLength": 10_001}}}},
                }
            },
            "the value of 'minLength' is of the wrong kind",
        ),
        ({"n": 0}, "'n' must be a whole number from 1 to 128"),
        ({"n": 1.5}, "'n' must be a whole number"),
        ({"max_completion_tokens": 0}, "'max_completion_tokens' must be a whole number of at least 1"),
        ({"logprobs": 3}, "'logprobs' must be true or false"),
        ({"logprobs": True, "top_logprobs": 21}, "'top_logprobs' must be a whole number from 0 to 20"),
        ({"stream_options": "usage"}, "'stream_options' must be a JSON object"),
        ({"messages": [{"role": "user", "content": [{"type": "thinking"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}, "None. Supported values are: 'text'"),
        ({"messages": [{"role": "tool", "content": "3", "tool_call_id": "1"}]}, "must be a response to a preceding"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "content": "3"}]},
            "must be a response to a preceding",
        ),
        ({"messages": [USER, {"role": "assistant", "tool_calls": [{"id": "1"}]}]}, "'messages[1].tool_calls'"),
        ({"messages": [{"role": "assistant", "tool_calls": "f"}]}, "'messages[0].tool_calls'"),
    ],
)
def test_it_is_refused(ask: Ask, body: dict[str, Any], message: str) -> None:
    asked = ask("serverless", **body)
    assert asked.status == 400
    assert message in asked.body["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"tools": None, "tool_choice": None, "parallel_tool_calls": None},
        {"tool_choice": "none"},
        {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto"},
        {"response_format": None},
        {"response_format": {"type": "text"}},
        {"n": None, "logprobs": None, "top_logprobs": None, "stream_options": None, "modalities": None},
        {"modalities": ["text"], "reasoning_effort": None},
    ],
)
def test_nothing_is_asked_for(ask: Ask, body: dict[str, Any]) -> None:
    assert ask("serverless", **body).message["content"].startswith("Hello!")


def test_the_result_of_a_tool_is_answered(ask: Ask) -> None:
    messages = [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "62", "tool_call_id": "1"},
    ]
    asked = ask("serverless", messages=messages, tools=[TOOL])
    assert asked.message["content"] == "The tool `f` returned: 62"


Chat = Callable[..., httpx.Response]


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


def test_score_parameters_may_be_missing_and_content_in_parts(emulator: Emulator, client: httpx.Client) -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "repeat a"}, {"type": "text", "text": "b"}]}
    body = {"input_data": {"input_string": [message]}}
    reply = client.post(emulator.score_url, json=body, headers={"Authorization": f"Bearer {emulator.key}"})
    assert reply.json() == {"output": "a\nb"}
