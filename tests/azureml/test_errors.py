"""What each unsuccessful reply becomes: the class, its facts, and the sentence a person reads."""

import copy
import json
import pickle
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core import exceptions as langchain

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
    AzureMLStreamError,
    AzureMLTimeoutError,
)
from chatbot.azureml.errors import MAX_WORDS, from_event, from_response, retry_after
from tests.support.wire import sample, sample_body

BASES = {
    AzureMLAPIError: langchain.ModelAPIError,
    AzureMLAuthenticationError: langchain.ModelAuthenticationError,
    AzureMLConnectionError: langchain.ModelConnectionError,
    AzureMLContentFilterError: langchain.ModelInvalidRequestError,
    AzureMLContextOverflowError: langchain.ContextOverflowError,
    AzureMLError: langchain.ModelError,
    AzureMLInvalidRequestError: langchain.ModelInvalidRequestError,
    AzureMLNotFoundError: langchain.ModelNotFoundError,
    AzureMLPermissionDeniedError: langchain.ModelPermissionDeniedError,
    AzureMLRateLimitError: langchain.ModelRateLimitError,
    AzureMLResponseError: langchain.ModelAPIError,
    AzureMLStreamError: langchain.ModelAPIError,
    AzureMLTimeoutError: langchain.ModelTimeoutError,
}

# sample, class, status that counts, code, worth another try
SAMPLES = [
    ("maas_401_bad_key", AzureMLAuthenticationError, 401, None, False),
    ("aoai_401", AzureMLAuthenticationError, 401, None, False),
    ("score_401_key", AzureMLAuthenticationError, 401, None, False),
    ("maas_404_wrong_modality", AzureMLNotFoundError, 404, None, False),
    ("score_404_no_traffic", AzureMLNotFoundError, 404, None, False),
    ("score_408_timeout", AzureMLTimeoutError, 408, None, True),
    ("content_filter_prompt_400_full", AzureMLContentFilterError, 400, "content_filter", False),
    ("content_filter_prompt_400_maas", AzureMLContentFilterError, 400, "content_filter", False),
    ("content_filter_prompt_400_flat", AzureMLContentFilterError, 400, "content_filter", False),
    ("extra_params_400", AzureMLInvalidRequestError, 400, None, False),
    ("extra_params_bad_option_400", AzureMLInvalidRequestError, 400, None, False),
    ("gateway_400_unknown_model", AzureMLInvalidRequestError, 400, "unknown_model", False),
    ("aoai_context_length_400", AzureMLContextOverflowError, 400, None, False),
    ("vllm_context_length_400", AzureMLContextOverflowError, 400, "400", False),
    ("parameter_not_supported_422", AzureMLInvalidRequestError, 422, "parameter_not_supported", False),
    ("score_424_bad_input", AzureMLInvalidRequestError, 400, None, False),
    ("score_424_model_error", AzureMLAPIError, 500, None, True),
    ("promptflow_424_not_acceptable", AzureMLInvalidRequestError, 406, "UserError", False),
    ("score_429_too_many_pending", AzureMLRateLimitError, 429, None, True),
    ("aoai_429_tokens", AzureMLRateLimitError, 429, "RateLimitReached", True),
]

FULL = b'{"error":{"code":"tokens_limit_reached","message":"Too big"}}'
EXTRA = b'{"detail":[{"type":"extra_forbidden","loc":["body","user"],"msg":"Extra"}]}'
GATEWAY = b'{"statusCode":429,"message":"Token limit is exceeded. Try again in 41 seconds."}'
REASON = "ms-azureml-model-error-reason"
REAL = "ms-azureml-model-error-statuscode"
HTML = b"<!DOCTYPE html>\n<html><head><title>502\n Bad Gateway</title></head><body>nginx</body></html>"

