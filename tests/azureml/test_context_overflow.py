"""How large a model's context is, in the words of many servers."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.azureml.context_overflow import Overflow, read_overflow

# Words: window, request in all, messages.
LENGTHS = {
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (3000 in the "
    "messages, 2000 in "
    "the completion). Please reduce the length of the messages or completion.": (4096, 5000, 3000),
    "This model's maximum context length is 8192 tokens. However, you requested 8763 tokens (4510 in the "
    "messages, 157 in "
    "the functions, and 4096 in the completion).": (8192, 8763, 4510),
    "This model's maximum context length is 8192 tokens, however you requested 10000 tokens (8000 in your "
    "prompt; 2000 for "
    "the completion). Please reduce your prompt; or completion length.": (8192, 10000, 8000),
    "This model's maximum context length is 128,000 tokens. However, your messages resulted in 200,000 tokens. Please "
    "reduce the length of the messages.": (128000, None, 200000),
    "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens. Please reduce "
    "the length of the messages.": (272000, None, 300000),
    "'max_tokens' or 'max_completion_tokens' is too large: 4000. This model's maximum context length is 4096 "
    "tokens and "
    "your request has 200 input tokens (4000 > 4096 - 200).": (4096, 4200, 200),
    "This model's maximum context length is 4096 tokens. However, your request has 5000 input tokens. Please "
    "reduce the "
    "length of the input messages.": (4096, None, 5000),
    "This model's maximum context length is 2048 tokens. However, you requested 500 output tokens and your "
    "prompt contains "
    "at least 1549 input tokens, for a total of at least 2049 tokens. Please reduce the length of the input "
    "prompt or the "
    "number of requested output tokens.": (2048, 2049, 1549),
    "The prompt (total length 5000) is too long to fit into the model (context length 4096). Make sure that "
    "`max_model_len` is no smaller than the number of text tokens.": (4096, None, 5000),
    "The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure that "
    "`max_model_len` is "
    "no smaller than the number of text tokens.": (4096, None, 5000),
    "Input prompt (5000 tokens) is too long and exceeds limit of 4096": (4096, None, 5000),
    "max_tokens must be at least 1, got -904.": (None, None, None),
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 3900 `inputs` tokens and 1000 "
    "`max_new_tokens`": (4096, 4900, 3900),
    "Input validation error: `inputs` must have less than 4095 tokens. Given: 5000": (4095, None, 5000),
    "litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: OpenAIException - This "
    "model's maximum context length is 4096 tokens. However, your messages resulted in 5000 tokens.": (
        4096,
        None,
        5000,
    ),
    "Prompt contains 33000 tokens and 0 draft tokens, too large for model with 32768 maximum context length": (
        32768,
        None,
        33000,
    ),
    "Prompt contains 33000 tokens, too large for model with 32768 maximum context length": (32768, None, 33000),
    "The input (5000 tokens) is longer than the model's context length (4096 tokens).": (4096, None, 5000),
    "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of 5000 "
    "tokens: 3000 tokens from the input messages and 2000 tokens for the completion.": (4096, 5000, 3000),
    "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it": (4096, None, 5000),
    "prompt is too long: 210000 tokens > 200000 maximum": (200000, None, 210000),
    "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length or "
    "`max_tokens` "
    "and try again": (200000, 210000, 190000),
    "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000. Try using a shorter "
    "prompt": (4081, None, 5000),
    "too many tokens: size limit exceeded by 4000 tokens. Try using shorter or fewer inputs. The limit for this "
    "model is "
    "128000 tokens.": (128000, None, None),
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).": (1048576, None, 1200000),
    "The input token count is 40000 but model only supports up to 32767": (32767, None, 40000),
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.": (131072, None, 537812),
    "The prompt is too long: 5000, model maximum context length: 4096": (4096, None, 5000),
    "Request body too large for gpt-4o model. Max size: 8000 tokens.": (8000, None, None),
    "The sum of prompt length (3900.0), query length (0) and max_tokens (1000) should not exceed max_num_tokens "
    "(4096)": (
        4096,
        4900,
        3900,
    ),
    "default_max_tokens (-904) must be greater than 0, `default_max_tokens` (-904) = max_seq_len (4096) - "
    "splited_prompt_len (5000): the input exceeds max_seq_len (4096)": (4096, None, 5000),
    "Input length 9000 exceeds maximum context length 8192": (8192, None, 9000),
    "Input is too long for requested model.": (None, None, None),
    "However the model is loaded with a maximum context length of only 4096 tokens": (4096, None, None),
}
OTHER = [
    "",
    "max_tokens is too large: 100000. This model supports at most 16384 completion tokens, whereas you provided "
    "100000.",
    "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens for claude",
    "Input validation error: `max_new_tokens` must be <= 512. Given: 1000",
    "The maximum tokens you requested exceeds the model limit of 4096. Try again with a lower one.",
    "Input validation error: `top_p` must be > 0.0 and < 1.0",
    "The image is too large to be read.",
    "Token limit is exceeded. Try again in 41 seconds.",
]


@pytest.mark.parametrize(("words", "lengths"), LENGTHS.items())
def test_words_tell_the_window_and_what_was_asked_of_it(words, lengths):
    assert read_overflow(words, None, None, {}) == Overflow(*lengths)


@pytest.mark.parametrize("words", OTHER)
def test_what_is_wrong_otherwise_is_no_overflow(words):
    assert read_overflow(words, None, None, {}) is None


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 5020 tokens (20 in the "
        "messages, 5000 "
        "in the completion).",
        "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context length is "
        "4096 tokens "
        "and your request has 20 input tokens (4096 > 4096 - 20).",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 20 `inputs` tokens "
        "and 5000 "
        "`max_new_tokens`",
    ],
)
def test_an_answer_that_fills_the_window_alone_is_told_apart(words):
    overflow = read_overflow(words, None, None, {})
    assert overflow is not None
    assert overflow.answer_alone


@pytest.mark.parametrize("code", ["context_length_exceeded", "tokens_limit_reached"])
def test_a_code_is_enough(code):
    assert read_overflow("Odd.", code, None, {}) == Overflow()


def test_fields_tell_it_too():
    fields = {"n_prompt_tokens": 5000, "n_ctx": 4096}
    words = "the request exceeds the available context size. try increasing the context size or enable context shift"
    assert read_overflow(words, "400", "exceed_context_size_error", fields) == Overflow(4096, None, 5000)


@given(st.text(), st.none() | st.text(), st.dictionaries(st.sampled_from(["n_ctx", "n_prompt_tokens"]), st.integers()))
def test_whatever_is_said_can_be_read(words, code, fields):
    read_overflow(words, code, None, fields)


@pytest.mark.parametrize(
    "piece", ["1", "1,", "prompt ", "prompt length ", "maximum context length is ", "9 tokens in "]
)
def test_reading_takes_no_time_whatever_is_said(piece):
    began = time.process_time()
    read_overflow("maximum context length" + piece * 100_000, None, None, {})

    assert time.process_time() - began < 0.5
