"""Faults of the bytes on their way: unusual and broken framing of events, and responses that are late, slow or cut.

The standard allows most of the framing; clients must bear all of it, and notice every early end.
"""

import json
import re
from collections.abc import Iterator

from chatbot.emulator.faults.fault import DONE, Ending, Event, Fault, Rewrite, Step, Value

_NOISE = b"x" * 4096
_ANNOTATION = (
    b'data: {"choices":[{"content_filter_offsets":{"check_offset":0,"end_offset":9,"start_offset":0},'
    b'"content_filter_results":{"violence":{"filtered":false,"severity":"safe"}},"finish_reason":null,"index":0}],'
    b'"created":0,"id":"","model":"","object":""}\n\n'
)
_CONTENT = re.compile(rb'"delta":\{"content":"[^"]')


def _crlf(event: Event, _value: Value) -> Iterator[Step]:
    yield event.content.replace(b"\n", b"\r\n")


def _cr(event: Event, _value: Value) -> Iterator[Step]:
    yield event.content.replace(b"\n", b"\r")


def _comments(event: Event, _value: Value) -> Iterator[Step]:
    if event.number == 1:
        yield b": ping\n\n"
    if event.content not in {b"", DONE}:
        yield b": keep-alive\n\n" + event.content
    else:
        yield event.content


def _event_lines(event: Event, _value: Value) -> Iterator[Step]:
    if event.content == DONE:
        yield b"event: done\n" + event.content
    elif event.content:
        yield b"event: message\nid: %d\nretry: 1000\n" % (event.number - 1) + event.content
    else:
        yield event.content


def _no_space(event: Event, _value: Value) -> Iterator[Step]:
    yield re.sub(rb"^data: ", b"data:", event.content)


def _multi_line(event: Event, _value: Value) -> Iterator[Step]:
    # JSON may go on in the next line wherever it has a comma; the last ones of an event are between its own fields.
    before, comma, after = event.content.rpartition(b',"object"')
    yield before + b',\ndata: "object"' + after if comma else event.content


def _empty_data(event: Event, _value: Value) -> Iterator[Step]:
    if event.number == 1:
        yield b"data:\n\n"
        yield b"\n\n"
    yield event.content


def _byte_order_mark(event: Event, _value: Value) -> Iterator[Step]:
    yield b"\xef\xbb\xbf" + event.content if event.number == 1 else event.content


def _spaced_done(event: Event, _value: Value) -> Iterator[Step]:
    yield b"data:  [DONE] \n\n" if event.content == DONE else event.content


def _data_after_done(event: Event, _value: Value) -> Iterator[Step]:
    yield event.content
    if event.content == DONE:
        yield b'data: {"choices":[{"delta":{"content":" (after the end)"},"finish_reason":null,"index":0}]}\n\n'


def _filter_annotations(event: Event, _value: Value) -> Iterator[Step]:
    # The asynchronous filter is done with the text a little after the text is: no delta, and no id.
    if event.content == DONE:
        yield _ANNOTATION
    yield event.content


def _byte_by_byte(event: Event, _value: Value) -> Iterator[Step]:
    for number in range(len(event.content)):
        yield event.content[number : number + 1]
        yield 0.0


def _huge_line(event: Event, value: Value) -> Iterator[Step]:
    if _CONTENT.search(event.content) and event.number <= _FIRST_CONTENT:
        body = json.loads(event.content.removeprefix(b"data: "))
        body["choices"][0]["delta"]["content"] = "x" * int(value)
        yield b"data: " + json.dumps(body).encode() + b"\n\n"
    else:
        yield event.content


def _endless_line(event: Event, _value: Value) -> Iterator[Step]:
    if event.number < 2:
        yield event.content
        return
    yield b"data: "
    while True:
        yield _NOISE
        yield 0.0


# The first content is the second event, or the third where the filter's findings come first.
_FIRST_CONTENT = 3


def framing_faults() -> Iterator[Fault]:
    """Yield the faults in how the events of a stream are framed."""
    table: tuple[tuple[str, str, Rewrite], ...] = (
        ("crlf", "lines end with CR LF", _crlf),
        ("cr", "lines end with CR", _cr),
        ("comments", "comments between the events, as proxies send them to keep a connection alive", _comments),
        ("event-lines", "event, id and retry lines before the data", _event_lines),
        ("no-space", "no blank behind 'data:'", _no_space),
        ("multi-line-data", "the data of an event in two lines", _multi_line),
        ("empty-data", "an event without data and a blank one at the beginning", _empty_data),
        ("byte-order-mark", "a byte order mark at the beginning", _byte_order_mark),
        ("spaced-done", "blanks around [DONE]", _spaced_done),
        ("data-after-done", "another piece of text behind [DONE]", _data_after_done),
        ("filter-annotations", "findings of the content filter behind the text, without a delta", _filter_annotations),
        ("byte-by-byte", "every byte in a write of its own", _byte_by_byte),
        ("endless-line", "a line that never ends, from the second event on", _endless_line),
    )
    for name, about, rewrite in table:
        yield Fault(name, about, rewrite=rewrite, streams_only=True)
    about = "an event of so many bytes"
    yield Fault("huge-line", about, 1_000_000, rewrite=_huge_line, streams_only=True)


