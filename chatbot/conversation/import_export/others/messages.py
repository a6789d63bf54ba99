"""Messages of another tool as turns of ours: a tree of them becomes a tree of turns, one path of which is shown. Pure.

A turn is a question and every message up to the next question. Where the other tool has several answers to a question,
or a question in several wordings, there are as many versions. What of a message cannot be taken is counted on it, and
told by a notice of its turn.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from chatbot.conversation.content_blocks import cleaned
from chatbot.conversation.errors import UnreadableExportError
from chatbot.conversation.options import OPTIONS
from chatbot.conversation.parts import Blob, Part, Text, ToolCall, ToolResult, extended
from chatbot.conversation.store import StoredTurn
from chatbot.conversation.turn import Failure, Feedback, Notice, Rating, Turn, TurnMemory, TurnStatus, Usage

PICTURES: Final = "pictures_not_taken"
FILES: Final = "files_not_taken"
HIDDEN: Final = "hidden_not_taken"
OTHERS: Final = "others_not_taken"
NO_QUESTION: Final = "no_question"
LOSSES: Final = (PICTURES, FILES, HIDDEN, OTHERS, NO_QUESTION)
"""Kinds of the notices that tell what of another tool's message could not be taken: so many pictures, files, messages
that the tool does not show, and parts of other ``types``; and that an answer has no question."""

MAX_TURNS: Final = 20_000
"""Of one conversation, all versions counted."""

MAX_PARTS: Final = 1_000
"""Of one question or answer; of another tool's, also how many messages there may be from one question to the next."""

MAX_CHARACTERS: Final = 20_000_000
"""Of one conversation's turns: what several versions begin with is in each of them."""

_SHOWN_TYPES: Final = 5
_LINE: Final = 200


class Role(StrEnum):
    """Who a message is from; ``BESIDE`` is no part of what was said: instructions, and what the tool does not show."""

    USER = "user"
    ASSISTANT = "assistant"
    BESIDE = "beside"


@dataclass(slots=True)
class Message:
    """A message of another tool's conversation.

    Attributes:
        id: Its name in the file.
        parent: That of the message it follows; None, or one that is not there, where it follows none.
        role: Who it is from.
        parts: What it is made of, as far as that can be taken.
        place: Its place among the messages that follow the same one.
        losses: How many of each of :data:`LOSSES` it has.
        types: Names of the parts that are unknown.
        model: Who answered.
        usage: What the answer took.
        feedback: What the visitor thought of it.
        finish_reason: Why the answer ended.
        is_stopped: Whether it ended before its time.
        failure: Why there is no answer, in the tool's words.
    """

    id: str
    parent: str | None
    role: Role
    parts: list[Part] = field(default_factory=list)
    place: int = 0
    losses: Counter[str] = field(default_factory=Counter)
    types: set[str] = field(default_factory=set)
    model: str = ""
    usage: Usage | None = None
    feedback: Feedback | None = None
    finish_reason: str | None = None
    is_stopped: bool = False
    failure: str = ""

    def say(self, text: Any, kind: Callable[[str], Part] = Text) -> None:
        """Add a text, unless it is empty or none."""
        if isinstance(text, str) and text:
            self.parts.append(kind(whole(text)))

    def lose(self, type: Any) -> None:  # noqa: A002 - the field's own name
        """Note that there is a part of a type that is not known."""
        self.losses[OTHERS] += 1
        self.types.add(line(type) or "?")


class OtherConversation(NamedTuple):
    """A conversation from another tool's file.

    Attributes:
        title: Empty where it has none.
        messages: All of them, in any order.
        current: Name of the message that the tool showed last; None is the last of the last.
        system_prompt: Instructions that go with every request.
        data: The bytes that its messages refer to.
    """

    title: str
    messages: Sequence[Message]
    current: str | None = None
    system_prompt: str = ""
    data: Mapping[Blob, bytes] = {}


@dataclass(slots=True)
class _Link:
    """A message, and those of its turn before it: branches share their beginning."""

    message: Message
    before: _Link | None
    length: int


class _Open(NamedTuple):
    """A message to be looked at, and the turn that it may go on with."""

    id: str
    chain: _Link | None
    turn: int
    parent: int | None


