"""How a reply is cut into JSON texts, by its first bytes: its ``Content-Type`` is often wrong. Pure.

Server-sent events, one JSON text, or one JSON text a line.
"""

from __future__ import annotations

import re
from typing import Final, Literal, Protocol

import orjson

from chatbot.azureml.sse import MAX_LINE_BYTES, MAX_STREAM_BYTES, EventTooLargeError, SSEDecoder

Framing = Literal["whole", "events", "lines"]

_BOM: Final = b"\xef\xbb\xbf"
_FIELDS: Final = (b"data", b"event", b"id", b"retry")
_EVENT: Final = re.compile(rb"(?:data|event|id|retry)[ \t]*[:\r\n]|:")
_DELTA: Final = re.compile(rb'"(?:delta|chat\.completion\.chunk)"')


class Decoder(Protocol):
    """Cuts the bytes of a stream into the payloads of its events."""

    def feed(self, data: bytes) -> list[bytes]:
        """Take what the network brought; return the payloads it completed, in order."""

    def flush(self) -> list[bytes]:
        """Return what the end of the stream completed."""


class LineDecoder:
    """Cut a byte stream into its lines, each a JSON text."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._total = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take what the network brought; return the lines it completed.

        Raises:
            EventTooLargeError: A line, or all of them, is longer than any answer.
        """
        self._total += len(data)
        self._waiting += data
        if len(self._waiting) > MAX_LINE_BYTES or self._total > MAX_STREAM_BYTES:
            raise EventTooLargeError(f"more than {MAX_LINE_BYTES} bytes")
        if b"\n" not in data:
            return []
        *lines, rest = bytes(self._waiting).split(b"\n")
        self._waiting[:] = rest
        return [line for line in lines if line.strip()]

    def flush(self) -> list[bytes]:
        """Return the last line."""
        rest = bytes(self._waiting)
        self._waiting.clear()
        return [rest] if rest.strip() else []


def framing_of(start: bytes) -> Framing | None:
    """Return the framing of a reply that starts like this; None where more of it must be seen."""
    text = start.removeprefix(_BOM).lstrip(b"\r\n")
    if not text.strip() or _BOM.startswith(start):
        return None
    if _EVENT.match(text):
        return "events"
    if any(field.startswith(text) for field in _FIELDS):
        return None
    first, ended, _ = text.lstrip().partition(b"\n")
    if not first.startswith(b"{") or not _DELTA.search(first):
        return "whole"
    if not ended:
        return None
    return "lines" if _is_json(first) else "whole"


def framing_of_whole(body: bytes) -> Framing:
    """Return the framing of a complete reply."""
    framing = framing_of(body) or "whole"
    lines = [line for line in body.removeprefix(_BOM).splitlines() if line.strip()]
    if framing == "whole" and len(lines) > 1 and not _is_json(body) and all(map(_is_object, lines)):
        return "lines"
    return framing


def decoder_of(framing: Framing) -> Decoder:
    """Return the decoder of such a stream."""
    return LineDecoder() if framing == "lines" else SSEDecoder()


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _is_object(text: bytes) -> bool:
    return text.lstrip().startswith(b"{") and _is_json(text)
