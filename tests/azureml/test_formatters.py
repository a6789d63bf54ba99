"""Bodies out, byte for byte; replies in, in every shape that is documented for the two surfaces."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, Generation

from chatbot.azureml import (
    AzureMLChatOnlineEndpoint,
    AzureMLEndpointApiType,
    AzureMLResponseError,
    ContentFormatterBase,
    CustomOpenAIChatContentFormatter,
    LlamaChatContentFormatter,
)
from chatbot.azureml.formatter_adapter import adapt
from tests.support.asking import ask, model_of
from tests.support.wire import json_reply, sample, sample_body

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
        b'"temperature":0.5,"stop":["END"]}'
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

    assert content(body([HumanMessage(parts)], api_type)) == "ab"


@BOTH
@pytest.mark.parametrize("parameters", [{"top_k": {1, 2}}, {"seed": object()}])
def test_a_parameter_without_a_json_form_is_refused(parameters, api_type):
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        body([HumanMessage("u")], api_type, **parameters)


@BOTH
def test_text_that_is_no_unicode_is_refused(api_type):
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        body([HumanMessage("half a pair: \ud83d")], api_type)


def test_a_null_is_never_sent():
    sent = json.loads(body([HumanMessage("u")], SERVERLESS, temperature=None, seed=0))
    del sent["messages"]

    assert sent == {"seed": 0}


@pytest.mark.parametrize(
    ("given_parameters", "sent"),
    [
        ({}, {}),
        ({"max_tokens": 7}, {"max_new_tokens": 7}),
        ({"max_new_tokens": 7}, {"max_new_tokens": 7}),
        ({"max_tokens": 7, "max_new_tokens": 8}, {"max_new_tokens": 8}),
        ({"max_completion_tokens": 7}, {"max_new_tokens": 7}),
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
        ({"content": [{"type": "text", "text": "a"}, {"type": "x"}, {"text": None}, "odd", {"text": "b"}]}, "aoddb"),
    ],
)
def test_a_completion_without_plain_content_is_read_all_the_same(message, text):
    assert read({"choices": [{"message": message, "finish_reason": "stop"}]}, SERVERLESS).content == text


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (None, None),
        ("odd", None),
        ({"prompt_tokens": 2, "completion_tokens": 3}, (2, 3, 5)),
        ({"prompt_tokens": 2, "completion_tokens": None, "total_tokens": 9}, (2, 7, 9)),
        ({"prompt_tokens": "many"}, None),
        ({"prompt_tokens": 2, "completion_tokens": None}, None),
        ({"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}, None),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, None),
        ({"prompt_tokens": 2.0, "completion_tokens": 3.0, "total_tokens": 5.0}, (2, 3, 5)),
        ({"prompt_tokens": "2", "completion_tokens": "3.0"}, (2, 3, 5)),
        ({"prompt_tokens": 2, "completion_tokens": -1}, None),
        ({"prompt_tokens": 2, "completion_tokens": 0}, (2, 0, 2)),
        ({"prompt_tokens": 2, "completion_tokens": float("nan")}, None),
        ({"input_tokens": 2, "output_tokens": 3}, (2, 3, 5)),
    ],
)
def test_usage_is_read_defensively(usage, counts):
    message = read({"id": 7, "choices": [{"message": {"content": "a"}}], "usage": usage}, SERVERLESS)

    assert (message.usage_metadata and tuple(message.usage_metadata.values())) == counts


PRIVATE = "what the person said"


@BOTH
@pytest.mark.parametrize(
    ("reply", "named"),
    [
        ({"report": PRIVATE, "took": 3}, "an object with the keys report, took."),
        ({"output": None}, "an object with the keys output."),
        ({"output": {"report": PRIVATE}}, "an object with the keys output."),
        ({}, "an object with the keys (none)."),
        ({PRIVATE + "x" * 5000: 1}, "an object with the keys what the person said" + "x" * 20 + "."),
        ({str(number): PRIVATE for number in range(1, 99)}, "an object with the keys 1, 2, 3, 4, 5, 6, 7, 8."),
        ([], "a JSON list."),
        ([[]], "a JSON list."),
        ([{"report": PRIVATE}], "a JSON list."),
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


class Taking:
    """A formatter of nobody's family, with the two methods and no more."""

    def __init__(self, answers):
        self.answers = answers

    def format_messages_request_payload(self, messages, model_kwargs, api_type):
        return json.dumps({"said": [message.text for message in messages], **model_kwargs})

    def format_response_payload(self, output, api_type=None):
        return self.answers(output)


