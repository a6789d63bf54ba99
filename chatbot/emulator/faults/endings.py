"""Replies that are late, slow, cut, or end with an error after a good beginning."""

import re
from collections.abc import Iterator

from chatbot.emulator.faults.fault import DONE, Ending, Event, Fault, Rewrite, Step, Value

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
    """Yield the faults."""
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
