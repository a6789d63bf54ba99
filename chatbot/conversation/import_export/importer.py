"""Conversations from files: JSON of one, or a ZIP of several, from anywhere, checked whole before anything is believed.

Read a piece at a time, in a thread: see :mod:`~chatbot.conversation.import_export.json_reader`.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any, Final, NamedTuple, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, create_model, model_validator
from pydantic_core import PydanticCustomError

from chatbot.conversation.errors import UnreadableExportError
from chatbot.conversation.import_export.export import FORMAT, MAX_BYTES, MAX_CONVERSATIONS, VERSION
from chatbot.conversation.import_export.json_reader import JsonReader
from chatbot.conversation.import_export.other_tools import LOOKED_AT, tool_of
from chatbot.conversation.import_export.part_models import PartModel, Strict, WholeText, whole
from chatbot.conversation.options import OPTIONS, Option, Options
from chatbot.conversation.parts import Blob, answer_of, blobs_of, question_of
from chatbot.conversation.store import MAX_BLOB_BYTES, StoredTurn
from chatbot.conversation.turn import (
    Conversation,
    Failure,
    Feedback,
    Notice,
    Rating,
    Timing,
    Turn,
    TurnMemory,
    TurnStatus,
    Usage,
    Value,
)

MAX_UPLOAD_BYTES: Final = 25_000_000
"""Of a file as it is sent, packed or not."""

MAX_UNPACKED_BYTES: Final = 50_000_000
"""Of all the JSON in one ZIP."""

MAX_TURNS: Final = 20_000
"""Of one conversation, all versions counted."""

MAX_PARTS: Final = 1_000
"""Of one question or answer."""

MAX_VALUES: Final = 100_000
"""Of one turn, however they are nested."""

_LARGEST: Final = 2**31 - 1
_SIGNATURE: Final = b"PK\x01\x02"
_PIECE: Final = 1_000_000


_Count = Annotated[int, Field(ge=0, le=_LARGEST)]
_Amount = Annotated[float, Field(ge=0)]
_Line = Annotated[str, StringConstraints(max_length=1_000, pattern=r"^[^\x00]*$")]


def _plain(value: Any) -> Value:
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, bool | int | float) and math.isfinite(value) and abs(value) <= 2**53:
        return value
    raise PydanticCustomError("plain_value", "no plain value")


_Data = Annotated[dict[_Line, Annotated[Any, AfterValidator(_plain)]], Field(max_length=20)]


class _Usage(Strict):
    input_tokens: _Count
    output_tokens: _Count
    cost: _Amount | None = None


class _Timing(Strict):
    ended_at: _Amount
    total: _Amount
    first_word: _Amount | None = None
    thinking: _Amount | None = None


class _Feedback(Strict):
    rating: Annotated[Rating, Field(strict=False)]
    comment: WholeText = ""


def _field(option: Option) -> Any:
    bounded: Any = Annotated[option.type, Field(**option.bounds)]
    return (bounded if option.is_number else Annotated[bounded, AfterValidator(whole)]) | None, None


_OPTIONS: Final[type[Strict]] = create_model(
    "_OPTIONS", __base__=Strict, **{name: _field(option) for name, option in OPTIONS.items()}
)


class _Failure(Strict):
    kind: _Line
    data: _Data = Field(default_factory=dict)
    retry_after: float | None = None
    blocked: bool = False

    @model_validator(mode="before")
    @classmethod
    def _of_version_2(cls, read: Any) -> Any:
        if isinstance(read, dict) and isinstance(read.get("message"), str):
            read["data"] = {"text": read.pop("message")}
        return read


class _Notice(Strict):
    kind: _Line
    data: _Data = Field(default_factory=dict)


class _Turn(Strict):
    index: _Count
    version: _Count
    parent: _Count | None
    shown: bool
    user: WholeText
    assistant: WholeText
    status: Annotated[TurnStatus, Field(strict=False)]
    finish_reason: _Line | None = None
    usage: _Usage | None = None
    failure: _Failure | None = None
    memory: Annotated[TurnMemory, Field(strict=False)] = TurnMemory.AUTO
    notices: Annotated[list[_Notice], Field(max_length=20)] = Field(default_factory=list)
    reasoning: WholeText = ""
    timing: _Timing | None = None
    deployment: _Line = ""
    feedback: _Feedback | None = None
    question_parts: Annotated[list[PartModel], Field(max_length=MAX_PARTS)] | None = None
    answer_parts: Annotated[list[PartModel], Field(max_length=MAX_PARTS)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_version_2(cls, read: Any) -> Any:
        if isinstance(read, dict) and isinstance(read.get("notice"), str):
            text = read.pop("notice")
            read["notices"] = [{"kind": "text", "data": {"text": text}}] if text else []
        return read


class _File(Strict):
    """All but the options and the turns, which are checked one by one."""

    format: str
    version: int
    title: Annotated[WholeText, StringConstraints(max_length=1_000)]
    options: Any = Field(default_factory=dict)
    turns: list[Any]
    blobs: dict[str, bytes] = Field(default_factory=dict)


class Imported(NamedTuple):
    """A conversation from a file.

    Attributes:
        conversation: As its new owner's.
        stored: Its turns, all versions of them.
        data: The bytes that they refer to, whose digests are theirs.
    """

    conversation: Conversation
    stored: list[StoredTurn]
    data: dict[Blob, bytes]


def read(data: bytes, owner: str, new_id: Callable[[], str]) -> list[Imported]:
    """Return the conversations in a file, be it one conversation's JSON or a ZIP of several.

    Args:
        data: The file's content.
        owner: Whose they become.
        new_id: Gives each its id.

    Raises:
        UnreadableExportError: Any of it cannot be read.
    """
    if len(data) > MAX_UPLOAD_BYTES:
        raise UnreadableExportError("file_too_large", most=MAX_UPLOAD_BYTES // 1_000_000)
    return _read_bundle(data, owner, new_id) if data.startswith(b"PK") else [read_json(data, owner, new_id())]


def _read_bundle(data: bytes, owner: str, new_id: Callable[[], str]) -> list[Imported]:
    """Return the conversations in a ZIP; files in it that are not JSON are passed over."""
    # Counted before the list of files is built, which takes a kilobyte of memory for each.
    signatures = sum(data.count(_SIGNATURE, at, at + _PIECE) for at in range(0, len(data), _PIECE))
    if signatures > 4 * MAX_CONVERSATIONS:
        raise UnreadableExportError("too_many_files")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = _read_entries(archive, owner, new_id)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise UnreadableExportError("damaged_zip") from error
    if not found:
        raise UnreadableExportError("no_conversation")
    return found


def _read_entries(archive: zipfile.ZipFile, owner: str, new_id: Callable[[], str]) -> list[Imported]:
    entries = [
        entry
        for entry in archive.infolist()
        if entry.filename.lower().endswith(".json") and not entry.filename.startswith("__MACOSX/")
    ]
    for entry in entries:
        # Other tools put theirs among other files, and those may come first.
        if entry.filename.rpartition("/")[2].lower().startswith("conversations"):
            with archive.open(entry) as file:
                _check_tool(file.read(LOOKED_AT))
    if len(entries) > MAX_CONVERSATIONS:
        raise UnreadableExportError("too_many_conversations", most=MAX_CONVERSATIONS)
    unpacked = 0
    found = []
    for entry in entries:
        text = _unpacked(archive, entry)
        unpacked += len(text)
        if unpacked > MAX_UNPACKED_BYTES:
            raise UnreadableExportError("unpacked_too_large", most=MAX_UNPACKED_BYTES // 1_000_000)
        try:
            found.append(read_json(text, owner, new_id()))
        except UnreadableExportError as error:
            error.data["file"] = entry.filename
            raise
    return found


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """One byte more than can be read, however small the file says it is."""
    unpacked = io.BytesIO()
    with archive.open(entry) as file:
        while unpacked.tell() <= MAX_BYTES and (piece := file.read(_PIECE)):
            unpacked.write(piece)
    return unpacked.getvalue()


def _check_tool(head: bytes) -> None:
    if (tool := tool_of(head)) is not None:
        raise UnreadableExportError("other_tool", tool=tool)


def read_json(text: str | bytes, owner: str, new_id: str) -> Imported:
    """Return the conversation that :func:`to_json` wrote down, for somebody to own; its answers have all ended.

    Args:
        text: The file's content.
        owner: Whose it becomes.
        new_id: Its id.

    Raises:
        UnreadableExportError: It is not such a file; nothing of it is used.
    """
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    _check_tool(data[:LOOKED_AT])
    if len(data) > MAX_BYTES:
        raise UnreadableExportError("file_too_large", most=MAX_BYTES // 1_000_000)
    reader = JsonReader(data)
    try:
        content = _document(reader)
        reader.end()
    except UnicodeDecodeError as error:
        raise UnreadableExportError("not_utf8") from error
    _check_version(content)
    if content["version"] == 1 and "k" in content:
        content["options"] = {"k": content.pop("k")}
    file = _checked(_File, content)
    _check_tree(file.turns)
    stored = [StoredTurn(_turn(each), each.shown) for each in file.turns]
    options = Options(**_checked(_OPTIONS, file.options, "options").model_dump())
    conversation = Conversation(new_id, owner, title=file.title, options=options, usage=_total(stored))
    return Imported(conversation, stored, _data(file.blobs, stored))


def _document(reader: JsonReader) -> dict[str, Any]:
    """The document, with each turn checked as it comes."""
    if reader.peek() != "{":
        reader.value()
        _check_version({})
    content: dict[str, Any] = {}
    for name in reader.members():
        if name == "turns" and reader.peek() == "[":
            if "version" in content:
                _check_version(content)
            content[name] = _turns(reader)
        elif name == "blobs" and reader.peek() == "{":
            content[name] = {digest: _bytes(reader, digest) for digest in reader.members()}
        else:
            content[name] = _value(reader)
    return content


def _turns(reader: JsonReader) -> list[_Turn]:
    turns: list[_Turn] = []
    fault: UnreadableExportError | None = None
    for number, _ in enumerate(reader.entries()):
        if number == MAX_TURNS:
            raise UnreadableExportError("too_many_entries", place="turns", most=MAX_TURNS)
        value = _value(reader)
        if fault is None:
            try:
                turns.append(_checked(_Turn, value, "turns", number))
            except UnreadableExportError as error:
                # Told only once it is known that the file as a whole could be read.
                fault = error
    if fault is not None:
        raise fault
    return turns


def _value(reader: JsonReader, depth: int = 20, room: Iterator[int] | None = None) -> Any:
    """A value; objects and lists are read by their members, each of which may be a long text."""
    room = iter(range(MAX_VALUES)) if room is None else room
    if next(room, None) is None:
        raise UnreadableExportError("too_many_values", most=MAX_VALUES)
    if depth and reader.peek() == "{":
        return {name: _value(reader, depth - 1, room) for name in reader.members()}
    if depth and reader.peek() == "[":
        return [_value(reader, depth - 1, room) for _ in reader.entries()]
    return reader.value()


def _bytes(reader: JsonReader, digest: str) -> bytes:
    """The bytes of a picture or file, which are what their digest says."""
    place = f"blobs.{digest[:8]}"
    held = bytearray()
    hashed = sha256()
    for _ in reader.entries():
        try:
            piece = b64decode(reader.value(), validate=True)
        except (TypeError, ValueError):
            raise UnreadableExportError("not_base64", place=place) from None
        hashed.update(piece)
        held += piece
        if len(held) > MAX_BLOB_BYTES:
            raise UnreadableExportError("blob_too_large", place=place, most=MAX_BLOB_BYTES // 1_000_000)
    if hashed.hexdigest() != digest:
        raise UnreadableExportError("blob_changed", place=place)
    return bytes(held)


def _data(held: Mapping[str, bytes], stored: Iterable[StoredTurn]) -> dict[Blob, bytes]:
    """The bytes that turns refer to; all are there, and no others."""
    data = {}
    for each in stored:
        for blob in blobs_of((*each.turn.question, *each.turn.answer)):
            if len(held.get(blob.sha256, b"")) != blob.size or blob.sha256 not in held:
                raise UnreadableExportError(
                    "blob_missing", index=each.turn.index, version=each.turn.version, digest=blob.sha256[:8]
                )
            data[blob] = held[blob.sha256]
    if len({blob.sha256 for blob in data}) < len(held):
        raise UnreadableExportError("blobs_unused")
    return data


def _check_version(content: Mapping[str, Any]) -> None:
    if content.get("format") != FORMAT:
        raise UnreadableExportError("not_an_export", wanted=FORMAT)
    version = content.get("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        if type(version) is int and version > VERSION:
            raise UnreadableExportError("newer_version")
        raise UnreadableExportError("unknown_version", most=VERSION)


_Model = TypeVar("_Model", bound=Strict)


def _checked(model: type[_Model], content: Any, *place: str | int) -> _Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise _fault(error, *place) from None


def _total(stored: Iterable[StoredTurn]) -> Usage:
    used = [each.turn.usage for each in stored if each.turn.usage]
    costs = [usage.cost for usage in used if usage.cost is not None]
    tokens = sum(usage.input_tokens for usage in used), sum(usage.output_tokens for usage in used)
    return Usage(*tokens, cost=sum(costs) if costs else None)


def _turn(read: _Turn) -> Turn:
    texts = {"user", "assistant", "reasoning", "question_parts", "answer_parts"}
    values: dict[str, Any] = {name: getattr(read, name) for name in _Turn.model_fields.keys() - texts - {"shown"}}
    values["question"] = question_of(read.user, _dumped(read.question_parts))
    values["answer"] = answer_of(read.assistant, read.reasoning, _dumped(read.answer_parts))
    values["usage"] = read.usage and Usage(**read.usage.model_dump())
    values["failure"] = read.failure and Failure(**read.failure.model_dump())
    values["notices"] = tuple(Notice(**each.model_dump()) for each in read.notices)
    values["timing"] = read.timing and Timing(**read.timing.model_dump())
    values["feedback"] = read.feedback and Feedback(**read.feedback.model_dump())
    # Whoever was writing it is not writing it here.
    values["status"] = TurnStatus.STOPPED if read.status is TurnStatus.STREAMING else read.status
    turn = Turn(**values)
    if (turn.question_text, turn.answer_text, turn.reasoning_text) != (read.user, read.assistant, read.reasoning):
        raise UnreadableExportError("text_mismatch", index=read.index, version=read.version)
    return turn


def _dumped(parts: Sequence[Strict] | None) -> list[dict[str, Any]] | None:
    return None if parts is None else [part.model_dump() for part in parts]


def _check_tree(turns: Sequence[_Turn]) -> None:
    known: set[tuple[int, int]] = set()
    path: dict[int, _Turn] = {}
    for number, turn in enumerate(turns, 1):
        at: dict[str, Value] = {"number": number, "index": turn.index, "version": turn.version}
        if (turn.index, turn.version) in known:
            raise UnreadableExportError("turn_twice", **at)
        if (turn.status is TurnStatus.FAILED) != (turn.failure is not None):
            raise UnreadableExportError("failure_mismatch", **at)
        if turn.shown and turn.index in path:
            raise UnreadableExportError("shown_twice", **at)
        known.add((turn.index, turn.version))
        if turn.shown:
            path[turn.index] = turn
    for number, turn in enumerate(turns, 1):
        if (turn.parent is None) != (turn.index == 0) or (turn.index and (turn.index - 1, turn.parent) not in known):
            raise UnreadableExportError("no_parent", number=number, index=turn.index, version=turn.version)
    for expected, index in enumerate(sorted(path)):
        if index != expected:
            raise UnreadableExportError("turn_missing", index=expected)
        if index and path[index].parent != path[index - 1].version:
            raise UnreadableExportError("path_broken", index=index)


_REASONS: Final[Mapping[str, Any]] = {
    "missing": "missing",
    "extra_forbidden": "not_in_format",
    "string_type": "not_text",
    "value_error": "half_character",
    "string_unicode": "half_character",
    "string_too_long": "text_too_long",
    "string_pattern_mismatch": "nul_character",
    "int_type": "not_a_whole_number",
    "float_type": "not_a_number",
    "finite_number": "not_a_number",
    "bool_type": "not_a_boolean",
    "list_type": "not_a_list",
    "dict_type": "not_an_object",
    "union_tag_invalid": "unknown_type",
    "union_tag_not_found": "unknown_type",
    "model_type": "not_an_object",
    "model_attributes_type": "not_an_object",
    "enum": "not_one_of",
    "greater_than_equal": "too_small",
    "less_than_equal": "too_large",
    "too_long": "too_many_entries",
    "plain_value": "not_a_plain_value",
}
"""What pydantic finds, as reasons of :class:`UnreadableExportError`."""


def _fault(error: ValidationError, *within: str | int) -> UnreadableExportError:
    """The first thing that is wrong, and where, for somebody who looks into the file."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in (*within, *first["loc"])).lstrip(
        "."
    )
    limits = first.get("ctx", {})
    names = {"max_length": "most", "le": "most", "ge": "least"}
    data: dict[str, Value] = {names[name]: value for name, value in limits.items() if name in names}
    if "expected" in limits:
        data["expected"] = limits["expected"].replace(" or ", ", ")
    return UnreadableExportError(_REASONS.get(first["type"], "unreadable"), place=place, **data)