def turns_of(conversation: OtherConversation, place: str) -> list[StoredTurn]:
    """Return the turns of a conversation, all versions of them.

    Args:
        conversation: From another tool.
        place: Where it is in the file, for what is wrong with it.

    Raises:
        UnreadableExportError: Its messages follow each other in a circle, two have one name, or there are too many.
    """
    messages, children, roots = _tree(conversation.messages, place)
    path = _path(messages, children, roots, conversation.current)
    versions: Counter[int] = Counter()
    stored: list[StoredTurn] = []
    characters = 0
    open_ones = [_Open(id, None, 0, None) for id in reversed(roots)]  # noqa: A001
    while open_ones:
        at = open_ones.pop()
        message, following = messages[at.id], children[at.id]
        chain = _Link(message, at.chain, 1 if at.chain is None else at.chain.length + 1)
        if chain.length > MAX_PARTS:
            raise UnreadableExportError("too_many_entries", place=place, most=MAX_PARTS)
        questions = [id for id in following if messages[id].role is Role.USER]  # noqa: A001
        version = None
        if questions or not following:
            version = versions[at.turn]
            versions[at.turn] += 1
            turn = _turn(chain, at.turn, version, at.parent, place)
            characters += sum(len(part.text) for part in (*turn.question, *turn.answer) if isinstance(part, Text))
            is_shown = at.id in path and (path[at.id] is None or path[at.id] in questions)
            stored.append(StoredTurn(turn, is_shown))
            if len(stored) > MAX_TURNS:
                raise UnreadableExportError("too_many_entries", place=place, most=MAX_TURNS)
            if characters > MAX_CHARACTERS:
                raise UnreadableExportError("text_too_long", place=place, most=MAX_CHARACTERS)
            time.sleep(0)
        for each in reversed(following):
            is_next = messages[each].role is Role.USER
            open_ones.append(_Open(each, None, at.turn + 1, version) if is_next else at._replace(id=each, chain=chain))
    return sorted(stored, key=lambda each: each.turn.key)


def _tree(
    several: Iterable[Message], place: str
) -> tuple[Mapping[str, Message], Mapping[str, Sequence[str]], Sequence[str]]:
    """Return the messages that are part of what was said, what follows each of them, and those that follow none.

    What was lost with a message beside them is told with the one that follows it, or else with the one before it.
    """
    known: dict[str, Message] = {}
    for each in several:
        if known.setdefault(each.id, each) is not each:
            raise UnreadableExportError("unreadable", place=f"{place}: {line(each.id)}")
    below: defaultdict[str | None, list[Message]] = defaultdict(list)
    for each in known.values():
        below[each.parent if each.parent in known else None].append(each)
    said: dict[str, Message] = {}
    children: defaultdict[str, list[str]] = defaultdict(list)
    roots: list[str] = []
    # Each with the message that it follows for us, and with what was lost since.
    open_ones: list[tuple[Message, str | None, Message | None]] = [
        (each, None, None) for each in sorted(below[None], key=_place, reverse=True)
    ]
    lost_ones: list[Message] = []
    count = 0
    while open_ones:
        message, parent, lost = open_ones.pop()
        count += 1
        following = sorted(below[message.id], key=_place)
        if message.role is Role.BESIDE:
            _hand_over(lost, message)
            if not following and message.losses:
                lost_ones.append(message)
                _hand_over(message, said.get(parent or ""))
            lost, next_parent = message, parent
        else:
            _hand_over(lost, message)
            said[message.id] = message
            (roots if parent is None else children[parent]).append(message.id)
            lost, next_parent = None, message.id
        for number, each in reversed(list(enumerate(following))):
            open_ones.append((each, next_parent, lost if number == 0 else None))
    if count < len(known):
        # The others follow each other in a circle.
        raise UnreadableExportError("unreadable", place=place)
    if roots:
        for each in lost_ones:
            _hand_over(each, said[roots[0]])
    return said, children, roots


def _place(message: Message) -> int:
    return message.place


def _hand_over(lost: Message | None, to: Message | None) -> None:
    if lost is not None and to is not None:
        to.losses += lost.losses
        to.types |= lost.types
        lost.losses = Counter()


def _path(
    messages: Mapping[str, Message], children: Mapping[str, Sequence[str]], roots: Sequence[str], current: str | None
) -> dict[str, str | None]:
    """Return the messages that are shown, each with the one that follows it there; after the last comes None."""
    parents = {child: id for id, several in children.items() for child in several}  # noqa: A001
    last = current if current in messages else (roots[-1] if roots else None)
    while last is not None and children[last]:
        last = children[last][-1]
    path: dict[str, str | None] = {}
    following: str | None = None
    while last is not None:
        path[last] = following
        last, following = parents.get(last), last
    return path


