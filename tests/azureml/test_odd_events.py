"""Streams that are nearly right: half surrogate pairs, repeated texts, counts that are none, calls of every fashion."""

import pytest
from langchain_core.messages import AIMessageChunk

from chatbot.azureml.stream import ChatStream
from tests.support.asking import FINISH, SCORE, ask, every_stream, every_way, model_of
from tests.support.completions import both, data, piece
from tests.support.wire import DONE, event, stream_reply, text_reply

SMILE = "\U0001f600"


def raw(delta):
    return f'data: {{"choices":[{{"index":0,"delta":{delta}}}]}}\n\n'


def call(arguments, name="f", **rest):
    return {"tool_calls": [{**rest, "function": {"name": name, "arguments": arguments}}]}


class TestHalves:
    @every_stream
    async def test_two_halves_in_two_events_are_one(self, server, way):
        server.default = stream_reply(
            raw(r'{"reasoning_content":"a\ud83d"}'),
            raw(r'{"reasoning_content":"\ude00b"}'),
            raw(r'{"content":"a\ud83d"}'),
            raw(r'{"content":""}'),
            raw(r'{"content":"\ude00b"}'),
            raw(r'{"tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":"{\"a\": \"\ud83d"}}]}'),
            raw(r'{"tool_calls":[{"index":0,"function":{"arguments":"\ude00\"}"}}]}'),
            FINISH,
            DONE,
        )
        answer = await ask(way, model_of(server))

        assert (answer.content, answer.additional_kwargs["reasoning_content"]) == (f"a{SMILE}b", f"a{SMILE}b")
        assert answer.tool_calls[0]["args"] == {"a": SMILE}

    @every_stream
    @pytest.mark.parametrize(
        ("events", "text"),
        [
            ([r"Cut \ud83d"], "Cut \ufffd"),
            ([r"Cut \ud83d", "more"], "Cut \ufffdmore"),
            ([r"\ude00 first"], "\ufffd first"),
            ([r"a\ud83db", r"\ud83d\ude00"], f"a\ufffdb{SMILE}"),
            ([r"\ud83d", r"\ud83d\ude00"], f"\ufffd{SMILE}"),
        ],
    )
    async def test_a_half_alone_becomes_a_replacement_character(self, server, way, events, text):
        server.default = stream_reply(*(raw(f'{{"content":"{each}"}}') for each in events), FINISH, DONE)

        assert (await ask(way, model_of(server))).content == text

    @every_stream
    async def test_so_does_one_in_what_is_told_beside(self, server, way):
        choice = r'"logprobs":{"content":[{"token":"\ud83d"}]},"finish_reason":"stop"'
        server.default = stream_reply(f'data: {{"choices":[{{"delta":{{"content":"A"}},{choice}}}]}}\n\n', DONE)

        (await ask(way, model_of(server))).model_dump_json().encode()

    @every_way
    async def test_a_whole_reply_has_none(self, server, way):
        server.default = text_reply(rb'{"output": "Cut \ud83d, \ud83d\ude00"}', content_type="application/json")

        assert (await ask(way, model_of(server, SCORE))).content == f"Cut \ufffd, {SMILE}"

    @every_stream
    async def test_events_of_another_fashion_may_cut_pairs_too(self, server, way):
        server.default = stream_reply('data: {"answer":"\\ud83d"}\n\n', 'data: {"answer":"\\ude00"}\n\n', end="close")

        assert (await ask(way, model_of(server, SCORE))).content == SMILE


def message_event(content, **rest):
    return data({"choices": [{"index": 0, "message": {"role": "assistant", "content": content}, **rest}]})


class TestSaidAgain:
    @every_stream
    @pytest.mark.parametrize(
        ("events", "text"),
        [
            ([event("Hello "), event("world"), message_event("Hello world", delta={})], "Hello world"),
            ([event("Hello "), event("world"), message_event("Hello world")], "Hello world"),
            ([event("Hello "), event("world"), message_event("Hello world, all")], "Hello world, all"),
            ([event("Hello "), event("world\n"), message_event("Hello world")], "Hello world\n"),
            ([event("Hello "), event("world"), event("Hello world", "stop")], "Hello world"),
            ([event("Hello "), event("world"), event("Hello world")], "Hello world"),
            ([event(each) for each in ("He", "Hello", "Hello w", "Hello world", "Hello world")], "Hello world"),
            ([event(each) for each in ("ha", "ha")], "haha"),
            ([event(each) for each in ("ha", "haha")], "hahaha"),
            ([event(each) for each in ("I", "If", " so")], "IIf so"),
            ([event(each) for each in ("-", "--", "---")], "------"),
            ([event(each) for each in ("\n", "\n\n", "A")], "\n\n\nA"),
            ([event(each) for each in ("a", "b", "ab")], "abab"),
            ([message_event("Hel"), message_event("lo")], "Hello"),
        ],
    )
    async def test_what_is_said_again_counts_once_and_an_honest_stream_loses_nothing(self, server, way, events, text):
        server.default = stream_reply(*events, FINISH, DONE)

        assert (await ask(way, model_of(server))).content == text

    @every_stream
    async def test_thoughts_and_calls_are_not_taken_twice(self, server, way):
        made = {"index": 0, "id": "1", "function": {"name": "f", "arguments": "{}"}}
        whole = {"content": "A", "reasoning_content": "Hm.", "tool_calls": [made]}
        server.default = stream_reply(
            piece({"reasoning_content": "Hm."}),
            piece({"tool_calls": [made]}),
            event("A"),
            data({"choices": [{"delta": {}, "message": whole, "finish_reason": "stop"}]}),
            DONE,
        )
        answer = await ask(way, model_of(server))

        assert (answer.content, answer.additional_kwargs) == ("A", {"reasoning_content": "Hm."})
        assert [made["name"] for made in answer.tool_calls] == ["f"]


