"""Every row of the catalogue of failures: what it becomes, whether it is tried again, and how often it really was."""

import threading
from dataclasses import dataclass

import pytest

from chatbot.azureml import (
    AzureMLAPIError,
    AzureMLAuthenticationError,
    AzureMLConnectionError,
    AzureMLContentFilterError,
    AzureMLContextOverflowError,
    AzureMLError,
    AzureMLInvalidRequestError,
    AzureMLNotFoundError,
    AzureMLPermissionDeniedError,
    AzureMLRateLimitError,
    AzureMLResponseError,
    AzureMLTimeoutError,
)
from chatbot.azureml.transport import common
from tests.support.asking import CHAT, every_way, failure, model_of
from tests.support.wire import Reply, json_reply, sample_reply, text_reply

ONCE, TWICE, OFTEN = 1, 2, 3
"""Requests with the default of two retries: final; a time-out, repeated once; anything else that may pass."""


@dataclass(frozen=True)
class Row:
    """A failure of the catalogue, as it is on the wire, and what it means."""

    name: str
    reply: Reply
    cls: type[AzureMLError]
    status: int | None
    requests: int


def managed(text: str = "", *, reason: str = "", status: str = "") -> Reply:
    """A failure of the container, as a managed endpoint hands it on."""
    headers = {"ms_azureml_model_error_reason": reason, "ms_azureml_model_error_statuscode": status}
    return text_reply(text, 424, **{name: value for name, value in headers.items() if value})


EXTRA = {"detail": [{"type": "extra_forbidden", "loc": ["body", "user"], "msg": "Extra inputs are not permitted"}]}
PROBLEM = {"type": "about:blank", "title": "Unprocessable", "status": 422, "detail": "n must be 1"}
GATEWAY = {"statusCode": 429, "message": "Token limit is exceeded. Try again in 41 seconds."}
PAGE = "<html><head><title>Bad Gateway</title></head></html>"

