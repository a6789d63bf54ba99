"""Conversations from files, this application's and others', checked whole before anything of them is believed.

Read a piece at a time, in a thread: see :mod:`~chatbot.conversation.import_export.json_reader`.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Annotated, Any, Final, NamedTuple, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, create_model, model_validator
from pydantic_core import PydanticCustomError

from chatbot.conversation.errors import UnreadableExportError
from chatbot.conversation.import_export.embedding import is_page, json_within
from chatbot.conversation.import_export.export import FORMAT, MARKS, MAX_BYTES, MAX_CONVERSATIONS, VERSION
from chatbot.conversation.import_export.json_reader import JsonReader
from chatbot.conversation.import_export.option_models import option_fields
from chatbot.conversation.import_export.other_tools import LOOKED_AT, READ, conversations_in, tool_of
from chatbot.conversation.import_export.others.chatgpt import FILE_ID
from chatbot.conversation.import_export.others.messages import MAX_PARTS, MAX_TURNS, turns_of
from chatbot.conversation.import_export.part_models import PartModel, Strict, WholeText, whole
from chatbot.conversation.options import Options
from chatbot.conversation.parts import Blob, blobs_of
from chatbot.conversation.store import MAX_BLOB_BYTES, StoredTurn
from chatbot.conversation.titles import shortened
from chatbot.conversation.turn import Conversation, Rating, Turn, TurnMemory, TurnStatus, Usage, Value
from chatbot.conversation.turn_data import turn_from

MAX_UPLOAD_BYTES: Final = 25_000_000
"""Of a file as it is sent, packed or not."""

MAX_UNPACKED_BYTES: Final = 50_000_000
"""Of all the JSON in one ZIP."""

MAX_FILES: Final = 4 * MAX_CONVERSATIONS
"""In one ZIP, of whatever kind."""

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


_OPTIONS: Final[type[Strict]] = create_model("_OPTIONS", __base__=Strict, **option_fields(whole))


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
    pinned: bool = False
    archived: bool = False
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


class ImportedFile(NamedTuple):
    """What a file holds.

    Attributes:
        conversations: All that have anything in them.
        tool: Which other tool wrote it; empty where this application did.
        empty: How many more it has in which nothing was said, or nothing that could be taken.
    """

    conversations: list[Imported]
    tool: str = ""
    empty: int = 0


def read(data: bytes, owner: str, new_id: Callable[[], str]) -> ImportedFile:
    """Return the conversations in a file: JSON of one, a report of one, a ZIP of several, or another tool's export.

    Args:
        data: The file's content.
        owner: Whose they become.
        new_id: Gives each its id.

    Raises:
        UnreadableExportError: Any of it cannot be read.
    """
    if len(data) > MAX_UPLOAD_BYTES:
        raise UnreadableExportError("file_too_large", most=MAX_UPLOAD_BYTES // 1_000_000)
    if data.startswith(b"PK"):
        return _read_bundle(data, owner, new_id)
    if is_page(data):
        data = json_within(data)
    if (tool := _tool_of(data[:LOOKED_AT])) is not None:
        return _with_words(_read_other(data, tool, owner, new_id, lambda _: None))
    return ImportedFile([read_json(data, owner, new_id())])


def _tool_of(head: bytes) -> str | None:
    """Which other tool's a file is that can be read; one that cannot is an error."""
    tool = tool_of(head)
    if tool is not None and tool not in READ:
        raise UnreadableExportError("other_tool", tool=tool)
    return tool


def _read_other(
    data: bytes, tool: str, owner: str, new_id: Callable[[], str], attached: Callable[[str], bytes | None]
) -> ImportedFile:
    found = []
    empty = 0
    for each, place in conversations_in(data, tool, attached):
        stored = turns_of(each, place)
        if not any(one.turn.question or one.turn.answer or one.turn.failure for one in stored):
            empty += 1
            continue
        first = next((one.turn.question_text for one in stored if one.turn.question), "")
        options = Options(system_prompt=each.system_prompt or None)
        conversation = Conversation(
            new_id(), owner, title=each.title or shortened(first), options=options, usage=_total(stored)
        )
        found.append(Imported(conversation, stored, _referred(each.data, stored)))
    return ImportedFile(found, tool, empty)


def _with_words(file: ImportedFile) -> ImportedFile:
    if not file.conversations:
        raise UnreadableExportError("nothing_said", tool=file.tool)
    return file


def _referred(data: Mapping[Blob, bytes], stored: Iterable[StoredTurn]) -> dict[Blob, bytes]:
    parts = (part for each in stored for part in (*each.turn.question, *each.turn.answer))
    return {blob: data[blob] for blob in blobs_of(parts)}


def _read_bundle(data: bytes, owner: str, new_id: Callable[[], str]) -> ImportedFile:
    """Return the conversations in a ZIP; files in it that are not JSON are passed over."""
    # Counted before the list of files is built, which takes a kilobyte of memory for each.
    signatures = sum(data.count(_SIGNATURE, at, at + _PIECE) for at in range(0, len(data), _PIECE))
    if signatures > MAX_FILES:
        raise UnreadableExportError("too_many_files")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = _read_entries(archive, owner, new_id)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise UnreadableExportError("damaged_zip") from error
    return found


