"""What a request holds: one function makes the plan of it, for the request and for the display alike. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import ClassVar, Final, NamedTuple

from langchain_core.messages import BaseMessage, SystemMessage

from chatbot.conversation.context.messages import pictures, question_message
from chatbot.conversation.context.section import ContextInputs, Inclusion, PlannedItem, Section, SectionBuilder
from chatbot.conversation.context.window import WindowSection, window_section
from chatbot.conversation.parts import Part, text_of
from chatbot.conversation.turn import Turn


@dataclass(frozen=True, slots=True)
class SystemPromptSection:
    """What is sent first, unless it is empty."""

    kind: ClassVar[str] = "system_prompt"
    always_sent: ClassVar[bool] = True

    text: str
    tokens: int

    @property
    def entries(self) -> tuple[PlannedItem, ...]:
        """The system prompt, if there is one."""
        return (PlannedItem(self.text, self.tokens),) if self.text else ()

    @property
    def messages(self) -> list[BaseMessage]:
        """The system prompt, if there is one."""
        return [SystemMessage(self.text)] if self.text else []


@dataclass(frozen=True, slots=True)
class QuestionSection:
    """The newest question: sent last, though it be empty."""

    kind: ClassVar[str] = "question"
    always_sent: ClassVar[bool] = True

    question: tuple[Part, ...]
    tokens: int

    @property
    def entries(self) -> tuple[PlannedItem, ...]:
        """The question, unless nothing is asked yet."""
        return (PlannedItem(text_of(self.question), self.tokens),) if self.question else ()

    @property
    def messages(self) -> list[BaseMessage]:
        """The question."""
        return [question_message(self.question)]


def system_prompt_section(inputs: ContextInputs, _room: int | None) -> SystemPromptSection:
    """Return the section of the system prompt."""
    return SystemPromptSection(inputs.system_prompt, inputs.count(inputs.system_prompt) if inputs.system_prompt else 0)


def question_section(inputs: ContextInputs, _room: int | None) -> QuestionSection:
    """Return the section of the question."""
    return QuestionSection(inputs.question, inputs.count(text_of(inputs.question)))


class PlannedSection(NamedTuple):
    """How a section of a plan is made.

    Attributes:
        build: Makes it.
        priority: Who takes tokens of the budget before whom: the smallest first. What is always sent has 0.
    """

    build: SectionBuilder
    priority: int


_PRIORITY: Final = attrgetter("priority")

SECTIONS: tuple[PlannedSection, ...] = (
    PlannedSection(system_prompt_section, 0),
    PlannedSection(window_section, 10),
    PlannedSection(question_section, 0),
)
"""What a request is made of, in its order. A further kind of section is one more line here and its name on the page."""


@dataclass(frozen=True, slots=True)
class ContextPlan:
    """What the next request holds.

    Attributes:
        sections: In the order of the request.
        budget: Tokens that the request may hold so that the answer still has room; None is no limit.
        most_answer_tokens: The longest answer that can be asked for beside it; None is no limit.
    """

    sections: tuple[Section, ...]
    budget: int | None
    most_answer_tokens: int | None = None

    @property
    def tokens(self) -> int:
        """How many the request has, estimated."""
        return sum(section.tokens for section in self.sections)

    @property
    def messages(self) -> list[BaseMessage]:
        """The messages of the request."""
        return [message for section in self.sections for message in section.messages]

    @property
    def has_pictures(self) -> bool:
        """Whether there are pictures in the messages."""
        return any(map(pictures, self.messages))

    @property
    def window(self) -> WindowSection:
        """The section of the turns; every plan has one."""
        for section in self.sections:
            if isinstance(section, WindowSection):
                return section
        raise LookupError("a plan without a window")

    @property
    def k(self) -> int:
        """How many unpinned turns may go."""
        return self.window.k

    @property
    def remembered(self) -> tuple[Turn, ...]:
        """The turns that go, oldest first."""
        return self.window.remembered

    def inclusion(self, index: int) -> Inclusion:
        """Return where the turn at an index goes, also one too old to be looked at."""
        return self.window.inclusion(index)

    @property
    def forgets(self) -> bool:
        """Whether there are turns that were left out for no reason of their own and could be put back."""
        return self.window.forgets


def build_context(inputs: ContextInputs, budget: int | None, most_answer_tokens: int | None = None) -> ContextPlan:
    """Return the plan of a request: each section takes its tokens from the one budget, in the order of priority.

    Args:
        inputs: What it is made from.
        budget: Tokens that it may hold; None is no limit. What is always sent may go beyond it.
        most_answer_tokens: The longest answer that can be asked for.
    """
    made: dict[SectionBuilder, Section] = {}
    room = budget
    for build, _ in sorted(SECTIONS, key=_PRIORITY):
        made[build] = section = build(inputs, room)
        if room is not None:
            room -= section.tokens
    return ContextPlan(tuple([made[build] for build, _ in SECTIONS]), budget, most_answer_tokens)
