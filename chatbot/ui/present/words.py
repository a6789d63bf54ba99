"""Numbers and reasons in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from chatbot.conversation import Place, Plan

REASONS: Final[Mapping[Place, str]] = MappingProxyType(
    {
        Place.SENT: "remembered",
        Place.MEMORY_OFF: "memory is off",
        Place.EXCLUDED: "excluded by you",
        Place.BLOCKED: "blocked by the content filter",
        Place.FAILED: "failed",
        Place.UNANSWERED: "without an answer",
        Place.BEFORE_WINDOW: "older than the last {k}",
        Place.OVER_BUDGET: "no room in the token budget",
    }
)


def reason(place: Place, k: int) -> str:
    """Say why a turn is remembered or not."""
    return REASONS[place].format(k=counted(k, "turn"))


def counted(number: int, noun: str) -> str:
    """Write ``3 turns``, ``1 turn``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def spans(numbers: Sequence[int]) -> str:
    """Write ``[1, 2, 3, 5]`` as ``1–3, 5``."""
    breaks = [place for place, (a, b) in enumerate(pairwise(numbers), start=1) if b != a + 1]
    runs = [numbers[start:end] for start, end in pairwise([0, *breaks, len(numbers)])]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def memory_line(plan: Plan, count: int) -> str:
    """Say what the model is sent of ``count`` turns, for instance "Remembering turns 4–8 of 8"."""
    if plan.k == 0:
        return "Memory is off: every question stands alone"
    if not count:
        return f"Nothing to remember yet: up to {counted(plan.k, 'turn')} will be"
    numbers = [turn.index + 1 for turn in plan.remembered]
    if not numbers:
        return f"Remembering none of {counted(count, 'turn')}"
    return f"Remembering {'turn' if len(numbers) == 1 else 'turns'} {spans(numbers)} of {count}"
