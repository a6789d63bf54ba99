"""How each service writes the same answer, compared with what was recorded of it."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from chatbot.emulator import Emulator
from tests.support.wire import sample

Ask = Callable[..., Any]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "d", "parameters": CITY}}
QUESTION = "What is the weather in Paris?"
FORCED = {"type": "function", "function": {"name": "get_weather"}}
DEDICATED_V1 = ("dedicated", "/v1/chat/completions")


def shape(value: Any) -> Any:
    """The names and types in a value; texts, numbers and what is listed do not matter."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in sorted(value.items())}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    return type(value).__name__


def recorded(name: str) -> Any:
    response = sample(name)["response"]
    if "sse" not in response:
        return response["json"]
    return [json.loads(piece.removeprefix("data: ")) for piece in response["sse"][:-1]]


def shapes(events: list[Any]) -> list[Any]:
    """The shapes of events in their order, each once."""
    found: list[Any] = []
    for event in map(shape, events):
        if event not in found:
            found.append(event)
    return found


@pytest.mark.parametrize(
    ("profile", "name", "body"),
    [
        ("serverless", "maas_chat_ok", {}),
        ("serverless", "maas_tool_call_ok", {"text": QUESTION, "tools": [WEATHER]}),
        ("azure-openai", "aoai_chat_json_schema_ok", {}),
    ],
)
def test_a_reply_has_the_recorded_shape(ask: Ask, profile: str, name: str, body: dict[str, Any]) -> None:
    assert shape(ask(profile, **body).body) == shape(recorded(name))


@pytest.mark.parametrize(
    ("profile", "name"), [("serverless", "maas_chat_ok"), ("azure-openai", "aoai_chat_json_schema_ok")]
)
def test_a_reply_has_the_recorded_headers(ask: Ask, profile: str, name: str) -> None:
    # These come from the machinery around the model, of which there is none here.
    around = ("request-context", "cmp-", "ms-azureml-model-time", "x-accel", "x-aml", "x-envoy", "strict-", "x-content")
    expected = {header.lower() for header in sample(name)["response"]["headers"]} - {"x-ms-client-request-id"}
    wanted = {header for header in expected if not header.startswith(around)}
    assert wanted <= set(ask(profile).reply.headers)


@pytest.mark.parametrize("profile", ["serverless", "dedicated", "foundry", "azure-openai"])
def test_tool_calls_end_with_their_own_reason_unless_forced_on_azure(ask: Ask, profile: str) -> None:
    asked = ask(profile, QUESTION, tools=[WEATHER])
    assert asked.calls == [("get_weather", {"city": "Paris"})]
    assert asked.body["choices"][0]["finish_reason"] == "tool_calls"
    forced = ask(profile, QUESTION, tools=[WEATHER], tool_choice=FORCED)
    ends_with = "stop" if profile in {"foundry", "azure-openai"} else "tool_calls"
    assert forced.body["choices"][0]["finish_reason"] == ends_with
    assert forced.calls == asked.calls


def test_the_content_beside_tool_calls(ask: Ask) -> None:
    contents = {
        profile: ask(profile, QUESTION, tools=[WEATHER]).message["content"]
        for profile in ("serverless", "dedicated", "foundry", "azure-openai")
    }
    assert contents == {"serverless": "", "dedicated": None, "foundry": None, "azure-openai": None}


def test_a_serverless_stream_has_the_recorded_shape(ask: Ask) -> None:
    assert shapes(ask("serverless", stream=True).events) == shapes(recorded("maas_stream_ok"))


def test_a_serverless_stream_has_its_tool_calls_in_the_last_chunk(ask: Ask) -> None:
    asked = ask("serverless", QUESTION, tools=[WEATHER], stream=True)
    assert [shape(event) for event in asked.events] == [
        shape(event) for event in recorded("maas_tool_call_stream_no_index")
    ]
    last = asked.events[-1]["choices"][0]
    assert last["finish_reason"] == "tool_calls"
    assert json.loads(last["delta"]["tool_calls"][0]["function"]["arguments"]) == {"city": "Paris"}


