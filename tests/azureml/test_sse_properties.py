"""Framing: no cut, no line end and no odd field changes the payloads of a stream, and none makes it slow."""

import json
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatbot.azureml.sse import SSEDecoder
from tests.support.wire import SAMPLES, sample, sample_body

STREAMED = sorted(path.stem for path in SAMPLES.glob("*.json") if "sse" in sample(path.stem)["response"])
"""Every sample that is a stream."""

BODIES = {name: sample_body(name) for name in STREAMED}
BOM = b"\xef\xbb\xbf"

every_stream_sample = pytest.mark.parametrize("name", STREAMED)


def payloads(pieces):
    decoder = SSEDecoder()
    return [payload for piece in pieces for payload in decoder.feed(piece)] + decoder.flush()


def pieces_of(data, places):
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(bounds)]


def bytewise(data):
    return [data[place : place + 1] for place in range(len(data))]


def test_every_stream_sample_takes_part():
    assert len(STREAMED) >= 14
    assert {"maas_stream_ok", "aoai_stream_ok", "r1_reasoning_stream", "sse_crlf", "sse_multiline_data"} <= {*STREAMED}


@every_stream_sample
def test_every_sample_says_what_a_plain_reading_finds(name):
    """An oracle of its own: line by line, as the standard has it, on the whole body."""
    expected, data = [], []
    for line in [*BODIES[name].decode().replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""]:
        field, _, value = line.partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
        elif not line and data:
            expected.append("\n".join(data))
            data = []

    assert [payload.decode() for payload in payloads([BODIES[name]])] == [payload for payload in expected if payload]
    assert expected


@every_stream_sample
@pytest.mark.parametrize("ending", [None, b"\n", b"\r\n", b"\r"], ids=["as it is", "LF", "CRLF", "CR"])
@pytest.mark.parametrize("mark", [b"", BOM], ids=["", "BOM"])
def test_a_cut_at_any_byte_changes_nothing(name, ending, mark):
    body = BODIES[name]
    expected = payloads([body])
    if ending:
        body = body.replace(b"\r\n", b"\n").replace(b"\n", ending)
    body = mark + body

    assert payloads(bytewise(body)) == expected
    for place in range(len(body) + 1):
        assert payloads([body[:place], body[place:]]) == expected, place


@given(name=st.sampled_from(STREAMED), places=st.lists(st.integers(0, 6000), max_size=60))
def test_cuts_at_any_bytes_change_nothing(name, places):
    assert payloads(pieces_of(BODIES[name], places)) == payloads([BODIES[name]])


@given(
    st.lists(st.sampled_from([b"data", b":", b" ", b"\r", b"\n", b"a", b"id: 1", BOM, b"\xef", b"\xbb"]), max_size=40),
    st.data(),
)
def test_nor_do_they_where_the_framing_is_nonsense(words, data):
    body = b"".join(words)
    places = data.draw(st.lists(st.integers(0, len(body)), max_size=20))

    assert payloads(pieces_of(body, places)) == payloads([body])
    assert payloads(bytewise(body)) == payloads([body])


line_ends = st.sampled_from([b"\n", b"\r\n", b"\r"])
texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12).map(str.encode)
noise = st.one_of(
    texts.map(lambda text: b":" + text),
    st.tuples(st.sampled_from([b"event", b"id", b"retry", b"datum", b"data2", b"Data"]), texts).map(b": ".join),
    st.sampled_from([b"event", b"nonsense", b" data: x"]),
)


@st.composite
def framed(draw):
    """An event as lines of data, and one of the ways to send it."""
    lines = draw(st.lists(texts.map(lambda text: b"x" + text), min_size=1, max_size=3))
    sent = b""
    for line in lines:
        for odd in draw(st.lists(noise, max_size=2)):
            sent += odd + draw(line_ends)
        sent += draw(st.sampled_from([b"data:", b"data: "])) + line + draw(line_ends)
    blank = draw(line_ends)
    if sent.endswith(b"\r") and blank == b"\n":
        blank = b"\r"  # CR and LF in a row are one line end, not two
    return b"\n".join(lines), sent + blank


@given(st.lists(framed(), max_size=5), st.booleans(), st.lists(st.integers(0, 600), max_size=20))
@example([(b"a", b"data: a\r\n\r\n"), (b"b", b"data: b\r\r")], True, list(range(30)))
def test_every_way_to_send_an_event_is_read(events, marked, places):
    body = BOM * marked + b"".join(sent for _, sent in events)

    assert payloads(pieces_of(body, places)) == [data for data, _ in events]


class CountingBytes(bytearray):
    """Counts the bytes that are searched in it: what a quadratic reading does too much of."""

    searched = 0

    def find(self, sub, start=0, *end):
        found = super().find(sub, start, *end)
        CountingBytes.searched += (found if found >= 0 else len(self)) - start + len(sub)
        return found

    def __getitem__(self, key):
        raise AssertionError("a part of what is waiting was copied")


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize("line", [b"x" * 50, b"x" * 7 + b"\n"], ids=["one line", "many lines"])
def test_a_huge_event_in_tiny_reads_is_searched_once(size, line):
    body = b"data: " + line * (40_000 // len(line)) + b"\n\n"
    decoder = SSEDecoder(max_line=60_000, max_event=100_000)
    decoder._waiting = CountingBytes()
    CountingBytes.searched = 0
    expected = [payload for start in range(0, len(body), size) for payload in decoder.feed(body[start : start + size])]

    assert len(expected) == 1
    # Each read looks at what is new, and at the few bytes before it that may be half a blank line.
    assert CountingBytes.searched <= len(body) + 5 * (len(body) // size)
    assert len(body) <= CountingBytes.searched


@pytest.mark.parametrize("size", [1, 7, 64])
def test_nor_does_the_look_for_a_line_that_is_too_long_search_twice(size):
    body = b"data: " + b"x" * 400 + b"\n" + b"data: y\n" * 5000 + b"\n"
    decoder = SSEDecoder(max_line=500, max_event=100_000)
    decoder._waiting = CountingBytes()
    CountingBytes.searched = 0
    for start in range(0, len(body), size):
        decoder.feed(body[start : start + size])

    reads, lines = len(body) // size, body.count(b"\n")
    assert CountingBytes.searched <= 2 * len(body) + 8 * reads + 4 * lines


def test_the_decoder_hands_out_what_is_json_again():
    for name in STREAMED:
        for payload in payloads([BODIES[name]]):
            if payload != b"[DONE]" and name != "sse_cut_mid_json":
                assert isinstance(json.loads(payload), dict)
