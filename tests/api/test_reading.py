"""What is read of a request, and what is made of an answer."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.api import errors
from chatbot.api.errors import ApiError
from chatbot.api.messages import MAX_MESSAGES, read_messages
from chatbot.api.replies import Reply
from chatbot.api.wire import ChatCompletionRequest
from chatbot.azureml.messages import to_wire
from chatbot.conversation import Failure, Turn, TurnStatus, Usage
from chatbot.conversation.context.given import given_plan
from chatbot.conversation.parts import NonStandard, Reasoning, Text, ToolCall


def turn(*parts, status=TurnStatus.STREAMING, reason=None):
    return Turn(0, (), tuple(parts), status, reason, deployment="d")


def told(reply, state):
    return [each["choices"][0]["delta"] for each in reply.chunks(state) if each["choices"]]


def test_a_call_whose_arguments_are_no_json_is_sent_on_as_it_is_in_both_directions():
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": '}}
    [message] = read_messages([{"role": "assistant", "content": None, "tool_calls": [call]}])
    assert [each["args"] for each in message.invalid_tool_calls] == ['{"a": ']
    block = NonStandard({"type": "invalid_tool_call", "id": "c1", "name": "f", "args": '{"a": '})
    answer = Reply().whole(turn(block, ToolCall("", "g", {"é": 1}), status=TurnStatus.COMPLETE))
    first, second = answer["choices"][0]["message"]["tool_calls"]
    assert first == call
    assert second["id"].startswith("call_")
    assert second["function"] == {"name": "g", "arguments": '{"é": 1}'}
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    assert answer["choices"][0]["message"]["content"] is None
    assert answer["usage"] is None


def test_what_was_taken_for_the_answer_and_turns_out_to_be_thoughts_is_told_as_such():
    reply = Reply()
    assert told(reply, turn(Text("Hm. The"))) == [{"role": "assistant", "content": ""}, {"content": "Hm. The"}]
    now = turn(Reasoning("Hm. The"), Text("Hm, yes"))
    assert told(reply, now) == [{"reasoning_content": "Hm. The", "content": "Hm, yes"}]
    assert told(reply, now) == []


def test_a_key_that_is_masked_meanwhile_is_not_told_again():
    reply = Reply()
    told(reply, turn(Text("It is secret-")))
    assert told(reply, turn(Text("It is ***, and"))) == [{"content": "***, and"}]
    assert told(reply, turn(Text("It is ***, and so on"))) == [{"content": " so on"}]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("eos_token", "stop"),
        (None, "stop"),
        ("content_filter", "content_filter"),
    ],
)
def test_an_answer_ends_for_a_reason_that_clients_know(given, expected):
    reply = Reply(wants_usage=True)
    ended = Turn(0, (), (Text("Hi"),), TurnStatus.COMPLETE, given, Usage(3, 4), deployment="d")
    *_, last, used = reply.chunks(ended)
    assert last["choices"][0]["finish_reason"] == expected
    assert used["usage"] == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def test_what_a_request_tells_the_model_is_what_it_says_and_tools_only_where_there_are_any():
    body = b'{"model": "m", "messages": [{}], "stop": "x", "tools": [], "tool_choice": "auto", "max_tokens": null}'
    request = ChatCompletionRequest.read(body)
    assert request.further == {"stop": ["x"]}
    assert request.options.max_tokens is None


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([{"role": "user", "content": []}], "messages[0].content should be text"),
        ([{"role": "user", "content": [{"type": "input_audio"}]}], "messages[0].content[0] should be a part"),
        ([{"role": "user", "content": [5]}], "messages[0].content[0] should be a part"),
        ([{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "data:image/png,"}}]}], "text"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///x"}}]}], "begin with https"),
        ([{"role": "tool", "content": "x"}], "tool_call_id is missing"),
        ([{"role": "assistant", "tool_calls": [5]}], "messages[0].tool_calls[0] should be a call"),
        ([{"role": ["user"]}], "messages[0].role should be one of"),
        ([{"role": "user", "content": "x"}] * (MAX_MESSAGES + 1), "2,000 at most"),
    ],
)
def test_a_message_that_cannot_be_read_is_refused_by_its_place(messages, words):
    with pytest.raises(ApiError) as error:
        read_messages(messages)
    assert words in error.value.body["error"]["message"]


def test_every_failure_has_words_and_those_that_pass_a_time():
    for kind in [*errors._FAILURES, "SomethingNew"]:
        known = errors.failed(Failure(kind, {"detail": "its words"}, retry_after=2.5))
        assert known.headers["retry-after"] == "3"
        assert "its words" in known.body["error"]["message"]
    assert errors.failed(Failure("ModelAPIError")).status == 502
    assert errors.failed(Failure("ModelAPIError", retry_after=2.5)).status == 503


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
PARTS = st.fixed_dictionaries({}, optional={"type": st.sampled_from(["text", "image_url"]), "text": VALUES}) | VALUES
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "x"]) | VALUES},
    optional={
        "content": st.text() | st.lists(PARTS, max_size=2) | VALUES,
        "name": VALUES,
        "tool_call_id": VALUES,
        "tool_calls": st.lists(st.fixed_dictionaries({"id": VALUES, "function": VALUES}) | VALUES, max_size=2) | VALUES,
    },
)


@pytest.mark.slow
@given(
    st.fixed_dictionaries(
        {"model": st.just("m") | VALUES, "messages": st.lists(MESSAGES, max_size=3) | VALUES},
        optional=dict.fromkeys(ChatCompletionRequest.model_fields.keys() - {"model", "messages"}, VALUES),
    )
)
def test_whatever_is_sent_is_read_or_refused_in_words(body):
    try:
        request = ChatCompletionRequest.read(json.dumps(body).encode())
        messages = read_messages(request.messages)
    except ApiError:
        return
    orjson.dumps(request.further)
    assert given_plan(messages, request.further, len).tokens >= 0
    to_wire(messages)
