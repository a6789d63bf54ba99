"""What a conversation is made of: frozen values."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from chatbot.conversation.options import Options
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


Value = str | int | float | bool
"""What the data of a failure, a notice or an error is made of: all that JSON has but lists and objects."""

STORE_ERROR: Final = "StoreError"
"""Kind of the failure of an answer that could not be saved."""

INTERRUPTED: Final = "Interrupted"
"""Kind of the failure of an answer whose application ended while it was written."""

ANSWER_TIMEOUT: Final = "AnswerTimeout"
"""Kind of the failure of an answer that took longer than any may: ``seconds``."""

FIRST_WORD_TIMEOUT: Final = "FirstWordTimeout"
"""Kind of the failure of an answer whose first word did not come in time: ``seconds``."""

UNEXPECTED: Final = "Unexpected"
"""Kind of the failure of an answer whose model raised what no model should; the log has it."""

ENDPOINT_REQUEST: Final = "endpoint_request"
"""Kind of the notice of the ``id`` by which the endpoint's operator knows the request that was answered."""


OVER_BUDGET: Final = "over_budget"
"""Kind of the notice of an answer that somebody else gave, since the day's budget was used up."""

COMPARED: Final = "compared"
"""Kind of the notice of an answer that was asked for beside another; the kinds of further ones of it begin so."""

FROM_CACHE: Final = "from_cache"
"""Kind of the notice of an answer that no endpoint was asked for."""

FROM_RECORDING: Final = "from_recording"
"""Kind of the notice of an answer that was recorded beforehand, and no endpoint asked for."""

RECORDED: Final = frozenset({FROM_RECORDING, "recording_instead", "recording_goes_on", "recording_replaces"})
"""Kinds of the notices of answers that are a recording's, or end as one."""


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
class Failure:
    """Why a turn failed: what the page makes a sentence of, in whatever language it is read.

    Attributes:
        kind: Name of LangChain's class for the condition, for instance ``ModelRateLimitError``; or what the model
            calls it more exactly, ``SilenceTimeout`` or ``SignInFailed``; or one of :data:`INTERRUPTED`,
            :data:`STORE_ERROR`, :data:`FIRST_WORD_TIMEOUT`, :data:`ANSWER_TIMEOUT`, :data:`UNEXPECTED`.
        data: What there is to say of it: the model's own words as ``detail``, ``seconds``; ``request`` is the id under
            which the log tells of it, ``endpoint_request`` the endpoint's own; of a failure from before there were
            kinds the whole sentence as ``text``.
        retry_after: Seconds the endpoint asked to wait, if it said so.
        blocked: Whether a content filter refused the question.
    """

    kind: str
    data: Mapping[str, Value] = field(default_factory=dict)
    retry_after: float | None = None
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """What the visitor should know about how an answer came about.

    Attributes:
        kind: ``turns_left_out`` where the conversation was too long for the model, of which so many (``count``) were;
            ``answer_shortened`` where the answer may take ``most`` tokens and not the ``wanted`` ones;
            ``lower_max_tokens`` where asking for less would help; ``over_budget`` where the deployment ``answering``
            stood in for the ``chosen`` one; ``stands_in`` where another ``deployment`` answers than the one that was
            chosen, followed by why each before it does not: ``out_of_capacity``, ``failing``, ``too_slow`` and
            ``unreachable`` (tried again in so many ``seconds``), ``reads_no_pictures``, ``too_long_for``;
            :data:`FROM_CACHE`; :data:`ENDPOINT_REQUEST`; :data:`COMPARED` where ``count`` of the last ``k`` turns were
            sent, and so many ``tokens`` in all, with ``compared_without_pins`` and ``compared_budget``; one of
            :data:`RECORDED`, with ``recording_skipped`` where that was not waited for, or ``recording_cause`` that
            tells the ``cause`` as a failure's kind or ``blocked``;
            of a turn from another tool's file what could not be taken, so many (``count``) ``pictures_not_taken``,
            ``files_not_taken``, ``hidden_not_taken`` and, of some ``types``, ``others_not_taken``, and ``no_question``;
            ``text`` from before there were kinds.
        data: What there is to say of it, by name.
    """

    kind: str
    data: Mapping[str, Value] = field(default_factory=dict)


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
        notices: What the visitor should know about how the answer came about; mostly nothing.
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
    notices: tuple[Notice, ...] = ()
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
    def is_recorded(self) -> bool:
        """Whether the answer is a recording's, or ends as one."""
        return any(each.kind in RECORDED for each in self.notices)

    @property
    def is_unsaved(self) -> bool:
        """Whether the model is done with it, and it could not be saved yet."""
        return self.waiting is not None and self.waiting.kind == STORE_ERROR


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several answers to the last question of a conversation, of which its visitor has kept none yet.

    Attributes:
        index: Of the turn that they are versions of.
        options: How each was asked, by its version, in order.
    """

    index: int
    options: Mapping[int, Options]


def counting(compared: Sequence[Turn]) -> Turn:
    """Return which of several answers is remembered, and shown, as long as none is kept.

    It is the first that has an answer, or may still have one; where there is none, the first.
    """
    may_count = (turn for turn in compared if turn.status is not TurnStatus.FAILED)
    answered = (turn for turn in may_count if turn.has_answer or turn.status is TurnStatus.STREAMING)
    return next(answered, compared[0])


TEMPORARY: Final = "temporary-"
"""How the id of a conversation begins that is never written to the database."""


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
        is_pinned: Whether its owner keeps it on top of their list.
        is_archived: Whether its owner put it out of their list: searching finds it, and asking in it brings it back.
        comparison: The answers to its last question, where there are several and none was kept yet.
    """

    id: str
    owner: str
    revision: int = 0
    title: str = ""
    options: Options = field(default_factory=Options)
    updated_at: float = 0.0
    usage: Usage = Usage(0, 0)
    is_pinned: bool = False
    is_archived: bool = False
    comparison: Comparison | None = None

    def compares(self, key: tuple[int, int]) -> bool:
        """Return whether the turn with this index and version is one of those that are compared."""
        index, version = key
        return self.comparison is not None and index == self.comparison.index and version in self.comparison.options

    @property
    def is_temporary(self) -> bool:
        """Whether it lives in the memory of one process only, and nowhere in the database."""
        return self.id.startswith(TEMPORARY)