@pytest.mark.parametrize("profile", ["azure-openai", "foundry"])
def test_an_azure_stream_has_the_recorded_shape(ask: Ask, profile: str) -> None:
    found = shapes(ask(profile, stream=True).events)
    expected = shapes(recorded("aoai_stream_ok"))
    # In other recordings the first chunk also says that nothing was refused.
    expected[1]["choices"][0]["delta"]["refusal"] = "NoneType"
    assert found == expected


def test_azure_tool_calls_come_in_fragments_by_index(ask: Ask) -> None:
    rome = "Use get_weather in Rome, then get_time in Oslo"
    time = {"type": "function", "function": {"name": "get_time", "parameters": CITY}}
    asked = ask("azure-openai", rome, tools=[WEATHER, time], stream=True)
    fragments = [call for choice in asked.choices for call in choice["delta"].get("tool_calls", ())]
    openings = [call for call in fragments if "id" in call]
    assert [(call["index"], call["type"], call["function"]["name"]) for call in openings] == [
        (0, "function", "get_weather"),
        (1, "function", "get_time"),
    ]
    assert len({call["id"] for call in openings}) == 2
    arguments = ["", ""]
    for call in fragments:
        arguments[call["index"]] += call["function"]["arguments"]
    assert [json.loads(text) for text in arguments] == [{"city": "Rome"}, {"city": "Oslo"}]
    assert asked.choices[-1]["finish_reason"] == "tool_calls"
    assert len(fragments) > 6


