"""Conversations as files: Markdown for people, JSON that can be read again, and a ZIP of both.

Written a turn at a time, in a thread: one call that writes it all would hold up everybody's answers.
"""

from __future__ import annotations

import io
import json
import re
import time
import unicodedata
import zipfile
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final, Protocol

from chatbot.conversation.import_export.markdown import (
    heading,
    quoted,
    remark,
    self_contained,
    source,
)
from chatbot.conversation.parts import (
    Blob,
    Citation,
    File,
    Image,
    NonStandard,
    Part,
    Reasoning,
    Text,
    blobs_of,
    text_of,
)
from chatbot.conversation.store import StoredTurn
from chatbot.conversation.turn import Conversation, Turn
from chatbot.conversation.turn_data import turn_data

FORMAT: Final = "chatbot-conversation"
VERSION: Final = 3
"""Version 3 has parts, bytes, and kinds and data of failures and notices, where version 2 had texts and sentences;
version 1 held ``k`` where version 2 has ``options``, and less of a turn."""

MAX_BYTES: Final = 20_000_000
"""Of one conversation's JSON, pictures and files among it: what is more is written, and not read again."""

MAX_CONVERSATIONS: Final = 1_000
"""Of one ZIP."""

MARKS: Final = ("pinned", "archived")
"""What a conversation may be in its owner's list; a file says so of those that are."""

PIECE_BYTES: Final = 192_000
"""Of a picture or file, in one text of JSON."""

_NONE: Final[Mapping[Blob, bytes]] = MappingProxyType({})
_PARTS: Final = ("question_parts", "answer_parts")
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


class DocumentWords(Protocol):
    """What a document for people says beside the conversation, in its reader's language."""

    @property
    def untitled(self) -> str:
        """Name of a conversation without a title."""

    @property
    def answer(self) -> str:
        """What stands above an answer that is quoted."""

    @property
    def source(self) -> str:
        """Name of a source that has none."""

    def part(self, part: Part) -> str:
        """Return what a part is that is no text."""

    def turn(self, number: int) -> str:
        """Return the heading of a turn, the first of which is number 1."""

    def remarks(self, turn: Turn) -> Sequence[str]:
        """Return what there is to say below a turn: how it came about, and how it ended if not just well."""


def to_markdown(conversation: Conversation, turns: Sequence[Turn], words: DocumentWords) -> str:
    """Return a conversation for people to read: its title, then each turn's question, quoted, and answer.

    What is shown is unchanged. An answer that could be taken for a part of the document around it, by a heading or by a
    code block without an end, is quoted too.
    """
    return "".join(_markdown(conversation, turns, words))


def _markdown(conversation: Conversation, turns: Iterable[Turn], words: DocumentWords) -> Iterator[str]:
    yield f"# {heading(conversation.title) or heading(words.untitled)}"
    for turn in turns:
        yield from (f"\n\n{part}" for part in _paragraphs(turn, words))
        _let_others_go_on()
    yield "\n"


def _paragraphs(turn: Turn, words: DocumentWords) -> Iterator[str]:
    yield f"## {heading(words.turn(turn.index + 1))}"
    yield quoted(turn.question_text)
    yield from (remark(words.part(part)) for part in turn.question if not isinstance(part, Text))
    if turn.has_answer:
        yield from _answer(turn.answer, words)
    yield from map(remark, words.remarks(turn))


def _answer(answer: Iterable[Part], words: DocumentWords) -> Iterator[str]:
    """Its text, in pieces where something that is none stands between; where it has it from comes last."""
    shown = [part for part in answer if not isinstance(part, Reasoning | Citation)]
    for is_text, run in groupby(shown, lambda part: isinstance(part, Text)):
        if is_text:
            text = text_of(run)
            yield text if self_contained(text) else f"**{words.answer}**\n\n{quoted(text)}"
        else:
            yield from (remark(words.part(part)) for part in run)
    if sources := [part for part in answer if isinstance(part, Citation)]:
        yield "\n".join(f"- {source(part, words.source)}" for part in sources)


def to_json(conversation: Conversation, stored: Sequence[StoredTurn], data: Mapping[Blob, bytes] = _NONE) -> str:
    """Return a conversation with all versions of its turns, for :func:`read_json`: nothing of who owns it.

    Args:
        conversation: The conversation.
        stored: Its turns.
        data: The bytes that they refer to; a picture or file whose bytes are not there goes as a block without them.
    """
    return "".join(_json(conversation, stored, data))


