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
from chatbot.azureml.error_body import MAX_NAME
from chatbot.azureml.errors import MAX_WAIT, MAX_WORDS, from_body, from_event, from_response, retry_after
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
    ("vllm_context_length_400", AzureMLContextOverflowError, 400, "BadRequestError", False),
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
    (429, {}, b'{"message":"Too many tokens, please wait before trying again."}', AzureMLRateLimitError, 429, True),
    (431, {}, b"", AzureMLInvalidRequestError, 431, False),
    (500, {}, b"", AzureMLAPIError, 500, True),
    (502, {}, HTML, AzureMLAPIError, 502, True),
    (503, {}, HTML, AzureMLAPIError, 503, True),
    (504, {}, b"upstream request timeout", AzureMLTimeoutError, 504, True),
    (302, {"Location": "https://elsewhere.example/"}, b"", AzureMLInvalidRequestError, 302, False),
    (407, {}, b"", AzureMLConnectionError, 407, False),
    (204, {}, b"", AzureMLResponseError, 204, False),
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


@pytest.mark.parametrize(
    ("status", "headers", "body", "lengths"),
    [
        (
            400,
            {},
            {
                "error": {
                    "code": "context_length_exceeded",
                    "param": "messages",
                    "message": "This model's maximum context "
                    "length is 4096 tokens. However, your messages resulted in 5000 tokens.",
                }
            },
            (4096, None, 5000),
        ),
        (
            424,
            {REAL: "422"},
            {
                "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: "
                "3900 `inputs` "
                "tokens and 1000 `max_new_tokens`",
                "error_type": "validation",
            },
            (4096, 4900, 3900),
        ),
        (
            400,
            {},
            {
                "error": {
                    "code": 400,
                    "type": "exceed_context_size_error",
                    "message": "the request exceeds the available context size",
                    "n_prompt_tokens": 5000,
                    "n_ctx": 4096,
                }
            },
            (4096, None, 5000),
        ),
        (400, {}, {"error": {"code": "context_length_exceeded", "message": "Too long."}}, (None, None, None)),
    ],
)
def test_an_overflow_names_how_large_the_context_is(status, headers, body, lengths):
    error = from_response(status, headers, json.dumps(body).encode())

    assert isinstance(error, AzureMLContextOverflowError)
    assert (error.context_size, error.requested_tokens, error.prompt_tokens) == lengths
    assert str(error).endswith("Send a shorter message, or remember fewer turns.")


def test_an_overflow_by_the_answer_alone_says_what_helps():
    error = of("aoai_context_length_400")

    assert isinstance(error, AzureMLContextOverflowError)
    assert (error.context_size, error.requested_tokens, error.prompt_tokens) == (16385, 9000027, 27)
    assert str(error).endswith("Ask for a shorter answer: lower max_tokens.")


@pytest.mark.parametrize(
    "words",
    [
        "max_tokens is too large: 100000. This model supports at most 16384 completion tokens, whereas you gave "
        "100000.",
        "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens for claude",
        "Input validation error: `max_new_tokens` must be <= 512. Given: 1000",
    ],
)
def test_a_limit_of_answers_alone_is_no_overflow(words):
    error = from_response(400, {}, json.dumps({"error": {"message": words}}).encode())

    assert type(error) is AzureMLInvalidRequestError
    assert (error.param, error.refused_parameters) == ("max_tokens", ())
    assert str(error).endswith("Ask for a shorter answer: lower max_tokens.")


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


FILTERED = {"violence": {"filtered": True, "severity": "high"}, "hate": {"filtered": False, "severity": "safe"}}
BLOCKED = {"code": "content_filter", "message": "No."}

