"""Pictures and files that come within another tool's file. Pure."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import MutableMapping
from typing import Any, Final

from chatbot.conversation.content_blocks import UNKNOWN_TYPE, blob_of
from chatbot.conversation.import_export.others.messages import PICTURES, Message
from chatbot.conversation.parts import Blob, File, Image
from chatbot.conversation.store import MAX_BLOB_BYTES

_DATA_URL: Final = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)(?:;[\w=.-]+)*;base64,", re.IGNORECASE)
_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


def from_data_url(url: Any, name: str, data: MutableMapping[Blob, bytes]) -> Image | File | None:
    """Return the picture or file of a ``data:`` URL, whose bytes go into ``data``; None where it is none."""
    found = _DATA_URL.match(url) if isinstance(url, str) else None
    if found is None or len(url) > 2 * MAX_BLOB_BYTES:
        return None
    try:
        held = b64decode(url[found.end() :], validate=True)
    except ValueError:
        return None
    return from_bytes(held, name, data, found["type"].lower())


def take_picture(message: Message, url: Any, data: MutableMapping[Blob, bytes], name: str = "") -> None:
    """Have a message hold the picture of a URL; of one that is none of data, or is too large, that it is lost.

    Args:
        message: The message.
        url: As a text, or within an object as OpenAI's messages have it.
        data: Where its bytes go.
        name: What it is called.
    """
    picture = from_data_url(url.get("url") if isinstance(url, dict) else url, name, data)
    if picture is None:
        message.losses[PICTURES] += 1
    else:
        message.parts.append(picture)


def from_bytes(held: bytes, name: str, data: MutableMapping[Blob, bytes], mime_type: str = "") -> Image | File | None:
    """Return bytes as a picture if they are one, else as a file; None where they are too many."""
    if len(held) > MAX_BLOB_BYTES:
        return None
    known = next((kind for begins, kind in _SIGNATURES if held.startswith(begins)), mime_type or UNKNOWN_TYPE)
    blob = blob_of(held, known)
    data[blob] = held
    return Image(blob, name) if known.startswith("image/") else File(blob, name)