ROWS = [
    Row(
        "400 filter, with results", sample_reply("content_filter_prompt_400_full"), AzureMLContentFilterError, 400, ONCE
    ),
    Row("400 filter, serverless", sample_reply("content_filter_prompt_400_maas"), AzureMLContentFilterError, 400, ONCE),
    Row("400 filter, flat", sample_reply("content_filter_prompt_400_flat"), AzureMLContentFilterError, 400, ONCE),
    Row("400 extra parameter", sample_reply("extra_params_400"), AzureMLInvalidRequestError, 400, ONCE),
    Row("400 bad option", sample_reply("extra_params_bad_option_400"), AzureMLInvalidRequestError, 400, ONCE),
    Row("400 unknown model", sample_reply("gateway_400_unknown_model"), AzureMLInvalidRequestError, 400, ONCE),
    Row("400 too long, OpenAI", sample_reply("aoai_context_length_400"), AzureMLContextOverflowError, 400, ONCE),
    Row("400 too long, vLLM", sample_reply("vllm_context_length_400"), AzureMLContextOverflowError, 400, ONCE),
    Row("401 serverless", sample_reply("maas_401_bad_key"), AzureMLAuthenticationError, 401, ONCE),
    Row("401 Azure OpenAI", sample_reply("aoai_401"), AzureMLAuthenticationError, 401, ONCE),
    Row("401 dedicated", sample_reply("score_401_key"), AzureMLAuthenticationError, 401, ONCE),
    Row("403", json_reply({"error": {"code": "PermissionDenied"}}, 403), AzureMLPermissionDeniedError, 403, ONCE),
    Row("404 no traffic", sample_reply("score_404_no_traffic"), AzureMLNotFoundError, 404, ONCE),
    Row("404 wrong modality", sample_reply("maas_404_wrong_modality"), AzureMLNotFoundError, 404, ONCE),
    Row("404 wrong path", json_reply({"error": {"code": "404"}}, 404), AzureMLNotFoundError, 404, ONCE),
    Row("405", text_reply("", 405), AzureMLInvalidRequestError, 405, ONCE),
    Row("408", sample_reply("score_408_timeout"), AzureMLTimeoutError, 408, TWICE),
    Row("409", text_reply("", 409), AzureMLAPIError, 409, OFTEN),
    Row(
        "413 too many tokens",
        json_reply({"error": {"code": "tokens_limit_reached"}}, 413),
        AzureMLContextOverflowError,
        413,
        ONCE,
    ),
    Row("413 too large", text_reply("Payload Too Large", 413), AzureMLInvalidRequestError, 413, ONCE),
    Row("415", text_reply("", 415), AzureMLInvalidRequestError, 415, ONCE),
    Row("422 extra parameter", json_reply(EXTRA, 422), AzureMLInvalidRequestError, 422, ONCE),
    Row("422 parameter", sample_reply("parameter_not_supported_422"), AzureMLInvalidRequestError, 422, ONCE),
    Row("422 problem", json_reply(PROBLEM, 422), AzureMLInvalidRequestError, 422, ONCE),
    Row("424 a refusal", sample_reply("score_424_bad_input"), AzureMLInvalidRequestError, 400, ONCE),
    Row("424 prompt flow", sample_reply("promptflow_424_not_acceptable"), AzureMLInvalidRequestError, 406, ONCE),
    Row("424 a crash", sample_reply("score_424_model_error"), AzureMLAPIError, 500, OFTEN),
    Row("424 real 408", managed(status="408"), AzureMLTimeoutError, 408, TWICE),
    Row("424 real 504", managed(status="504"), AzureMLTimeoutError, 504, TWICE),
    Row("424 real 429", managed(status="429"), AzureMLRateLimitError, 429, OFTEN),
    Row("424 real 503", managed(status="503"), AzureMLAPIError, 503, ONCE),
    Row("424 real 401", managed(status="401"), AzureMLAPIError, 401, ONCE),
    Row("424 unhealthy", managed("no healthy upstream"), AzureMLAPIError, 424, OFTEN),
    Row("424 not ready", managed(reason="model_not_ready"), AzureMLAPIError, 424, OFTEN),
    Row("424 too few", managed(reason="too_few_model_instance"), AzureMLAPIError, 424, OFTEN),
    Row("424 of which nothing is said", managed(), AzureMLAPIError, 424, ONCE),
    Row("429 full queue", sample_reply("score_429_too_many_pending"), AzureMLRateLimitError, 429, OFTEN),
    Row("429 in 43 seconds", sample_reply("aoai_429_tokens"), AzureMLRateLimitError, 429, ONCE),
    Row("429 in 41 seconds", json_reply(GATEWAY, 429), AzureMLRateLimitError, 429, ONCE),
    Row("431", text_reply("", 431), AzureMLInvalidRequestError, 431, ONCE),
    Row("500", text_reply("", 500), AzureMLAPIError, 500, OFTEN),
    Row("502", text_reply(PAGE, 502, "text/html"), AzureMLAPIError, 502, OFTEN),
    Row("503", text_reply(PAGE, 503, "text/html"), AzureMLAPIError, 503, OFTEN),
    Row("504", text_reply(PAGE, 504, "text/html"), AzureMLTimeoutError, 504, TWICE),
    Row("no reply", Reply(end="mute"), AzureMLConnectionError, None, OFTEN),
    Row("no reply in time", Reply(hold=threading.Event()), AzureMLTimeoutError, None, TWICE),
    *(
        Row(
            f"{status} elsewhere",
            text_reply("", status, Location="/v1/elsewhere"),
            AzureMLInvalidRequestError,
            status,
            ONCE,
        )
        for status in (301, 302, 303, 307, 308)
    ),
    *(
        Row(f"{status} without an answer", text_reply("", status), AzureMLResponseError, status, ONCE)
        for status in (202, 204)
    ),
]


@pytest.fixture(autouse=True)
def no_waits(monkeypatch):
    """How long to wait where the server names no time is another test's business."""
    for name in ("FIRST_WAIT", "TIMEOUT_WAIT"):
        monkeypatch.setattr(common, name, 0.0)


@every_way
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_a_row_becomes_its_error_after_so_many_requests(server, way, row):
    server.default = row.reply
    patience = 0.2 if row.name == "no reply in time" else 20.0
    error = await failure(way, model_of(server, timeout=patience), row.cls)

    assert error.status == row.status
    assert len(server.requests) == row.requests
    assert {request.path for request in server.requests} == {CHAT}
    assert len({request.body for request in server.requests}) == 1


@every_way
@pytest.mark.parametrize("row", [row for row in ROWS if row.requests > ONCE], ids=lambda row: row.name)
async def test_a_row_that_may_pass_is_not_tried_again_where_that_is_not_wanted(server, way, row):
    server.default = row.reply
    patience = 0.2 if row.name == "no reply in time" else 20.0
    await failure(way, model_of(server, timeout=patience, max_retries=0), row.cls)

    assert len(server.requests) == 1


@every_way
async def test_where_ten_retries_are_allowed_a_crash_is_not_tried_more_often_than_microsoft_does(server, way):
    server.default = text_reply("", 500)
    await failure(way, model_of(server, max_retries=10), AzureMLAPIError)

    assert len(server.requests) == 1 + common.MAX_FAILURE_RETRIES
