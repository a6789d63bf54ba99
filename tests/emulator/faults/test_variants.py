"""Every response of the file as it was on the wire, and complete answers that are unusual."""

import json
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from chatbot.emulator import Emulator
from chatbot.emulator.faults import FAULTS
from tests.support.wire import sample

REPLIES = [name for name, fault in FAULTS.items() if fault.make_response]
SAMPLES = {
    "content-filter": "content_filter_prompt_400_full",
    "content-filter-serverless": "content_filter_prompt_400_maas",
    "content-filter-flat": "content_filter_prompt_400_flat",
    "extra-parameters": "extra_params_400",
    "extra-parameters-option": "extra_params_bad_option_400",
    "unknown-model": "gateway_400_unknown_model",
    "context-length": "aoai_context_length_400",
    "context-length-vllm": "vllm_context_length_400",
    "unauthorized-managed": "score_401_key",
    "unauthorized-serverless": "maas_401_bad_key",
    "unauthorized-azure": "aoai_401",
    "no-traffic": "score_404_no_traffic",
    "not-found-serverless": "maas_404_wrong_modality",
    "request-timeout": "score_408_timeout",
    "parameter-not-supported": "parameter_not_supported_422",
    "model-error": "score_424_model_error",
    "bad-input": "score_424_bad_input",
    "prompt-flow-error": "promptflow_424_not_acceptable",
    "too-many-pending": "score_429_too_many_pending",
    "rate-limit": "aoai_429_tokens",
    "score-blocked": "score_content_safety_blocked",
    "score-text": "score_text_ok",
}
# Every request has ids of its own, and how long the body is follows from it.
OWN = {"x-request-id", "content-length"}


@pytest.fixture
def failing(emulator: Emulator, client: httpx.Client):
    def ask(fault: str) -> httpx.Response:
        return client.post(emulator.chat_url, json={}, headers={"x-emulator-fault": fault})

    return ask


@pytest.mark.parametrize(("fault", "name"), SAMPLES.items())
def test_a_fault_is_the_wire_s_own_reply(failing, fault: str, name: str) -> None:
    reply, expected = failing(fault), sample(name)["response"]
    assert reply.status_code == expected["status"]
    headers = {header.lower(): value for header, value in expected["headers"].items()}
    assert {header: reply.headers.get(header) for header in headers.keys() - OWN} == {
        header: headers[header] for header in headers.keys() - OWN
    }
    if "json" in expected:
        assert reply.json() == expected["json"]
    else:
        assert reply.text == expected["text"]


@pytest.mark.parametrize("fault", REPLIES)
def test_every_reply_has_what_its_line_says(failing, fault: str) -> None:
    reply = failing(fault)
    assert FAULTS[fault].about.startswith(f"{reply.status_code}: ")
    assert reply.headers["x-request-id"]
    assert "{" not in "".join(reply.headers.values())
    assert "{value}" not in reply.text
    if reply.headers["content-type"].endswith("json") and reply.content:
        reply.json()


def test_every_status_of_the_catalogue_is_there() -> None:
    statuses = {int(FAULTS[name].about[:3]) for name in REPLIES}
    assert statuses >= {400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 424, 429, 431, 500, 502, 503, 504, 302, 200}


@pytest.mark.parametrize(
    ("fault", "header", "value"),
    [
        ("rate-limit:2", "retry-after", "2"),
        ("rate-limit:0.05", "retry-after-ms", "50"),
        ("rate-limit-seconds:7", "retry-after", "7"),
        ("rate-limit-milliseconds:0.25", "retry-after-ms", "250"),
        ("rate-limit-x-milliseconds:1", "x-ms-retry-after-ms", "1000"),
        ("unavailable-seconds:3", "retry-after", "3"),
        ("redirect:http://127.0.0.1:9/x", "location", "http://127.0.0.1:9/x"),
        ("unknown-model:gpt-9", "x-ms-error-code", "unknown_model"),
    ],
)
def test_a_value_is_sent_where_it_belongs(failing, fault: str, header: str, value: str) -> None:
    assert failing(fault).headers[header] == value


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("rate-limit:2", "Please retry after 2 seconds."),
        ("rate-limit-text:5", "Please wait 5 seconds before retrying."),
        ("rate-limit-gateway:6", "Try again in 6 seconds."),
        ("unknown-model:gpt-9", "Unknown model: gpt-9"),
        ("extra-parameters:n", "Extra parameters ['n'] are not allowed"),
    ],
)
def test_a_value_is_written_in_words(failing, fault: str, text: str) -> None:
    assert text in failing(fault).text


def test_the_time_to_wait_may_be_a_date(failing) -> None:
    reply = failing("rate-limit-date:3600")
    until = parsedate_to_datetime(reply.headers["retry-after"]).timestamp()
    assert 3500 < until - time.time() < 3700