class TestAdopted:
    @pytest.mark.parametrize(
        "made",
        [
            "A",
            AIMessage("A"),
            Generation(text="A"),
            ChatGeneration(message=AIMessage("A")),
        ],
    )
    def test_anything_with_the_two_methods_serves(self, made):
        adopted = adapt(Taking(lambda _: made))

        assert adopted.content_type == "application/json"
        assert json.loads(adopted.body([HumanMessage("u")], {"seed": 1}, DEDICATED)) == {"said": ["u"], "seed": 1}
        [generation] = adopted.result(b"{}", DEDICATED).generations
        assert generation.message.content == "A"

    def test_the_first_generation_was_not_told_the_type(self):
        class Old(Taking):
            def format_response_payload(self, output):
                return self.answers(output)

        assert adapt(Old(bytes.decode)).result(b"A", DEDICATED).generations[0].text == "A"

    @pytest.mark.parametrize("made", [None, 7, ["A"], b"A"])
    def test_what_is_no_message_is_an_error_that_names_it(self, made):
        with pytest.raises(AzureMLResponseError, match=f"returned a {type(made).__name__}, which is no message"):
            adapt(Taking(lambda _: made)).result(b"{}", DEDICATED)

    @pytest.mark.parametrize(
        "error", [KeyError("output"), IndexError(), ValueError("x"), TypeError(), AttributeError()]
    )
    def test_a_formatter_that_fails_is_named_and_the_reply_described(self, error):
        def fail(_):
            raise error

        with pytest.raises(
            AzureMLResponseError, match=r"Taking could not read the endpoint's reply \(an object"
        ) as caught:
            adapt(Taking(fail)).result(json.dumps({"result": PRIVATE}).encode(), DEDICATED)

        assert caught.value.__cause__ is error
        assert PRIVATE not in str(caught.value)

    def test_an_error_of_ours_is_passed_on(self):
        def fail(_):
            raise AzureMLResponseError("as it is")

        with pytest.raises(AzureMLResponseError, match=r"^as it is"):
            adapt(Taking(fail)).result(b"{}", DEDICATED)

    @pytest.mark.parametrize("formatter", [object(), "odd", 7, ContentFormatterBase.format_response_payload])
    def test_what_lacks_the_methods_is_refused_with_what_to_do(self, formatter):
        with pytest.raises(TypeError, match="it has no method format_messages_request_payload; derive it from"):
            adapt(formatter)


class TestOfOnesOwn:
    class Plain(ContentFormatterBase):
        content_type = None

        def format_request_payload(self, prompt, model_kwargs, api_type):
            return json.dumps({"inputs": prompt, "parameters": model_kwargs})

        def format_response_payload(self, output, api_type):
            return json.loads(output)["result"]

    def test_a_model_that_takes_plain_text_gets_the_conversation_written_down(self):
        adopted = adapt(self.Plain())
        sent = json.loads(adopted.body([SystemMessage("s"), HumanMessage("u"), AIMessage("a")], {"seed": 1}, DEDICATED))

        assert sent == {"inputs": "System: s\nHuman: u\nAI: a", "parameters": {"seed": 1}}
        assert adopted.content_type == "application/json"

    @pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
    async def test_it_serves_all_ways_alike(self, server, way):
        server.default = json_reply({"result": "A"})
        message = await ask(
            way, model_of(server, "/predict", endpoint_api_type="dedicated", content_formatter=self.Plain)
        )

        assert message.content == "A"
        assert server.requests[0].json == {"inputs": "Human: Q", "parameters": {}}

    def test_a_family_member_that_reads_its_own_replies_is_asked(self):
        class Own(CustomOpenAIChatContentFormatter):
            def format_response_payload(self, output, api_type):
                return ChatGeneration(message=AIMessage("own"))

        class Choices(CustomOpenAIChatContentFormatter):
            def format_choices(self, output):
                return super().format_choices(output)[:1]

        two = b'{"choices":[{"message":{"content":"A"}},{"message":{"content":"B"}}]}'
        assert [one.text for one in adapt(Own()).result(two, SERVERLESS).generations] == ["own"]
        assert [one.text for one in adapt(Choices()).result(two, SERVERLESS).generations] == ["A"]
        assert len(adapt(CustomOpenAIChatContentFormatter()).result(two, SERVERLESS).generations) == 2

    def test_the_older_name_is_the_same_and_says_that_it_is_deprecated(self):
        messages = [SystemMessage("s"), HumanMessage("u")]
        with pytest.warns(DeprecationWarning, match="use CustomOpenAIChatContentFormatter") as warned:
            formatter = LlamaChatContentFormatter()

        assert [each.filename for each in warned] == [__file__]
        assert formatter.format_messages_request_payload(messages, {}, SERVERLESS) == body(messages, SERVERLESS)

    def test_so_it_does_where_a_model_is_given_the_class(self):
        with pytest.warns(DeprecationWarning, match="use CustomOpenAIChatContentFormatter"):
            AzureMLChatOnlineEndpoint(
                endpoint_url="https://e.x.inference.ml.azure.com/score",
                endpoint_api_key="k",
                content_formatter=LlamaChatContentFormatter,
            )


@pytest.mark.parametrize("name", ["tools", "tool_choice", "response_format"])
def test_a_score_route_is_not_asked_for_what_it_has_not(name):
    with pytest.raises(ValueError, match=f"{name}: a dedicated endpoint's /score route has no tools"):
        body([HumanMessage("u")], DEDICATED, **{name: {"type": "json_object"}})
    assert b"tools" not in body([HumanMessage("u")], DEDICATED, tools=[])


@BOTH
@pytest.mark.parametrize(
    "reply",
    [
        {"object": "error", "message": "Engine died", "code": 500},
        {"error": {"message": "Engine died"}, "choices": []},
        {"error": "Engine died", "choices": None, "output": "odd"},
    ],
)
def test_an_error_beside_an_empty_answer_is_told(reply, api_type):
    with pytest.raises(AzureMLResponseError, match="an error inside a successful reply: Engine died"):
        read(reply, api_type)
