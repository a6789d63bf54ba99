"""What a plan is made of: sections of a request, each with what was looked at for it, and why that is in or out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from langchain_core.messages import BaseMessage

from chatbot.conversation.parts import Part
from chatbot.conversation.turn import Turn


class Inclusion(StrEnum):
    """Whether something goes into the request; everything but ``SENT`` is a reason why not."""

    SENT = "sent"
    MEMORY_OFF = "memory off"
    EXCLUDED = "excluded"
    BLOCKED = "blocked"
    FAILED = "failed"
    UNANSWERED = "unanswered"
    BEFORE_WINDOW = "before window"
    OVER_BUDGET = "over budget"


class ContextInputs(NamedTuple):
    """All that a plan is made from. Making one reads nothing: what a section needs was read before and is here.

    Attributes:
        turns: Turns of one conversation in order: the newest that are looked at, and every pinned one.
        question: Parts of the newest question; none to learn what would be remembered next.
        k: How many unpinned turns may go.
        system_prompt: Empty is none.
        count: Counts the tokens of a message with a text.
        pins: Whether turns that are pinned go before the others.
    """

    turns: Sequence[Turn]
    question: tuple[Part, ...]
    k: int
    system_prompt: str
    count: Callable[[str], int]
    pins: bool = True


class Entry(Protocol):
    """Something that was looked at for a section."""

    @property
    def text(self) -> str:
        """What people know it by; only its beginning is shown."""

    @property
    def inclusion(self) -> Inclusion:
        """In or out, and why."""

    @property
    def tokens(self) -> int:
        """How many it has, estimated, whether it goes or not."""


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """A text in a plan, such as the system prompt: an :class:`Entry` that is no turn."""

    text: str
    tokens: int
    inclusion: Inclusion = Inclusion.SENT


class Section(Protocol):
    """A part of a request, with messages of its own. A frozen value, so that plans can be compared."""

    @property
    def kind(self) -> str:
        """Its name; a page has words for it (``plan.<kind>``)."""

    @property
    def always_sent(self) -> bool:
        """Whether it goes however little room there is."""

    @property
    def entries(self) -> Sequence[Entry]:
        """What was looked at for it, in the order of the request."""

    @property
    def tokens(self) -> int:
        """How many its messages have, estimated."""

    @property
    def messages(self) -> Sequence[BaseMessage]:
        """What it adds to the request; made when they are asked for, which most plans never are."""


SectionBuilder = Callable[[ContextInputs, int | None], Section]
"""Makes a section of no more than this many tokens, unless it is always sent; None is no limit. Pure."""