def test_the_time_to_wait_is_in_one_place_only(failing) -> None:
    waits = {"retry-after", "retry-after-ms", "x-ms-retry-after-ms"}
    for fault in ("rate-limit-seconds", "rate-limit-milliseconds", "rate-limit-x-milliseconds", "rate-limit-date"):
        assert len(waits & failing(fault).headers.keys()) == 1
    for fault in ("rate-limit-text", "rate-limit-gateway", "too-many-pending", "unavailable"):
        assert not waits & failing(fault).headers.keys()


Ask = Callable[..., Any]
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"properties": {}}}}
PROFILES = ["serverless", "dedicated", "azure-openai"]


@pytest.fixture
def variant(ask: Ask) -> Ask:
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
def test_where_the_usage_is(variant: Ask, profile: str, fault: str, with_choices: int, alone: int) -> None:
    events = [event for event in variant(profile, fault, stream=True).events if event.get("usage")]
    assert sum(bool(event["choices"]) for event in events) == with_choices
    assert sum(not event["choices"] for event in events) == alone
    assert ("usage" in variant(profile, fault).body) == (fault != "usage-never")


@pytest.mark.parametrize("profile", PROFILES)
def test_reasoning_in_tags(variant: Ask, profile: str) -> None:
    whole = variant(profile, "think-tags")
    assert whole.message["content"].startswith("<think>\nThe user says:")
    assert whole.message["content"].endswith("\n</think>\n\none two")
    assert "reasoning_content" not in whole.message
    assert whole.body["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0
    stream = variant(profile, "think-tags", stream=True)
    assert "".join(choice["delta"].get("content") or "" for choice in stream.choices) == whole.message["content"]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_whole_reply_where_a_stream_was_asked_for(variant: Ask, profile: str) -> None:
    asked = variant(profile, "whole-json", stream=True)
    assert asked.reply.headers["content-type"] == "application/json"
    assert asked.message["content"] == "one two"


@pytest.mark.parametrize("profile", PROFILES)
def test_an_answer_that_the_filter_stops(variant: Ask, profile: str) -> None:
    whole = variant(profile, "filtered-completion").body["choices"][0]
    assert (whole["finish_reason"], whole["message"]["content"]) == ("content_filter", "")
    assert whole["content_filter_results"]["violence"] == {"filtered": True, "severity": "medium"}
    stream = variant(profile, "filtered-completion", stream=True)
    *_, text, end = stream.choices
    assert text["delta"]["content"] == "one"
    assert ("delta" in end, end["finish_reason"]) == (False, "content_filter")
    assert end["content_filter_results"]["violence"]["filtered"] is True
    assert stream.events[-1]["id"] == ""


@pytest.mark.parametrize("profile", PROFILES)
def test_a_reason_that_nobody_knows(variant: Ask, profile: str) -> None:
    assert variant(profile, "unknown-finish-reason").body["choices"][0]["finish_reason"] == "eos_token"
    assert variant(profile, "unknown-finish-reason", stream=True).choices[-1]["finish_reason"] == "eos_token"


@pytest.mark.parametrize("profile", PROFILES)
def test_arguments_that_are_not_json(variant: Ask, profile: str) -> None:
    call = variant(profile, "broken-arguments", "get_weather", tools=[WEATHER]).message["tool_calls"][0]
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
def test_a_content_type_that_is_not_the_body_s(variant: Ask, fault: str, stream: bool, content_type: str) -> None:
    reply = variant("serverless", fault, stream=stream).reply
    assert reply.headers["content-type"] == content_type
    assert reply.text.startswith("data: {" if stream else "{")


def test_faults_go_together(variant: Ask) -> None:
    asked = variant("serverless", "usage-never, think-tags, crlf", stream=True)
    assert "usage" not in asked.reply.text
    assert "<think>" in asked.reply.text
    assert asked.reply.text.endswith("data: [DONE]\r\n\r\n")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("stream", [False, True])
def test_a_reasoning_model_refuses_one_parameter_at_a_time(variant: Ask, profile: str, stream: bool) -> None:
    body: dict[str, Any] = {"max_tokens": 9, "temperature": 0.7, "top_p": 0.5}
    refused = []
    while (asked := variant(profile, "reasoning-model", stream=stream, **body)).reply.status_code != 200:
        error = asked.body["error"]
        refused.append((error["param"], error["code"]))
        assert error["param"] in error["message"]
        del body[error["param"]]
    assert refused == [
        ("max_tokens", "unsupported_parameter"),
        ("temperature", "unsupported_value"),
        ("top_p", "unsupported_parameter"),
    ]
    again = variant(profile, "reasoning-model", max_completion_tokens=9, temperature=1)
    assert again.reply.status_code == 200
