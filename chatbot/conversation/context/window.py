"""What the model remembers: the one function that decides it, for the request and for the display alike. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from chatbot.conversation.context.tokens import TokenCounter
from chatbot.conversation.turn import Turn, TurnMemory, TurnStatus

NO_ANSWER: Final = "(No answer.)"
"""Said for the model where a pinned turn has none: two questions in a row break several models' chat templates."""


class Inclusion(StrEnum):
    """Whether a turn goes into the request; everything but ``SENT`` is a reason why not."""

    SENT = "sent"
    MEMORY_OFF = "memory off"
    EXCLUDED = "excluded"
    BLOCKED = "blocked"
    FAILED = "failed"
    UNANSWERED = "unanswered"
    BEFORE_WINDOW = "before window"
    OVER_BUDGET = "over budget"


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
    def sent(self) -> bool:
        """Whether the turn goes into the request."""
        return self.inclusion is Inclusion.SENT


@dataclass(frozen=True, slots=True)
class ContextPlan:
    """What the next request holds.

    Attributes:
        system_prompt: Sent first, unless empty.
        entries: The turns that were looked at, oldest first.
        text: The newest question.
        k: How many unpinned turns may go.
        tokens: Estimated tokens of system prompt, turns that go, and question.
        system_tokens: Of which system prompt.
        question_tokens: Of which question.
        budget: Tokens that the request may hold so that the answer still has room; None is no limit.
        most_answer_tokens: The longest answer that can be asked for beside it; None is no limit.
    """

    system_prompt: str
    entries: tuple[PlannedTurn, ...]
    text: str
    k: int
    tokens: int
    system_tokens: int
    question_tokens: int
    budget: int | None
    most_answer_tokens: int | None = None

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

    @property
    def messages(self) -> list[BaseMessage]:
        """The messages of the request."""
        messages: list[BaseMessage] = [SystemMessage(self.system_prompt)] if self.system_prompt else []
        for turn in self.remembered:
            messages += (HumanMessage(turn.question_text), AIMessage(_answer(turn)))
        return [*messages, HumanMessage(self.text)]


