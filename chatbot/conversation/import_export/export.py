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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from chatbot.conversation.import_export.markdown import heading, quoted, remark, self_contained
from chatbot.conversation.store import StoredTurn
from chatbot.conversation.turn import Conversation, Turn, TurnStatus

FORMAT: Final = "chatbot-conversation"
VERSION: Final = 2
"""Version 1 held ``k`` where version 2 has ``options``, and less of a turn."""

MAX_BYTES: Final = 20_000_000
"""Of one conversation's JSON."""

MAX_CONVERSATIONS: Final = 1_000
"""Of one ZIP."""

_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


def to_markdown(conversation: Conversation, turns: Sequence[Turn]) -> str:
    """Return a conversation for people to read: its title, then each turn's question, quoted, and answer.

    What is shown is unchanged. An answer that could be taken for a part of the document around it, by a heading or by a
    code block without an end, is quoted too.
    """
    return "".join(_markdown(conversation, turns))


def _markdown(conversation: Conversation, turns: Iterable[Turn]) -> Iterator[str]:
    yield f"# {heading(conversation.title) or 'Conversation'}"
    for turn in turns:
        yield from (f"\n\n{part}" for part in _paragraphs(turn))
        _let_others_go_on()
    yield "\n"


def _paragraphs(turn: Turn) -> Iterator[str]:
    yield f"## Turn {turn.index + 1}"
    yield quoted(turn.question_text)
    if turn.has_answer:
        yield turn.answer_text if self_contained(turn.answer_text) else f"**Answer:**\n\n{quoted(turn.answer_text)}"
    if turn.notice:
        yield remark(turn.notice)
    if turn.status is TurnStatus.FAILED:
        yield remark(f"This turn failed. {turn.failure.message if turn.failure else ''}")
    elif turn.status is TurnStatus.STOPPED:
        yield remark("The answer was stopped.")
    elif turn.status is TurnStatus.STREAMING:
        yield remark("The answer was still being written.")
    elif not turn.has_answer:
        yield remark("No answer.")


def to_json(conversation: Conversation, stored: Sequence[StoredTurn]) -> str:
    """Return a conversation with all versions of its turns, for :func:`read_json`: nothing of who owns it."""
    return "".join(_json(conversation, stored))


def _json(conversation: Conversation, stored: Iterable[StoredTurn]) -> Iterator[str]:
    """A line for each turn."""
    chosen = {name: value for name, value in asdict(conversation.options).items() if value is not None}
    begins = {"format": FORMAT, "version": VERSION, "title": conversation.title, "options": chosen}
    yield json.dumps(begins, ensure_ascii=False)[:-1] + ', "turns": ['
    comma = ""
    for each in stored:
        yield f"{comma}\n{json.dumps(_written(each.turn) | {'shown': each.shown}, ensure_ascii=False)}"
        comma = ","
        _let_others_go_on()
    yield "]}\n"


def _let_others_go_on() -> None:
    """Hand the interpreter to a thread that waits for it, as the one with the event loop does."""
    time.sleep(0)


class Bundle:
    """A ZIP with a JSON and a Markdown file for each conversation, named after its title."""

    def __init__(self) -> None:
        self._packed = io.BytesIO()
        self._archive = zipfile.ZipFile(self._packed, "w", zipfile.ZIP_DEFLATED)
        self._count = 0

    def add(self, conversation: Conversation, stored: Sequence[StoredTurn]) -> None:
        """Put a conversation in."""
        self._count += 1
        # The number makes names unique, also where case does not count.
        name = f"{self._count:04d} {file_name(conversation.title)}"
        # ZIP knows no time before 1980.
        at = time.gmtime(max(conversation.updated_at, 315_532_800))[:6]
        shown = (each.turn for each in stored if each.shown)
        for suffix, parts in (("json", _json(conversation, stored)), ("md", _markdown(conversation, shown))):
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
    # The parts are written as their texts: what is asked and answered is made of nothing else yet.
    written = asdict(replace(turn, question=(), answer=(), waiting=None))
    texts = {"user": turn.question_text, "assistant": turn.answer_text, "reasoning": turn.reasoning_text}
    return texts | {name: value for name, value in written.items() if name not in ("question", "answer", "waiting")}


def file_name(title: str) -> str:
    """Return a file name without suffix for a title: letters, digits, blanks; at most 80 characters, 200 bytes."""
    kept = (
        character if unicodedata.category(character)[0] in "LMN" or character in "-_" else " "
        for character in unicodedata.normalize("NFC", title[:1_000])
    )
    name = " ".join("".join(kept).split())[:80].encode()[:200].decode(errors="ignore").strip(" -")
    return f"{name} -" if _RESERVED.fullmatch(name) else name or "conversation"
