"""Server-sent events: bytes in, event payloads out, whatever the network and the server did to the framing. Pure."""

from __future__ import annotations

from typing import Final

MAX_EVENT_BYTES: Final = 16 * 1024 * 1024
"""A single event larger than this is no chat token; refusing it bounds the memory a server can make us use."""

_BOM: Final = b"\xef\xbb\xbf"


class EventTooLargeError(ValueError):
    """The server sent more than ``MAX_EVENT_BYTES`` without ending an event."""


class SSEDecoder:
    """Cut a byte stream into the ``data`` of its events.

    Accepts LF, CRLF and CR, any chunking (also inside a UTF-8 sequence or between CR and LF), comments,
    other fields, several ``data`` lines per event, ``data:`` with or without a space, and a BOM.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._after_cr = False
        self._started = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take what the network brought; return the payloads of the events it completed, in order.

        Raises:
            EventTooLargeError: An event does not end.
        """
        text = self._buffer + self._newlines(data)
        if not self._started and len(text) >= len(_BOM):
            self._started = True
            text = text.removeprefix(_BOM)
        *events, self._buffer = text.split(b"\n\n")
        if len(self._buffer) > MAX_EVENT_BYTES:
            raise EventTooLargeError(f"an event of more than {MAX_EVENT_BYTES} bytes")
        return [payload for event in events if (payload := _payload(event))]

    def flush(self) -> list[bytes]:
        """Return the payload of an event that the end of the stream closed instead of a blank line."""
        payload = _payload(self._buffer.removeprefix(_BOM).removesuffix(b"\n"))
        self._buffer = b""
        return [payload] if payload else []

    def _newlines(self, data: bytes) -> bytes:
        """Make every line end LF. A CR ends its line at once; should its LF come with the next read, it is dropped."""
        if not data:
            return data
        if self._after_cr:
            data = data.removeprefix(b"\n")
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def _payload(event: bytes) -> bytes:
    if b"\n" not in event:  # the canonical event: one line
        return _value(event) if event.startswith(b"data") else b""
    lines = [_value(line) for line in event.split(b"\n") if line.startswith(b"data")]
    return b"\n".join(lines)


def _value(line: bytes) -> bytes:
    field, _, value = line.partition(b":")
    return value.removeprefix(b" ") if field == b"data" else b""
