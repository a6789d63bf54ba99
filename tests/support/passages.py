"""A further section of a plan, as somebody would add one: passages before the turns, as many of them as fit."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
from langchain_core.messages import BaseMessage, HumanMessage

from chatbot.conversation import Inclusion, PlannedItem
from chatbot.conversation.context import builder
from chatbot.conversation.context.builder import PlannedSection
from chatbot.conversation.context.section import ContextInputs, SectionBuilder


@dataclass(frozen=True, slots=True)
class PassagesSection:
    kind: ClassVar[str] = "passages"
    always_sent: ClassVar[bool] = False

    entries: tuple[PlannedItem, ...]

    @property
    def tokens(self) -> int:
        return sum(entry.tokens for entry in self.entries if entry.inclusion is Inclusion.SENT)

    @property
    def messages(self) -> list[BaseMessage]:
        return [HumanMessage(entry.text) for entry in self.entries if entry.inclusion is Inclusion.SENT]


def passages_section(*passages: str) -> SectionBuilder:
    def build(inputs: ContextInputs, room: int | None) -> PassagesSection:
        entries, taken = [], 0
        for passage in passages:
            tokens = inputs.count(passage)
            fits = room is None or taken + tokens <= room
            taken += tokens if fits else 0
            entries.append(PlannedItem(passage, tokens, Inclusion.SENT if fits else Inclusion.OVER_BUDGET))
        return PassagesSection(tuple(entries))

    return build


def add_passages(monkeypatch: pytest.MonkeyPatch, *passages: str, before_turns: bool) -> None:
    """Add the section between the system prompt and the turns; it takes its tokens before the turns, or after them."""
    system_prompt, *others = builder.SECTIONS
    further = PlannedSection(passages_section(*passages), 5 if before_turns else 20)
    monkeypatch.setattr(builder, "SECTIONS", (system_prompt, further, *others))
