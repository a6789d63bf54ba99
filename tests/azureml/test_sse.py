"""Server-sent events: the same answer, however a server frames it and wherever the network cuts it."""

import json
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatbot.azureml import AzureMLStreamError
from chatbot.azureml.sse import MAX_LINE_BYTES, EventTooLargeError, SSEDecoder
from chatbot.azureml.stream import ChatStream
from tests.support.wire import DONE, event, sample_body

# sample, the answer's text, whether it ends with [DONE]
COMPLETE = [
    ("maas_stream_ok", "Absolutely\n", True),
    ("sse_comments", "Hé", True),
    ("sse_crlf", "Hé", True),
    ("sse_empty_data", "Hé", True),
    ("sse_event_id_retry", "Hé", True),
    ("sse_multiline_data", "Hi", True),
    ("sse_no_done_after_finish", "Hé", False),
    ("sse_no_space", "Hé", True),
]
BROKEN = [("sse_cut_mid_json", ""), ("sse_no_done_clean_close", "Hé")]
NAMES = [name for name, *_ in [*COMPLETE, *BROKEN]]

FINISH = event(finish_reason="stop")


def payloads(pieces):
    decoder = SSEDecoder()
    return [payload for piece in pieces for payload in decoder.feed(piece)] + decoder.flush()


def read(*pieces):
    """Read a stream as the chat model does; return its one merged chunk."""
    stream = ChatStream()
    merged = None
    for piece in pieces:
        if chunk := stream.feed(piece):
            merged = chunk if merged is None else merged + chunk
        if stream.done:
            break
    last = stream.finish()
    return last if merged is None else merged + last


def cut(data, places):
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(bounds)]


@pytest.mark.parametrize(("name", "text", "done"), COMPLETE)
def test_every_framing_is_read(name, text, done):
    stream = ChatStream()
    chunk = stream.feed(sample_body(name))
    last = stream.finish()

    assert chunk.text == text
    assert stream.done is done
    assert last.message.response_metadata["finish_reason"] == "stop"


@pytest.mark.parametrize(("name", "text"), BROKEN)
def test_a_stream_without_an_end_is_an_error_that_keeps_the_text(name, text):
    with pytest.raises(AzureMLStreamError, match="broke off") as caught:
        read(sample_body(name))

    assert caught.value.partial == text


def test_the_events_of_the_recorded_stream_are_exactly_these():
    *events, last = payloads([sample_body("maas_stream_ok")])

    assert last == b"[DONE]"
    assert ["".join(choice["delta"]["content"] for choice in json.loads(data)["choices"]) for data in events] == [
        "", "Abs", "olutely", "\n", "",
    ]  # fmt: skip


def test_the_usage_of_the_last_event_is_the_usage_of_the_answer():
    message = read(sample_body("maas_stream_ok")).message

    assert message.usage_metadata == {"input_tokens": 24, "output_tokens": 352, "total_tokens": 376}
    assert message.response_metadata == {"finish_reason": "stop", "model_name": "mistral-large-2411"}


@given(name=st.sampled_from(NAMES), places=st.lists(st.integers(0, 3000), max_size=30))
@example(name="sse_crlf", places=list(range(3000)))
@example(name="sse_comments", places=list(range(3000)))
@example(name="sse_multiline_data", places=list(range(3000)))
def test_where_the_network_cuts_changes_no_event(name, places):
    body = sample_body(name)

    assert payloads(cut(body, places)) == payloads([body])


@given(
    name=st.sampled_from(NAMES),
    ending=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    bom=st.booleans(),
    places=st.lists(st.integers(0, 3000), max_size=30),
)
@example(name="sse_event_id_retry", ending=b"\r\n", bom=True, places=list(range(3000)))
@example(name="sse_event_id_retry", ending=b"\r", bom=True, places=list(range(3000)))
def test_line_ends_and_a_byte_order_mark_change_no_event(name, ending, bom, places):
    body = sample_body(name).replace(b"\r\n", b"\n")
    other = b"\xef\xbb\xbf" * bom + body.replace(b"\n", ending)

    assert payloads(cut(other, places)) == payloads([body])