# Rows of the catalogue that nobody recorded: status, headers, body, class, status that counts, worth another try
UNSAMPLED = [
    (403, {}, b'{"error":{"code":"PermissionDenied","message":"No."}}', AzureMLPermissionDeniedError, 403, False),
    (404, {}, b'{"error":{"code":"404","message":"Resource not found"}}', AzureMLNotFoundError, 404, False),
    (405, {}, b"", AzureMLInvalidRequestError, 405, False),
    (409, {}, b"", AzureMLAPIError, 409, True),
    (413, {}, FULL, AzureMLContextOverflowError, 413, False),
    (413, {}, b"Payload Too Large", AzureMLInvalidRequestError, 413, False),
    (415, {}, b'{"message":"Expects Content-Type to be application/json"}', AzureMLInvalidRequestError, 415, False),
    (422, {}, EXTRA, AzureMLInvalidRequestError, 422, False),
    (424, {REASON: "model_not_ready"}, b"no healthy upstream", AzureMLAPIError, 424, True),
    (424, {}, b"no healthy upstream", AzureMLAPIError, 424, True),
    (424, {REASON: "too_few_model_instance"}, b"", AzureMLAPIError, 424, True),
    (424, {REASON: "too_many_pending_request"}, b"", AzureMLRateLimitError, 424, True),
    (424, {REAL: "429"}, b"", AzureMLRateLimitError, 429, True),
    (424, {REAL: "408"}, b"", AzureMLTimeoutError, 408, True),
    (424, {REAL: "504"}, b"", AzureMLTimeoutError, 504, True),
    (424, {REAL: "503"}, b"", AzureMLAPIError, 503, False),
    (424, {REAL: "401"}, b"", AzureMLAPIError, 401, False),
    (424, {REAL: "404"}, b"", AzureMLAPIError, 404, False),
    (424, {REAL: "nonsense"}, b"", AzureMLAPIError, 424, False),
    (429, {}, GATEWAY, AzureMLRateLimitError, 429, True),
    (431, {}, b"", AzureMLInvalidRequestError, 431, False),
    (500, {}, b"", AzureMLAPIError, 500, True),
    (502, {}, HTML, AzureMLAPIError, 502, True),
    (503, {}, HTML, AzureMLAPIError, 503, True),
    (504, {}, b"upstream request timeout", AzureMLTimeoutError, 504, True),
    (302, {"Location": "https://elsewhere.example/"}, b"", AzureMLInvalidRequestError, 302, False),
    (500, {}, b"This model's maximum context length is 4096 tokens.", AzureMLContextOverflowError, 500, False),
    (500, {}, b'{"error":{"code":"content_filter","message":"No."}}', AzureMLContentFilterError, 500, False),
]


def of(name: str, **more: str) -> AzureMLError:
    response = sample(name)["response"]
    return from_response(response["status"], {**response["headers"], **more}, sample_body(name))


@pytest.mark.parametrize(("name", "cls", "status", "code", "retryable"), SAMPLES, ids=[row[0] for row in SAMPLES])
def test_a_sample_becomes_its_error(name, cls, status, code, retryable):
    error = of(name)

    assert type(error) is cls
    assert isinstance(error, BASES[cls])
    assert (error.status, error.code, error.is_retryable) == (status, code, retryable)


@pytest.mark.parametrize(("status", "headers", "body", "cls", "real", "retryable"), UNSAMPLED)
def test_an_unsampled_row_of_the_catalogue_becomes_its_error(status, headers, body, cls, real, retryable):
    error = from_response(status, headers, body)

    assert type(error) is cls
    assert (error.status, error.is_retryable) == (real, retryable)


