"""One deployment after the other, until one of them says its first word; the visitor is told who answers, and why.

From its first word on an answer belongs to who gave it: stopped, filtered or broken off, nobody else goes on with it.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final, NamedTuple

from langchain_core.exceptions import (
    ModelAPIError,
    ModelConnectionError,
    ModelError,
    ModelRateLimitError,
    ModelTimeoutError,
)
from langchain_core.runnables import RunnableConfig

from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.context.learned import LEAST_ANSWER
from chatbot.conversation.deployments import EffectiveOptions
from chatbot.conversation.failures import kind_of, log_failure
from chatbot.conversation.generation.breaker import Breaker
from chatbot.conversation.generation.responder import (
    AnsweredBy,
    Bytes,
    Correction,
    Delta,
    Event,
    Responder,
    Step,
)
from chatbot.conversation.turn import Notice

_MOVE_ON: Final = (ModelRateLimitError, ModelTimeoutError, ModelConnectionError, ModelAPIError)
"""Out of capacity, too slow, out of reach, or broken: none of it is the request's fault."""

_REASONS: Final[Mapping[str, str]] = {
    "ModelRateLimitError": "out_of_capacity",
    "ModelConnectionError": "unreachable",
    "ModelAPIError": "failing",
}
"""The notice that tells a failure, by its kind; all others are time-outs."""

_VISIBLE: Final = (Delta, Bytes, Correction)


class NobodyLeftError(ModelError):
    """All who might answer are left alone for now.

    Attributes:
        condition: What the one who may be asked first failed of.
        retry_after: Seconds until then.
    """

    is_retryable = True

    def __init__(self, condition: str, retry_after: float) -> None:
        super().__init__()
        self.condition = condition
        self.retry_after = retry_after

    @classmethod
    def of(cls, breakers: Iterable[Breaker]) -> NobodyLeftError:
        """Return that of several who are all left alone: the first of them to be asked again tells how long."""
        soonest = min((each for each in breakers if each.cause), key=lambda it: it.seconds_left)
        return cls(soonest.cause, soonest.seconds_left)


class Candidate(NamedTuple):
    """One who may answer.

    Attributes:
        effective: Who it is, and how it is asked.
        plan: Plans the question for it.
        responder: Asks it.
        breaker: Knows whether it is worth asking.
    """

    effective: EffectiveOptions
    plan: Callable[[], ContextPlan]
    responder: Responder
    breaker: Breaker

    @property
    def name(self) -> str:
        """What people call it."""
        return self.effective.deployment.name


class FallbackResponder:
    """Asks the first of several who can take the request and is not left alone, and the next one where it fails.

    Args:
        candidates: In the order in which they are asked; the first is the one that was chosen.
    """

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._candidates = candidates

    async def respond(self, plan: ContextPlan, config: RunnableConfig) -> AsyncGenerator[Event]:
        """Stream the answer of one; as :meth:`~chatbot.conversation.generation.responder.Responder.respond`.

        Raises:
            NobodyLeftError: All are left alone for now.
            ModelError: The answer failed, or the last who was asked did.
        """
        passed: list[Notice] = []
        failure: ModelError | None = None
        failed = ""
        for candidate, asked in self._able(plan, passed):
            attempt = candidate.breaker.attempt()
            if attempt is None:
                passed.append(_left_alone(candidate))
                continue
            if failure is not None:
                # That of the last one is told by whoever takes it as the answer's.
                log_failure(failure, failed, plan.messages[-1].text)
            with attempt:
                async with aclosing(candidate.responder.respond(asked, config)) as events:
                    first: Event | None = None
                    try:
                        async for event in events:
                            if isinstance(event, _VISIBLE):
                                first = event
                                break
                            yield _explained(event, candidate.name, passed)
                    except ModelError as error:
                        if not may_pass(error):
                            attempt.succeeded()  # it answers, if only that it refuses this request
                            raise
                        attempt.failed(kind_of(error), getattr(error, "retry_after", None))
                        passed.append(_left_alone(candidate))
                        failure, failed, plan = error, candidate.name, asked
                        continue
                    attempt.succeeded()
                    if first is not None:
                        yield first
                        # Nothing is looked at between one word and the next.
                        async for event in events:
                            yield event
                    return
        if failure is None:
            yield AnsweredBy(self._candidates[0].name)
        yield Step(plan, tuple(passed))
        raise failure or NobodyLeftError.of(each.breaker for each in self._candidates)

    def _able(self, plan: ContextPlan, passed: list[Notice]) -> Iterator[tuple[Candidate, ContextPlan]]:
        """Yield who can take the request, each with its own plan; where nobody can, the first is to say so itself.

        Args:
            plan: That of the first.
            passed: Gets a notice of each who cannot.
        """
        found = False
        for candidate in self._candidates:
            asked = plan if candidate is self._candidates[0] else candidate.plan()
            if reason := _unable(candidate.effective, asked):
                passed.append(Notice(reason, {"deployment": candidate.name}))
            else:
                found = True
                yield candidate, asked
        if not found:
            passed.clear()
            yield self._candidates[0], plan


def may_pass(error: ModelError) -> bool:
    """Return whether a failure is none of the request's fault, so that somebody else may be asked."""
    return isinstance(error, _MOVE_ON) and error.is_retryable


def _unable(effective: EffectiveOptions, plan: ContextPlan) -> str:
    """The notice that tells why a deployment cannot take a request; empty where it can, as far as is known."""
    if not effective.deployment.vision and plan.has_pictures:
        return "reads_no_pictures"
    size = effective.context_size
    least = sum(section.tokens for section in plan.sections if section.always_sent) + LEAST_ANSWER
    return "too_long_for" if size is not None and least > size else ""


def _left_alone(candidate: Candidate) -> Notice:
    kind = _REASONS.get(candidate.breaker.cause, "too_slow")
    seconds = max(math.ceil(candidate.breaker.seconds_left), 1)
    return Notice(kind, {"deployment": candidate.name, "seconds": seconds})


def _explained(event: Event, name: str, passed: Sequence[Notice]) -> Event:
    """The event, with who was passed over and why where a request goes out to one who stands in."""
    if not passed or not isinstance(event, Step):
        return event
    return replace(event, notices=(Notice("stands_in", {"deployment": name}), *passed, *event.notices))