FILTER_SHAPES = {
    "innererror": {"error": {**BLOCKED, "innererror": {"content_filter_result": FILTERED}}},
    "its other spelling": {"error": {**BLOCKED, "innererror": {"content_filter_results": FILTERED}}},
    "inner_error": {"error": {**BLOCKED, "inner_error": {"content_filter_results": FILTERED}}},
    "code in innererror only": {
        "error": {
            "message": "No.",
            "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": FILTERED},
        }
    },
    "in the error": {"error": {**BLOCKED, "content_filter_result": FILTERED}},
    "flat": {**BLOCKED, "status": 400, "content_filter_results": FILTERED},
    "details, an object": {"error": {**BLOCKED, "details": {"content_filter_results": FILTERED}}},
    "details, a list": {"error": {**BLOCKED, "details": [{"code": "x"}, {"content_filter_results": FILTERED}]}},
    "by prompt": {
        "error": BLOCKED,
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": FILTERED}],
    },
}


@pytest.mark.parametrize("shape", FILTER_SHAPES)
@pytest.mark.parametrize(("status", "headers"), [(400, {}), (424, {REAL: "400"})], ids=["400", "424"])
def test_the_filters_results_are_found_in_every_shape(shape, status, headers):
    error = from_response(status, headers, json.dumps(FILTER_SHAPES[shape]).encode())

    assert isinstance(error, AzureMLContentFilterError)
    assert error.categories == ("violence",)
    assert error.filter_results == FILTERED
    assert str(error).startswith("The endpoint's content filter blocked the message for violence (HTTP 400): No.")


def test_all_that_the_filter_blocked_is_named_as_a_person_would():
    results = {
        "self_harm": {"filtered": True, "severity": "medium"},
        "jailbreak": {"filtered": True, "detected": True},
        "custom_blocklists": [{"id": "a", "filtered": False}, {"id": "b", "filtered": True}],
        "profanity": {"filtered": False, "detected": True},
        "odd": 7,
    }
    error = from_response(400, {}, json.dumps({"error": {**BLOCKED, "content_filter_result": results}}).encode())

    assert isinstance(error, AzureMLContentFilterError)
    assert error.categories == ("self_harm", "jailbreak", "custom_blocklists")
    assert error.filter_results["self_harm"] == {"filtered": True, "severity": "medium"}
    assert "blocked the message for self harm, jailbreak, custom blocklists (HTTP 400)" in str(error)


def test_results_of_a_filter_that_blocked_nothing_make_no_filter_error():
    content = {"error": {"message": "Too long"}, "prompt_filter_results": [{"content_filter_results": FILTERED}]}

    assert type(from_response(400, {}, json.dumps(content).encode())) is AzureMLInvalidRequestError


EXTRA_WORDS = "Extra parameters {} are not allowed when extra-parameters is not set or set to be 'error'."


def forbidden(*loc):
    return {"type": "extra_forbidden", "loc": list(loc), "msg": "Extra inputs are not permitted"}


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"detail": EXTRA_WORDS.format("['a']")}, ("a",)),
        ({"detail": EXTRA_WORDS.format("['stream_options', 'user', 'a']")}, ("stream_options", "user", "a")),
        ({"error": {"message": EXTRA_WORDS.format('["a", "b"]')}}, ("a", "b")),
        ({"message": EXTRA_WORDS.format("['a', 'a']")}, ("a",)),
        ({"detail": [forbidden("body", "user")]}, ("user",)),
        ({"detail": [forbidden("body", "user"), forbidden("body", "seed")]}, ("user", "seed")),
        ({"detail": [{"type": "missing", "loc": ["body", "user"]}, forbidden("body", "seed")]}, ("seed",)),
        (
            {"code": "parameter_not_supported", "detail": {"loc": ["body", "response_format"]}, "message": "m"},
            ("response_format",),
        ),
        ({"error": {"code": "unsupported_parameter", "param": "logprobs", "message": "m"}}, ("logprobs",)),
        ({"error": {"code": "unknown_parameter", "param": "foo", "message": "m"}}, ("foo",)),
        # What is inside a parameter cannot be left out by leaving out the parameter.
        ({"detail": [forbidden("body", "messages", 0, "name")]}, ()),
        ({"detail": [forbidden("body", "response_format", "schema")]}, ()),
        ({"detail": [forbidden("query", "user")]}, ()),
        ({"detail": [forbidden("body", 0)]}, ()),
        ({"error": {"code": "unknown_parameter", "param": "messages[0].name", "message": "m"}}, ()),
        # What is refused for its value is not refused as such.
        ({"error": {"code": "invalid_value", "param": "temperature", "message": "m"}}, ()),
        ({"detail": [{"type": "less_than_equal", "loc": ["body", "temperature"], "msg": "m"}]}, ()),
        # Without these there is no request.
        ({"detail": EXTRA_WORDS.format("['messages', 'input_data']")}, ()),
        ({"detail": EXTRA_WORDS.format("[]")}, ()),
        ({"detail": EXTRA_WORDS.format("['a b', '../x', '" + "y" * 65 + "']")}, ()),
        ({"detail": "Unexpected EXTRA_PARAMETERS option ignore, expected options are ['error', 'drop']"}, ()),
        ({"detail": [7, None, {"type": "extra_forbidden"}, {"type": "extra_forbidden", "loc": "user"}]}, ()),
        ({"detail": {"loc": ["body"]}, "code": "parameter_not_supported"}, ()),
    ],
)
@pytest.mark.parametrize(
    ("status", "headers"),
    [(400, {}), (422, {}), (424, {REAL: "400"}), (424, {REAL: "422"})],
    ids=["400", "422", "424 real 400", "424 real 422"],
)
def test_the_parameters_that_are_refused_are_named(body, refused, status, headers):
    error = from_response(status, headers, json.dumps(body).encode())

    assert type(error) is AzureMLInvalidRequestError
    assert error.refused_parameters == refused
    assert not error.is_retryable
    if refused:
        assert str(error).endswith(f" Take {' and '.join(refused)} out of the model's parameters.")


