"""The window of a request: which turns of the conversation it holds, and why it does not hold the others. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from langchain_core.messages import BaseMessage

from chatbot.conversation.context.messages import turn_messages, turn_tokens
from chatbot.conversation.context.section import ContextInputs, Inclusion
from chatbot.conversation.turn import Turn, TurnMemory, TurnStatus


@dataclass(frozen=True, slots=True)
class PlannedTurn:
    """One turn in a plan.

    Attributes:
        inclusion: In or out, and why.
        tokens: Estimated, question and answer together.
    """

    turn: Turn
    inclusion: Inclusion
    tokens: int

    @property
    def text(self) -> str:
        """The question."""
        return self.turn.question_text

    @property
    def sent(self) -> bool:
        """Whether the turn goes into the request."""
        return self.inclusion is Inclusion.SENT


@dataclass(frozen=True, slots=True)
class WindowSection:
    """The turns of a request.

    Attributes:
        entries: The turns that were looked at, oldest first.
        k: How many unpinned turns may go.
        tokens: Of the turns that go, estimated.
        pins: Whether turns that are pinned go before the others.
    """

    kind: ClassVar[str] = "window"
    always_sent: ClassVar[bool] = False

    entries: tuple[PlannedTurn, ...]
    k: int
    tokens: int
    pins: bool = True

    @property
    def messages(self) -> list[BaseMessage]:
        """A question and an answer for each turn that goes."""
        return [message for turn in self.remembered for message in turn_messages(turn)]

    @property
    def remembered(self) -> tuple[Turn, ...]:
        """The turns that go, oldest first."""
        return tuple(entry.turn for entry in self.entries if entry.sent)

    def inclusion(self, index: int) -> Inclusion:
        """Return where the turn at an index goes, also one too old to be looked at."""
        if self.k == 0:
            return Inclusion.MEMORY_OFF
        return next((entry.inclusion for entry in self.entries if entry.turn.index == index), Inclusion.BEFORE_WINDOW)

    @property
    def forgets(self) -> bool:
        """Whether there are turns that were left out for no reason of their own and could be put back."""
        if not self.k or not self.entries:
            return False
        older = self.entries[-1].turn.index + 1 > len(self.entries)
        return older or any(
            entry.inclusion in (Inclusion.BEFORE_WINDOW, Inclusion.OVER_BUDGET) for entry in self.entries
        )


def lookback(k: int) -> int:
    """Return how many of the newest turns are looked at: enough to pass over some that are not remembered.

    Bounds what has to be read from the store, so that a long conversation costs no more than a short one.
    """
    return 2 * k + 10


def window_section(inputs: ContextInputs, room: int | None) -> WindowSection:
    """Choose the turns that go: whole turns only; pinned ones first, then the last ``k`` others, newest first.

    Turns that were blocked, failed, or have no answer are passed over unless pinned; excluded ones always are.
    """
    turns, k, total = inputs.turns, inputs.k, 0
    tokens = {turn.index: turn_tokens(turn, inputs.count) for turn in turns}
    oldest = turns[-1].index - lookback(k) + 1 if turns else 0
    inclusions = {turn.index: _reason(turn, k, oldest, pins=inputs.pins) for turn in turns}

    def take(candidates: Iterable[Turn], most: int | None) -> None:
        """Place the candidates, newest first; the first that does not fit ends it, as do ``most`` of them."""
        nonlocal total
        taken, full = 0, False
        for turn in candidates:
            if taken == most:
                inclusions[turn.index] = Inclusion.BEFORE_WINDOW
            elif full or (room is not None and total + tokens[turn.index] > room):
                full = True
                inclusions[turn.index] = Inclusion.OVER_BUDGET
            else:
                total += tokens[turn.index]
                taken += 1
                inclusions[turn.index] = Inclusion.SENT

    open_turns = [turn for turn in reversed(turns) if not inclusions[turn.index]]
    pinned = {turn.index for turn in open_turns if inputs.pins and turn.memory is TurnMemory.PINNED}
    take((turn for turn in open_turns if turn.index in pinned), None)
    take((turn for turn in open_turns if turn.index not in pinned), k)
    entries = tuple(PlannedTurn(turn, inclusions[turn.index] or Inclusion.SENT, tokens[turn.index]) for turn in turns)
    return WindowSection(entries, k, total, inputs.pins)


def _reason(turn: Turn, k: int, oldest: int, *, pins: bool) -> Inclusion | None:
    """Why a turn is out whatever room there is; None when it may go. Unpinned ones before ``oldest`` never do."""
    if k == 0:
        return Inclusion.MEMORY_OFF
    if (reason := exclusion_reason(turn, pins=pins)) is not None:
        return reason
    is_pinned = pins and turn.memory is TurnMemory.PINNED
    return Inclusion.BEFORE_WINDOW if turn.index < oldest and not is_pinned else None


def exclusion_reason(turn: Turn, *, pins: bool = True) -> Inclusion | None:
    """Return what it is about a turn itself that keeps it out of every request; None where there is nothing.

    Args:
        turn: The turn.
        pins: Whether it goes in any case where it is pinned.
    """
    if turn.memory is TurnMemory.EXCLUDED:
        return Inclusion.EXCLUDED
    if turn.status is TurnStatus.STREAMING:
        return Inclusion.UNANSWERED
    if pins and turn.memory is TurnMemory.PINNED:
        return None
    if turn.finish_reason == "content_filter" or (turn.failure is not None and turn.failure.blocked):
        return Inclusion.BLOCKED
    if turn.status is TurnStatus.FAILED:
        return Inclusion.FAILED
    return None if turn.has_answer else Inclusion.UNANSWERED
