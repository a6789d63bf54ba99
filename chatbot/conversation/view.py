"""A conversation as a page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.deployments import EffectiveOptions
from chatbot.conversation.turn import Conversation, Turn, TurnStatus

if TYPE_CHECKING:
    from chatbot.conversation.generation import Generation

SHOWN_TURNS: Final = 20
"""How many turns a page draws at first: what a browser can draw at once however long the conversation is."""


@dataclass(frozen=True, slots=True)
class ComparedAnswer:
    """One of several answers to a question.

    Attributes:
        turn: The version of the turn; it may be growing.
        effective: Who was asked for it, and how.
        plan: What its request held; None where that is not known any more.
    """

    turn: Turn
    effective: EffectiveOptions
    plan: ContextPlan | None


@dataclass(frozen=True, slots=True)
class View:
    """A conversation as a page shows it.

    Attributes:
        turns: The newest of the shown turns, in order; the last may be growing.
        plan: What the request being answered holds; where nothing is, what the next one would.
        versions: By index, the versions a turn can be flipped through, its own among them.
        growing: Whether the last turn is being answered.
        effective: Who answers, and how it is asked.
        compared: The answers to the last question, where there are several and none was kept yet; the turn that is the
            last of ``turns`` is one of them, and counts until another is kept.
    """

    conversation: Conversation
    turns: Sequence[Turn]
    plan: ContextPlan
    versions: Mapping[int, Sequence[int]]
    growing: bool
    effective: EffectiveOptions
    compared: Sequence[ComparedAnswer] = ()

    @property
    def is_open(self) -> bool:
        """Whether there may come something of the last turn: of its answer, or of what is to be kept."""
        return self.growing or bool(self.compared)

    @property
    def earlier(self) -> int:
        """How many turns come before those that are here."""
        return self.turns[0].index if self.turns else 0


def view_of(generation: Generation, effective: EffectiveOptions, limit: int) -> View | None:
    """Return what a page shows while an answer grows, or when it has just ended, where nothing has to be read for it.

    Args:
        generation: The answer.
        effective: Who answers, and how it is asked.
        limit: The most turns to show.
    """
    before, turn = generation.before, generation.turn
    growing = turn.status is TurnStatus.STREAMING
    if before is None or not (len(before.turns) >= limit - 1 or turn.index == len(before.turns)):
        return None
    shown = newest([*before.turns, turn], limit)
    if growing:
        plan, versions = generation.plan, versions_of(shown[:-1], before.versions)
    else:
        plan = effective.plan(before.followed_by(turn).candidates(effective.lookback))
        versions = versions_of(shown, {**before.versions, turn.index: [*before.versions[turn.index], turn.version]})
    return View(generation.conversation, shown, plan, versions, growing, effective)


def newest(turns: Sequence[Turn], limit: int) -> Sequence[Turn]:
    """Return the last turns, so many at most."""
    return turns[max(len(turns) - limit, 0) :]


def versions_of(turns: Sequence[Turn], known: Mapping[int, Sequence[int]]) -> Mapping[int, Sequence[int]]:
    """Return the versions of turns, given those of the ones that have others than their own."""
    return {turn.index: known.get(turn.index, [turn.version]) for turn in turns}