@pytest.mark.parametrize(
    ("name", "refused", "param"),
    [
        ("extra_params_400", ("stream_options",), None),
        ("parameter_not_supported_422", ("response_format",), "response_format"),
        ("extra_params_bad_option_400", (), None),
        ("gateway_400_unknown_model", (), None),
        ("content_filter_prompt_400_flat", (), "messages"),
        ("content_filter_prompt_400_full", (), "prompt"),
    ],
)
def test_a_sample_names_its_parameter(name, refused, param):
    error = of(name)

    assert isinstance(error, AzureMLInvalidRequestError)
    assert (error.refused_parameters, error.param) == (refused, param)


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_a_failure_of_another_kind_refuses_no_parameter(status):
    error = from_response(status, {}, json.dumps({"detail": EXTRA_WORDS.format("['a']")}).encode())

    assert not getattr(error, "refused_parameters", ())


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
    "header",
    [
        "x-request-id",
        "apim-request-id",
        "x-ms-request-id",
        "x-litellm-call-id",
        "x-ms-client-request-id",
        "X-Request-ID",
    ],
)
def test_the_request_id_is_kept_whatever_its_header(header):
    assert from_response(500, {header: "id-7"}, b"").request_id == "id-7"


def test_the_servers_own_request_id_comes_before_the_echo_of_ours():
    assert from_response(500, {"x-ms-client-request-id": "ours", "X-Request-ID": "theirs"}, b"").request_id == "theirs"


def test_the_code_comes_from_the_header_where_the_body_has_none():
    assert from_response(400, {"x-ms-error-code": "unknown_model"}, b"").code == "unknown_model"


@pytest.mark.parametrize(
    ("error", "headers", "code"),
    [
        ({"code": "400", "type": "invalid_request_error"}, {}, "invalid_request_error"),  # LiteLLM
        ({"code": "401", "type": "token_not_found_in_db", "param": "key"}, {}, "token_not_found_in_db"),
        ({"code": 400, "type": "BadRequestError"}, {}, "BadRequestError"),  # vLLM
        ({"code": "429", "type": "None"}, {}, "429"),
        ({"code": "429"}, {}, "429"),
        ({"code": "RateLimitReached", "type": "requests"}, {}, "RateLimitReached"),
        ({"code": "400", "type": "x_error"}, {"x-ms-error-code": "unknown_model"}, "unknown_model"),
        ({"code": None, "type": "invalid_request_error"}, {}, None),
        ({"code": "400", "type": "https://problems.example/7"}, {}, "400"),
        ({"code": True}, {}, None),
        ({"code": ["x"], "type": {}}, {}, None),
    ],
)
def test_the_code_is_the_most_telling_word(error, headers, code):
    assert from_response(400, headers, json.dumps({"error": {"message": "m", **error}}).encode()).code == code


