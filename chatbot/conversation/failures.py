"""What a model's error becomes: a kind that everybody who shows errors can know, and the model's own words. Pure."""

from __future__ import annotations

from typing import Final

from langchain_core import exceptions as langchain_exceptions
from langchain_core.exceptions import ModelError

from chatbot.conversation.turn import Failure

MAX_DETAIL: Final = 2_000
"""Characters of a model's own words that are kept: it may hand on whatever its server sent."""


def failure_of(error: ModelError) -> Failure:
    """Return why a turn failed, from what its model raised."""
    detail = detail_of(error)
    # LangChain has no class for a blocked prompt; an error that names what a filter found is one.
    blocked = hasattr(error, "filter_results")
    return Failure(
        kind_of(error), {"detail": detail} if detail else {}, getattr(error, "retry_after", None), blocked=blocked
    )


def kind_of(error: BaseException | None) -> str:
    """Return the name of LangChain's own class of a condition."""
    names = (cls.__name__ for cls in type(error).__mro__ if cls.__module__ == langchain_exceptions.__name__)
    return next(names, "ModelError")


def detail_of(error: ModelError) -> str:
    """Return what an error says of itself, cut where it is very long."""
    words = str(error).strip()
    return words if len(words) <= MAX_DETAIL else f"{words[:MAX_DETAIL]}…"
