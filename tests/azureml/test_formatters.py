"""Bodies out, byte for byte; replies in, in every shape that is documented for the two surfaces."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from chatbot.azureml import (
    AzureMLEndpointApiType,
    AzureMLResponseError,
    ContentFormatterBase,
    CustomOpenAIChatContentFormatter,
)
from chatbot.azureml.formatters import DEFAULT_MAX_TOKENS
from tests.support.wire import sample, sample_body

SERVERLESS, DEDICATED = AzureMLEndpointApiType.serverless, AzureMLEndpointApiType.dedicated
BOTH = pytest.mark.parametrize("api_type", [SERVERLESS, DEDICATED])


def body(messages, api_type, **parameters):
    return CustomOpenAIChatContentFormatter().format_messages_request_payload(messages, parameters, api_type)


def read(reply, api_type=DEDICATED):
    output = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
    return CustomOpenAIChatContentFormatter().format_response_payload(output, api_type).message


def content(request):
    sent = json.loads(request)
    messages = sent.get("messages") or sent["input_data"]["input_string"]
    return messages[-1]["content"]


def test_a_serverless_body_byte_for_byte():
    messages = [SystemMessage("s"), HumanMessage("u1"), AIMessage("a"), HumanMessage("u2")]

    assert body(messages, SERVERLESS, temperature=0.5, stop=["END"]) == (
        b'{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u1"},'
        b'{"role":"assistant","content":"a"},{"role":"user","content":"u2"}],'
        b'"temperature":0.5,"stop":["END"],"max_tokens":1024}'
    )


def test_a_dedicated_body_byte_for_byte():
    messages = [HumanMessage("Q1"), AIMessage("A1"), HumanMessage("Q2")]

    assert body(messages, DEDICATED, temperature=0.6, top_p=0.9, do_sample=True, max_tokens=200) == (
        b'{"input_data":{"input_string":[{"role":"user","content":"Q1"},{"role":"assistant","content":"A1"},'
        b'{"role":"user","content":"Q2"}],'
        b'"parameters":{"temperature":0.6,"top_p":0.9,"do_sample":true,"max_new_tokens":200}}}'
    )


def test_the_dedicated_body_is_the_documented_one():
    documented = sample("score_chat_ok")["request"]["json"]
    messages = [HumanMessage("Q1"), AIMessage("A1"), HumanMessage("Q2")]

    assert json.loads(body(messages, DEDICATED, **documented["input_data"]["parameters"])) == documented


@BOTH
@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("a\nb", rb'"a\nb"'),
        ("a\r\n\tb", rb'"a\r\n\tb"'),
        ('say "hi"', rb'"say \"hi\""'),
        ("back\\slash", rb'"back\\slash"'),
        ("\\n is no newline", rb'"\\n is no newline"'),
        (" spaces around ", b'" spaces around "'),
        ("é 漢字 😀", '"é 漢字 😀"'.encode()),
        ("</script>", b'"</script>"'),
        ("", b'""'),
    ],
)
def test_text_is_encoded_once_and_never_escaped_twice(text, raw, api_type):
    assert b'{"role":"user","content":' + raw + b"}" in body([HumanMessage(text)], api_type)


@BOTH
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_a_person_types_arrives_as_it_was(text, api_type):
    assert content(body([HumanMessage(text)], api_type)) == text


def test_the_text_that_the_old_client_garbled_arrives_whole():
    garbled = json.loads(sample("score_lc_community_dedicated_request")["request"]["raw"])
    text = 'line1\nline2 "q" back\\slash é'

    assert garbled["input_data"]["input_string"][0]["content"] != text
    assert content(body([HumanMessage(text)], DEDICATED)) == text


@BOTH
def test_text_parts_are_sent_as_one_plain_string(api_type):
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]

    assert content(body([HumanMessage(parts)], api_type)) == "a\nb"


@BOTH
@pytest.mark.parametrize("parameters", [{"top_k": {1, 2}}, {"seed": object()}])
def test_a_parameter_without_a_json_form_is_refused(parameters, api_type):
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        body([HumanMessage("u")], api_type, **parameters)


@BOTH
def test_text_that_is_no_unicode_is_refused(api_type):
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        body([HumanMessage("half a pair: \ud83d")], api_type)


@pytest.mark.parametrize(
    ("given_parameters", "sent"),
    [
        ({}, {"max_tokens": DEFAULT_MAX_TOKENS}),
        ({"max_tokens": 7}, {"max_tokens": 7}),
        ({"max_tokens": None}, {"max_tokens": DEFAULT_MAX_TOKENS}),
        ({"max_completion_tokens": 7}, {"max_completion_tokens": 7}),
        ({"max_completion_tokens": None}, {"max_tokens": DEFAULT_MAX_TOKENS}),
        ({"temperature": None, "seed": 0}, {"seed": 0, "max_tokens": DEFAULT_MAX_TOKENS}),
    ],
)
def test_a_serverless_request_always_has_a_limit_and_never_a_null(given_parameters, sent):
    parameters = json.loads(body([HumanMessage("u")], SERVERLESS, **given_parameters))
    del parameters["messages"]

    assert parameters == sent


@pytest.mark.parametrize(
    ("given_parameters", "sent"),
    [
        ({}, {}),
        ({"max_tokens": 7}, {"max_new_tokens": 7}),
        ({"max_new_tokens": 7}, {"max_new_tokens": 7}),
        ({"max_tokens": 7, "max_new_tokens": 8}, {"max_new_tokens": 8}),
        ({"max_tokens": None}, {}),
        ({"temperature": None, "top_p": 0.9}, {"top_p": 0.9}),
        ({"stop": ["END"]}, {"stop": ["END"]}),
    ],
)
def test_a_dedicated_request_uses_the_containers_names(given_parameters, sent):
    assert json.loads(body([HumanMessage("u")], DEDICATED, **given_parameters))["input_data"]["parameters"] == sent


@BOTH
def test_the_parameters_are_not_touched(api_type):
    parameters = {"max_tokens": 7, "temperature": None, "logit_bias": {"1": 2}}
    before = copy.deepcopy(parameters)
    CustomOpenAIChatContentFormatter().format_messages_request_payload([HumanMessage("u")], parameters, api_type)

    assert parameters == before


@BOTH
@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ({"output": "text"}, "text"),
        ({"output": ""}, ""),
        ({"output": ["text", "other"]}, "text"),
        ({"output": {"content": "text"}}, "text"),
        ({"output": {"text": "text"}}, "text"),
        ({"output": [{"generated_text": "text"}]}, "text"),
        ([{"0": "text"}], "text"),
        ([{"0": {"generated_text": "text"}}], "text"),
        ([{"generated_text": "text"}], "text"),
        (["text"], "text"),
        ({"answer": "text"}, "text"),
        ("text", "text"),
        ({"choices": [{"message": {"content": "text"}}]}, "text"),
        ({"output": " \n text \n"}, " \n text \n"),
        ({"choices": [{"message": {"content": "\n  text\n"}}]}, "\n  text\n"),
    ],
)
def test_every_documented_reply_is_read(reply, text, api_type):
    assert read(reply, api_type).content == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("score_chat_ok", " A2"),
        ("score_text_ok", "I believe in love."),
        ("score_content_safety_blocked", ""),
        ("score_lc_community_dedicated_request", "  hello\n"),
        ("maas_chat_ok", "There are 5,280 feet in a mile."),
    ],
)
def test_every_sampled_reply_is_read(name, text):
    assert read(sample_body(name)).content == text


def test_a_completion_tells_its_usage_its_end_and_its_model():
    message = read(sample_body("maas_chat_ok"), SERVERLESS)

    assert message.usage_metadata == {"input_tokens": 24, "output_tokens": 7, "total_tokens": 31}
    assert message.response_metadata == {"finish_reason": "stop", "model_name": "mistral-large-2411"}
    assert message.id == "0a1b"


def test_a_filtered_completion_is_an_answer_that_says_so():
    message = read(sample_body("content_filter_completion_200"), SERVERLESS)

    assert (message.content, message.response_metadata["finish_reason"]) == ("", "content_filter")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": None}, ""),
        ({"content": ""}, ""),
        ({}, ""),
        (None, ""),
        ("odd", ""),
        ({"content": 7}, ""),
        ({"content": [{"type": "text", "text": "a"}, {"type": "x"}, {"text": None}, "odd", {"text": "b"}]}, "ab"),
    ],
)
def test_a_completion_without_plain_content_is_read_all_the_same(message, text):
    assert read({"choices": [{"message": message, "finish_reason": "stop"}]}, SERVERLESS).content == text


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (None, None),
        ("odd", None),
        ({"prompt_tokens": 2, "completion_tokens": 3}, (2, 3, 5)),
        ({"prompt_tokens": 2, "completion_tokens": None, "total_tokens": 9}, (2, 0, 9)),
        ({"prompt_tokens": "many"}, (0, 0, 0)),
    ],
)
def test_usage_is_read_defensively(usage, told):
    message = read({"id": 7, "choices": [{"message": {"content": "a"}}], "usage": usage}, SERVERLESS)

    assert (message.usage_metadata and tuple(message.usage_metadata.values())) == told


PRIVATE = "what the person said"


@BOTH
@pytest.mark.parametrize(
    ("reply", "named"),
    [
        ({"result": PRIVATE, "took": 3}, "an object with the keys result, took."),
        ({"output": None}, "an object with the keys output."),
        ({"output": {"result": PRIVATE}}, "an object with the keys output."),
        ({}, "an object with the keys (none)."),
        ({PRIVATE + "x" * 5000: 1}, "an object with the keys what the person said" + "x" * 20 + "."),
        ({str(number): PRIVATE for number in range(1, 99)}, "an object with the keys 1, 2, 3, 4, 5, 6, 7, 8."),
        ([], "a JSON list."),
        ([[]], "a JSON list."),
        ([{"result": PRIVATE}], "a JSON list."),
        (7, "a JSON int."),
        (None, "a JSON NoneType."),
        ({"choices": []}, "without a choice."),
        ({"choices": [PRIVATE]}, "without a choice."),
    ],
)
def test_an_unknown_reply_is_described_but_not_repeated(reply, named, api_type):
    with pytest.raises(AzureMLResponseError) as caught:
        read(reply, api_type)

    assert named in str(caught.value)
    assert not caught.value.is_retryable
    if "the keys what" not in named:
        assert PRIVATE not in str(caught.value)


@BOTH
@pytest.mark.parametrize(
    ("reply", "named"),
    [
        (b"<!DOCTYPE html><html>what the person said</html>", "not with JSON: a web page."),
        (b"  <HTML>", "not with JSON: a web page."),
        (b"what the person said", "not with JSON: 20 bytes of text."),
        (b'{"output": "what the person said', "not with JSON: 32 bytes of text."),
        (b"", "not with JSON: 0 bytes of text."),
    ],
)
def test_a_reply_that_is_no_json_is_described_but_not_repeated(reply, named, api_type):
    with pytest.raises(AzureMLResponseError) as caught:
        read(reply, api_type)

    assert named in str(caught.value)
    assert PRIVATE not in str(caught.value)


@BOTH
@pytest.mark.parametrize(
    ("reply", "words", "code"),
    [
        ({"error": {"message": "Engine died", "code": 500}}, "Engine died", "500"),
        ({"error": "Engine died"}, "Engine died", None),
    ],
)
def test_an_error_inside_a_successful_reply_is_told_in_its_own_words(reply, words, code, api_type):
    with pytest.raises(AzureMLResponseError, match=f"an error inside a successful reply: {words}\\. Check") as caught:
        read(reply, api_type)

    assert caught.value.code == code


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "usage", "prompt_tokens", "output", "0", "error", "id"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(reply=json_values, api_type=st.sampled_from([SERVERLESS, DEDICATED]))
def test_no_reply_however_odd_is_anything_but_an_answer_or_a_response_error(reply, api_type):
    try:
        message = read(reply, api_type)
    except AzureMLResponseError:
        return
    assert isinstance(message.content, str)


@BOTH
def test_a_formatter_of_ones_own_has_two_methods_to_write(api_type):
    with pytest.raises(NotImplementedError):
        ContentFormatterBase().format_messages_request_payload([], {}, api_type)
    with pytest.raises(NotImplementedError):
        ContentFormatterBase().format_response_payload(b"", api_type)
