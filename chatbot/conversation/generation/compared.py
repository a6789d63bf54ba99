"""Answers that are compared: each says what it was sent, for whoever reads it when that is not seen any more."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import replace

from langchain_core.runnables import RunnableConfig

from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.deployments import EffectiveOptions
from chatbot.conversation.generation.responder import Event, Responder, Step
from chatbot.conversation.turn import COMPARED, Notice


class ComparedResponder:
    """Lets another responder answer, and adds to each of its requests how it was made.

    Args:
        responder: Who answers.
        effective: How it is asked.
    """

    def __init__(self, responder: Responder, effective: EffectiveOptions) -> None:
        self._responder = responder
        self._effective = effective

    async def respond(self, plan: ContextPlan, config: RunnableConfig) -> AsyncGenerator[Event]:
        """Stream the answer; as :meth:`Responder.respond`."""
        async with aclosing(self._responder.respond(plan, config)) as events:
            async for event in events:
                if isinstance(event, Step):
                    event = replace(event, notices=(*event.notices, *self._notices(event.plan)))
                yield event

    def _notices(self, plan: ContextPlan) -> Iterator[Notice]:
        yield Notice(COMPARED, {"k": plan.k, "count": len(plan.remembered), "tokens": plan.tokens})
        if not self._effective.pins:
            yield Notice(f"{COMPARED}_without_pins")
        if self._effective.options.token_budget is not None:
            yield Notice(f"{COMPARED}_budget", {"budget": self._effective.options.token_budget})
