"""Finding a title: asked of the deployment that was chosen, and where it fails, of those that stand in for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import nullcontext
from typing import NamedTuple

from langchain_core.exceptions import ModelError

from chatbot.conversation import titles
from chatbot.conversation.deployments import EffectiveOptions
from chatbot.conversation.errors import TitleError
from chatbot.conversation.failures import detail_of, kind_of, log_failure
from chatbot.conversation.generation.breaker import Breaker
from chatbot.conversation.generation.fallback import NobodyLeftError, may_pass
from chatbot.conversation.turn import Turn, Usage

logger = logging.getLogger(__name__)

Namer = tuple[EffectiveOptions, Breaker | None]
"""Who may be asked for a title, and what knows whether that is worth it; without stand-ins nothing does."""


class Named(NamedTuple):
    """A title that was found.

    Attributes:
        title: Empty where what the model said was none.
        deployment: Name of the one that said it.
        usage: What it took, priced as that one is; None where the endpoint does not tell.
    """

    title: str
    deployment: str
    usage: Usage | None


async def find_title(
    namers: Sequence[Namer],
    turns: Sequence[Turn],
    *,
    max_seconds: float = titles.MAX_SECONDS,
    quotes_errors: bool = True,
) -> Named:
    """Let a model find a title for a conversation with these turns.

    Args:
        namers: Who is asked, in this order, until one answers.
        turns: What is to be named.
        max_seconds: How long that may take in all.
        quotes_errors: Whether who asked reads the model's own words where it fails.

    Raises:
        TitleError: There is nothing to name, or no model found a title in time.
    """
    said = titles.dialogue(turns)
    try:
        async with asyncio.timeout(max_seconds) as limit:
            return await _ask(namers, said)
    except ModelError as error:
        if quotes_errors and (detail := detail_of(error)):
            raise TitleError("model_failed", cause=kind_of(error), detail=detail) from None
        raise TitleError("model_failed_unquoted", cause=kind_of(error)) from None
    except Exception as error:
        if isinstance(error, TimeoutError) and limit.expired():
            raise TitleError("too_slow", seconds=max_seconds) from None
        logger.exception("The model raised what is no ModelError")
        raise TitleError("unexpected") from None


async def _ask(namers: Sequence[Namer], said: str) -> Named:
    failure: ModelError | None = None
    for effective, breaker in namers:
        attempt = None if breaker is None else breaker.attempt()
        if breaker is not None and attempt is None:
            continue
        deployment = effective.deployment
        with attempt or nullcontext():
            try:
                title, usage = await titles.ask(deployment, said)
            except ModelError as error:
                log_failure(error, deployment.name, said)
                failure = error
                if attempt is None or not may_pass(error):
                    if attempt is not None:
                        attempt.succeeded()  # it answers, if only that it refuses this request
                    raise
                attempt.failed(kind_of(error), getattr(error, "retry_after", None))
                continue
            if attempt is not None:
                attempt.succeeded()
            return Named(title, deployment.name, None if usage is None else effective.priced(usage))
    raise failure or NobodyLeftError.of(breaker for _, breaker in namers if breaker is not None)
