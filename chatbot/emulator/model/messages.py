"""The messages of one request as the demo model reads them: roles, plain text, results of tools, and attachments."""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from chatbot.emulator.model.markdown import inline

Message = Mapping[str, Any]

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
        """How many tokens of the prompt it counts for."""
        return 1 + (self.size or 0) // _BYTES_PER_TOKEN

    def __str__(self) -> str:
        size = "" if self.size is None else f", {self.size} bytes"
        return f"{_NOUNS[self.kind]} {self.about}{size}"


def text_of(message: Message) -> str:
    """Return the text of a message whose content is a string, a list of parts, or missing."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (part if isinstance(part, str) else part.get("text") for part in content)
    return "\n".join(text for text in texts if isinstance(text, str))


class Transcript:
    """The messages of one request, and therefore all that the model can know."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.entries = [(str(message.get("role", "")), text_of(message)) for message in messages]
        self._messages = messages

    def __len__(self) -> int:
        return len(self.entries)

    @cached_property
    def user_texts(self) -> list[str]:
        """The texts of the user's messages, oldest first; the last one is the prompt."""
        return [text for role, text in self.entries if role == "user"]

    @property
    def prompt(self) -> str:
        """The user's newest message, or nothing."""
        return self.user_texts[-1] if self.user_texts else ""

    @property
    def earlier(self) -> list[str]:
        """The user's texts before the prompt."""
        return self.user_texts[:-1]

    @property
    def last_answer(self) -> str:
        """The assistant's newest message, or nothing."""
        return next((text for role, text in reversed(self.entries) if role == "assistant"), "")

    @cached_property
    def attachments(self) -> list[Attachment]:
        """The attachments of the newest message."""
        return attachments_in(self._messages[-1]) if self._messages else []

    @cached_property
    def tool_results(self) -> list[tuple[str, str]]:
        """The results of tools since the user's newest message: pairs of the tool's name and the text."""
        results = []
        for message in reversed(self._messages):
            if message.get("role") != "tool":
                break
            name = self._tool_names.get(message.get("tool_call_id"), "") or message.get("name") or ""
            results.append((str(name), text_of(message)))
        return results[::-1]

    @cached_property
    def _tool_names(self) -> Mapping[Any, str]:
        calls = (call for message in self._messages for call in message.get("tool_calls") or ())
        return {call.get("id"): str(call.get("function", {}).get("name", "")) for call in calls}

    @property
    def instructions(self) -> list[str]:
        """The texts of system and developer messages, oldest first."""
        return [text for role, text in self.entries if role in {"system", "developer"}]


def attachments_in(message: Mapping[str, Any]) -> list[Attachment]:
    """Return the attachments of a message, in its order."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return [_attachment(part) for part in parts if isinstance(part, Mapping) and part.get("type") in _NOUNS]


def acknowledgement(attachments: Sequence[Attachment]) -> str:
    """Return a sentence that names the attachments."""
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
