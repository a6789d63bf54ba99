"""ChatGPT's ``conversations.json``: each conversation is a tree of nodes by their names (``mapping``). Pure.

A node has a message or none; the path that was open leads to ``current_node``. Tools speak in messages of their own;
instructions and what the page does not show are messages as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from chatbot.conversation.errors import UnreadableExportError
from chatbot.conversation.import_export.others.messages import (
    FILES,
    HIDDEN,
    PICTURES,
    Message,
    OtherConversation,
    Role,
    arguments_of,
    entries,
    line,
    object_in,
    whole,
)
from chatbot.conversation.import_export.others.pictures import from_bytes
from chatbot.conversation.parts import Blob, Citation, Image, Reasoning, ToolCall, ToolResult

Attached = Callable[[str], bytes | None]
"""Returns the bytes of a file that is beside the conversations, by ChatGPT's id of it; None where it is not there."""

FILE_ID: Final = re.compile(r"file[-_][A-Za-z0-9]+")
# References stand in the text between characters of a private area, which no font has.
_REFERENCE: Final = re.compile("\ue200[^\ue200\ue201]*\ue201")
_CONTEXT: Final = ("user_editable_context", "model_editable_context")
_UNSEEN: Final = ("reasoning_recap",)
_ENDS: Final = {"stop": "stop", "max_tokens": "length"}
_FOOTNOTES: Final = "sources_footnote"
"""A reference to all sources once more."""


def conversation_of(value: Mapping[str, Any], attached: Attached, place: str) -> OtherConversation:
    """Return a conversation.

    Args:
        value: As the file has it.
        attached: Where its pictures and files are.
        place: Where it is in the file.

    Raises:
        UnreadableExportError: It is none.
    """
    mapping = value.get("mapping") or {}
    if not isinstance(mapping, dict) or not all(isinstance(node, dict) for node in mapping.values()):
        raise UnreadableExportError("not_an_object", place=f"{place}.mapping")
    data: dict[Blob, bytes] = {}
    places = {
        child: number
        for node in mapping.values()
        for number, child in enumerate(_list(node, "children"))
        if isinstance(child, str)
    }
    messages = []
    for id, node in mapping.items():  # noqa: A001 - the field's own name
        parent = node.get("parent")
        message = _Reader(attached, data).message(id, node.get("message"))
        message.parent = parent if isinstance(parent, str) else None
        message.place = places.get(id, 0)
        messages.append(message)
    current = value.get("current_node")
    current = current if isinstance(current, str) else None
    return OtherConversation(line(value.get("title")), messages, current, data=data)


class _Reference(NamedTuple):
    start: int
    end: int
    sources: list[Citation]