@pytest.mark.parametrize("cls", BASES)
def test_every_class_is_langchains_class_of_the_same_condition(cls):
    assert issubclass(cls, (AzureMLError, BASES[cls]))
    assert issubclass(cls, BASES[cls])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("maas_401_bad_key", "Auth token validation failed. Please provide a valid key or a valid AAD token"),
        ("score_401_key", "key_auth_access_denied"),
        ("maas_404_wrong_modality", "NOT FOUND"),
        ("score_404_no_traffic", "Specified traffic group could not be found"),
        ("gateway_400_unknown_model", "Unknown model: nope"),
        ("extra_params_400", "Extra parameters ['stream_options'] are not allowed when extra-parameters"),
        ("content_filter_prompt_400_flat", "The response was filtered"),
        ("parameter_not_supported_422", "One of the parameters contain invalid values"),
        ("parameter_not_supported_422", "body.response_format"),
        ("score_424_bad_input", "POST body should be a JSON dictionary."),
        ("vllm_context_length_400", "maximum context length is 4096 tokens"),
        ("promptflow_424_not_acceptable", "Media type text/html in Accept header is not acceptable"),
        ("aoai_429_tokens", "Please retry after 43 seconds."),
    ],
)
def test_the_servers_own_words_are_kept(name, words):
    assert words in str(of(name))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "the words"}}, "the words"),
        ({"error": {"code": "c", "detail": "the words"}}, "the words"),
        ({"error": "the words"}, "the words"),
        ({"error": "Unauthorized", "message": "the words", "status": 401}, "the words"),
        ({"statusCode": 400, "message": "the words"}, "the words"),
        ({"detail": "the words"}, "the words"),
        ({"detail": [{"loc": ["body", "user"], "msg": "the words"}]}, "body.user: the words"),
        ({"detail": [{"msg": "one"}, {"msg": "two"}]}, "one; two"),
        ({"detail": {"loc": ["body", 0, "n"], "msg": "the words"}}, "body.0.n: the words"),
        ({"detail": {"loc": ["body", "n"]}}, "body.n"),
        ({"object": "error", "message": "the words", "code": 400}, "the words"),
        ({"title": "the words", "status": 400}, "the words"),
        ({"title": "Bad Request", "detail": "the words"}, "the words"),
        ("the words", "the words"),
    ],
)
def test_the_words_are_found_in_every_shape(body, words):
    error = from_response(400, {}, json.dumps(body).encode())

    assert error.args == (f"The endpoint refused the request (HTTP 400): {words}.",)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"42", b'{"error":null}', b'{"message":[]}', b"  \n"])
def test_a_reply_without_words_is_still_a_sentence(body):
    assert from_response(400, {}, body).args == ("The endpoint refused the request (HTTP 400).",)


def test_a_refused_request_says_what_to_change():
    assert str(from_response(400, {}, b"")).endswith("change the message, or the model's parameters.")


def test_of_a_web_page_only_the_title_is_kept():
    error = from_response(502, {"Content-Type": "text/html"}, HTML)

    assert str(error).startswith("The endpoint failed (HTTP 502): 502 Bad Gateway. Try again")
    assert "<" not in str(error)


def test_a_web_page_without_a_title_says_nothing():
    error = from_response(503, {}, b"<html><body>sorry</body></html>")

    assert str(error).startswith("The endpoint failed (HTTP 503). Try again")


def test_long_words_are_cut():
    error = from_response(400, {}, b"x" * 5000)

    assert "x" * MAX_WORDS + "…" in str(error)
    assert "x" * (MAX_WORDS + 1) not in str(error)


def test_words_on_several_lines_become_one():
    assert "first second third." in str(from_response(400, {}, b"first\r\n  second\n\nthird"))


def test_bytes_that_are_no_text_do_not_hide_the_error():
    assert "(HTTP 400): \ufffd\ufffd oops." in str(from_response(400, {}, b"\xff\xfe oops"))


@pytest.mark.parametrize(
    ("name", "categories"),
    [
        ("content_filter_prompt_400_full", ("violence",)),
        ("content_filter_prompt_400_maas", ()),
        ("content_filter_prompt_400_flat", ()),
    ],
)
def test_the_content_filter_names_what_it_filtered(name, categories):
    error = of(name)

    assert isinstance(error, AzureMLContentFilterError)
    assert error.categories == categories
    assert "content filter blocked the message" in str(error)
    assert str(error).endswith("Rephrase the message and send it again.")