def _read_entries(archive: zipfile.ZipFile, owner: str, new_id: Callable[[], str]) -> ImportedFile:
    entries = [
        entry
        for entry in archive.infolist()
        if entry.filename.lower().endswith(".json") and not entry.filename.startswith("__MACOSX/")
    ]
    if not entries:
        raise UnreadableExportError("no_conversation")
    if len(entries) > MAX_CONVERSATIONS:
        raise UnreadableExportError("too_many_conversations", most=MAX_CONVERSATIONS)
    by_tool: dict[str | None, list[zipfile.ZipInfo]] = {}
    for entry in entries:
        with archive.open(entry) as file:
            by_tool.setdefault(tool_of(file.read(LOOKED_AT)), []).append(entry)
    # Other tools put theirs among other files of theirs.
    for tool in (*READ, *by_tool):
        if tool is not None and tool in by_tool:
            return _read_others(archive, by_tool[tool], tool, owner, new_id)
    unpacked = 0
    found = []
    for entry in entries:
        text = _unpacked(archive, entry, MAX_BYTES)
        unpacked += len(text)
        _check_unpacked(unpacked)
        with _naming(entry):
            found.append(read_json(text, owner, new_id()))
    return ImportedFile(found)


def _read_others(
    archive: zipfile.ZipFile,
    entries: Iterable[zipfile.ZipInfo],
    tool: str,
    owner: str,
    new_id: Callable[[], str],
) -> ImportedFile:
    attached = _Attached(archive)
    unpacked = empty = 0
    found: list[Imported] = []
    for entry in entries:
        text = _unpacked(archive, entry, MAX_UNPACKED_BYTES)
        unpacked += len(text)
        _check_unpacked(unpacked)
        with _naming(entry):
            _tool_of(text[:LOOKED_AT])
            file = _read_other(text, tool, owner, new_id, attached)
        found += file.conversations
        empty += file.empty
        if len(found) > MAX_CONVERSATIONS:
            raise UnreadableExportError("too_many_conversations", most=MAX_CONVERSATIONS)
    return _with_words(ImportedFile(found, tool, empty))


class _Attached:
    """What stands beside ChatGPT's conversations, by its ids: the names of the files begin with them."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._entries: dict[str, zipfile.ZipInfo] = {}
        self._room = MAX_UNPACKED_BYTES
        for entry in archive.infolist():
            if named := FILE_ID.match(entry.filename.rpartition("/")[2]):
                self._entries.setdefault(named[0], entry)

    def __call__(self, id: str) -> bytes | None:  # noqa: A002 - ChatGPT's own name
        """Return the bytes of a file; None where it is not there, or too large."""
        entry = self._entries.get(id)
        if entry is None:
            return None
        held = _unpacked(self._archive, entry, min(MAX_BLOB_BYTES, self._room))
        if len(held) > min(MAX_BLOB_BYTES, self._room):
            return None
        self._room -= len(held)
        return held


@contextmanager
def _naming(entry: zipfile.ZipInfo) -> Iterator[None]:
    """Say of what is wrong in which file it is."""
    try:
        yield
    except UnreadableExportError as error:
        error.data["file"] = entry.filename
        raise


def _check_unpacked(size: int) -> None:
    if size > MAX_UNPACKED_BYTES:
        raise UnreadableExportError("unpacked_too_large", most=MAX_UNPACKED_BYTES // 1_000_000)


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """More than ``most`` bytes, and not much more, where there are more, however small the file says it is."""
    unpacked = io.BytesIO()
    with archive.open(entry) as file:
        while unpacked.tell() <= most and (piece := file.read(_PIECE)):
            unpacked.write(piece)
    return unpacked.getvalue()


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
    if (tool := tool_of(data[:LOOKED_AT])) is not None:
        raise UnreadableExportError("other_tool", tool=tool)
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
    marks = {f"is_{name}": getattr(file, name) for name in MARKS}
    conversation = Conversation(new_id, owner, title=file.title, options=options, usage=_total(stored), **marks)
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
            content[name] = reader.tree(MAX_VALUES)
    return content


def _turns(reader: JsonReader) -> list[_Turn]:
    turns: list[_Turn] = []
    fault: UnreadableExportError | None = None
    for number, _ in enumerate(reader.entries()):
        if number == MAX_TURNS:
            raise UnreadableExportError("too_many_entries", place="turns", most=MAX_TURNS)
        value = reader.tree(MAX_VALUES)
        if fault is None:
            try:
                turns.append(_checked(_Turn, value, "turns", number))
            except UnreadableExportError as error:
                # Told only once it is known that the file as a whole could be read.
                fault = error
    if fault is not None:
        raise fault
    return turns


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
    turn = turn_from(read.model_dump())
    if (turn.question_text, turn.answer_text, turn.reasoning_text) != (read.user, read.assistant, read.reasoning):
        raise UnreadableExportError("text_mismatch", index=read.index, version=read.version)
    # Whoever was writing it is not writing it here.
    return replace(turn, status=TurnStatus.STOPPED) if turn.status is TurnStatus.STREAMING else turn


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
