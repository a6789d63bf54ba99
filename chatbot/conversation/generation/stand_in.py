"""Answers by somebody else than was chosen, since the day's budget is used up: each says so."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from langchain_core.runnables import RunnableConfig

from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.generation.responder import AnsweredBy, Event, Responder, Step
from chatbot.conversation.turn import OVER_BUDGET, Notice


class StandInResponder:
    """Lets another responder answer, and adds to each of its requests why it does.

    Args:
        responder: Who stands in.
        chosen: Name of the deployment that would have answered.
    """

    def __init__(self, responder: Responder, chosen: str) -> None:
        self._responder = responder
        self._chosen = chosen

    async def respond(self, plan: ContextPlan, config: RunnableConfig) -> AsyncGenerator[Event]:
        """Stream the answer; as :meth:`Responder.respond`."""
        answering = ""
        async with aclosing(self._responder.respond(plan, config)) as events:
            async for event in events:
                if isinstance(event, AnsweredBy):
                    answering = event.deployment
                elif isinstance(event, Step):
                    notice = Notice(OVER_BUDGET, {"answering": answering, "chosen": self._chosen})
                    event = replace(event, notices=(notice, *event.notices))
                yield event
