"""What a model's error becomes: a kind that everybody who shows errors can know, and the model's own words.

Whoever runs the application reads those words in its log. A visitor reads them only where that is wanted: they name
hosts, variables and deployments, which visitors can do nothing about.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from langchain_core import exceptions as langchain_exceptions
from langchain_core.exceptions import ModelError

from chatbot.conversation.turn import ENDPOINT_REQUEST, Failure, Value
from chatbot.redaction import redact, without_words

logger = logging.getLogger(__name__)

MAX_DETAIL: Final = 2_000
"""Characters of a model's own words that are kept: it may hand on whatever its server sent."""

MAX_QUESTION: Final = 100_000
"""Characters of what was asked, the last ones, that are looked for in those words: each takes its time."""

CATEGORIES: Final = frozenset(
    {"hate", "indirect_attack", "jailbreak", "profanity", "protected_material_code", "protected_material_text"}
    | {"self_harm", "sexual", "violence"}
)
"""What a content filter may have found that every visitor is told: the names that Azure has for it."""

MAX_ID: Final = 128
"""Characters of an endpoint's id of a request that are kept: real ones are UUIDs, or little longer."""


def failure_of(error: ModelError, *, quoted: bool = True) -> Failure:
    """Return why a turn failed, from what its model raised.

    Args:
        error: What it raised.
        quoted: Whether the visitor reads the model's own words; else only what they can do something about.
    """
    detail, seconds = detail_of(error) if quoted else _found_by_filter(error), getattr(error, "seconds", None)
    data: dict[str, Value] = {"detail": detail} if detail else {}
    if seconds is not None:
        data["seconds"] = seconds
    # LangChain has no class for a blocked prompt; an error that names what a filter found is one.
    blocked = hasattr(error, "filter_results")
    if request := short_id(getattr(error, "request_id", None)):
        data[ENDPOINT_REQUEST] = request
    return Failure(kind_of(error), data, getattr(error, "retry_after", None), blocked=blocked)


def short_id(value: object) -> str:
    """Return an endpoint's id of a request as it can be kept: a server may send anything, our key too."""
    return redact(value)[:MAX_ID] if isinstance(value, str) else ""


def log_failure(error: ModelError, deployment: str, question: str = "") -> None:
    """Tell whoever runs the application what a model said of its failure, without what the visitor said.

    Args:
        error: What the model raised.
        deployment: Who was asked.
        question: What was asked: an endpoint may repeat it.
    """
    known = {
        "kind": kind_of(error),
        "deployment": deployment,
        ENDPOINT_REQUEST: short_id(getattr(error, "request_id", None)),
    }
    data = {name: value for name, value in known.items() if value}
    words = without_words(detail_of(error), question[-MAX_QUESTION:])
    logger.warning("The model failed: %s", words, extra={"data": data})


def kind_of(error: BaseException | None) -> str:
    """Return the name of LangChain's own class of a condition, or what the error itself calls it more exactly."""
    if isinstance(condition := getattr(error, "condition", None), str):
        return condition
    names = (cls.__name__ for cls in type(error).__mro__ if cls.__module__ == langchain_exceptions.__name__)
    return next(names, "ModelError")


def detail_of(error: ModelError) -> str:
    """Return what an error says of itself, without secrets, cut where it is very long."""
    words = redact(str(error).strip())
    return words if len(words) <= MAX_DETAIL else f"{words[:MAX_DETAIL]}…"


def _found_by_filter(error: ModelError) -> str:
    """The names of what a content filter blocked a question for, where they are known ones."""
    results: Mapping[str, Any] = getattr(error, "filter_results", {})
    found = sorted(name for name, result in results.items() if name in CATEGORIES and result.get("filtered"))
    return ", ".join(name.replace("_", " ") for name in found)
