"""Numbers and reasons in words. Pure."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final

from chatbot.conversation import ContextPlan, Inclusion, Turn, TurnStatus, Usage
from chatbot.ui.i18n import Language

LEAST_COST: Final = 0.0001
"""What costs less is only said to do so: more digits are read by nobody."""


def reason(t: Language, inclusion: Inclusion, k: int) -> str:
    """Say why a turn is remembered or not."""
    return t(f"reason.{inclusion.name.lower()}", k)


def spans(numbers: Sequence[int]) -> str:
    """Write ``[1, 2, 3, 5]`` as ``1–3, 5``."""
    breaks = [place for place, (a, b) in enumerate(pairwise(numbers), start=1) if b != a + 1]
    runs = [numbers[start:end] for start, end in pairwise([0, *breaks, len(numbers)])]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def memory_line(t: Language, plan: ContextPlan, count: int) -> str:
    """Say what the model is sent of ``count`` turns, for instance "Remembering turns 4–8 of 8"."""
    if plan.k == 0:
        return t("memory.off")
    if not count:
        return t("memory.nothing", plan.k)
    numbers = [turn.index + 1 for turn in plan.remembered]
    if not numbers:
        return t("memory.none", count)
    return t("memory.remembering", len(numbers), turns=spans(numbers), total=count)


def how_it_ended(t: Language, turn: Turn) -> str:
    """Say how an answer ended that did not fail, if not just well."""
    if turn.status is TurnStatus.STOPPED:
        return t("chat.stopped" if turn.has_answer else "chat.stopped_early")
    if turn.finish_reason in ("length", "content_filter"):
        return t(f"chat.{turn.finish_reason}")
    return "" if turn.has_answer else t("chat.empty")


def facts(t: Language, turn: Turn, currency: str, hidden: Collection[str] = ()) -> list[str]:
    """Say how long an answer took and what it cost, as far as is known: the time in all first.

    Args:
        t: In which language.
        turn: Whose answer it is.
        currency: What costs are told in.
        hidden: Parts of the page that are not shown.
    """
    known: list[str] = []
    if "details" in hidden:
        return known
    if turn.timing is not None:
        known.append(t("chat.seconds", seconds=t.number(turn.timing.total, 1)))
        if turn.timing.first_word is not None:
            known.append(t("chat.first_word", seconds=t.number(turn.timing.first_word, 1)))
    if turn.usage is not None:
        known += spent(t, turn.usage, currency, hidden)
    return known


def spent(t: Language, usage: Usage, currency: str, hidden: Collection[str] = ()) -> list[str]:
    """Say how many tokens something took, and what they cost; takes what :func:`facts` does."""
    words = [] if "tokens" in hidden else [t("chat.tokens", input=usage.input_tokens, output=usage.output_tokens)]
    return words if "costs" in hidden else [*words, *cost(t, usage, currency)]


def utc(seconds: float) -> str:
    """Write a time the same in every language, and of no time zone that somebody else would have to guess."""
    try:
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
    except (OverflowError, OSError, ValueError):
        # A file that was brought in may say anything.
        return "–"


def cost(t: Language, usage: Usage, currency: str) -> list[str]:
    """Write what it cost, where that is known: to a hundredth, or what is less to a hundredth of that."""
    if usage.cost is None:
        return []
    if not usage.cost:
        return [f"{currency}0"]
    if usage.cost < LEAST_COST:
        return [f"<{currency}{t.number(LEAST_COST, 4)}"]
    digits = next(digits for digits in (2, 3, 4) if usage.cost >= 10 ** (1 - digits) or digits == 4)
    return [f"{currency}{t.number(usage.cost, digits)}"]
