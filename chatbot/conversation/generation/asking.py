"""How a responder is asked: the answer grows where anybody can follow it, and ends however it ends, without raising."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace

from langchain_core.exceptions import ModelError
from langchain_core.runnables import RunnableConfig

from chatbot.conversation.failures import failure_of, log_failure
from chatbot.conversation.generation.generation import Generation
from chatbot.conversation.generation.responder import Responder
from chatbot.conversation.generation.retries import RetryListener
from chatbot.conversation.request_id import REQUEST_ID
from chatbot.conversation.turn import ANSWER_TIMEOUT, UNEXPECTED, Failure, Turn, TurnStatus

logger = logging.getLogger(__name__)


async def ask(
    generation: Generation,
    responder: Responder,
    *,
    pace: Callable[[], float],
    max_seconds: float,
    quotes_errors: bool = True,
) -> Turn:
    """Ask, let the answer grow, and return the turn as it ended, with how long it took.

    Args:
        generation: Where it grows, for whoever follows it. Cancelling the task it is asked in stops the answer.
        responder: Who answers.
        pace: Seconds between two reads of the answer once it has begun; the model may take note of it.
        max_seconds: The longest it may take.
        quotes_errors: Whether who asked reads the model's own words where it fails.
    """
    turn = await _asked(generation, responder, pace, max_seconds, quotes_errors=quotes_errors)
    return replace(turn, timing=generation.timing(), waiting=None)


async def _asked(
    generation: Generation, responder: Responder, pace: Callable[[], float], max_seconds: float, *, quotes_errors: bool
) -> Turn:
    config = RunnableConfig(callbacks=[RetryListener(generation.pause)], configurable={"stream_pace": pace})
    try:
        async with (
            asyncio.timeout(max_seconds) as limit,
            aclosing(responder.respond(generation.plan, config)) as events,
        ):
            async for event in events:
                generation.take(event)
    except asyncio.CancelledError:
        # Only stopping cancels this task, and it wants what there is to be kept.
        return replace(generation.turn, status=TurnStatus.STOPPED)
    except ModelError as error:
        turn = generation.turn
        # Where a recording has the filter refuse a question, no model did.
        if not turn.is_recorded:
            log_failure(error, turn.deployment, turn.question_text)
        return failed(turn, failure_of(error, quoted=quotes_errors))
    except Exception as error:
        if isinstance(error, TimeoutError) and limit.expired():
            known = {"kind": ANSWER_TIMEOUT, "deployment": generation.turn.deployment}
            logger.warning("An answer was not whole after %g seconds", max_seconds, extra={"data": known})
            return failed(generation.turn, Failure(ANSWER_TIMEOUT, {"seconds": max_seconds}))
        logger.exception("The model raised what is no ModelError")
        return failed(generation.turn, Failure(UNEXPECTED))
    return replace(generation.turn, status=TurnStatus.COMPLETE)


def failed(turn: Turn, failure: Failure) -> Turn:
    """Return a turn as one that failed, under the id by which the log tells of it."""
    if request := REQUEST_ID.get():
        failure = replace(failure, data={**failure.data, "request": request})
    return replace(turn, status=TurnStatus.FAILED, failure=failure)
