"""Tools: what is offered, which calls come back however a server writes them, and how results go out again."""

import json
from typing import TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from chatbot.azureml import AzureMLError
from chatbot.azureml.response import generations_of
from chatbot.azureml.stream import ChatStream
from tests.support.asking import FINISH, SCORE, ask, every_stream, every_way, model_of
from tests.support.completions import both, data, piece, whole
from tests.support.wire import DONE, event, sample, sample_body, sample_reply, stream_reply


def get_weather(city: str, days: int = 1) -> str:
    """Say what the weather will be.

    Args:
        city: Where.
        days: For how long.
    """
    return f"{city}: fine for {days}"


class GetWeather(BaseModel):
    """Say what the weather will be."""

    city: str = Field(description="Where.")
    days: int = Field(default=1, description="For how long.")


class GetWeatherDict(TypedDict):
    """Say what the weather will be."""

    city: str


PARAMETERS = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "Where."},
        "days": {"type": "integer", "default": 1, "description": "For how long."},
    },
    "required": ["city"],
}
TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Say what the weather will be.", "parameters": PARAMETERS},
}


def call(name="f", arguments='{"a": 1}', **rest):
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}, **rest}


def good(message):
    return [(made["name"], made["args"], made["id"]) for made in message.tool_calls]


class TestOffered:
    @every_way
    @pytest.mark.parametrize(
        ("offered", "name"),
        [
            (get_weather, "get_weather"),
            (tool(get_weather), "get_weather"),
            (GetWeather, "GetWeather"),
            (GetWeatherDict, "GetWeatherDict"),
            (TOOL, "get_weather"),
            ({"title": "get_weather", "description": "Say what the weather will be.", **PARAMETERS}, "get_weather"),
        ],
        ids=["function", "tool", "pydantic", "TypedDict", "OpenAI", "JSON schema"],
    )
    async def test_a_tool_goes_out_as_openai_has_it_whatever_it_is_made_of(self, answering, way, offered, name):
        await ask(way, model_of(answering).bind_tools([offered]))

        [sent] = answering.requests[0].json["tools"]
        assert (sent["type"], sent["function"]["name"]) == ("function", name)
        assert sent["function"]["description"].splitlines()[0] == "Say what the weather will be."
        assert sent["function"]["parameters"]["properties"]["city"]["type"] == "string"
        assert sent["function"]["parameters"]["required"] == ["city"]
        assert "tool_choice" not in answering.requests[0].json
        assert "parallel_tool_calls" not in answering.requests[0].json

    async def test_an_openai_tool_goes_out_as_it_is(self, answering):
        await model_of(answering).bind_tools([TOOL]).ainvoke("Q")

        assert answering.requests[0].json["tools"] == [TOOL]

    @every_way
    @pytest.mark.parametrize(
        ("wanted", "sent"),
        [
            (None, None),
            (False, None),
            ({}, None),
            ("auto", "auto"),
            ("none", "none"),
            ("any", "required"),
            ("required", "required"),
            ("get_weather", {"type": "function", "function": {"name": "get_weather"}}),
            (
                {"type": "function", "function": {"name": "get_weather"}},
                {"type": "function", "function": {"name": "get_weather"}},
            ),
            (True, {"type": "function", "function": {"name": "get_weather"}}),
        ],
    )
    async def test_which_tool_must_be_called_is_said_in_the_wires_words(self, answering, way, wanted, sent):
        await ask(way, model_of(answering).bind_tools([get_weather], tool_choice=wanted))

        assert answering.requests[0].json.get("tool_choice") == sent

    async def test_of_several_tools_some_one_must_be_called(self, answering):
        await model_of(answering).bind_tools([get_weather, GetWeather], tool_choice=True).ainvoke("Q")

        assert answering.requests[0].json["tool_choice"] == "required"

    @pytest.mark.parametrize("wanted", ["get_time", {"type": "function", "function": {"name": "get_time"}}, 7])
    def test_a_tool_that_is_not_offered_cannot_be_wanted(self, answering, wanted):
        with pytest.raises(ValueError, match=r"tool_choice names .*, but the tools are get_weather"):
            model_of(answering).bind_tools([get_weather], tool_choice=wanted)

    @every_way
    async def test_strictness_and_calls_at_once_are_asked_for_only_when_wanted(self, answering, way):
        model = model_of(answering)
        await ask(way, model.bind_tools([get_weather], strict=True, parallel_tool_calls=False, temperature=0))
        await ask(way, model.bind_tools([get_weather]))

        strict, plain = (request.json for request in answering.requests)
        assert strict["tools"][0]["function"]["strict"] is True
        assert strict["tools"][0]["function"]["parameters"]["additionalProperties"] is False
        assert (strict["parallel_tool_calls"], strict["temperature"]) == (False, 0)
        assert "strict" not in plain["tools"][0]["function"]
        assert "parallel_tool_calls" not in plain

    @every_way
    async def test_no_tools_are_none(self, answering, way):
        await ask(way, model_of(answering).bind_tools([]))

        assert set(answering.requests[0].json) - {"stream"} == {"messages", "max_tokens"}

    @every_way
    async def test_a_score_route_has_no_tools_and_says_so_before_anything_is_sent(self, answering, way):
        with pytest.raises(ValueError, match=r"tools, tool_choice: a dedicated endpoint's /score route.*/v1/chat"):
            await ask(way, model_of(answering, SCORE).bind_tools([get_weather], tool_choice="any"))

        assert answering.connections == 0