class WindowMemory:
    """A windowed message buffer: pinned turns, and the last ``k`` others, as many of them as fit a token budget.

    Whole turns only. The system prompt and the newest question always go. Turns that were blocked, failed, or have
    no answer are passed over unless pinned; excluded ones always are.

    Args:
        k: How many earlier turns to send; 0 sends none, not even pinned ones. A conversation may have its own.
        max_tokens: Budget for request and answer together; None is no limit.
        system_prompt: Sent first, unless empty.
        answer_tokens: Room of the budget that is kept for the answer.
        counter: Counts the tokens of a message.
    """

    def __init__(
        self,
        k: int = 5,
        max_tokens: int | None = None,
        system_prompt: str = "",
        *,
        answer_tokens: int = 0,
        counter: Callable[[str], int] | None = None,
    ) -> None:
        if k < 0:
            raise ValueError(f"k must be 0 or more, not {k}")
        self.k = k
        self.system_prompt = system_prompt
        self._max_tokens = max_tokens
        self._answer_tokens = answer_tokens
        self.count: Callable[[str], int] = counter or TokenCounter()

    def budget(
        self,
        answer_tokens: int | None = None,
        *,
        context_size: int | None = None,
        most_answer_tokens: int | None = None,
    ) -> int | None:
        """Return how many tokens a request may hold so that the answer still has room, as far as is known.

        Args:
            answer_tokens: Room for the answer; None is this memory's own.
            context_size: Tokens that the model reads and writes together; None where that is not known.
            most_answer_tokens: The longest answer that will be asked for.

        Returns:
            None where there is no limit.
        """
        room = self._answer_tokens if answer_tokens is None else answer_tokens
        if most_answer_tokens is not None:
            room = min(room, most_answer_tokens)
        together = min((limit for limit in (self._max_tokens, context_size) if limit is not None), default=None)
        return None if together is None else max(together - room, 0)

    @staticmethod
    def lookback(k: int) -> int:
        """Return how many of the newest turns are looked at: enough to pass over some that are not remembered.

        Bounds what has to be read from the store, so that a long conversation costs no more than a short one.
        """
        return 2 * k + 10

    def plan(
        self,
        turns: Sequence[Turn],
        text: str = "",
        *,
        k: int | None = None,
        system_prompt: str | None = None,
        answer_tokens: int | None = None,
        counter: Callable[[str], int] | None = None,
        context_size: int | None = None,
        most_answer_tokens: int | None = None,
    ) -> ContextPlan:
        """Decide what the request holds that asks ``text`` after ``turns``.

        Args:
            turns: Turns of one conversation in order: its newest :meth:`reach`, and every pinned one. More may be
                given to learn why they are not remembered; it changes nothing for the others.
            text: The newest question; empty to learn what would be remembered next.
            k: The conversation's own, and so are the others; None is this memory's.
            system_prompt: Sent first, unless empty.
            answer_tokens: Room that is kept for the answer.
            counter: Counts the tokens of a message.
            context_size: Tokens that the model reads and writes together; None where that is not known.
            most_answer_tokens: The longest answer that can be asked for.
        """
        count = counter or self.count
        k = self.k if k is None else k
        system_prompt = self.system_prompt if system_prompt is None else system_prompt
        system_tokens = count(system_prompt) if system_prompt else 0
        question_tokens = count(text)
        total = system_tokens + question_tokens
        budget = self.budget(answer_tokens, context_size=context_size, most_answer_tokens=most_answer_tokens)
        tokens = {turn.index: count(turn.question_text) + count(_answer(turn)) for turn in turns}
        oldest = turns[-1].index - self.lookback(k) + 1 if turns else 0
        inclusions = {turn.index: _reason(turn, k, oldest) for turn in turns}

        def take(candidates: Iterable[Turn], most: int | None) -> None:
            """Place the candidates, newest first; the first that does not fit ends it, as do ``most`` of them."""
            nonlocal total
            taken, full = 0, False
            for turn in candidates:
                if taken == most:
                    inclusions[turn.index] = Inclusion.BEFORE_WINDOW
                elif full or (budget is not None and total + tokens[turn.index] > budget):
                    full = True
                    inclusions[turn.index] = Inclusion.OVER_BUDGET
                else:
                    total += tokens[turn.index]
                    taken += 1
                    inclusions[turn.index] = Inclusion.SENT

        open_turns = [turn for turn in reversed(turns) if not inclusions[turn.index]]
        take((turn for turn in open_turns if turn.memory is TurnMemory.PINNED), None)
        take((turn for turn in open_turns if turn.memory is not TurnMemory.PINNED), k)
        entries = tuple(
            PlannedTurn(turn, inclusions[turn.index] or Inclusion.SENT, tokens[turn.index]) for turn in turns
        )
        return ContextPlan(
            system_prompt, entries, text, k, total, system_tokens, question_tokens, budget, most_answer_tokens
        )


def _answer(turn: Turn) -> str:
    return turn.answer_text if turn.has_answer else NO_ANSWER


def _reason(turn: Turn, k: int, oldest: int) -> Inclusion | None:
    """Why a turn is out whatever room there is; None when it may go. Unpinned ones before ``oldest`` never do."""
    if k == 0:
        return Inclusion.MEMORY_OFF
    if (reason := exclusion_reason(turn)) is not None:
        return reason
    return Inclusion.BEFORE_WINDOW if turn.index < oldest and turn.memory is not TurnMemory.PINNED else None


def exclusion_reason(turn: Turn) -> Inclusion | None:
    """Return what it is about a turn itself that keeps it out of every request; None where there is nothing."""
    if turn.memory is TurnMemory.EXCLUDED:
        return Inclusion.EXCLUDED
    if turn.status is TurnStatus.STREAMING:
        return Inclusion.UNANSWERED
    if turn.memory is TurnMemory.PINNED:
        return None
    if turn.finish_reason == "content_filter" or (turn.failure is not None and turn.failure.blocked):
        return Inclusion.BLOCKED
    if turn.status is TurnStatus.FAILED:
        return Inclusion.FAILED
    return None if turn.has_answer else Inclusion.UNANSWERED
