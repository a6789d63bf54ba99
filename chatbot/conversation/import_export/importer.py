"""Conversations from files: JSON of one, or a ZIP of several, from anywhere, checked whole before anything is believed.

Read a piece at a time, in a thread: see :mod:`~chatbot.conversation.import_export.json_reader`.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any, Final, NamedTuple, TypeVar

from pydantic import Field, StringConstraints, ValidationError

from chatbot.conversation.deployments import MAX_SYSTEM_PROMPT
from chatbot.conversation.import_export.export import FORMAT, MAX_BYTES, MAX_CONVERSATIONS, VERSION
from chatbot.conversation.import_export.json_reader import JsonError, JsonReader
from chatbot.conversation.import_export.other_tools import LOOKED_AT, tool_of
from chatbot.conversation.import_export.part_models import PartModel, Strict, WholeText
from chatbot.conversation.parts import Blob, answer_of, blobs_of, question_of
from chatbot.conversation.store import MAX_BLOB_BYTES, StoredTurn
from chatbot.conversation.turn import (
    Conversation,
    Failure,
    Feedback,
    Options,
    Rating,
    Timing,
    Turn,
    TurnMemory,
    TurnStatus,
    Usage,
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


class UnreadableExportError(ValueError):
    """A file is not an export of a conversation; the message says what is wrong and where."""


_Count = Annotated[int, Field(ge=0, le=_LARGEST)]
_Amount = Annotated[float, Field(ge=0)]
_Line = Annotated[str, StringConstraints(max_length=1_000, pattern=r"^[^\x00]*$")]


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


class _Options(Strict):
    deployment: _Line | None = None
    system_prompt: Annotated[WholeText, StringConstraints(max_length=MAX_SYSTEM_PROMPT)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=_LARGEST)] | None = None
    k: _Count | None = None


class _Failure(Strict):
    kind: _Line
    message: WholeText
    retry_after: float | None = None
    blocked: bool = False


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
    notice: _Line = ""
    reasoning: WholeText = ""
    timing: _Timing | None = None
    deployment: _Line = ""
    feedback: _Feedback | None = None
    question_parts: Annotated[list[PartModel], Field(max_length=MAX_PARTS)] | None = None
    answer_parts: Annotated[list[PartModel], Field(max_length=MAX_PARTS)] | None = None


class _File(Strict):
    """All but the turns, which are checked one by one."""

    format: str
    version: int
    title: Annotated[WholeText, StringConstraints(max_length=1_000)]
    options: _Options = _Options()
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
        raise UnreadableExportError(f"The file is larger than {MAX_UPLOAD_BYTES // 1_000_000} MB.")
    return _read_bundle(data, owner, new_id) if data.startswith(b"PK") else [read_json(data, owner, new_id())]


def _read_bundle(data: bytes, owner: str, new_id: Callable[[], str]) -> list[Imported]:
    """Return the conversations in a ZIP; files in it that are not JSON are passed over."""
    # Counted before the list of files is built, which takes a kilobyte of memory for each.
    signatures = sum(data.count(_SIGNATURE, at, at + _PIECE) for at in range(0, len(data), _PIECE))
    if signatures > 4 * MAX_CONVERSATIONS:
        raise UnreadableExportError("The ZIP file holds too many files.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = _read_entries(archive, owner, new_id)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, UnreadableExportError):
            raise
        raise UnreadableExportError("The ZIP file is damaged, encrypted, or packed in an unusual way.") from error
    if not found:
        raise UnreadableExportError("The ZIP file holds no conversation: no file in it ends in .json.")
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
        raise UnreadableExportError(f"The ZIP file holds more than {MAX_CONVERSATIONS:,} conversations.")
    unpacked = 0
    found = []
    for entry in entries:
        text = _unpacked(archive, entry)
        unpacked += len(text)
        if unpacked > MAX_UNPACKED_BYTES:
            raise UnreadableExportError(f"Unpacked, the ZIP file is larger than {MAX_UNPACKED_BYTES // 1_000_000} MB.")
        try:
            found.append(read_json(text, owner, new_id()))
        except UnreadableExportError as error:
            raise UnreadableExportError(f"In “{entry.filename}”: {error}") from None
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
        raise UnreadableExportError(
            f"This is {tool}'s export, which cannot be read: only files that this application exported can."
        )


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
        raise UnreadableExportError(f"The file is larger than {MAX_BYTES // 1_000_000} MB.")
    reader = JsonReader(data)
    try:
        content = _document(reader)
        reader.end()
    except UnicodeDecodeError as error:
        raise UnreadableExportError("The file is not text in UTF-8.") from error
    except JsonError as error:
        raise UnreadableExportError(f"The file is {error}.") from error
    _check_version(content)
    if content["version"] == 1 and "k" in content:
        content["options"] = {"k": content.pop("k")}
    file = _checked(_File, content)
    _check_tree(file.turns)
    stored = [StoredTurn(_turn(each), each.shown) for each in file.turns]
    options = Options(**file.options.model_dump())
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
            raise UnreadableExportError(f'In the file, "turns" has more than {MAX_TURNS:,} entries.')
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
        raise UnreadableExportError(
            f"The file is too long to be read: a value has more than {MAX_VALUES:,} others in it."
        )
    if depth and reader.peek() == "{":
        return {name: _value(reader, depth - 1, room) for name in reader.members()}
    if depth and reader.peek() == "[":
        return [_value(reader, depth - 1, room) for _ in reader.entries()]
    return reader.value()


def _bytes(reader: JsonReader, digest: str) -> bytes:
    """The bytes of a picture or file, which are what their digest says."""
    held = bytearray()
    hashed = sha256()
    for _ in reader.entries():
        try:
            piece = b64decode(reader.value(), validate=True)
        except (TypeError, ValueError) as error:
            if isinstance(error, JsonError):
                raise
            raise UnreadableExportError(f'In the file, "blobs.{digest[:8]}" is no list of texts in base64.') from None
        hashed.update(piece)
        held += piece
        if len(held) > MAX_BLOB_BYTES:
            raise UnreadableExportError(
                f'In the file, "blobs.{digest[:8]}" is larger than {MAX_BLOB_BYTES // 1_000_000} MB.'
            )
    if hashed.hexdigest() != digest:
        raise UnreadableExportError(f'In the file, "blobs.{digest[:8]}" is not what its name says: it was changed.')
    return bytes(held)


def _data(held: Mapping[str, bytes], stored: Iterable[StoredTurn]) -> dict[Blob, bytes]:
    """The bytes that turns refer to; all are there, and no others."""
    data = {}
    for each in stored:
        for blob in blobs_of((*each.turn.question, *each.turn.answer)):
            if len(held.get(blob.sha256, b"")) != blob.size or blob.sha256 not in held:
                at = f"(index {each.turn.index}, version {each.turn.version})"
                raise UnreadableExportError(
                    f'A turn {at} refers to a picture or file that is not in "blobs", or of another size: '
                    f"{blob.sha256[:8]}."
                )
            data[blob] = held[blob.sha256]
    if len({blob.sha256 for blob in data}) < len(held):
        raise UnreadableExportError('In the file, "blobs" holds what no turn refers to.')
    return data


def _check_version(content: Mapping[str, Any]) -> None:
    if content.get("format") != FORMAT:
        raise UnreadableExportError(f'The file is not an exported conversation: its "format" is not "{FORMAT}".')
    version = content.get("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        newer = type(version) is int and version > VERSION
        raise UnreadableExportError(
            "The file was exported by a newer version of this application."
            if newer
            else f'The file\'s "version" is none of 1 to {VERSION}, which can be read.'
        )


_Model = TypeVar("_Model", bound=Strict)


def _checked(model: type[_Model], content: Any, *place: str | int) -> _Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise UnreadableExportError(_in_words(error, *place)) from None


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
    values["timing"] = read.timing and Timing(**read.timing.model_dump())
    values["feedback"] = read.feedback and Feedback(**read.feedback.model_dump())
    # Whoever was writing it is not writing it here.
    values["status"] = TurnStatus.STOPPED if read.status is TurnStatus.STREAMING else read.status
    turn = Turn(**values)
    if (turn.question_text, turn.answer_text, turn.reasoning_text) != (read.user, read.assistant, read.reasoning):
        raise UnreadableExportError(
            f"The parts of a turn (index {read.index}, version {read.version}) do not have the text that it has."
        )
    return turn


def _dumped(parts: Sequence[Strict] | None) -> list[dict[str, Any]] | None:
    return None if parts is None else [part.model_dump() for part in parts]


def _check_tree(turns: Sequence[_Turn]) -> None:
    known: set[tuple[int, int]] = set()
    path: dict[int, _Turn] = {}
    for number, turn in enumerate(turns, 1):
        at = f"Turn number {number} of the file (index {turn.index}, version {turn.version})"
        if (turn.index, turn.version) in known:
            raise UnreadableExportError(f"{at} is there twice.")
        if (turn.status is TurnStatus.FAILED) != (turn.failure is not None):
            raise UnreadableExportError(f'{at} has a "failure" without having failed, or the other way round.')
        if turn.shown and turn.index in path:
            raise UnreadableExportError(f"{at} is shown, and so is another version of it.")
        known.add((turn.index, turn.version))
        if turn.shown:
            path[turn.index] = turn
    for number, turn in enumerate(turns, 1):
        if (turn.parent is None) != (turn.index == 0) or (turn.index and (turn.index - 1, turn.parent) not in known):
            raise UnreadableExportError(
                f"Turn number {number} of the file (index {turn.index}, version {turn.version}) follows a turn that is "
                "not there."
            )
    for expected, index in enumerate(sorted(path)):
        if index != expected:
            raise UnreadableExportError(f"Of the turns that are shown, the one with index {expected} is missing.")
        if index and path[index].parent != path[index - 1].version:
            raise UnreadableExportError(f"The turn shown at index {index} does not follow the one shown before it.")


def _in_words(error: ValidationError, *within: str | int) -> str:
    """The first thing that is wrong, and where, for somebody who looks into the file."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in (*within, *first["loc"])).lstrip(
        "."
    )
    kind, limits = first["type"], first.get("ctx", {})
    said = {
        "missing": "is missing",
        "extra_forbidden": "is not part of this format",
        "string_type": "should be text",
        "value_error": "holds half a character (a lone surrogate)",
        "string_unicode": "holds half a character (a lone surrogate)",
        "string_too_long": f"is longer than {limits.get('max_length')} characters",
        "string_pattern_mismatch": "holds a NUL character",
        "int_type": "should be a whole number",
        "float_type": "should be a number",
        "finite_number": "should be a number",
        "bool_type": "should be true or false",
        "list_type": "should be a list",
        "too_long": f"has more than {limits.get('max_length')} entries",
        "dict_type": "should be an object",
        "union_tag_invalid": "is of no type that is known",
        "union_tag_not_found": "is of no type that is known",
        "model_type": "should be an object",
        "model_attributes_type": "should be an object",
        "enum": f"should be {limits.get('expected')}",
        "greater_than_equal": "is less than 0",
        "less_than_equal": "is too large",
    }.get(kind, "cannot be read")
    return f'In the file, "{place}" {said}.'