class TestWholeReply:
    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    async def test_the_recorded_call(self, server, way):
        server.default = sample_reply("maas_tool_call_ok")
        message = await ask(way, model_of(server))

        assert good(message) == [("get_max_temperature", {"city": "Seattle", "days": "2"}, "abc0dF1gh")]
        assert (message.content, message.invalid_tool_calls) == ("", [])

    @every_way
    @pytest.mark.parametrize(
        ("calls", "made"),
        [
            ([call()], [("f", {"a": 1}, "call_1")]),
            ([call(), call("g", "{}", id="call_2")], [("f", {"a": 1}, "call_1"), ("g", {}, "call_2")]),
            ([call(type=None)], [("f", {"a": 1}, "call_1")]),
            ([{"id": "call_1", "function": {"name": "f", "arguments": '{"a": 1}'}}], [("f", {"a": 1}, "call_1")]),
            ([call(arguments={"a": 1})], [("f", {"a": 1}, "call_1")]),
            ([call(arguments="")], [("f", {}, "call_1")]),
            ([call(arguments=None)], [("f", {}, "call_1")]),
            ([call(arguments="null")], [("f", {}, "call_1")]),
            ([{"id": "call_1", "function": {"name": "f"}}], [("f", {}, "call_1")]),
            ([call(arguments='{"city": "Köln 😀 \\n \\"x\\""}')], [("f", {"city": 'Köln 😀 \n "x"'}, "call_1")]),
            ([call(id=7)], [("f", {"a": 1}, "7")]),
            ([None, "odd", {}, {"function": None}, call()], [("f", {"a": 1}, "call_1")]),
            (None, []),
            ([], []),
            ("odd", []),
        ],
    )
    @pytest.mark.parametrize("content", [None, "", "I look it up."])
    async def test_calls_are_read_however_they_are_written(self, server, way, calls, made, content):
        # also where a stream was asked for and the reply came whole
        server.default = whole({"role": "assistant", "content": content, "tool_calls": calls})
        message = await ask(way, model_of(server))

        assert (good(message), message.invalid_tool_calls) == (made, [])
        assert message.content == (content or "")

    @every_way
    @pytest.mark.parametrize("arguments", ['{"a": ', "no JSON", "[1]", '"text"', "7", "{" * 5000, ["a"], 7, True])
    async def test_arguments_that_are_no_object_make_a_call_that_is_not_valid(self, server, way, arguments):
        server.default = whole({"content": None, "tool_calls": [call("g", "{}", id="call_0"), call("f", arguments)]})
        message = await ask(way, model_of(server))

        assert good(message) == [("g", {}, "call_0")]
        [bad] = message.invalid_tool_calls
        assert (bad["name"], bad["id"]) == ("f", "call_1")
        assert bad["args"] == (arguments if isinstance(arguments, str) else json.dumps(arguments))
        assert bad["error"]

    @every_way
    async def test_calls_without_an_id_get_one_each(self, server, way):
        server.default = whole({"content": None, "tool_calls": [call(id=None), call(id=""), call("g", "{", id=None)]})
        message = await ask(way, model_of(server))

        ids = [made["id"] for made in [*message.tool_calls, *message.invalid_tool_calls]]
        assert len({identifier for identifier in ids if identifier}) == 3

    @every_way
    @pytest.mark.parametrize("reason", ["stop", "tool_calls", "length", None, "odd"])
    async def test_the_finish_reason_does_not_decide_whether_there_are_calls(self, server, way, reason):
        server.script(whole({"content": "", "tool_calls": [call()]}, reason), whole({"content": "A"}, reason))
        model = model_of(server)

        assert len((await ask(way, model)).tool_calls) == 1
        assert (await ask(way, model)).tool_calls == []


