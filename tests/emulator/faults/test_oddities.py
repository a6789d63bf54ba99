"""Complete replies that are unusual."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Ask = Callable[..., Any]

WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"properties": {}}}}
PROFILES = ["serverless", "dedicated", "azure-openai"]


@pytest.fixture
def odd(ask: Ask) -> Ask:
    def ask_one(profile: str, fault: str, text: str = "repeat one two", **body: Any) -> Any:
        return ask(profile, text, headers={"x-emulator-fault": fault}, **body)

    return ask_one


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    ("fault", "with_choices", "alone"),
    [
        ("usage-never", 0, 0),
        ("usage-with-finish", 1, 0),
        ("usage-own-chunk", 0, 1),
        ("usage-twice", 1, 1),
        ("usage-every-chunk", 4, 0),
    ],
)
def test_where_the_usage_is(odd: Ask, profile: str, fault: str, with_choices: int, alone: int) -> None:
    events = [event for event in odd(profile, fault, stream=True).events if event.get("usage")]
    assert sum(bool(event["choices"]) for event in events) == with_choices
    assert sum(not event["choices"] for event in events) == alone
    assert ("usage" in odd(profile, fault).body) == (fault != "usage-never")


@pytest.mark.parametrize("profile", PROFILES)
def test_thoughts_in_tags(odd: Ask, profile: str) -> None:
    whole = odd(profile, "think-tags")
    assert whole.message["content"].startswith("<think>\nThe user says:")
    assert whole.message["content"].endswith("\n</think>\n\none two")
    assert "reasoning_content" not in whole.message
    assert whole.body["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0
    stream = odd(profile, "think-tags", stream=True)
    assert "".join(choice["delta"].get("content") or "" for choice in stream.choices) == whole.message["content"]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_whole_reply_to_a_wish_for_a_stream(odd: Ask, profile: str) -> None:
    asked = odd(profile, "whole-json", stream=True)
    assert asked.reply.headers["content-type"] == "application/json"
    assert asked.message["content"] == "one two"


@pytest.mark.parametrize("profile", PROFILES)
def test_an_answer_that_the_filter_stops(odd: Ask, profile: str) -> None:
    whole = odd(profile, "filtered-completion").body["choices"][0]
    assert (whole["finish_reason"], whole["message"]["content"]) == ("content_filter", "")
    assert whole["content_filter_results"]["violence"] == {"filtered": True, "severity": "medium"}
    stream = odd(profile, "filtered-completion", stream=True)
    *_, text, end = stream.choices
    assert text["delta"]["content"] == "one"
    assert ("delta" in end, end["finish_reason"]) == (False, "content_filter")
    assert end["content_filter_results"]["violence"]["filtered"] is True
    assert stream.events[-1]["id"] == ""


@pytest.mark.parametrize("profile", PROFILES)
def test_a_reason_that_nobody_knows(odd: Ask, profile: str) -> None:
    assert odd(profile, "unknown-finish-reason").body["choices"][0]["finish_reason"] == "eos_token"
    assert odd(profile, "unknown-finish-reason", stream=True).choices[-1]["finish_reason"] == "eos_token"


@pytest.mark.parametrize("profile", PROFILES)
def test_arguments_that_are_not_json(odd: Ask, profile: str) -> None:
    call = odd(profile, "broken-arguments", "get_weather", tools=[WEATHER]).message["tool_calls"][0]
    with pytest.raises(ValueError):
        json.loads(call["function"]["arguments"])


@pytest.mark.parametrize(
    ("fault", "stream", "content_type"),
    [
        ("wrong-content-type", True, "text/plain"),
        ("wrong-content-type", False, "text/plain"),
        ("wrong-content-type:text/html", True, "text/html"),
    ],
)
def test_a_content_type_that_is_not_the_body_s(odd: Ask, fault: str, stream: bool, content_type: str) -> None:
    reply = odd("serverless", fault, stream=stream).reply
    assert reply.headers["content-type"] == content_type
    assert reply.text.startswith("data: {" if stream else "{")


def test_faults_go_together(odd: Ask) -> None:
    asked = odd("serverless", "usage-never, think-tags, crlf", stream=True)
    assert "usage" not in asked.reply.text
    assert "<think>" in asked.reply.text
    assert asked.reply.text.endswith("data: [DONE]\r\n\r\n")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("stream", [False, True])
def test_a_reasoning_model_refuses_one_parameter_at_a_time(odd: Ask, profile: str, stream: bool) -> None:
    body: dict[str, Any] = {"max_tokens": 9, "temperature": 0.7, "top_p": 0.5}
    refused = []
    while (asked := odd(profile, "reasoning-model", stream=stream, **body)).reply.status_code != 200:
        error = asked.body["error"]
        refused.append((error["param"], error["code"]))
        assert error["param"] in error["message"]
        del body[error["param"]]
    assert refused == [
        ("max_tokens", "unsupported_parameter"),
        ("temperature", "unsupported_value"),
        ("top_p", "unsupported_parameter"),
    ]
    again = odd(profile, "reasoning-model", max_completion_tokens=9, temperature=1)
    assert again.reply.status_code == 200
