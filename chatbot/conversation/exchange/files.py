"""Conversations as files: Markdown for people, JSON that can be read again, and a ZIP of both.

A file that is read comes from anywhere: it is checked whole before anything of it is believed.
"""

from __future__ import annotations

import io
import json
import re
import time
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from chatbot.conversation.exchange.markdown import heading, quoted, remark, self_contained
from chatbot.conversation.store import StoredTurn
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

FORMAT: Final = "chatbot-conversation"
VERSION: Final = 2
"""Version 1 held ``k`` where version 2 has ``options``, and less of a turn."""

MAX_BYTES: Final = 20_000_000
"""Of one conversation's JSON."""

MAX_TURNS: Final = 20_000
"""Of one conversation, all versions counted."""

MAX_CONVERSATIONS: Final = 1_000
"""Of one ZIP."""

MAX_BUNDLE_BYTES: Final = 100_000_000
"""Of one ZIP, packed as well as unpacked."""

_LARGEST: Final = 2**31 - 1
_SIGNATURE: Final = b"PK\x01\x02"
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


class UnreadableExportError(ValueError):
    """A file is not an export of a conversation; the message says what is wrong and where."""


def _whole(text: str) -> str:
    # JSON can hold half of a surrogate pair, which neither a database nor an endpoint takes.
    text.encode()
    return text


_Text = Annotated[str, AfterValidator(_whole)]
_Count = Annotated[int, Field(ge=0, le=_LARGEST)]
_Amount = Annotated[float, Field(ge=0)]
_Line = Annotated[str, StringConstraints(max_length=1_000, pattern=r"^[^\x00]*$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)


class _Usage(_Part):
    input_tokens: _Count
    output_tokens: _Count
    cost: _Amount | None = None


class _Timing(_Part):
    ended_at: _Amount
    total: _Amount
    first_word: _Amount | None = None
    thinking: _Amount | None = None


class _Feedback(_Part):
    rating: Annotated[Rating, Field(strict=False)]
    comment: _Text = ""


class _Options(_Part):
    deployment: _Line | None = None
    system_prompt: _Text | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=_LARGEST)] | None = None
    k: _Count | None = None


class _Failure(_Part):
    kind: _Line
    message: _Text
    retry_after: float | None = None
    blocked: bool = False


class _Turn(_Part):
    index: _Count
    version: _Count
    parent: _Count | None
    shown: bool
    user: _Text
    assistant: _Text
    status: Annotated[TurnStatus, Field(strict=False)]
    finish_reason: _Line | None = None
    usage: _Usage | None = None
    failure: _Failure | None = None
    memory: Annotated[TurnMemory, Field(strict=False)] = TurnMemory.AUTO
    notice: _Line = ""
    reasoning: _Text = ""
    timing: _Timing | None = None
    deployment: _Line = ""
    feedback: _Feedback | None = None


class _File(_Part):
    format: str
    version: int
    title: Annotated[_Text, StringConstraints(max_length=1_000)]
    options: _Options = _Options()
    turns: Annotated[list[_Turn], Field(max_length=MAX_TURNS)]


# -------------------------------------------------------------------------------------------------- out


def to_markdown(conversation: Conversation, turns: Sequence[Turn]) -> str:
    """Return a conversation for people to read: its title, then each turn's question, quoted, and answer.

    What is shown is unchanged. An answer that could be taken for a part of the document around it, by a heading or by a
    code block without an end, is quoted too.
    """
    parts = [f"# {heading(conversation.title) or 'Conversation'}"]
    for turn in turns:
        parts += (f"## Turn {turn.index + 1}", quoted(turn.user))
        if turn.assistant:
            parts.append(
                turn.assistant if self_contained(turn.assistant) else f"**Answer:**\n\n{quoted(turn.assistant)}"
            )
        if turn.notice:
            parts.append(remark(turn.notice))
        if turn.status is TurnStatus.FAILED:
            parts.append(remark(f"This turn failed. {turn.failure.message if turn.failure else ''}"))
        elif turn.status is TurnStatus.STOPPED:
            parts.append(remark("The answer was stopped."))
        elif turn.status is TurnStatus.STREAMING:
            parts.append(remark("The answer was still being written."))
        elif not turn.assistant:
            parts.append(remark("No answer."))
    return "\n\n".join(parts) + "\n"