def fragment(arguments=None, **rest):
    function = {name: rest.pop(name) for name in ("name",) if name in rest}
    if arguments is not None:
        function["arguments"] = arguments
    return {**rest, "function": function}


def calls(*fragments):
    return {"tool_calls": list(fragments)}


FRAGMENTS = [
    # how servers cut two calls, f({"a": 1}) and g({"b": "ü"}), into fragments
    (
        "OpenAI, by index",
        [
            {"content": None, **calls(fragment("", index=0, id="1", type="function", name="f"))},
            calls(fragment('{"a"', index=0)),
            calls(fragment(": 1}", index=0)),
            calls(fragment("", index=1, id="2", type="function", name="g")),
            calls(fragment('{"b": "ü"}', index=1)),
        ],
    ),
    (
        "both calls in turn",
        [
            calls(fragment("", index=0, id="1", name="f"), fragment("", index=1, id="2", name="g")),
            calls(fragment('{"a"', index=0), fragment('{"b": ', index=1)),
            calls(fragment('"ü"}', index=1), fragment(": 1}", index=0)),
        ],
    ),
    (
        "whole calls without index",
        [calls(fragment('{"a": 1}', id="1", name="f")), calls(fragment('{"b": "ü"}', id="2", name="g"))],
    ),
    (
        "whole calls without index, in one event",
        [calls(fragment('{"a": 1}', id="1", name="f"), fragment('{"b": "ü"}', id="2", name="g"))],
    ),
    (
        "fragments without index",
        [
            calls(fragment("", id="1", name="f")),
            calls(fragment('{"a"')),
            calls(fragment(": 1}")),
            calls(fragment('{"b"', id="2", name="g")),
            calls(fragment(': "ü"}')),
        ],
    ),
    (
        "ids repeated without index",
        [
            calls(fragment('{"a"', id="1", name="f")),
            calls(fragment('{"b"', id="2", name="g")),
            calls(fragment(": 1}", id="1")),
            calls(fragment(': "ü"}', id="2")),
        ],
    ),
    (
        "ids and names repeated",
        [
            calls(fragment('{"a"', index=0, id="1", name="f")),
            calls(fragment(": 1}", index=0, id="1", name="f")),
            calls(fragment('{"b"', index=1, id="2", name="g")),
            calls(fragment(': "ü"}', index=1, id="2", name="g")),
        ],
    ),
    (
        "a new id with every fragment",
        [
            calls(fragment('{"a"', index=0, id="1", name="f")),
            calls(fragment(": 1}", index=0, id="9")),
            calls(fragment('{"b"', index=1, id="2", name="g")),
            calls(fragment(': "ü"}', index=1, id="8")),
        ],
    ),
    (
        "nulls and blanks",
        [
            calls(fragment(None, index=0, id="1", name=None), None, {"index": 0, "function": None}),
            calls(fragment('{"a": 1}', index=0, id=None, name="f", type=None)),
            calls(fragment('{"b": "ü"}', index=1, id="2", name="g")),
            calls(fragment("", index=1, id="", name="")),
            {"tool_calls": None},
            {"tool_calls": []},
        ],
    ),
    (
        "arguments as objects",
        [calls(fragment({"a": 1}, index=0, id="1", name="f")), calls(fragment({"b": "ü"}, index=1, id="2", name="g"))],
    ),
    (
        "an index that does not start at nought",
        [
            calls(fragment('{"a": 1}', index=3, id="1", name="f")),
            calls(fragment('{"b": "ü"}', index=5, id="2", name="g")),
        ],
    ),
    (
        "an index that is no number",
        [
            calls(fragment('{"a": 1}', index="0", id="1", name="f")),
            calls(fragment('{"b": "ü"}', index=None, id="2", name="g")),
        ],
    ),
]
TWO_CALLS = [("f", {"a": 1}, "1"), ("g", {"b": "ü"}, "2")]
every_fragmentation = pytest.mark.parametrize(
    "deltas", [line[1] for line in FRAGMENTS], ids=[line[0] for line in FRAGMENTS]
)


def cut(body, size):
    return [body[place : place + size] for place in range(0, len(body), size)]


def read(pieces):
    """The sum of a stream of these pieces, as LangChain adds them."""
    stream = ChatStream()
    chunks = [chunk for data in pieces if (chunk := stream.feed(data))]
    message = AIMessageChunk(content="")
    for chunk in [*chunks, stream.finish()]:
        message += chunk.message
    return message


