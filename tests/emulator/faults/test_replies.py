"""Every row of the catalogue of errors, as it was on the wire."""

import time
from email.utils import parsedate_to_datetime

import httpx
import pytest

from chatbot.emulator import Emulator
from chatbot.emulator.faults.catalogue import FAULTS
from tests.support.wire import sample

REPLIES = [name for name, fault in FAULTS.items() if fault.reply]
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
def test_a_value_is_said_where_it_belongs(failing, fault: str, header: str, value: str) -> None:
    assert failing(fault).headers[header] == value


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("rate-limit:2", "Please retry after 2 seconds."),
        ("rate-limit-text:5", "Please wait 5 seconds before retrying."),
        ("rate-limit-gateway:6", "Try again in 6 seconds."),
        ("unknown-model:gpt-9", "Unknown model: gpt-9"),
        ("extra-parameters:n", "Extra parameters ['n'] are not allowed"),
    ],
)
def test_a_value_is_said_in_words(failing, fault: str, said: str) -> None:
    assert said in failing(fault).text


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