@pytest.mark.parametrize("param", ["None", "", None, 7.5, {}, []])
def test_a_parameter_that_is_none_is_none(param):
    assert from_response(400, {}, json.dumps({"error": {"message": "m", "param": param}}).encode()).param is None


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
        ({}, "Please try again in 20s.", 20),
        ({}, "Please try again in 350ms.", 0.35),
        ({}, "Please wait 7.5 sec", 7.5),
        ({}, "wait 20 subscribers", None),
        ({}, "Retry after 9" + "9" * 400 + " seconds.", None),
        ({}, "Retry after 999999999 seconds.", None),
        ({"retry-after": "9" * 9}, "", None),
        ({"retry-after": "9" * 60_000}, "", None),
        ({"retry-after": "1e300"}, "", None),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, "", None),
        ({"retry-after": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, "", None),
        ({"retry-after": "Mon, 99 Foo 2030 99:99:99 -9999"}, "", None),
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
def test_an_echoed_key_is_redacted(body):
    error = from_response(401, {}, body, key="SECRET-KEY-1")

    assert "SECRET" not in f"{error} {error!r} {vars(error)}"
    assert "SECRET" not in pickle.dumps(error).decode("latin-1")


def everything(error):
    """All that an error shows to whoever prints, logs or stores it."""
    return f"{error} {error!r} {vars(error)} {pickle.dumps(error).decode('latin-1')}"


AZURE_KEY = "Zx9/kQ+mV3s7yR=="


@pytest.mark.parametrize(
    "echo",
    [
        AZURE_KEY,
        AZURE_KEY.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D"),
        AZURE_KEY.replace("/", "%2f").replace("+", "%2b").replace("=", "%3d"),
        AZURE_KEY.replace("/", "\\/"),
        AZURE_KEY.replace("+", "\\u002B").replace("/", "\\u002f").replace("=", "\\u003d"),
        AZURE_KEY.replace("+", "&#43;").replace("/", "&#x2F;").replace("=", "&#x3d;"),
        AZURE_KEY.replace("+", "%2B"),
    ],
)
@pytest.mark.parametrize("frame", ["key {} is bad", '{{"error":{{"message":"key {} is bad"}}}}', "<html><title>{}"])
def test_a_key_that_is_echoed_in_another_writing_is_redacted(echo, frame):
    shown = everything(from_response(401, {}, frame.format(echo).encode(), key=AZURE_KEY))

    assert "Zx9" not in shown
    assert "yR" not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "made",
    [
        lambda key: from_response(400, {"x-request-id": key}, b"", key=key),
        lambda key: from_response(424, {REASON: key}, b"", key=key),
        lambda key: from_response(400, {"x-ms-error-code": key}, b"", key=key),
        lambda key: from_response(400, {}, json.dumps({"error": {"param": key}}).encode(), key=key),
        lambda key: from_response(400, {}, json.dumps({"detail": EXTRA_WORDS.format([key])}).encode(), key=key),
        lambda key: from_response(
            400,
            {},
            json.dumps({"error": {**BLOCKED, "content_filter_result": {key: FILTERED["hate"]}}}).encode(),
            key=key,
        ),
        lambda key: from_response(
            400,
            {},
            json.dumps({"error": {**BLOCKED, "content_filter_result": {key: FILTERED["violence"]}}}).encode(),
            key=key,
        ),
        lambda key: from_response(
            400,
            {},
            json.dumps({"error": {**BLOCKED, "content_filter_result": {"a": {"severity": key}}}}).encode(),
            key=key,
        ),
        lambda key: from_response(400, {"x-request-id": "x" * (MAX_NAME - 6) + key}, b"", key=key),
    ],
)
def test_a_key_is_redacted_of_every_field(made):
    shown = everything(made("SECRETKEY1"))

    assert "SECRET" not in shown