class TestStream:
    @every_stream
    @every_fragmentation
    async def test_fragments_are_put_together_however_they_are_cut(self, server, way, deltas):
        server.default = stream_reply(*map(piece, deltas), piece({}, "tool_calls"), DONE)
        message = await ask(way, model_of(server))

        assert (good(message), message.invalid_tool_calls) == (TWO_CALLS, [])

    @every_fragmentation
    def test_how_the_network_cuts_them_does_not_show(self, deltas):
        body = b"".join([*map(piece, deltas), piece({}, "tool_calls"), DONE])

        for size in (1, 2, 3, 7, 64, len(body)):
            message = read(cut(body, size))
            assert (good(message), message.invalid_tool_calls) == (TWO_CALLS, [])

    @every_stream
    async def test_the_recorded_call_without_index(self, server, way):
        server.default = sample_reply("maas_tool_call_stream_no_index")
        message = await ask(way, model_of(server))

        assert good(message) == [("get_weather", {"city": "Seattle"}, "abc0dF1gh")]
        assert message.usage_metadata["output_tokens"] == 23
        assert message.response_metadata["finish_reason"] == "tool_calls"

    @every_stream
    async def test_the_recorded_fragments_of_a_forced_call(self, server, way):
        server.default = sample_reply("aoai_tool_call_stream_fragments")
        message = await ask(way, model_of(server))

        [(name, arguments, identifier)] = good(message)
        assert (name, identifier) == ("get_future_temperature", "call_U2")
        assert "location" in json.dumps(arguments)
        assert message.response_metadata["finish_reason"] == "stop"

    @pytest.mark.parametrize("name", ["aoai_tool_call_stream_fragments", "maas_tool_call_stream_no_index"])
    def test_a_recorded_call_may_be_cut_at_every_byte(self, name):
        body = sample_body(name)
        expected = good(read([body]))
        assert len(expected) == 1

        for place in range(1, len(body)):
            assert good(read([body[:place], body[place:]])) == expected

    @every_stream
    async def test_words_and_calls_come_together(self, server, way):
        server.default = stream_reply(
            event("I look"), piece({"content": " it up.", **calls(call(index=0))}), FINISH, DONE
        )
        message = await ask(way, model_of(server))

        assert (message.content, good(message)) == ("I look it up.", [("f", {"a": 1}, "call_1")])

    @every_stream
    async def test_calls_without_an_id_get_one_each(self, server, way):
        server.default = stream_reply(
            piece(calls(fragment('{"a"', name="f"))),
            piece(calls(fragment(": 1}"))),
            piece(calls(fragment("{}", name="g"), fragment("{}", name="g"))),
            FINISH,
            DONE,
        )
        message = await ask(way, model_of(server))

        assert [made[:2] for made in good(message)] == [("f", {"a": 1}), ("g", {}), ("g", {})]
        assert len({made["id"] for made in message.tool_calls if made["id"]}) == 3

    @every_stream
    async def test_arguments_that_are_no_object_make_a_call_that_is_not_valid(self, server, way):
        server.default = stream_reply(piece(calls(call(arguments="[1"), call(id="2"))), FINISH, DONE)
        message = await ask(way, model_of(server))

        assert good(message) == [("f", {"a": 1}, "2")]
        assert [made["args"] for made in message.invalid_tool_calls] == ["[1"]

    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    async def test_a_model_that_streams_by_itself_makes_the_same_calls(self, server, way):
        server.default = sample_reply("maas_tool_call_stream_no_index")
        message = await ask(way, model_of(server, streaming=True))

        assert type(message) is AIMessage
        assert good(message) == [("get_weather", {"city": "Seattle"}, "abc0dF1gh")]


