"""Server-sent events: bytes in, event payloads out, whatever the network and the server did to the framing. Pure."""

from __future__ import annotations

from typing import Final

MAX_LINE_BYTES: Final = 8 * 1024 * 1024
"""A token takes some hundred bytes; the longest line anybody sends is a whole answer in one event."""

MAX_EVENT_BYTES: Final = 16 * 1024 * 1024
"""A single event larger than this is no chat token; refusing it bounds the memory a server can make us use."""

MAX_STREAM_BYTES: Final = 512 * 1024 * 1024
"""A million tokens with all their framing; what goes on after that does not end."""

_BOM: Final = b"\xef\xbb\xbf"


class EventTooLargeError(ValueError):
    """The server sent a longer line, a larger event or more in all than any answer needs."""


class SSEDecoder:
    """Cut a byte stream into the ``data`` of its events.

    Accepts LF, CRLF and CR, any chunking (also inside a UTF-8 sequence or between CR and LF), comments,
    other fields, several ``data`` lines per event, ``data:`` with or without a space, and a BOM.

    Takes a time that grows with the bytes alone, however small the pieces: what waits for the rest of its event is
    added to, and only what is new is searched.

    Args:
        max_line: Most bytes of one line.
        max_event: Most bytes of one event.
        max_stream: Most bytes in all.
    """

    def __init__(
        self, *, max_line: int = MAX_LINE_BYTES, max_event: int = MAX_EVENT_BYTES, max_stream: int = MAX_STREAM_BYTES
    ) -> None:
        self._max_line = max_line
        self._max_event = max_event
        self._max_stream = max_stream
        self._total = 0
        self._after_cr = False
        self._started = False
        self._waiting = bytearray()
        self._line = self._searched = 0  # in what is waiting: where its last line begins, and how far was looked

    def feed(self, data: bytes) -> list[bytes]:
        """Take what the network brought; return the payloads of the events it completed, in order.

        Raises:
            EventTooLargeError: One of the limits is passed.
        """
        self._total += len(data)
        if self._total > self._max_stream:
            raise EventTooLargeError(f"more than {self._max_stream} bytes in all")
        text = self._newlines(data) if self._after_cr or b"\r" in data else data
        if not self._started:
            text = self._begin(text)
        if self._waiting:
            seen = len(self._waiting)
            self._waiting += text
            if self._waiting.find(b"\n\n", seen - 1) < 0:
                self._check_waiting()
                return []
            text = bytes(self._waiting)
            self._wait_with(b"")
        *events, rest = text.split(b"\n\n")
        if rest:
            self._wait_with(rest)
        if len(text) > self._max_line or len(text) > self._max_event:
            self._check(max(map(len, text.split(b"\n"))), max(map(len, (*events, rest))))
        return [payload for event in events if (payload := _payload(event))]

    def flush(self) -> list[bytes]:
        """Return the payload of an event that the end of the stream closed instead of a blank line."""
        payload = _payload(bytes(self._waiting).removesuffix(b"\n"))
        self._wait_with(b"")
        return [payload] if payload else []

    def _newlines(self, data: bytes) -> bytes:
        """Make every line end LF. A CR ends its line at once; should its LF come with the next read, it is dropped."""
        if not data:
            return data
        if self._after_cr:
            data = data.removeprefix(b"\n")
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _begin(self, text: bytes) -> bytes:
        """Drop the mark that may stand before everything, and may itself be cut."""
        text = bytes(self._waiting) + text
        self._started = len(text) >= len(_BOM) or not _BOM.startswith(text)
        self._wait_with(b"" if self._started else text)
        return text.removeprefix(_BOM) if self._started else b""

    def _wait_with(self, rest: bytes) -> None:
        self._waiting[:] = rest
        self._line = self._searched = 0

    def _check_waiting(self) -> None:
        """Look at what was not looked at before, and only once there is enough of it to matter."""
        if len(self._waiting) <= self._max_line and len(self._waiting) <= self._max_event:
            return
        longest = 0
        while (end := self._waiting.find(b"\n", self._searched)) >= 0:
            longest = max(longest, end - self._line)
            self._line = self._searched = end + 1
        self._searched = len(self._waiting)
        ended = self._waiting.endswith(b"\n")  # that may be the half of a blank line
        self._check(max(longest, self._searched - self._line), len(self._waiting) - ended)

    def _check(self, line: int, event: int) -> None:
        if line > self._max_line:
            raise EventTooLargeError(f"a line of more than {self._max_line} bytes")
        if event > self._max_event:
            raise EventTooLargeError(f"an event of more than {self._max_event} bytes")


def _payload(event: bytes) -> bytes:
    if event.startswith(b"data: ") and b"\n" not in event:  # the canonical event: one line
        return event[6:]
    fields = (line.partition(b":") for line in event.split(b"\n"))
    return b"\n".join(value.removeprefix(b" ") for name, _, value in fields if name == b"data")