def test_a_key_is_redacted_of_what_is_set_later():
    error = from_event({"error": {"message": "SECRET-KEY-1", "code": "SECRET-KEY-1", "param": "SECRET-KEY-1"}}, "")
    error.partial, error.request_id = "so SECRET-KEY-1 far", "SECRET-KEY-1"
    error.redact("SECRET-KEY-1")

    assert "SECRET" not in everything(error)
    assert error.partial == "so *** far"


def test_a_key_is_redacted_before_the_words_are_cut():
    error = from_response(401, {}, b"x" * (MAX_WORDS - 6) + b"SECRET-KEY-1", key="SECRET-KEY-1")

    assert "SECRET" not in str(error)


@pytest.mark.parametrize("length", range(9, len(AZURE_KEY)))
@pytest.mark.parametrize("frame", ["{}", '{{"error":{{"message":"your key {}', '{{"message": "{}'])
def test_a_key_that_was_cut_with_the_reply_is_redacted(length, frame):
    shown = everything(from_response(401, {}, frame.format(AZURE_KEY[:length]).encode(), key=AZURE_KEY))

    assert AZURE_KEY[:6] not in shown


@pytest.mark.parametrize("length", range(1, 6))
def test_a_key_that_was_cut_in_the_middle_of_a_letter_is_redacted(length):
    echo = "Zx9%2FkQ%2BmV" + "%2Bx2F"[:length]
    shown = everything(from_response(401, {}, echo.encode(), key="Zx9/kQ+mV+x2F"))

    assert "Zx9" not in shown


@given(st.text(max_size=40), st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=4, max_size=40))
def test_no_key_survives_anywhere(around, key):
    error = from_response(400, {"x-request-id": key}, f"{around}{key}{around}".encode(), key=key)

    assert key not in str(error.args[0]).removeprefix("The endpoint refused the request (HTTP 400)") or key in "***…"
    assert error.request_id is None or key not in error.request_id


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


@pytest.mark.parametrize(
    "opening", [b"[", b'{"error":', b'{"message":', b'{"detail":[', b'{"detail":{"msg":', b'{"loc":[']
)
@pytest.mark.parametrize("depth", [100, 900, 1000, 1030, 100_000])
def test_json_however_deep_is_an_error_like_any_other(opening, depth):
    ends = {b"[": b"]", b"{": b"}"}
    closing = b"".join(ends[bytes([byte])] for byte in reversed(opening) if bytes([byte]) in ends)
    error = from_response(400, {}, opening * depth + b"1" + closing * depth)

    assert type(error) is AzureMLInvalidRequestError
    assert len(str(error)) < MAX_WORDS + 400


def nested(depth, name):
    value = "x"
    for _ in range(depth):
        value = [value] if name is None else {name: value}
    return value


@pytest.mark.parametrize("name", [None, "error", "message", "detail", "details", "content_filter_results"])
@pytest.mark.parametrize("read", [lambda value: from_event(value, ""), from_body])
def test_so_is_an_event_however_deep(name, read):
    assert isinstance(read({"error": nested(900, name)}), AzureMLError)
    assert isinstance(read({"error": {"message": nested(900, name), "detail": nested(900, name)}}), AzureMLError)


@pytest.mark.parametrize("value", ["x" * 60_000, "\x00\x1b[31m", "a\nb", "é" * 500, " "])
@pytest.mark.parametrize("header", ["x-request-id", REASON, REAL, "x-ms-error-code", "retry-after", "retry-after-ms"])
def test_no_header_value_is_too_odd(header, value):
    error = from_response(424, {header: value}, b"")
    kept = [error.request_id, error.reason, error.code]

    assert (error.status, error.retry_after) == (424, None)
    assert all(word is None or (len(word) <= MAX_NAME and "\n" not in word) for word in kept)


def test_a_long_page_without_an_end_to_its_title_is_read_once():
    """Its title begins nine thousand times; a pattern that looks for the end each time takes minutes."""
    error = from_response(502, {}, b"<html>" + b"<title>" * 9000)

    assert str(error).startswith("The endpoint failed (HTTP 502). Try again")


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
    assert error.retry_after is None or 0 <= error.retry_after <= MAX_WAIT
    assert len(str(error)) < MAX_WORDS + 400
