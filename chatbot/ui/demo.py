"""A rehearsed demo on the page: who may play it, and how far each conversation is that it is played in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from chatbot.conversation import Caller, Conversation, Deployment, Options, Recording, Rehearsal, Turn
from chatbot.demo import Demo, DemoTurn

MAX_PERFORMANCES: Final = 1_000
"""Conversations of which it is known how far the demo is; of others it is read from what was asked in them."""


@dataclass(frozen=True, slots=True)
class DemoOffer:
    """A demo that can be played.

    Attributes:
        demo: The demo.
        is_public: Whether everybody can play it; else only who sits at this machine.
        failing: By the name of a deployment and a fault of the demo: the same deployment, which fails so.
    """

    demo: Demo
    is_public: bool = False
    failing: Mapping[tuple[str, str], Deployment] = field(default_factory=lambda: MappingProxyType({}))

    def is_for(self, caller: Caller) -> bool:
        """Return whether somebody may play it."""
        return self.is_public or caller.is_local


class Step(Enum):
    """What the next step does with a question."""

    TYPE = auto()
    """Types it, so that the page offers what it mentions."""
    INCLUDE = auto()
    """Accepts the offer."""
    SEND = auto()


@dataclass(frozen=True, slots=True)
class Played:
    """A question of the demo that was asked.

    Attributes:
        index: Of its turn in the conversation.
        options: What was chosen for the conversation before.
    """

    index: int
    options: Options


@dataclass(slots=True)
class Performance:
    """How far the demo is in one conversation.

    Attributes:
        is_live: Whether the model is asked.
        played: The questions that were asked.
        step: What comes next.
        before: What was chosen for the conversation before the first step of the next question; None until then.
        rehearsal: How the last of them is answered.
    """

    is_live: bool
    played: list[Played] = field(default_factory=list)
    step: Step = Step.SEND
    before: Options | None = None
    rehearsal: Rehearsal | None = None


class DemoStage:
    """Where the demo is played.

    Args:
        offer: The demo, and for whom it is.
    """

    def __init__(self, offer: DemoOffer) -> None:
        self.offer = offer
        self._performances: OrderedDict[tuple[str, str], Performance] = OrderedDict()

    @property
    def demo(self) -> Demo:
        """What is played."""
        return self.offer.demo

    def performance(self, conversation: Conversation) -> Performance | None:
        """Return how far it is in a conversation; None where it is not played in it."""
        return self._performances.get((conversation.owner, conversation.id))

    def begin(self, conversation: Conversation) -> Performance:
        """Begin it in a conversation."""
        return self._remembered(conversation, Performance(self.demo.live))

    def resume(self, conversation: Conversation, turns: Sequence[Turn]) -> Performance | None:
        """Return how far it is in a conversation, also where this process did not play it so far.

        Args:
            conversation: The conversation.
            turns: What is shown of it.
        """
        known = self.performance(conversation)
        if known is not None or not turns or turns[0].index or turns[0].question_text != self.demo.turns[0].question:
            return known
        performance = Performance(self.demo.live)
        before = self.demo.begins(conversation.options)
        for turn in turns:
            following = self.next_turn(performance)
            # Somebody in the audience may have had a question.
            if following is not None and turn.question_text == following.question:
                performance.played.append(Played(turn.index, before))
                before = following.chosen(before)
        return self._remembered(conversation, performance)

    def _remembered(self, conversation: Conversation, performance: Performance) -> Performance:
        self._performances[conversation.owner, conversation.id] = performance
        self.prepare(performance)
        if len(self._performances) > MAX_PERFORMANCES:
            self._performances.popitem(last=False)
        return performance

    def next_turn(self, performance: Performance) -> DemoTurn | None:
        """Return the question that comes next; None at the end."""
        return next(iter(self.demo.turns[len(performance.played) :]), None)

    def prepare(self, performance: Performance) -> None:
        """Have the next step be the first of the question that comes next."""
        turn = self.next_turn(performance)
        performance.before = None
        performance.step = Step.TYPE if turn is not None and turn.offers is not None else Step.SEND

    def rehearsal(self, turn: DemoTurn, performance: Performance, deployment: str) -> Rehearsal:
        """Return how a question is answered.

        Args:
            turn: The question.
            performance: How the demo is played.
            deployment: Name of the one that answers.
        """
        return Rehearsal(
            Recording(turn.answer, turn.first_word, turn.seconds, turn.blocked),
            asks=performance.is_live,
            first_word=self.demo.first_word,
            silence=self.demo.silence,
            failing=self.offer.failing.get((deployment, turn.fault or "")),
        )
