"""What is left of the limits, in words. Pure."""

from __future__ import annotations

import math

from chatbot.conversation import Standing
from chatbot.ui.i18n import Language


def what_is_left(t: Language, standing: Standing | None) -> list[str]:
    """Say what is left of each limit that is near, for instance "12 of 20 messages per hour left"."""
    if standing is None:
        return []
    words = [
        t(f"limit.{each.name}", left=each.left, most=each.most, period=t(f"period.{each.period}"))
        for each in (standing.messages, standing.tokens)
        if each is not None
    ]
    if standing.is_over_budget:
        words.append(t("limit.over"))
    elif standing.budget is not None:
        words.append(t("limit.budget", percent=math.floor(100 * standing.budget)))
    return words