def test_the_other_spelling_of_the_filter_results_is_read_too():
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_results": {"hate": {"filtered": True}}}
    error = from_response(400, {}, json.dumps({"error": {"message": "No.", "innererror": inner}}).encode())

    assert isinstance(error, AzureMLContentFilterError)
    assert error.categories == ("hate",)


def test_a_container_that_is_not_ready_is_said_to_be_just_that():
    error = from_response(424, {REASON: "model_not_ready"}, b"no healthy upstream")

    assert error.reason == "model_not_ready"
    assert str(error).startswith("The model is not ready yet (HTTP 424): no healthy upstream. ")


def test_the_reason_of_a_full_queue_is_kept():
    assert of("score_429_too_many_pending").reason == "too_many_pending_request"


def test_a_redirect_says_that_and_why_it_is_not_followed():
    message = str(from_response(302, {"Location": "https://elsewhere.example/"}, b""))

    assert "pointed to another address, which is not followed because the key would go along (HTTP 302)" in message
    assert "AZUREML_ENDPOINT_URL" in message


@pytest.mark.parametrize(
    "header", ["x-request-id", "apim-request-id", "x-ms-request-id", "x-ms-client-request-id", "X-Request-ID"]
)
def test_the_request_id_is_kept_whatever_its_header(header):
    assert from_response(500, {header: "id-7"}, b"").request_id == "id-7"


def test_the_servers_own_request_id_comes_before_the_echo_of_ours():
    assert from_response(500, {"x-ms-client-request-id": "ours", "X-Request-ID": "theirs"}, b"").request_id == "theirs"


def test_the_code_comes_from_the_header_where_the_body_has_none():
    assert from_response(400, {"x-ms-error-code": "unknown_model"}, b"").code == "unknown_model"


@pytest.mark.parametrize(
    ("headers", "words", "seconds"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, "retry after 7 seconds", 1.5),
        ({"x-ms-retry-after-ms": "250"}, "", 0.25),
        ({"retry-after": "9"}, "retry after 7 seconds", 9),
        ({"retry-after": "0"}, "", 0),
        ({"retry-after": "0.5"}, "", 0.5),
        ({}, "Please retry after 43 seconds.", 43),
        ({}, "Please wait 23 seconds before retrying.", 23),
        ({}, "Token limit is exceeded. Try again in 41 seconds.", 41),
        ({}, "Try again in 1 second.", 1),
        ({}, "The answer is 42 seconds long.", None),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "-5"}, "", None),
        ({"retry-after": "nan"}, "", None),
        ({"retry-after-ms": "inf"}, "", None),
        ({"retry-after-ms": "nonsense", "retry-after": "3"}, "", 3),
        ({}, "", None),
    ],
)
def test_the_wait_is_what_the_server_asks_for(headers, words, seconds):
    assert retry_after(headers, words) == seconds


def test_the_wait_may_be_a_date():
    then = datetime.now(UTC) + timedelta(hours=2)

    assert retry_after({"retry-after": format_datetime(then, usegmt=True)}) == pytest.approx(7200, abs=60)


def test_a_date_in_the_past_is_no_wait():
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0


@pytest.mark.parametrize(
    ("status", "wait", "hint"),
    [
        (429, "43", "Try again in 43 seconds."),
        (503, "0.2", "Try again in 1 second."),
        (429, "0", "Wait a moment and try again."),
        (401, "43", "copy the key again from the endpoint's Consume page."),
    ],
)
def test_the_message_says_when_to_try_again_where_that_can_help(status, wait, hint):
    assert str(from_response(status, {"Retry-After": wait}, b"")).endswith(hint)


