"""What of a request an endpoint refused, in the words and shapes of many."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.azureml.refused_parameters import Refused, read_refused

REASONING = "is not supported with this model"
WORDS = {
    "Unrecognized request argument supplied: max_completion_tokens": ["max_completion_tokens"],
    "Unrecognized request arguments supplied: top_k, min_p": ["top_k", "min_p"],
    "Unknown parameter: 'top_k'.": ["top_k"],
    f"Unsupported parameter: 'max_tokens' {REASONING}. Use 'max_completion_tokens' instead.": ["max_tokens"],
    f"Unsupported parameter: 'max_tokens' {REASONING}, use 'max_completion_tokens' instead.": ["max_tokens"],
    "'max_tokens' is not supported here. Use 'max_completion_tokens' instead.": ["max_tokens"],
    "The parameter `top_p` is not supported by this model.": ["top_p"],
    "Extra parameters ['stream_options', 'user'] are not allowed when extra-parameters is not set.": [
        "stream_options",
        "user",
    ],
    'Extra parameters ["top_k"] are not allowed.': ["top_k"],
    "1 validation error:\n  {'type': 'extra_forbidden', 'loc': ('body', 'user'), 'msg': 'Extra inputs are not "
    "permitted', "
    "'input': 'u'}": ["user"],
    "[{'type': 'extra_forbidden', 'loc': ('body', 'n'), 'msg': 'Extra inputs are not permitted', 'input': 1}, "
    "{'type': 'extra_forbidden', 'loc': ('body', 'seed'), 'msg': 'Extra inputs are not permitted', 'input': 1}]": [
        "n",
        "seed",
    ],
    "litellm.UnsupportedParamsError: azure does not support parameters: ['parallel_tool_calls', 'n'], for model=o1. To "
    "drop these, set `litellm.drop_params=True`": ["parallel_tool_calls", "n"],
    "litellm.UnsupportedParamsError: azure does not support parameters: {'n': 2, 'stop': 'x'}, for model=o1": [
        "n",
        "stop",
    ],
    "top_k: Extra inputs are not permitted": ["top_k"],
    "`temperature` is deprecated for this model.": ["temperature"],
    "`temperature` and `top_p` cannot both be specified for this model. Please use only one.": ["top_p"],
    "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.": ["max_tokens"],
    "property 'logit_bias' is unsupported, did you mean 'logprobs'?": ["logit_bias"],
    'json: unknown field "top_k"': ["top_k"],
    "unknown field `top_k`, expected one of `temperature`, `top_p`": ["top_k"],
    "Additional properties are not allowed ('top_k' was unexpected)": ["top_k"],
    "Additional properties are not allowed ('top_k', 'min_p' were unexpected)": ["top_k", "min_p"],
    "Validation: Unsupported parameter(s): `presence_penalty`, `frequency_penalty`": [
        "presence_penalty",
        "frequency_penalty",
    ],
    "Malformed input request: extraneous key [top_k] is not permitted, please reformat your input": ["top_k"],
    'Invalid JSON payload received. Unknown name "parallel_tool_calls": Cannot find field.': ["parallel_tool_calls"],
    "Argument not supported on this model: presencePenalty": ["presencePenalty"],
    "Model grok-4 does not support parameter presencePenalty.": ["presencePenalty"],
    "generate() got an unexpected keyword argument 'top_k'": ["top_k"],
    "The following `model_kwargs` are not used by the model: ['safe_prompt'] (note: typos in the generate "
    "arguments will "
    "also show up in this list)": ["safe_prompt"],
    "You are not allowed to request logprobs from this model.": ["logprobs"],
    "This model does not support logprobs.": ["logprobs"],
    "'stream_options' is only allowed when 'stream' is enabled.": ["stream_options"],
    "The following parameters are not supported by this model: top_p, stop": ["top_p", "stop"],
    "reasoning_effort and verbosity are not supported.": ["reasoning_effort", "verbosity"],
}
VALUES = {
    "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported.": (
        ["temperature"],
        1.0,
    ),
    "'temperature' does not take this value. Only the default (1) is supported.": (["temperature"], 1.0),
    "litellm.UnsupportedParamsError: gpt-5 models don't support temperature=0.0. Only temperature=1 is supported. To "
    "drop unsupported openai params from the call, set `litellm.drop_params = True`": (["temperature"], 1.0),
    "Unsupported value: 'presence_penalty' does not support 0.5 with this model. Only the default (0) value is "
    "supported.": (["presence_penalty"], 0.0),
    "Unsupported value: 'reasoning_effort' does not support 'minimal' with this model. Supported values are: 'low', "
    "'medium', and 'high'.": (["reasoning_effort"], None),
    "This model has beta-limitations: temperature, top_p and n are fixed at 1, while presence_penalty and "
    "frequency_penalty are fixed at 0.": (
        ["temperature", "top_p", "n", "presence_penalty", "frequency_penalty"],
        None,
    ),
}
NOT_REFUSED = [
    "",
    "max_tokens is too large: 100000. This model supports at most 16384 completion tokens, whereas you provided "
    "100000.",
    "'max_tokens' or 'max_completion_tokens' is too large: 4000. This model's maximum context length is 4096 "
    "tokens and "
    "your request has 200 input tokens (4000 > 4096 - 200).",
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (3000 in the "
    "messages, 2000 "
    "in the completion). Please reduce the length of the messages or completion.",
    "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.",
    "Input validation error: `top_p` must be > 0.0 and < 1.0",
    "temperature must be non-negative, got -1.0.",
    "Invalid value: 'loud'. Supported values are: 'low' and 'high'.",
    "Unknown model: gpt-9",
    "The model `gpt-9` does not exist.",
    "Unexpected EXTRA_PARAMETERS option ignore, expected options are ['error', 'drop', 'pass-through']",
    "POST body should be a JSON dictionary",
    "API version not supported",
    "The file is not supported.",
]
ROLES = [
    "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
    "Unsupported value: 'messages[0].role' does not support 'developer' with this model.",
    "System role not supported",
    "Only user and assistant roles are supported!",
    "Conversation roles must alternate user/assistant/user/assistant/...",
    "Developer instruction is not enabled for models/gemma-3-1b-it",
    "This model does not support the system role.",
]


@pytest.mark.parametrize(("words", "names"), WORDS.items())
def test_words_alone_name_what_is_refused(words, names):
    assert read_refused(words, None, None, None, None) == Refused(tuple(names))


@pytest.mark.parametrize(("words", "expected"), VALUES.items())
def test_words_tell_a_value_from_a_parameter(words, expected):
    names, supported = expected
    assert read_refused(words, None, None, None, None) == Refused(tuple(names), True, supported)


@pytest.mark.parametrize("words", NOT_REFUSED)
def test_what_is_wrong_otherwise_is_no_refusal(words):
    param = next((name for name in ("temperature", "top_p", "max_tokens") if name in words), None)
    for named in {param, None}:
        assert read_refused(words, "invalid_value", "invalid_request_error", named, None) == Refused()


@pytest.mark.parametrize("words", ROLES)
def test_a_role_may_be_refused(words):
    param = "messages[0].role" if "messages[0]" in words else None
    assert read_refused(words, None, None, param, None) == Refused(system_role=True)


@pytest.mark.parametrize(
    "code",
    [
        "unsupported_parameter",
        "unknown_parameter",
        "parameter_not_supported",
        "UnsupportedParameter",
        "unrecognized_argument",
        "parameter_unknown",
        "extra_forbidden",
    ],
)
@pytest.mark.parametrize("place", ["code", "kind"])
def test_a_code_is_enough_beside_a_name(code, place):
    given = {"code": None, "kind": None, place: code}
    assert read_refused("Odd.", param="top_k", detail=None, **given) == Refused(("top_k",))


def test_the_code_tells_a_value_from_a_parameter():
    assert read_refused("Odd.", "unsupported_value", None, "temperature", None) == Refused(("temperature",), True)


def test_the_words_are_enough_beside_a_name():
    words = "Function tools are not supported with it. Leave it out."
    assert read_refused(words, None, "invalid_request_error", "reasoning_effort", None) == Refused(
        ("reasoning_effort",)
    )


@pytest.mark.parametrize("loc", [["body", "top_k"], ["top_k"]])
@pytest.mark.parametrize("kind", ["extra_forbidden", "value_error.extra"])
def test_a_list_names_them(loc, kind):
    assert read_refused("", None, None, None, [{"type": kind, "loc": loc}]) == Refused(("top_k",))


@given(st.text(), st.none() | st.text(), st.none() | st.text(), st.none() | st.text(), st.none() | st.lists(st.text()))
def test_whatever_is_said_can_be_read(words, code, kind, param, detail):
    read_refused(words, code, kind, param, detail)


@pytest.mark.parametrize("piece", ["a", "'a', ", "a and ", "unknown ", "does not support ", "'a' ", "[", "a=", "not "])
def test_reading_takes_no_time_whatever_is_said(piece):
    began = time.process_time()
    read_refused(piece * 100_000, None, None, None, None)

    assert time.process_time() - began < 0.5