_FOREVER = float("inf")
_FINISH = re.compile(rb'"finish_reason":"')
_USAGE_ONLY = re.compile(rb'^data: \{"choices":\[\],.*"usage":\{')
_ERROR = b'data: {"error":{"code":"InternalServerError","message":"The model stopped unexpectedly."}}\n\n'
_VLLM_ERROR = (
    b'data: {"object":"error","message":"EngineDeadError","type":"InternalServerError","param":null,"code":500}\n\n'
)


def _delay(event: Event, value: Value) -> Iterator[Step]:
    if event.number == 0:
        yield float(value)
    yield event.content


def _slow_drip(event: Event, value: Value) -> Iterator[Step]:
    for number in range(len(event.content)):
        yield event.content[number : number + 1]
        yield float(value)


def _stall(event: Event, value: Value) -> Iterator[Step]:
    if event.number > int(value):
        yield _FOREVER
    yield event.content


def _hang_up(_event: Event, _value: Value) -> Iterator[Step]:
    yield Ending.CUT


def _reset(_event: Event, _value: Value) -> Iterator[Step]:
    yield Ending.RESET


def _end_after(event: Event, value: Value) -> Iterator[Step]:
    yield Ending.CLEAN if event.number > int(value) else event.content


def _cut_after(event: Event, value: Value) -> Iterator[Step]:
    yield Ending.CUT if event.number > int(value) else event.content


def _reset_after(event: Event, value: Value) -> Iterator[Step]:
    yield Ending.RESET if event.number > int(value) else event.content


def _cut_after_bytes(event: Event, value: Value) -> Iterator[Step]:
    left = int(value) - event.offset
    yield event.content[: max(left, 0)]
    if event.number and len(event.content) >= left:
        yield Ending.CUT


def _cut_mid_event(event: Event, value: Value) -> Iterator[Step]:
    if event.number > int(value):
        yield event.content[: len(event.content) // 2]
        yield Ending.RESET
    yield event.content


def _error_after(event: Event, value: Value) -> Iterator[Step]:
    if event.number > int(value):
        yield _ERROR
        yield Ending.CLEAN
    yield event.content


def _vllm_error_after(event: Event, value: Value) -> Iterator[Step]:
    if event.number > int(value):
        yield _VLLM_ERROR
        yield DONE
        yield Ending.CLEAN
    yield event.content


def _no_done(event: Event, _value: Value) -> Iterator[Step]:
    if event.content != DONE:
        yield event.content


def _no_finish(event: Event, _value: Value) -> Iterator[Step]:
    if not (_FINISH.search(event.content) or _USAGE_ONLY.search(event.content)):
        yield event.content


def _no_ending(event: Event, value: Value) -> Iterator[Step]:
    if event.content != DONE:
        yield from _no_finish(event, value)


def ending_faults() -> Iterator[Fault]:
    """Yield the faults in when bytes come, and in how a response ends."""
    always: tuple[tuple[str, str, Value | None, Rewrite], ...] = (
        ("delay", "so many seconds before the first byte", 1.0, _delay),
        ("slow-drip", "byte by byte, with so many seconds in between", 0.01, _slow_drip),
        ("hang-up", "the connection is closed without a reply", None, _hang_up),
        ("reset", "the connection is reset without a reply", None, _reset),
        ("cut-after-bytes", "the connection is closed after so many bytes of the body", 100, _cut_after_bytes),
        ("stall-after-events", "nothing more comes after so many events; 0 is the head alone", 2, _stall),
        ("cut-after-events", "the connection is closed after so many events", 2, _cut_after),
        ("reset-after-events", "the connection is reset after so many events", 2, _reset_after),
        ("cut-mid-event", "the connection is reset within the event after so many", 1, _cut_mid_event),
    )
    streams: tuple[tuple[str, str, Value | None, Rewrite], ...] = (
        ("end-after-events", "the stream ends, as if complete, after so many events", 2, _end_after),
        ("error-after-events", "an error as the event after so many, and the end", 2, _error_after),
        ("vllm-error-after-events", "the same from vLLM, with [DONE] behind it", 2, _vllm_error_after),
        ("no-done", "the stream ends without [DONE]", None, _no_done),
        ("no-finish-reason", "the stream ends with [DONE], but without a reason", None, _no_finish),
        ("no-ending", "the stream ends with neither", None, _no_ending),
    )
    for name, about, value, rewrite in always:
        yield Fault(name, about, value, rewrite=rewrite)
    for name, about, value, rewrite in streams:
        yield Fault(name, about, value, rewrite=rewrite, streams_only=True)