def to_json(conversation: Conversation, stored: Sequence[StoredTurn]) -> str:
    """Return a conversation with all versions of its turns, for :func:`read_json`: nothing of who owns it."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "title": conversation.title,
        "options": {name: value for name, value in asdict(conversation.options).items() if value is not None},
        "turns": [_written(each.turn) | {"shown": each.shown} for each in stored],
    }
    return json.dumps(content, ensure_ascii=False, indent=1)


def _written(turn: Turn) -> dict[str, Any]:
    return {name: value for name, value in asdict(turn).items() if name != "waiting"}


def bundle(conversations: Iterable[tuple[Conversation, Sequence[StoredTurn]]]) -> bytes:
    """Return a ZIP with a JSON and a Markdown file for each conversation, named after its title."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (conversation, stored) in enumerate(conversations, 1):
            # The number makes names unique, also where case does not count.
            name = f"{number:04d} {file_name(conversation.title)}"
            # ZIP knows no time before 1980.
            at = time.gmtime(max(conversation.updated_at, 315_532_800))[:6]
            shown = [each.turn for each in stored if each.shown]
            for suffix, text in (
                ("json", to_json(conversation, stored)),
                ("md", to_markdown(conversation, shown)),
            ):
                entry = zipfile.ZipInfo(f"{name}.{suffix}", at)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, text.encode())
    return packed.getvalue()


def file_name(title: str) -> str:
    """Return a file name without suffix for a title: letters, digits, blanks; at most 80 characters, 200 bytes."""
    kept = (
        character if unicodedata.category(character)[0] in "LMN" or character in "-_" else " "
        for character in unicodedata.normalize("NFC", title[:1_000])
    )
    name = " ".join("".join(kept).split())[:80].encode()[:200].decode(errors="ignore").strip(" -")
    return f"{name} -" if _RESERVED.fullmatch(name) else name or "conversation"


# -------------------------------------------------------------------------------------------------- in


def read(data: bytes, owner: str, new_id: Callable[[], str]) -> list[tuple[Conversation, list[StoredTurn]]]:
    """Return the conversations in a file, be it one conversation's JSON or a ZIP of several.

    Args:
        data: The file's content.
        owner: Whose they become.
        new_id: Gives each its id.

    Raises:
        UnreadableExportError: Any of it cannot be read.
    """
    return read_bundle(data, owner, new_id) if data.startswith(b"PK") else [read_json(data, owner, new_id())]


