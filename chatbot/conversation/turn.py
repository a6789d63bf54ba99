"""What a conversation is made of: frozen values."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from chatbot.conversation.parts import File, Image, Part, ToolCall, ToolResult, reasoning_of, text_of

_FILLERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters without a shape that Unicode counts among letters, marks and symbols."""

_SELECTORS: Final = frozenset(map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
"""They choose how the character before them looks; without one they look like nothing."""

_SHAPELESS: Final = _FILLERS | _SELECTORS


def is_blank(text: str) -> bool:
    """Return whether a text has no character that can be seen: nothing but white space, controls and fillers."""
    return all(map(_is_unseen, text.strip()))


def _is_unseen(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) in ("Cc", "Cf") or char in _SHAPELESS


STORE_ERROR: Final = "StoreError"
"""Kind of the failure of an answer that could not be saved."""


class TurnStatus(StrEnum):
    """How far a turn has come."""

    STREAMING = "streaming"
    COMPLETE = "complete"
    STOPPED = "stopped"
    FAILED = "failed"


class TurnMemory(StrEnum):
    """What the visitor decided about remembering a turn; ``AUTO`` leaves it to the window."""

    AUTO = "auto"
    PINNED = "pinned"
    EXCLUDED = "excluded"


class Rating(StrEnum):
    """What the visitor thinks of an answer."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request, or of several, as the endpoint counted them.

    Attributes:
        cost: What they cost, in the currency of the prices; None where there are no prices.
    """

    input_tokens: int
    output_tokens: int
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """How long an answer took, in seconds since it was asked for.

    Attributes:
        ended_at: Seconds since 1970 when it ended.
        total: Until its end.
        first_word: Until the first word of the answer; None where there came none.
        thinking: From the first word of the model's thoughts to the first of the answer; None where it told none.
    """

    ended_at: float
    total: float
    first_word: float | None = None
    thinking: float | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """What the visitor thinks of an answer, with a word about it if they like."""

    rating: Rating
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """What the visitor chose for a conversation; None is the deployment's own.

    Attributes:
        deployment: Name of the one that answers.
        system_prompt: Sent first; empty sends none.
        temperature: Randomness.
        top_p: Nucleus sampling.
        max_tokens: The longest answer.
        k: How many earlier turns a request carries.
    """

    deployment: str | None = None
    system_prompt: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    k: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a turn failed.

    Attributes:
        kind: Name of LangChain's class for the condition, for instance ``ModelRateLimitError``; ``Interrupted``
            where the application ended while it was answering, :data:`STORE_ERROR` where it could not be saved.
        message: What happened and what to do, in words for the person who asked.
        retry_after: Seconds the endpoint asked to wait, if it said so.
        blocked: Whether a content filter refused the question.
    """

    kind: str
    message: str
    retry_after: float | None = None
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is waited for before something is tried again: asking the endpoint, or saving what it answered.

    Attributes:
        kind: What the last attempt failed of, as in :class:`Failure`.
        until: Seconds since 1970 when it is tried again.
    """

    kind: str
    until: float


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange: what a person asked and what the model answered.

    A retry or an edit makes a further *version* of the turn at its index; the earlier ones are kept beside it.

    Attributes:
        index: Position in its conversation, from 0.
        question: What was asked.
        answer: The answer and the thoughts before it, or as much of them as there is.
        finish_reason: The endpoint's own word for why the answer ended.
        failure: Set when, and only when, the turn failed.
        memory: Whether the visitor pinned or excluded it.
        notice: What the visitor should know about how the answer came about, in words; mostly nothing.
        timing: How long the answer took, once it has ended.
        deployment: Name of the one that answered.
        feedback: What the visitor thinks of the answer.
        version: Number among all that were ever at this index, from 0.
        parent: Version of the turn before it that it follows; None for the first turn.
        waiting: Set while the model waits before it asks again, or its whole answer to be saved; never stored.
    """

    index: int
    question: tuple[Part, ...]
    answer: tuple[Part, ...] = ()
    status: TurnStatus = TurnStatus.STREAMING
    finish_reason: str | None = None
    usage: Usage | None = None
    failure: Failure | None = None
    memory: TurnMemory = TurnMemory.AUTO
    notice: str = ""
    version: int = 0
    parent: int | None = None
    timing: Timing | None = None
    deployment: str = ""
    feedback: Feedback | None = None
    waiting: Waiting | None = None

    @property
    def key(self) -> tuple[int, int]:
        """Index and version: what names the turn in its conversation."""
        return self.index, self.version

    @property
    def question_text(self) -> str:
        """What was typed, byte for byte."""
        return text_of(self.question)

    @property
    def answer_text(self) -> str:
        """The words of the answer, byte for byte."""
        return text_of(self.answer)

    @property
    def reasoning_text(self) -> str:
        """The model's thoughts, where it sends them."""
        return reasoning_of(self.answer)

    @property
    def has_answer(self) -> bool:
        """Whether there is anything to see in the answer; one of blanks, or of thoughts alone, is none."""
        seen = any(isinstance(part, Image | File | ToolCall | ToolResult) for part in self.answer)
        return seen or not is_blank(self.answer_text)

    def may_replace(self, old: Turn) -> bool:
        """Whether the turn, as it ended, may be shown in place of another: no answer is lost to a failure."""
        if not old.has_answer and old.status is not TurnStatus.STREAMING:
            return True
        return self.status is TurnStatus.COMPLETE or (self.status is TurnStatus.STOPPED and self.has_answer)

    @property
    def is_unsaved(self) -> bool:
        """Whether the model is done with it, and it could not be saved yet."""
        return self.waiting is not None and self.waiting.kind == STORE_ERROR


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as its owner last saw it.

    Attributes:
        id: Unguessable.
        owner: Who may read and write it.
        revision: Grows with every change of what its turns are or what is remembered of them; 0 is a
            conversation that has not begun.
        title: The first question, shortened, unless somebody renamed it.
        options: What its visitor chose for it.
        updated_at: Seconds since 1970 when it was last written to.
        usage: What all its answers took together, also those that are no longer shown.
    """

    id: str
    owner: str
    revision: int = 0
    title: str = ""
    options: Options = Options()
    updated_at: float = 0.0
    usage: Usage = Usage(0, 0)