class _Reader:
    def __init__(self, attached: Attached, data: dict[Blob, bytes]) -> None:
        self._attached = attached
        self._data = data

    def message(self, id: str, value: Any) -> Message:  # noqa: A002
        """Return a node's message; without one it is beside what was said."""
        message = Message(id, None, Role.BESIDE)
        if not isinstance(value, dict):
            return message
        author, content = object_in(value, "author"), object_in(value, "content")
        metadata = object_in(value, "metadata")
        role, kind = author.get("role"), content.get("content_type")
        if role == "system" or kind in _CONTEXT or metadata.get("is_visually_hidden_from_conversation"):
            message.losses[HIDDEN] += bool(_has_words(content))
            return message
        message.role = Role.USER if role == "user" else Role.ASSISTANT
        if role == "tool" or kind in ("execution_output", "tether_browsing_display", "system_error"):
            self._tool(message, value, content)
        else:
            self._said(message, value, content, metadata)
        self._attachments(message, metadata)
        if message.role is Role.ASSISTANT:
            message.model = line(metadata.get("model_slug"))
            ended = object_in(metadata, "finish_details").get("type")
            message.finish_reason = _ENDS.get(str(ended))
            message.is_stopped = ended == "interrupted" or value.get("status") == "in_progress"
        return message

    def _said(
        self, message: Message, value: Mapping[str, Any], content: Mapping[str, Any], metadata: Mapping[str, Any]
    ) -> None:
        kind, recipient = content.get("content_type"), value.get("recipient") or "all"
        if kind == "thoughts":
            for thought in entries(content, "thoughts"):
                told = [
                    thought[name] for name in ("summary", "content") if thought.get(name) and _is_text(thought, name)
                ]
                message.say("".join(f"{each}\n\n" for each in told), Reasoning)
        elif kind in _UNSEEN:
            return
        elif recipient != "all":
            words = content.get("text") or "".join(each for each in _parts(content) if isinstance(each, str))
            message.parts.append(ToolCall(line(message.id), line(recipient), arguments_of(words)))
        elif kind == "code":
            language = line(content.get("language"))
            fence = f"```{'' if language == 'unknown' else language}\n"
            message.say(f"{fence}{content.get('text') or ''}\n```")
        elif kind == "tether_quote":
            names = ("title", "url", "text")
            message.parts.append(Citation(*(whole(content[name]) if _is_text(content, name) else "" for name in names)))
        elif kind in ("text", "multimodal_text"):
            for part in _parts(content):
                self._part(message, part, metadata)
        else:
            message.lose(kind)

    def _part(self, message: Message, part: Any, metadata: Mapping[str, Any]) -> None:
        if isinstance(part, str):
            if message.role is Role.USER:
                message.say(part)
            else:
                _with_sources(message, part, metadata)
            return
        kind = str(part.get("content_type")) if isinstance(part, dict) else "?"
        if kind == "image_asset_pointer":
            picture = self._found(part.get("asset_pointer"), "")
            if isinstance(picture, Image):
                message.parts.append(picture)
            else:
                message.losses[PICTURES] += 1
        elif kind == "audio_transcription":
            message.say(part.get("text"))
        elif kind.endswith("asset_pointer"):
            message.losses[FILES] += 1
        else:
            message.lose(kind)

    def _tool(self, message: Message, value: Mapping[str, Any], content: Mapping[str, Any]) -> None:
        if not _has_words(content):
            return
        texts = [content[name] for name in ("text", "result", "summary") if _is_text(content, name)]
        for part in _parts(content):
            if isinstance(part, str):
                texts.append(part)
            else:
                self._part(message, part, {})
        if text := "\n".join(filter(None, texts)):
            is_error = content.get("content_type") == "system_error"
            name = line(object_in(value, "author").get("name"))
            message.parts.insert(0, ToolResult(name, whole(text), is_error))

    def _attachments(self, message: Message, metadata: Mapping[str, Any]) -> None:
        pictures = sum(isinstance(part, Image) for part in message.parts) + message.losses[PICTURES]
        attachments = entries(metadata, "attachments")
        for attachment in attachments:
            if pictures and str(attachment.get("mime_type") or "image/").startswith("image/"):
                # It is a part of the message, too.
                pictures -= 1
                continue
            found = self._found(attachment.get("id"), line(attachment.get("name")))
            if found is None:
                message.losses[FILES] += 1
            else:
                message.parts.append(found)

    def _found(self, pointer: Any, name: str) -> Any:
        id = FILE_ID.match(pointer.rpartition("/")[2]) if isinstance(pointer, str) else None  # noqa: A001
        held = None if id is None else self._attached(id[0])
        return None if held is None else from_bytes(held, name, self._data)


def _with_sources(message: Message, text: str, metadata: Mapping[str, Any]) -> None:
    """Take a text, with its sources in the place of what refers to them."""
    at = 0
    for reference in sorted(_references(text, metadata), key=_start):
        if reference.start >= at:
            message.say(_plain(message, text[at : reference.start]))
            message.parts += reference.sources
            at = reference.end
    message.say(_plain(message, text[at:]))


def _start(reference: _Reference) -> int:
    return reference.start


def _plain(message: Message, text: str) -> str:
    """A text without references whose sources the file does not have."""
    plain, count = _REFERENCE.subn("", text)
    for _ in range(count):
        message.lose("citation")
    return plain


def _references(text: str, metadata: Mapping[str, Any]) -> Iterator[_Reference]:
    for each in entries(metadata, "content_references"):
        matched = each.get("matched_text")
        if not isinstance(matched, str) or not matched.strip() or each.get("type") == _FOOTNOTES:
            continue
        start = text.find(matched)
        sources = list(_sources(each))
        if start >= 0 and (sources or each.get("type") == "hidden"):
            yield _Reference(start, start + len(matched), sources)
    for each in entries(metadata, "citations"):
        begin, end = each.get("start_ix"), each.get("end_ix")
        source = _citation(object_in(each, "metadata"))
        if isinstance(begin, int) and isinstance(end, int) and 0 <= begin < end <= len(text) and source:
            yield _Reference(begin, end, [source])


def _sources(reference: Mapping[str, Any]) -> Iterator[Citation]:
    items = entries(reference, "items") or [reference]
    for each in items:
        if (source := _citation(each)) is not None:
            yield source
        for further in entries(each, "supporting_websites"):
            if (source := _citation(further)) is not None:
                yield source


def _citation(value: Mapping[str, Any]) -> Citation | None:
    title, url = value.get("title") or value.get("name"), value.get("url")
    if not isinstance(url, str) and not isinstance(title, str):
        return None
    quote = value.get("snippet") or value.get("text")
    return Citation(*(whole(each.strip()) if isinstance(each, str) else "" for each in (title, url, quote)))


def _has_words(content: Mapping[str, Any]) -> bool:
    names = ("text", "result", "user_instructions", "user_profile", "model_set_context")
    return any(_parts(content)) or any(content.get(name) for name in names)


def _parts(content: Mapping[str, Any]) -> list[Any]:
    return _list(content, "parts")


def _list(value: Mapping[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else []


def _is_text(value: Mapping[str, Any], name: str) -> bool:
    return isinstance(value.get(name), str)