def _turn(chain: _Link, index: int, version: int, parent: int | None, place: str) -> Turn:
    messages: list[Message] = []
    link: _Link | None = chain
    while link is not None:
        messages.append(link.message)
        link = link.before
    messages.reverse()
    question = extended((), messages[0].parts) if messages[0].role is Role.USER else ()
    answers = messages[1:] if messages[0].role is Role.USER else messages
    answer = extended((), _separated(answers))
    if max(len(question), len(answer)) > MAX_PARTS:
        raise UnreadableExportError("too_many_entries", place=place, most=MAX_PARTS)
    losses = sum((each.losses for each in messages), Counter[str]())
    types = set[str]().union(*(each.types for each in messages))
    if not question:
        losses[NO_QUESTION] = 1
    failure = next((each.failure for each in reversed(answers) if each.failure), "")
    is_stopped = not answers or answers[-1].is_stopped
    status = TurnStatus.FAILED if failure else TurnStatus.STOPPED if is_stopped else TurnStatus.COMPLETE
    return Turn(
        index,
        question,
        answer,
        status,
        next((each.finish_reason for each in reversed(answers) if each.finish_reason), None),
        next((each.usage for each in reversed(answers) if each.usage), None),
        Failure("ModelError", {"text": failure}) if failure else None,
        # Without a question it would be sent behind an empty message, which endpoints refuse.
        TurnMemory.AUTO if question else TurnMemory.EXCLUDED,
        _notices(losses, types),
        version,
        parent,
        deployment=next((each.model for each in reversed(answers) if each.model), ""),
        feedback=next((each.feedback for each in reversed(answers) if each.feedback), None),
    )


def _separated(messages: Iterable[Message]) -> list[Part]:
    """The parts of several messages in a row: the words of each, and those after a tool, begin a paragraph."""
    parts: list[Part] = []
    has_words = False
    for message in messages:
        begins = has_words
        for part in message.parts:
            if isinstance(part, Text):
                parts.append(Text(f"\n\n{part.text}") if begins else part)
                begins, has_words = False, True
            else:
                parts.append(part)
                begins = begins or (has_words and isinstance(part, ToolCall | ToolResult))
    return parts


def _notices(losses: Counter[str], types: set[str]) -> tuple[Notice, ...]:
    notices = []
    for kind in LOSSES:
        if count := losses[kind]:
            data = {} if kind == NO_QUESTION else {"count": count}
            more = {"types": ", ".join(sorted(types)[:_SHOWN_TYPES])} if kind == OTHERS else {}
            notices.append(Notice(kind, {**data, **more}))
    return tuple(notices)


def whole(text: str) -> str:
    """Return a text without halves of characters, which JSON can hold and no database or endpoint takes."""
    return str(cleaned(text))


def line(value: Any) -> str:
    """Return a name in one line, as our own files have it; empty where it is no text."""
    return " ".join(whole(value).replace("\0", " ").split())[:_LINE] if isinstance(value, str) else ""


def arguments_of(value: Any) -> Mapping[str, Any]:
    """Return what a tool was given: an object, or one as JSON, be it in quotes once more; anything else by a name."""
    for _ in range(2):
        if not isinstance(value, str):
            break
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {"input": whole(value)}
    if isinstance(value, dict):
        return cleaned(value)  # type: ignore[no-any-return]
    return {} if value is None else {"input": whole(str(value))}


def system_prompt_of(text: Any, messages: Sequence[Message]) -> str:
    """Return instructions as a system prompt; what is too long for one is told with the first message."""
    if not isinstance(text, str) or not text.strip():
        return ""
    if len(text) > OPTIONS["system_prompt"].most:
        for message in messages[:1]:
            message.losses[HIDDEN] += 1
        return ""
    return whole(text)


def feedback_of(rating: Rating | None, comment: Any) -> Feedback | None:
    """Return what the visitor thought of an answer, with a word about it if there is one."""
    return None if rating is None else Feedback(rating, whole(comment) if isinstance(comment, str) else "")


def object_in(value: Any, name: str) -> Mapping[str, Any]:
    """Return the object that is a member of an object; an empty one where there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def usage_of(read: Any, written: Any) -> Usage | None:
    """Return counts of tokens as what an answer took, if that is what they are."""
    counts = (read, written)
    if all(isinstance(each, int) and not isinstance(each, bool) and 0 <= each < 2**31 for each in counts):
        return Usage(read, written)
    return None


def entries(value: Any, name: str) -> list[Mapping[str, Any]]:
    """Return the objects of a list that is a member of an object; none where there is no such list."""
    found = value.get(name) if isinstance(value, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