def _json(conversation: Conversation, stored: Iterable[StoredTurn], data: Mapping[Blob, bytes]) -> Iterator[str]:
    """A line for each turn, and one for each picture or file."""
    referred: dict[str, bytes] = {}
    chosen = {name: value for name, value in asdict(conversation.options).items() if value is not None}
    begins: dict[str, Any] = {"format": FORMAT, "version": VERSION, "title": conversation.title, "options": chosen}
    begins |= {name: True for name in MARKS if getattr(conversation, f"is_{name}")}
    yield json.dumps(begins, ensure_ascii=False)[:-1] + ', "turns": ['
    comma = ""
    for each in stored:
        turn = _as_it_can_go(each.turn, data)
        referred |= {blob.sha256: data[blob] for blob in blobs_of((*turn.question, *turn.answer))}
        yield f"{comma}\n{json.dumps(_written(turn) | {'shown': each.shown}, ensure_ascii=False)}"
        comma = ","
        _let_others_go_on()
    yield "]"
    if referred:
        yield ', "blobs": {' + ",".join(f'\n"{digest}": [{_base64(held)}]' for digest, held in referred.items()) + "}"
    yield "}\n"


def _as_it_can_go(turn: Turn, data: Mapping[Blob, bytes]) -> Turn:
    if all(blob in data for blob in blobs_of((*turn.question, *turn.answer))):
        return turn
    question, answer = (
        tuple(
            NonStandard({"type": "file", "mime_type": part.blob.mime_type, "extras": {"description": _name(part)}})
            if isinstance(part, Image | File) and part.blob not in data
            else part
            for part in parts
        )
        for parts in (turn.question, turn.answer)
    )
    return replace(turn, question=question, answer=answer)


def _name(part: Image | File) -> str:
    return part.description if isinstance(part, Image) else part.name


def _base64(held: bytes) -> str:
    """In pieces that a reader takes one by one."""
    pieces = []
    for at in range(0, len(held), PIECE_BYTES):
        pieces.append(f'"{b64encode(held[at : at + PIECE_BYTES]).decode()}"')
        _let_others_go_on()
    return ", ".join(pieces)


def _let_others_go_on() -> None:
    """Hand the interpreter to a thread that waits for it, as the one with the event loop does."""
    time.sleep(0)


class Bundle:
    """A ZIP with a JSON and a Markdown file for each conversation, named after its title."""

    def __init__(self, words: DocumentWords) -> None:
        self._words = words
        self._packed = io.BytesIO()
        self._archive = zipfile.ZipFile(self._packed, "w", zipfile.ZIP_DEFLATED)
        self._count = 0

    def add(self, conversation: Conversation, stored: Sequence[StoredTurn], data: Mapping[Blob, bytes] = _NONE) -> None:
        """Put a conversation in, as :func:`to_json` takes it."""
        self._count += 1
        # The number makes names unique, also where case does not count.
        name = f"{self._count:04d} {file_name(conversation.title)}"
        # ZIP knows no time before 1980.
        at = time.gmtime(max(conversation.updated_at, 315_532_800))[:6]
        shown = (each.turn for each in stored if each.shown)
        documents = (("json", _json(conversation, stored, data)), ("md", _markdown(conversation, shown, self._words)))
        for suffix, parts in documents:
            entry = zipfile.ZipInfo(f"{name}.{suffix}", at)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with self._archive.open(entry, "w") as file:
                for part in parts:
                    file.write(part.encode())

    def packed(self) -> bytes:
        """Return the file; nothing can be put in any more."""
        self._archive.close()
        return self._packed.getvalue()


def _written(turn: Turn) -> dict[str, Any]:
    return {name: value for name, value in turn_data(turn).items() if value is not None or name not in _PARTS}


def file_name(title: str) -> str:
    """Return a file name without suffix for a title: letters, digits, blanks; at most 80 characters, 200 bytes."""
    kept = (
        character if unicodedata.category(character)[0] in "LMN" or character in "-_" else " "
        for character in unicodedata.normalize("NFC", title[:1_000])
    )
    name = " ".join("".join(kept).split())[:80].encode()[:200].decode(errors="ignore").strip(" -")
    return f"{name} -" if _RESERVED.fullmatch(name) else name or "conversation"
