"""Parts as LangChain's content blocks, and content blocks as parts.

Pure: bytes were read before they become blocks, and are handed on in a mapping where they come in blocks. A block that
is no part is kept whole (:class:`~chatbot.conversation.parts.NonStandard`). Of one that is, the provider's own
bookkeeping goes: ``id``, ``index``, ``extras``, and where in a text a citation stands, since it follows what it is for.
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from hashlib import sha256
from typing import Any, Final

from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.messages.ai import add_ai_message_chunks

from chatbot.conversation.parts import (
    Blob,
    Citation,
    File,
    Image,
    NonStandard,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)

UNKNOWN_TYPE: Final = "application/octet-stream"
"""Of bytes that came without a MIME type, or with what is none."""

_MIME_TYPE: Final = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}", re.ASCII)
_DEPTH: Final = 50
_V1: Final = {"output_version": "v1"}
"""Has LangChain take a message's content for standard blocks, as they are."""

_ODD: Final = (AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""What comes of reading a block that is not as its provider's are."""

_CALLS: Final = frozenset(["tool_call", "tool_call_chunk", "invalid_tool_call"])
_OF_BYTES: Final = frozenset(["image", "file", "audio", "video"])


def blob_of(data: bytes, mime_type: str) -> Blob:
    """Return the reference to bytes."""
    return Blob(sha256(data).hexdigest(), mime_type if _MIME_TYPE.fullmatch(mime_type) else UNKNOWN_TYPE, len(data))


# --------------------------------------------------------------------------------------------- parts to blocks


def blocks_of(parts: Iterable[Part], data: Mapping[Blob, bytes]) -> list[Any]:
    """Return content blocks; a citation is an annotation of the text before it.

    Raises:
        KeyError: ``data`` has not the bytes of a part.
    """
    blocks: list[dict[str, Any]] = []
    for part in parts:
        block = _block(part, data)
        if block["type"] in ("citation", "non_standard_annotation"):
            if not blocks or blocks[-1]["type"] != "text":
                blocks.append({"type": "text", "text": ""})
            blocks[-1].setdefault("annotations", []).append(block)
        else:
            blocks.append(block)
    return blocks


def messages_of(parts: Iterable[Part], data: Mapping[Blob, bytes]) -> list[AIMessage | ToolMessage]:
    """Return an answer as messages: one, or where it called tools, their results between what came before and after.

    Raises:
        KeyError: ``data`` has not the bytes of a part.
    """
    messages: list[AIMessage | ToolMessage] = []
    answer: list[Part] = []
    called: set[str] = set()

    def close_answer() -> None:
        if answer:
            messages.append(AIMessage(content_blocks=blocks_of(answer, data), response_metadata=dict(_V1)))
            answer.clear()

    for part in parts:
        if isinstance(part, ToolResult) and part.call_id in called:
            close_answer()
            status = "error" if part.is_error else "success"
            messages.append(ToolMessage(part.text, tool_call_id=part.call_id, status=status))
        else:
            if isinstance(part, ToolCall):
                called.add(part.id)
            answer.append(part)
    close_answer()
    return messages


def _block(part: Part, data: Mapping[Blob, bytes]) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Reasoning(text):
            return {"type": "reasoning", "reasoning": text}
        case Image(blob, description):
            return _with_bytes("image", blob, data, description=description)
        case File(blob, name):
            kind = blob.mime_type.partition("/")[0]
            return _with_bytes(kind if kind in ("audio", "video") else "file", blob, data, filename=name)
        case ToolCall(id, name, arguments):
            return {"type": "tool_call", "id": id or None, "name": name, "args": dict(arguments)}
        case ToolResult(call_id, text, is_error):
            status = "error" if is_error else "success"
            return {"type": "server_tool_result", "tool_call_id": call_id, "status": status, "output": text}
        case Citation(title, url, quote):
            citation = {"title": title, "url": url, "cited_text": quote}
            return {"type": "citation", **{name: value for name, value in citation.items() if value}}
        case NonStandard(block):
            return dict(block)


def _with_bytes(kind: str, blob: Blob, data: Mapping[Blob, bytes], **extras: str) -> dict[str, Any]:
    given = {name: value for name, value in extras.items() if value}
    block = {"type": kind, "base64": b64encode(data[blob]).decode(), "mime_type": blob.mime_type}
    return block | ({"extras": given} if given else {})


# --------------------------------------------------------------------------------------------- blocks to parts


class PartReader:
    """Reads a streamed answer: each chunk's parts as they come, and what comes in pieces once it is whole.

    A call of a tool that the stream does not get to the end of is no call, and is dropped.

    Attributes:
        data: The bytes of the parts that were read, for whoever keeps them; it may be emptied at any time.
    """

    def __init__(self) -> None:
        self.data: dict[Blob, bytes] = {}
        self._pieces: list[AIMessageChunk] = []

    def read(self, message: AIMessage) -> list[Part]:
        """Return the parts of what the model said next: a chunk, or a whole message."""
        calls = message.tool_calls or message.invalid_tool_calls
        is_last = isinstance(message, AIMessageChunk) and message.chunk_position == "last"
        if isinstance(message.content, str) and not calls and not (is_last and self._pieces):
            return _plain(message)
        if not isinstance(message, AIMessageChunk):
            return parts_of(message, self.data)
        parts: list[Part] = []
        pieces = []
        for block in _blocks(message):
            if block.get("type") in _CALLS and message.tool_call_chunks:
                continue
            if "index" in block and _is_unknown(block):
                pieces.append(block)
            else:
                parts += _parts(block, self.data)
        if pieces or calls:
            chunks = message.tool_call_chunks
            self._pieces.append(AIMessageChunk(content=pieces, tool_call_chunks=chunks, response_metadata=dict(_V1)))
        return [*parts, *self._whole()] if is_last and self._pieces else parts

    def _whole(self) -> list[Part]:
        pieces, self._pieces = self._pieces, []
        try:
            last = AIMessageChunk(content=[], response_metadata=dict(_V1), chunk_position="last")
            return parts_of(add_ai_message_chunks(*pieces, last), self.data)
        except _ODD:
            # LangChain cannot join what does not belong together; each piece by itself can still be kept.
            return [part for piece in pieces for part in parts_of(piece, self.data)]


def parts_of(message: AIMessage | ToolMessage, data: MutableMapping[Blob, bytes]) -> list[Part]:
    """Return the parts of a whole message, whatever is in it; the bytes of pictures and files are put into ``data``."""
    if isinstance(message, ToolMessage):
        return [ToolResult(message.tool_call_id, str(message.text), message.status == "error")]
    is_text = isinstance(message.content, str)
    blocks = [block for block in _blocks(message) if not (is_text and block.get("type") in _CALLS)]
    parts = [part for block in blocks for part in _parts(block, data)]
    # Those that are not in the content, too.
    calls: list[Part] = [_tool_call(call) for call in message.tool_calls]
    calls += [NonStandard(cleaned(dict(call))) for call in message.invalid_tool_calls]
    return parts + [call for call in calls if is_text or call not in parts]


def _plain(message: AIMessage) -> list[Part]:
    """Text alone, with the thoughts that most models send in a field of their own."""
    parts: list[Part] = []
    if thought := message.additional_kwargs.get("reasoning_content"):
        parts.append(Reasoning(thought))
    if text := str(message.content):
        parts.append(Text(text))
    return parts


def _blocks(message: AIMessage) -> list[dict[str, Any]]:
    try:
        return [dict(block) for block in message.content_blocks]
    except _ODD:
        # A provider's block that LangChain's translator does not understand.
        content = [message.content] if isinstance(message.content, str) else message.content
        return [each if isinstance(each, dict) else {"type": "text", "text": each} for each in content]


def _is_unknown(block: Mapping[str, Any]) -> bool:
    return block.get("type") not in {"text", "reasoning", "tool_call", "server_tool_result", *_OF_BYTES}


def _parts(block: Mapping[str, Any], data: MutableMapping[Blob, bytes]) -> list[Part]:
    try:
        return list(_known(block, data))
    except _ODD:
        return [NonStandard(cleaned(block))]


def _known(block: Mapping[str, Any], data: MutableMapping[Blob, bytes]) -> Iterator[Part]:
    kind = block.get("type")
    if kind == "text":
        if block["text"]:
            yield Text(_text(block["text"]))
        for each in block.get("annotations") or ():
            yield _annotation(each)
    elif kind == "reasoning":
        if thought := block.get("reasoning"):
            yield Reasoning(_text(thought))
        elif block.get("extras"):
            yield NonStandard(cleaned(block))
    elif kind in _OF_BYTES:
        # By its address alone, it is kept as it came.
        held = b64decode(block["base64"], validate=True)
        blob = blob_of(held, str(block.get("mime_type") or UNKNOWN_TYPE))
        extras = block.get("extras") or {}
        if kind == "image":
            part: Part = Image(blob, _text(extras.get("description") or ""))
        else:
            part = File(blob, _text(extras.get("filename") or block.get("filename") or ""))
        data[blob] = held
        yield part
    elif kind == "tool_call":
        yield _tool_call(block)
    elif kind == "server_tool_result":
        output = block.get("output", "")
        text = output if isinstance(output, str) else json.dumps(cleaned(output), ensure_ascii=False)
        yield ToolResult(_text(block["tool_call_id"]), _text(text), block.get("status") == "error")
    else:
        yield NonStandard(cleaned(block))


def _annotation(block: Mapping[str, Any]) -> Part:
    if block["type"] != "citation":
        return NonStandard({"type": "non_standard_annotation", **cleaned(block)})
    return Citation(*(_text(block.get(name) or "") for name in ("title", "url", "cited_text")))


def _tool_call(call: Mapping[str, Any]) -> ToolCall:
    return ToolCall(_text(call.get("id") or ""), _text(call["name"] or ""), cleaned(dict(call["args"])))


def _text(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError("no text")
    return text


def cleaned(value: Any, depth: int = _DEPTH) -> Any:
    """Return a value that is JSON everywhere: no half characters, no endless numbers, nothing but JSON's own types."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if depth and isinstance(value, Mapping):
        return {cleaned(str(name)): cleaned(each, depth - 1) for name, each in value.items()}
    if depth and isinstance(value, list | tuple):
        return [cleaned(each, depth - 1) for each in value]
    return cleaned(str(value))