TWO = [("f", {"a": 1}), ("g", {"b": 2})]
CALLS = {
    "one index, two ids": [call('{"a": 1}', index=0, id="1"), call('{"b": 2}', "g", index=0, id="2")],
    "one index, two ids, in fragments": [
        call("", index=0, id="1"),
        call('{"a": 1}', None, index=0),
        call("", "g", index=0, id="2"),
        call('{"b": 2}', None, index=0),
    ],
    "one index, no ids": [call('{"a": 1}', index=0), call('{"b": 2}', "g", index=0)],
    "an index that is text": [call('{"a": 1}', index="0", id="1"), call('{"b": 2}', "g", index="1", id="2")],
    "ids repeated": [
        call('{"a"', index=0, id="1"),
        call(": 1}", None, index=0, id="1"),
        call('{"b"', "g", index=0, id="2"),
        call(": 2}", None, index=0, id="2"),
    ],
    "the arguments so far": [
        call('{"a"', index=0, id="1"),
        call('{"a": 1}', index=0, id="1"),
        call('{"b": 2}', "g", index=1, id="2"),
        call('{"b": 2}', "g", index=1, id="2"),
    ],
    "none until the real ones": [
        call("{}", index=0, id="1"),
        call('{"a": 1}', None, index=0, id=""),
        call("null", "g", index=1, id="2"),
        call('{"b": 2}', None, index=1, id=""),
    ],
    "objects, and JSON twice": [call({"a": 1}, index=0, id="1"), call('"{\\"b\\": 2}"', "g", index=1, id="2")],
    "flat": [{"tool_calls": [{"id": "1", "name": "f", "arguments": '{"a": 1}'}]}, call('{"b": 2}', "g", id="2")],
}


@every_stream
@pytest.mark.parametrize("deltas", CALLS.values(), ids=CALLS)
async def test_parallel_calls_are_told_apart_whatever_their_index_says(server, way, deltas):
    server.default = stream_reply(*map(piece, deltas), piece({}, "tool_calls"), DONE)
    answer = await ask(way, model_of(server))

    assert [(made["name"], made["args"]) for made in answer.tool_calls] == TWO
    assert len({made["id"] for made in answer.tool_calls}) == 2
    assert answer.invalid_tool_calls == []


@every_way
@pytest.mark.parametrize("arguments", ["null", "", None, "{}", {}, [], '""', "None"])
async def test_arguments_that_are_none_are_an_empty_object(server, way, arguments):
    delta = call(arguments, index=0, id="1")
    server.default = both(delta, delta)
    answer = await ask(way, model_of(server))

    assert [made["args"] for made in answer.tool_calls] == [{}]


COUNTED = {"prompt_tokens": 2, "completion_tokens": 3}


@every_stream
@pytest.mark.parametrize("other", [None, {"prompt_tokens": None}, {"prompt_tokens": 0, "completion_tokens": 0}])
async def test_counts_that_are_none_do_not_replace_those_that_are(server, way, other):
    server.default = stream_reply(
        piece({"content": "A"}, usage={"prompt_tokens": 2, "completion_tokens": 1}),
        piece({}, "stop", usage=COUNTED),
        data({"choices": [], "usage": other}),
        DONE,
    )

    assert (await ask(way, model_of(server))).usage_metadata["output_tokens"] == 3


@every_stream
@pytest.mark.parametrize(
    "odd",
    [
        {"choices": None},
        {"choices": []},
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": {"content": None}}]},
        {},
    ],
)
@pytest.mark.parametrize("reason", ["stop", "eos_token", "end_turn"])
async def test_events_that_say_nothing_are_passed_over(server, way, odd, reason):
    null = piece({"content": "B"}, "null")
    server.default = stream_reply(event("A"), data(odd), null, data(odd), piece({}, reason), data(odd), DONE)
    answer = await ask(way, model_of(server))

    assert (answer.content, answer.response_metadata["finish_reason"]) == ("AB", reason)


def test_arguments_of_a_megabyte_take_no_time_that_grows_with_their_square():
    stream = ChatStream()
    stream.feed(piece(call("{", index=0, id="1")))
    body = b"".join(piece(call('"a": "}",' * 10, None, index=0)) for _ in range(2_000))
    message = stream.feed(body).message
    assert isinstance(message, AIMessageChunk)
    assert len(message.tool_call_chunks[0]["args"]) == 2_000 * 90