@given(places=st.lists(st.integers(0, 2000), max_size=20))
@example(places=list(range(2000)))
def test_where_the_network_cuts_does_not_show_in_the_answer(places):
    counted = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    final = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    body = b"".join(
        (
            event("Grüße", usage=counted),
            event(" 😀 "),
            event(finish_reason="stop", usage=final),
            event(finish_reason="content_filter"),
            b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n',
            DONE,
        )
    )
    message = read(*cut(body, places)).message

    assert message.content == "Grüße 😀 "
    assert message.usage_metadata == {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    assert message.response_metadata == {"finish_reason": "content_filter", "model_name": "m"}


def test_a_stream_cut_short_is_complete_from_the_finish_reason_on_and_not_before():
    body = sample_body("maas_stream_ok")
    last = b'"total_tokens":376}}'
    complete = []
    for length in range(len(body) + 1):
        try:
            read(body[:length])
        except AzureMLStreamError:
            continue
        complete.append(length)

    assert complete == list(range(body.index(last) + len(last), len(body) + 1))


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_an_event_is_told_as_soon_as_its_blank_line_is_there(ending):
    decoder = SSEDecoder()

    assert decoder.feed(b"data: a" + ending) == []
    assert decoder.feed(ending) == [b"a"]
    assert decoder.feed(b"data: b" + ending + ending) == [b"b"]


def test_a_line_feed_that_follows_its_carriage_return_late_ends_no_second_line():
    decoder = SSEDecoder()

    assert decoder.feed(b"data: a\r") == []
    assert decoder.feed(b"\ndata: b\r") == []
    assert decoder.feed(b"\n\r") == [b"a\nb"]
    assert decoder.feed(b"\n") == []


@pytest.mark.parametrize(
    ("framed", "expected"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a \n\n", [b" a "]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data: a:b\n\n", [b"a:b"]),
        (b"data2: no\ndata: a\n\n", [b"a"]),
        (b"data:\ndata: a\n\n", [b"\na"]),
        (b"data\ndata: a\n\n", [b"\na"]),
        (b"data\n\n", []),
        (b"data:\n\n", []),
        (b": data: no\n\n", []),
        (b"database: no\n\n", []),
        (b"event: x\ndata: a\nid: 1\n\n", [b"a"]),
        (b"\n\n\n\ndata: a\n\n\n\n", [b"a"]),
        (b"data: a", [b"a"]),
        (b"data: a\n", [b"a"]),
        (b"", []),
    ],
)
def test_a_framing_and_its_payloads(framed, expected):
    assert payloads([framed]) == expected