class TestHistory:
    @every_way
    async def test_calls_and_results_go_out_as_they_were_recorded(self, server, way):
        server.default = sample_reply("maas_tool_result_turn")
        recorded = sample("maas_tool_result_turn")["request"]["json"]["messages"]
        made = {"name": "get_max_temperature", "args": {"city": "Seattle", "days": "2"}, "id": "abc0dF1gh"}
        history = [
            ("system", recorded[0]["content"]),
            HumanMessage(recorded[1]["content"]),
            AIMessage("", tool_calls=[made]),
            ToolMessage(recorded[3]["content"], tool_call_id="abc0dF1gh"),
        ]
        message = await ask(way, model_of(server), history)

        *before, asked, result = server.requests[0].json["messages"]
        assert before == recorded[:2]
        assert result == {"role": "tool", "tool_call_id": "abc0dF1gh", "content": recorded[3]["content"]}
        [sent] = asked["tool_calls"]
        assert (asked["role"], asked["content"]) == ("assistant", "")
        assert (sent["id"], sent["type"], sent["function"]["name"]) == ("abc0dF1gh", "function", "get_max_temperature")
        assert json.loads(sent["function"]["arguments"]) == made["args"]
        assert message.content == "It will be 62."

    @every_way
    async def test_what_a_model_called_it_is_told_again_with_the_result(self, server, way):
        deltas = [calls(call(index=0)), calls(call("g", "{}", index=1, id="call_2"))]
        server.default = both({"content": None, "tool_calls": [call(), call("g", "{}", id="call_2")]}, *deltas)
        model = model_of(server)
        message = await ask(way, model)
        results = [ToolMessage(f"result {made['id']}", tool_call_id=made["id"]) for made in message.tool_calls]
        await ask(way, model, [HumanMessage("Q"), message, *results])

        _, asked, *results = server.requests[1].json["messages"]
        assert [(made["id"], made["function"]["name"]) for made in asked["tool_calls"]] == [
            ("call_1", "f"),
            ("call_2", "g"),
        ]
        assert [(result["tool_call_id"], result["content"]) for result in results] == [
            ("call_1", "result call_1"),
            ("call_2", "result call_2"),
        ]

    @every_way
    async def test_a_call_that_was_not_valid_goes_out_as_the_model_wrote_it(self, server, way):
        server.default = whole({"content": None, "tool_calls": [call(), call("g", '{"a": ', id="call_2")]})
        model = model_of(server)
        message = await ask(way, model)
        error = ToolMessage("That is no JSON.", tool_call_id="call_2", status="error")
        await ask(way, model, [HumanMessage("Q"), message, error])

        _, asked, results = server.requests[1].json["messages"]
        assert [made["function"] for made in asked["tool_calls"]] == [
            {"name": "f", "arguments": '{"a": 1}'},
            {"name": "g", "arguments": '{"a": '},
        ]
        assert results == {"role": "tool", "tool_call_id": "call_2", "content": "That is no JSON."}

    @pytest.mark.parametrize(
        ("content", "sent"),
        [
            ("62", "62"),
            ("", ""),
            (["a", "b\n"], "ab\n"),
            ([{"type": "text", "text": " 6"}, {"type": "text", "text": "2 "}], " 62 "),
            ([{"type": "json", "json": {"a": 1}}], '{"a": 1}'),
            (
                [{"type": "text", "text": "here"}, {"type": "image", "url": "https://x/a.png"}],
                [{"type": "text", "text": "here"}, {"type": "image_url", "image_url": {"url": "https://x/a.png"}}],
            ),
        ],
    )
    async def test_a_result_may_be_text_or_parts(self, answering, content, sent):
        message = ToolMessage(content, tool_call_id="1", name="f")
        await model_of(answering).ainvoke([HumanMessage("Q"), message])

        assert answering.requests[0].json["messages"][1] == {
            "role": "tool",
            "tool_call_id": "1",
            "name": "f",
            "content": sent,
        }


NAMES = ("content", "function", "name", "arguments", "id", "index", "usage", "answer", "error", "prompt_tokens", "text")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text("ab{}", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=15,
)
odd_delta = st.fixed_dictionaries(
    {},
    optional={
        "content": json_values,
        "refusal": json_values,
        "reasoning_content": json_values,
        "tool_calls": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "index": json_values,
                    "id": json_values,
                    "type": json_values,
                    "function": st.fixed_dictionaries({}, optional={"name": json_values, "arguments": json_values}),
                },
            ),
            max_size=3,
        ),
    },
)
odd_event = json_values | st.fixed_dictionaries(
    {},
    optional={
        "usage": json_values,
        "model": json_values,
        "prompt_filter_results": json_values,
        "choices": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "delta": odd_delta,
                    "index": json_values,
                    "finish_reason": json_values,
                    "logprobs": json_values,
                    "content_filter_results": json_values,
                },
            ),
            max_size=2,
        ),
    },
)


@given(events=st.lists(odd_event, max_size=4), together=st.booleans())
def test_no_stream_however_odd_is_anything_but_an_answer_or_an_error_of_ours(events, together):
    pieces = [*map(data, events), FINISH, DONE]
    try:
        message = read([b"".join(pieces)] if together else pieces)
    except AzureMLError:
        return
    assert isinstance(message.content, str)
    assert all(isinstance(made["args"], dict) for made in message.tool_calls)


@given(message=odd_delta)
def test_no_whole_message_however_odd_is_anything_but_an_answer(message):
    [generation] = generations_of({"choices": [{"message": message}]})
    assert isinstance(generation.message.content, str)
    assert all(made["id"] for made in generation.message.tool_calls)
