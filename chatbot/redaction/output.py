"""What the process prints and logs, without secrets."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TextIO, cast

from chatbot.redaction.known import redact, remember_values

_FORMATTER = logging.Formatter()


class RedactedStream:
    """A text stream that is told everything without secrets; else it is the stream it stands for.

    Args:
        stream: Such as ``sys.stderr``.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text; return how long it was."""
        self._stream.write(redact(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_output(environment: Mapping[str, str]) -> None:
    """Let no secret out through a log, be it our own, uvicorn's or Gradio's, or through what is printed beside it.

    Records are redacted as they are made, for whatever handler they go to; the streams, for Gradio and the interpreter
    print tracebacks past every log.

    Args:
        environment: The process's variables; what is secret among them is known from now on.
    """
    remember_values(environment)
    logging.setLogRecordFactory(_Redacting(logging.getLogRecordFactory()))
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, RedactedStream):
            setattr(sys, name, cast(TextIO, RedactedStream(stream)))


class _Redacting:
    """A factory of log records without secrets."""

    def __init__(self, factory: Any) -> None:
        self._factory = factory

    def __call__(self, *arguments: Any, **named: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._factory(*arguments, **named)
        redact_record(record)
        return record


def redact_record(record: logging.LogRecord) -> None:
    """Take secrets out of what a record says, of its traceback and its stack; one without any stays as it is."""
    try:
        said = record.getMessage()
    except Exception:  # noqa: BLE001 - a message that does not fit its arguments: logging itself tells of it
        return
    if (clean := redact(said)) != said:
        record.msg, record.args = clean, ()
    if record.exc_info:
        traceback = _FORMATTER.formatException(record.exc_info)
        if (clean := redact(traceback)) != traceback:
            record.exc_text, record.exc_info = clean, None
    if record.stack_info:
        record.stack_info = redact(record.stack_info)