def test_when_to_try_again_is_not_said_twice():
    assert str(of("aoai_429_tokens")).endswith("current OpenAI S0 pricing tier. Please retry after 43 seconds.")
    assert str(from_response(429, {}, GATEWAY)).endswith("Token limit is exceeded. Try again in 41 seconds.")
    assert str(from_response(429, {}, GATEWAY)).count("Try again") == 1


def test_the_wait_is_part_of_the_error():
    assert of("aoai_429_tokens").retry_after == 43
    assert of("score_429_too_many_pending").retry_after is None


@pytest.mark.parametrize(
    "body",
    [
        b"Key SECRET-KEY-1 is not known",
        b'{"error":{"message":"Key SECRET-KEY-1 is not known"}}',
        b'{"detail":[{"loc":["header","SECRET-KEY-1"],"msg":"bad"}]}',
        b'{"error":{"message":"no","code":"SECRET-KEY-1"}}',
    ],
)
def test_an_echoed_key_is_blotted_out(body):
    error = from_response(401, {}, body, key="SECRET-KEY-1")

    assert "SECRET" not in f"{error} {error!r} {vars(error)}"
    assert "SECRET" not in pickle.dumps(error).decode("latin-1")


def test_a_key_is_blotted_out_before_the_words_are_cut():
    error = from_response(401, {}, b"x" * (MAX_WORDS - 6) + b"SECRET-KEY-1", key="SECRET-KEY-1")

    assert "SECRET" not in str(error)


@pytest.mark.parametrize("remade", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])
def test_an_error_survives_copying_unchanged(remade):
    error = from_response(429, {"retry-after": "3", "x-request-id": "7"}, b"slow down")
    error.partial = "so far"

    again = remade(error)

    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


EVERY_ERROR = [
    *(of(name) for name, *_ in SAMPLES),
    *(from_response(status, headers, body) for status, headers, body, *_ in UNSAMPLED),
    from_event({"error": {"message": "Engine died.", "code": 500}}, "so far"),
    from_event({"error": {}}, ""),
]


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: f"{type(error).__name__}-{error.status}")
def test_every_message_reads_as_sentences(error):
    message = str(error)

    assert re.match(r"(The|Nothing) ", message)
    assert message.endswith(".")
    assert not re.search(r"[.!?…:,;][.!?…:,;]|\s[.:,;]|\s\s|\n|None", message), message


@pytest.mark.parametrize(
    ("event", "words", "code"),
    [
        ({"error": {"message": "Engine died", "code": 500}}, "Engine died", "500"),
        ({"error": "Engine died"}, "Engine died", None),
        ({"object": "error", "message": "Engine died", "code": 40303}, "Engine died", "40303"),
    ],
)
def test_an_error_event_keeps_the_words_and_the_text_so_far(event, words, code):
    error = from_event(event, "so far")

    assert type(error) is AzureMLStreamError
    assert f"in the middle of its answer: {words}." in str(error)
    assert (error.code, error.partial, error.is_retryable) == (code, "so far", True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "detail", "code", "innererror", "loc", "msg", "title", "status"]),
            inner,
            max_size=4,
        )
        | st.dictionaries(st.sampled_from(["content_filter_result", "code"]), inner, max_size=2)
    ),
    max_leaves=12,
)
header_values = st.sampled_from(["", "0", "-1", "nan", "inf", "1e400", "404", "99999999999999999999", "x"])


@given(
    status=st.integers(201, 599),
    headers=st.dictionaries(st.sampled_from([REAL, REASON, "retry-after", "retry-after-ms"]), header_values),
    body=json_values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40),
)
def test_no_reply_however_odd_breaks_its_own_report(status, headers, body):
    error = from_response(status, headers, body, key="k3y")

    assert isinstance(error, AzureMLError)
    assert isinstance(error.status, int)
    assert error.retry_after is None or 0 <= error.retry_after < float("inf")
    assert len(str(error)) < MAX_WORDS + 400