def read_bundle(data: bytes, owner: str, new_id: Callable[[], str]) -> list[tuple[Conversation, list[StoredTurn]]]:
    """Return the conversations in a ZIP; files in it that are not JSON are passed over.

    Raises:
        UnreadableExportError: It is no ZIP, too large, holds no conversation, or one that cannot be read.
    """
    if len(data) > MAX_BUNDLE_BYTES:
        raise UnreadableExportError(f"The ZIP file is larger than {MAX_BUNDLE_BYTES // 1_000_000} MB.")
    # Counted before the list of files is built, which takes a kilobyte of memory for each.
    if data.count(_SIGNATURE) > 4 * MAX_CONVERSATIONS:
        raise UnreadableExportError("The ZIP file holds too many files.")
    read_bytes = 0
    found = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [
                entry
                for entry in archive.infolist()
                if entry.filename.lower().endswith(".json") and not entry.filename.startswith("__MACOSX/")
            ]
            if len(entries) > MAX_CONVERSATIONS:
                raise UnreadableExportError(f"The ZIP file holds more than {MAX_CONVERSATIONS:,} conversations.")
            for entry in entries:
                with archive.open(entry) as file:
                    # However small it says it is.
                    text = file.read(MAX_BYTES + 1)
                read_bytes += len(text)
                if read_bytes > MAX_BUNDLE_BYTES:
                    raise UnreadableExportError(
                        f"Unpacked, the ZIP file is larger than {MAX_BUNDLE_BYTES // 1_000_000} MB."
                    )
                try:
                    found.append(read_json(text, owner, new_id()))
                except UnreadableExportError as error:
                    raise UnreadableExportError(f"In “{entry.filename}”: {error}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, UnreadableExportError):
            raise
        raise UnreadableExportError("The ZIP file is damaged, encrypted, or packed in an unusual way.") from error
    if not found:
        raise UnreadableExportError("The ZIP file holds no conversation: no file in it ends in .json.")
    return found


def read_json(text: str | bytes, owner: str, new_id: str) -> tuple[Conversation, list[StoredTurn]]:
    """Return the conversation that :func:`to_json` wrote down, for somebody to own; its answers have all ended.

    Args:
        text: The file's content.
        owner: Whose it becomes.
        new_id: Its id.

    Raises:
        UnreadableExportError: It is not such a file; nothing of it is used.
    """
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise UnreadableExportError(f"The file is larger than {MAX_BYTES // 1_000_000} MB.")
    try:
        content = json.loads(text.decode("utf-8-sig") if isinstance(text, bytes) else text)
    except UnicodeDecodeError as error:
        raise UnreadableExportError("The file is not text in UTF-8.") from error
    except json.JSONDecodeError as error:
        raise UnreadableExportError(f"The file is not JSON: {error.msg} in line {error.lineno}.") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableExportError("The file is not JSON that can be read: it is nested too deep.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UnreadableExportError(f'The file is not an exported conversation: its "format" is not "{FORMAT}".')
    version = content.get("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        newer = type(version) is int and version > VERSION
        raise UnreadableExportError(
            "The file was exported by a newer version of this application."
            if newer
            else f'The file\'s "version" is none of 1 to {VERSION}, which can be read.'
        )
    if version == 1 and "k" in content:
        content["options"] = {"k": content.pop("k")}
    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        raise UnreadableExportError(_in_words(error)) from None
    _check_tree(file.turns)
    stored = [StoredTurn(_turn(each), each.shown) for each in file.turns]
    options = Options(**file.options.model_dump())
    return Conversation(new_id, owner, title=file.title, options=options, usage=_total(stored)), stored


def _total(stored: Iterable[StoredTurn]) -> Usage:
    used = [each.turn.usage for each in stored if each.turn.usage]
    costs = [usage.cost for usage in used if usage.cost is not None]
    tokens = sum(usage.input_tokens for usage in used), sum(usage.output_tokens for usage in used)
    return Usage(*tokens, cost=sum(costs) if costs else None)


def _turn(read: _Turn) -> Turn:
    values: dict[str, Any] = {name: getattr(read, name) for name in _Turn.model_fields if name != "shown"}
    values["usage"] = read.usage and Usage(**read.usage.model_dump())
    values["failure"] = read.failure and Failure(**read.failure.model_dump())
    values["timing"] = read.timing and Timing(**read.timing.model_dump())
    values["feedback"] = read.feedback and Feedback(**read.feedback.model_dump())
    # Whoever was writing it is not writing it here.
    values["status"] = TurnStatus.STOPPED if read.status is TurnStatus.STREAMING else read.status
    return Turn(**values)


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


def _in_words(error: ValidationError) -> str:
    """The first thing that is wrong, and where, for somebody who looks into the file."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    kind, limits = first["type"], first.get("ctx", {})
    said = {
        "missing": "is missing",
        "extra_forbidden": "is not part of this format",
        "string_type": "should be text",
        "value_error": "holds half a character (a lone surrogate)",
        "string_unicode": "holds half a character (a lone surrogate)",
        "string_too_long": f"is longer than {limits.get('max_length')} characters",
        "string_pattern_mismatch": "holds a NUL character",
        "too_long": f"has more than {MAX_TURNS:,} entries",
        "int_type": "should be a whole number",
        "float_type": "should be a number",
        "finite_number": "should be a number",
        "bool_type": "should be true or false",
        "list_type": "should be a list",
        "model_type": "should be an object",
        "model_attributes_type": "should be an object",
        "enum": f"should be {limits.get('expected')}",
        "greater_than_equal": "is less than 0",
        "less_than_equal": "is too large",
    }.get(kind, "cannot be read")
    return f'In the file, "{place}" {said}.'