def test_a_forced_azure_call_is_streamed_as_recorded(ask: Ask) -> None:
    asked = ask("azure-openai", QUESTION, tools=[WEATHER], tool_choice=FORCED, stream=True)
    expected = recorded("aoai_tool_call_stream_fragments")
    assert shapes(asked.events) == shapes(expected)
    assert asked.choices[-1]["finish_reason"] == expected[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("profile", ["azure-openai", "foundry", "dedicated"])
def test_usage_comes_in_a_chunk_of_its_own_when_asked_for(ask: Ask, profile: str) -> None:
    extra = {"extra-parameters": "pass-through"}
    silent = ask(profile, stream=True).events
    events = ask(profile, stream=True, stream_options={"include_usage": True}, headers=extra).events
    assert not any("usage" in event for event in silent)
    assert events[-1]["choices"] == []
    assert events[-1]["usage"]["completion_tokens"] > 0
    first = 1 if profile != "dedicated" else 0  # behind the filter's event
    assert {event["usage"] for event in events[first:-1]} == {None}


def test_a_container_writes_what_vllm_does(ask: Ask) -> None:
    asked = ask("dedicated", stream=True)
    assert not any("content_filter_results" in choice for choice in asked.choices)
    assert asked.choices[0]["delta"] == {"content": "", "role": "assistant"}
    assert "content_filter_results" not in ask("dedicated").body["choices"][0]


EVERYWHERE = [
    ("serverless", "/v1/chat/completions"),
    DEDICATED_V1,
    ("foundry", "/openai/v1/chat/completions"),
    ("azure-openai", "/openai/v1/chat/completions"),
]


@pytest.mark.parametrize(("profile", "path"), EVERYWHERE)
def test_several_choices(ask: Ask, profile: str, path: str) -> None:
    whole = ask(profile, "repeat one two", path=path, n=3)
    assert [choice["index"] for choice in whole.body["choices"]] == [0, 1, 2]
    assert {choice["message"]["content"] for choice in whole.body["choices"]} == {"one two"}
    assert whole.body["usage"]["completion_tokens"] == 6
    stream = ask(profile, "repeat one two", path=path, n=3, stream=True)
    for index in range(3):
        mine = [choice for choice in stream.choices if choice["index"] == index]
        assert "".join(choice["delta"].get("content") or "" for choice in mine) == "one two"
        assert mine[-1]["finish_reason"] == "stop"


@pytest.mark.parametrize(("profile", "path"), EVERYWHERE)
def test_probabilities(ask: Ask, profile: str, path: str) -> None:
    assert not ask(profile, path=path).body["choices"][0].get("logprobs")
    choice = ask(profile, "repeat Hé", path=path, logprobs=True, top_logprobs=2).body["choices"][0]
    sure = {"token": "Hé", "logprob": 0.0, "bytes": [72, 195, 169]}
    assert choice["logprobs"]["content"] == [{**sure, "top_logprobs": [sure]}]
    stream = ask(profile, "repeat Hé", path=path, logprobs=True, stream=True)
    assert [choice["logprobs"]["content"][0]["token"] for choice in stream.choices if choice["logprobs"]] == ["Hé"]


@pytest.mark.parametrize(("profile", "path"), EVERYWHERE)
@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_limits(ask: Ask, profile: str, path: str, name: str) -> None:
    choice = ask(profile, "repeat one two three", path=path, **{name: 2}).body["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("one two", "length")


@pytest.mark.parametrize(("profile", "path"), EVERYWHERE)
def test_reasoning_is_a_field_beside_the_content(ask: Ask, profile: str, path: str) -> None:
    whole = ask(profile, "hello", path=path, reasoning_effort="low")
    assert whole.message["reasoning_content"].startswith("The user says: “hello”")
    assert whole.message["content"] == ask(profile, "hello", path=path).message["content"]
    details = whole.body["usage"]["completion_tokens_details"]
    assert 0 < details["reasoning_tokens"] < whole.body["usage"]["completion_tokens"]
    stream = ask(profile, "hello", path=path, reasoning_effort="low", stream=True)
    thought = "".join(choice["delta"].get("reasoning_content", "") for choice in stream.choices)
    assert thought == whole.message["reasoning_content"]
    assert "reasoning_content" not in ask(profile, path=path, reasoning_effort="none").message


@pytest.mark.parametrize(("profile", "path"), EVERYWHERE)
def test_speech(ask: Ask, profile: str, path: str) -> None:
    speech = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
    whole = ask(profile, "repeat one two", path=path, **speech)
    assert (whole.message["content"], whole.message["audio"]["transcript"]) == (None, "one two")
    assert whole.body["usage"]["completion_tokens_details"]["audio_tokens"] == 2
    stream = ask(profile, "repeat one two", path=path, stream=True, **speech)
    audio = [choice["delta"]["audio"] for choice in stream.choices if "audio" in choice["delta"]]
    assert "".join(part.get("transcript", "") for part in audio) == "one two"
    assert len({part["id"] for part in audio}) == 1
    assert audio[-1]["data"].startswith("UklGR")  # "RIFF", a WAV file


def test_what_would_be_in_the_cache_is_counted(ask: Ask) -> None:
    question = {"role": "user", "content": "hello"}
    first = ask("azure-openai", messages=[{"role": "user", "content": "word " * 1500}])
    second = ask("azure-openai", messages=[{"role": "user", "content": "word " * 1500}, question])
    short = ask("azure-openai")
    assert first.body["usage"]["prompt_tokens_details"] == {
        "audio_tokens": 0,
        "cached_tokens": 0,
        "cache_write_tokens": 1408,
    }
    assert second.body["usage"]["prompt_tokens_details"]["cached_tokens"] == 1408
    assert short.body["usage"]["prompt_tokens_details"] == {"audio_tokens": 0, "cached_tokens": 0}


def test_sound_is_counted(ask: Ask) -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA" * 1000, "format": "wav"}}
    usage = ask("serverless", messages=[{"role": "user", "content": [sound]}]).body["usage"]
    assert usage["prompt_tokens_details"]["audio_tokens"] == usage["prompt_tokens"] == 4


Chat = Callable[..., httpx.Response]


def test_a_serverless_reply_in_full(chat: Chat) -> None:
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


@pytest.mark.parametrize("stream", [b"true", b"false"])
def test_half_a_character_does_not_break_the_reply(emulator: Emulator, client: httpx.Client, stream: bytes) -> None:
    content = b'{"messages":[{"role":"user","content":"repeat a\\ud83db"}],"stream":%b}' % stream
    reply = client.post(emulator.chat_url, content=content, headers={"Authorization": emulator.key})
    assert reply.status_code == 200
    assert '"content":"a' in reply.content.decode("utf-8", errors="strict")