@pytest.mark.parametrize(
    ("limits", "fits", "too_much", "message"),
    [
        ({"max_line": 9}, b"data: abc\n", b"data: abcd\n", "a line of more than 9 bytes"),
        ({"max_line": 9}, b"data: abc\ndata: abc\n\n", b"data: abc\ndata: abcd", "a line of more than 9 bytes"),
        ({"max_line": 9}, b": abcdefg\n", b": abcdefgh", "a line of more than 9 bytes"),
        ({"max_line": 9}, b"data: a\n\ndata: b\n\n", b"data: a\n\ndata: bcdef", "a line of more than 9 bytes"),
        ({"max_event": 15}, b"data: a\ndata: b\n\n", b"data: a\ndata: bc\n\n", "an event of more than 15 bytes"),
        ({"max_event": 15}, b"data: a\ndata: b", b"data: a\ndata: bc", "an event of more than 15 bytes"),
        (
            {"max_event": 15},
            b": a\n\n" * 9,
            b": a\n\n" * 9 + b": a\n: b\n: c\n: d\n: e",
            "an event of more than 15 bytes",
        ),
        ({"max_stream": 18}, b"data: a\n\n" * 2, b"data: a\n\n" * 2 + b"\n", "more than 18 bytes in all"),
        ({"max_stream": 18}, b": a\r\n\r\n" * 2, b": a\r\n\r\n" * 3, "more than 18 bytes in all"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_what_is_too_much_is_refused_instead_of_kept(limits, fits, too_much, message, size):
    def feed(data):
        decoder = SSEDecoder(**limits)
        for start in range(0, len(data), size):
            decoder.feed(data[start : start + size])

    feed(fits)
    with pytest.raises(EventTooLargeError, match=f"^{message}$"):
        feed(too_much)


def test_the_limits_leave_room_for_any_answer_and_not_for_more():
    decoder = SSEDecoder()
    whole = b"data: " + b"x" * (MAX_LINE_BYTES - 6)
    assert decoder.feed(whole) == []
    assert decoder.feed(b"\n\n") == [whole[6:]]
    decoder.feed(whole)
    with pytest.raises(EventTooLargeError):
        decoder.feed(b"x")


def test_an_event_that_never_ends_is_a_stream_error_with_the_text_so_far():
    stream = ChatStream()
    stream.feed(event("so far"))

    with pytest.raises(AzureMLStreamError, match="could not be read: a line of more than") as caught:
        stream.feed(b"data: " + b"x" * MAX_LINE_BYTES)

    assert caught.value.partial == "so far"


@pytest.mark.parametrize("done", [b"data: [DONE]\n\n", b"data:[DONE]\n\n", b"data:  [DONE]  \n\n"])
def test_nothing_counts_after_done(done):
    assert read(event("a"), done + event("b"), event("c")).text == "a"


def test_an_answer_of_nothing_is_an_answer():
    assert read(DONE).text == ""


def test_what_came_before_an_error_is_handed_over_before_the_error():
    stream = ChatStream()
    chunk = stream.feed(event("so far") + b'data: {"error":{"message":"Engine died","code":500}}\n\n' + event("never"))

    assert chunk.text == "so far"
    assert stream.done
    with pytest.raises(AzureMLStreamError, match=r"in the middle of its answer: Engine died\.") as caught:
        stream.finish()
    assert (caught.value.partial, caught.value.code) == ("so far", "500")


@pytest.mark.parametrize(
    "bad",
    [
        b'data: {"error":{"message":"m"}}\n\n',
        b'data: {"error":"m"}\n\n',
        b'data: {"object":"error","message":"m","code":40303}\n\n',
        b'data: {"choi\n\n',
        b"data: nonsense\n\n",
        b"data: []\n\n",
        b"data: 7\n\n",
    ],
)
def test_an_event_that_cannot_be_read_fails_the_stream_even_if_done_follows(bad):
    with pytest.raises(AzureMLStreamError) as caught:
        read(event("so far"), bad, FINISH, DONE)

    assert caught.value.partial == "so far"


def test_an_error_after_the_finish_reason_is_still_an_error():
    with pytest.raises(AzureMLStreamError, match="Engine died"):
        read(event("a"), FINISH, b'data: {"error":{"message":"Engine died"}}\n\n')


@pytest.mark.parametrize(
    "odd_event",
    [
        {"choices": []},
        {"choices": None},
        {"choices": {}},
        {"choices": 7},
        {"choices": [None, 7, "x", []]},
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": "x"}]},
        {"choices": [{"delta": {"content": None}}]},
        {"choices": [{"delta": {"content": 7}}]},
        {"choices": [{"content_filter_results": {}, "content_filter_offsets": {}}]},
        {"prompt_filter_results": []},
        {"usage": None},
        {"usage": "x"},
        {"usage": {"prompt_tokens": "many", "completion_tokens": None}},
        {},
    ],
)
def test_an_event_without_text_changes_nothing_of_the_text(odd_event):
    odd = f"data: {json.dumps(odd_event)}\n\n".encode()

    assert read(event("a"), odd, event("b"), FINISH, DONE).text == "ab"


@pytest.mark.parametrize(
    "choice",
    [
        {"delta": {"content": "a"}},
        {"message": {"content": "a"}},
        {"delta": {"content": [{"type": "text", "text": "a"}]}},
    ],
)
def test_the_text_of_a_choice_is_found(choice):
    odd = f"data: {json.dumps({'choices': [choice]})}\n\n".encode()

    assert read(odd, FINISH, DONE).text == "a"


def test_the_request_id_is_among_the_metadata():
    stream = ChatStream({"request_id": "id-7"})
    stream.feed(event("a") + FINISH + DONE)

    assert stream.finish().message.response_metadata["request_id"] == "id-7"
