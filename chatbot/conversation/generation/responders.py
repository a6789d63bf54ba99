"""Who responds in a conversation: its deployment alone, or that and those that stand in for it."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.deployments import Deployment, EffectiveOptions
from chatbot.conversation.generation.breaker import Breaker
from chatbot.conversation.generation.fallback import Candidate, FallbackResponder
from chatbot.conversation.generation.naming import Namer
from chatbot.conversation.generation.responder import Responder, StreamingResponder


class Responders:
    """Makes the responder of each answer. Only deployments that others stand in for, and these, have a breaker.

    Args:
        deployments: Who can answer, by name.
        clock: Seconds from whenever, for the breakers.

    Raises:
        ValueError: One names as its fallback what is no deployment, or one that falls back on it in turn.
    """

    def __init__(self, deployments: Mapping[str, Deployment], clock: Callable[[], float] = time.monotonic) -> None:
        self._stand_ins = {name: _stand_ins(deployments, name) for name in deployments}
        self.breakers: Mapping[str, Breaker] = {
            each: Breaker(clock)
            for name, stand_ins in self._stand_ins.items()
            for each in (name, *(one.name for one in stand_ins))
            if stand_ins
        }
        """By the name of the deployment."""

    def order(self, effective: EffectiveOptions) -> Iterator[EffectiveOptions]:
        """Yield who is asked, and whoever stands in, as the conversation asks each.

        What the conversation chose holds for all of them, within the limits of each. So does the system prompt: what
        the first was told to be, those that stand in for it are to be as well.
        """
        yield effective
        for other in self._stand_ins.get(effective.deployment.name, ()):
            options = replace(other.within_limits(effective.options), system_prompt=effective.system_prompt)
            yield replace(effective, deployment=other, options=options)

    def namers(self, effective: EffectiveOptions) -> Sequence[Namer]:
        """Return who is asked for a title, in this order: as for a question, whoever stands in is asked as well."""
        return [(each, self.breakers.get(each.deployment.name)) for each in self.order(effective)]

    def lookback(self, effective: EffectiveOptions) -> int:
        """Return how many of the newest turns are looked at, by whoever answers."""
        return max(each.lookback for each in self.order(effective))

    def responder(
        self,
        effective: EffectiveOptions,
        plan: Callable[[EffectiveOptions], ContextPlan],
        failing: Deployment | None = None,
    ) -> Responder:
        """Return who responds to one question.

        Args:
            effective: Who is asked, and how.
            plan: Plans the question for whoever is asked, each time with what was learned meanwhile.
            failing: Who is asked in the place of the first. It is to fail, which is nothing that others should learn
                of: it has a breaker of its own.
        """
        first, *others = self.order(effective)
        if failing is not None:
            first = replace(first, deployment=failing)
        if not others:
            return StreamingResponder(first, partial(plan, first))
        candidates = [self._candidate(each, partial(plan, each)) for each in (first, *others)]
        if failing is not None:
            candidates[0] = candidates[0]._replace(breaker=Breaker())
        return FallbackResponder(candidates)

    def _candidate(self, effective: EffectiveOptions, plan: Callable[[], ContextPlan]) -> Candidate:
        breaker = self.breakers[effective.deployment.name]
        return Candidate(effective, plan, StreamingResponder(effective, plan), breaker)


def _stand_ins(deployments: Mapping[str, Deployment], name: str) -> list[Deployment]:
    """Return those that stand in for a deployment, then those that stand in for them."""
    found = [name]
    for current in found:  # grows meanwhile
        for each in deployments[current].fallback:
            if each not in deployments:
                close = difflib.get_close_matches(each, deployments, n=1)
                mend = f"; did you mean “{close[0]}”?" if close else ""
                raise ValueError(f"“{current}” falls back on “{each}”, which is no deployment{mend}")
            if each == name:
                raise ValueError(f"“{name}” falls back on itself, for “{current}” falls back on it")
            if each not in found:
                found.append(each)
    return [deployments[each] for each in found[1:]]
