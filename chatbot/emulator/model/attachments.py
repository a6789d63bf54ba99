"""Images, audio and files among the parts of a message: what can honestly be said about them without looking."""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from chatbot.emulator.model.markdown import inline

_NOUNS = {
    "image_url": "an image",
    "input_audio": "audio",
    "audio_url": "audio",
    "video_url": "a video",
    "file": "a file",
}
_BYTES_PER_TOKEN = 1000


@dataclass(frozen=True, slots=True)
class Attachment:
    """One part that is not text. `size` is in bytes, or nothing where only an address was sent."""

    kind: str
    about: str
    size: int | None

    @property
    def tokens(self) -> int:
        """What it counts for in the prompt."""
        return 1 + (self.size or 0) // _BYTES_PER_TOKEN

    def __str__(self) -> str:
        size = "" if self.size is None else f", {self.size} bytes"
        return f"{_NOUNS[self.kind]} {self.about}{size}"


def attachments_of(message: Mapping[str, Any]) -> list[Attachment]:
    """Return the attachments of a message, in its order."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return [_attachment(part) for part in parts if isinstance(part, Mapping) and part.get("type") in _NOUNS]


def acknowledged(attachments: Sequence[Attachment]) -> str:
    """Return a sentence that says what was sent."""
    return f"I was sent {' and '.join(map(str, attachments))}. I cannot look into it, so I can say no more about it."


def _attachment(part: Mapping[str, Any]) -> Attachment:
    kind = str(part["type"])
    value = part.get(kind)
    details: Mapping[str, Any] = value if isinstance(value, Mapping) else {"url": value}
    if kind == "input_audio":
        return Attachment(kind, f"of type audio/{inline(str(details.get('format')))}", _size(details.get("data")))
    if kind == "file":
        address = details.get("file_data")
        about = list(_file_names(details))
    else:
        address = details.get("url")
        about = []
    address = address if isinstance(address, str) else ""
    if address.startswith("data:"):
        head, _, data = address.partition(",")
        about.append(f"of type {inline(head.removeprefix('data:').partition(';')[0])}")
        return Attachment(kind, " ".join(about), _size(data))
    if address:
        about.append(f"at {inline(urlsplit(address).netloc or address)}")
    return Attachment(kind, " ".join(about) or "without content", None)


def _file_names(details: Mapping[str, Any]) -> Iterator[str]:
    name = details.get("filename") or details.get("file_id")
    if isinstance(name, str):
        yield f"named {inline(name)}"


def _size(data: Any) -> int | None:
    try:
        return len(base64.b64decode(data))
    except (TypeError, binascii.Error, ValueError):
        return None
