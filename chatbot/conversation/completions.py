"""Answers to requests that bring their messages along: nothing of them is kept but what was used.

They are admitted, limited, counted and told of as turns are, by the same deployments with the same breakers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from langchain_core.messages import BaseMessage, SystemMessage

from chatbot.conversation.caller import Caller
from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.context.given import given_plan
from chatbot.conversation.deployments import Deployment, Deployments, EffectiveOptions
from chatbot.conversation.generation import Generation, GenerationListener
from chatbot.conversation.generation.admission import Admission, Asker
from chatbot.conversation.generation.asking import ask
from chatbot.conversation.generation.responders import Responders
from chatbot.conversation.options import Options
from chatbot.conversation.parts import text_parts
from chatbot.conversation.quota import Quota, Reservation, largest, most_of_plan, usage_of
from chatbot.conversation.store import UsageStore
from chatbot.conversation.turn import Conversation, Turn

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """What is to be answered.

    Attributes:
        owner: Who it is counted for.
        deployment: Who is to answer.
        messages: All that the model is to know.
        options: How it is asked, within the limits of the deployment; what visitors may not choose counts as not set.
        further: What else is told the model: tools, and parameters that are no option.
    """

    owner: str
    deployment: Deployment
    messages: Sequence[BaseMessage]
    options: Options = field(default_factory=Options)
    further: Mapping[str, Any] = field(default_factory=dict)


class Completions:
    """Begins answers, and keeps track of them until they have ended.

    Args:
        deployments: Who can answer.
        responders: Makes who responds, with those that stand in.
        admission: Lets them begin, beside all else that is written.
        quota: Lets them begin as long as the limits are kept, and is told what they took.
        usage: Where they are counted.
        listener: Told of every one.
        max_seconds: The longest one may take in all, unless its deployment has a time of its own.
    """

    def __init__(
        self,
        deployments: Deployments,
        responders: Responders,
        admission: Admission,
        quota: Quota,
        usage: UsageStore,
        listener: GenerationListener,
        max_seconds: float,
    ) -> None:
        self._deployments = deployments
        self._responders = responders
        self._admission = admission
        self._quota = quota
        self._usage = usage
        self._listener = listener
        self._max_seconds = max_seconds
        self._running: set[Generation] = set()

    def reads_pictures(self, deployment: Deployment) -> bool:
        """Return whether a deployment reads pictures, or one that stands in for it does."""
        effective = self._deployments.asked(deployment, Conversation("", ""))
        return any(each.deployment.vision for each in self._responders.order(effective))

    async def begin(self, request: CompletionRequest, caller: Caller) -> Generation:
        """Start an answer, which goes on until it has ended or is stopped.

        Raises:
            ApplicationRestartingError: The application is about to end.
            ApplicationBusyError: Too many answers are being written.
            OwnerBusyError: Too many of them are the owner's.
            OriginBusyError: Too many of them were asked for from the same place.
            LimitError: The owner, or all at the address, used as much as they may for now.
            BudgetError: Everybody together did for today; nobody stands in, for a program may not see who answers.
        """
        # What the owner's requests teach of counting tokens is kept by this name.
        conversation = Conversation(request.owner, request.owner, options=request.options)
        effective = replace(self._deployments.asked(request.deployment, conversation), further=request.further)
        plan = partial(self._plan, request.messages)
        asker = Asker("", request.owner, caller)
        self._admission.admit(asker)
        reserved = Reservation()
        try:
            planned = await self._planned(request.messages, effective)
            if self._quota.is_limited:
                _, *others = self._responders.order(effective)
                plans = [planned, *[await self._planned(request.messages, each) for each in others]]
                most = largest([*map(most_of_plan, (effective, *others), plans)])
                reserved = await self._quota.reserve(request.owner, caller, most, may_hand_over=False)
        except BaseException:
            self._admission.leave(asker)
            raise
        said = "\n".join(str(message.text) for message in request.messages)
        turn = Turn(0, text_parts(said), deployment=request.deployment.name)
        generation = Generation(turn, conversation, planned)
        self._running.add(generation)
        generation.task = asyncio.create_task(self._write(generation, effective, plan, asker, reserved))
        return generation

    async def drain(self, seconds: float) -> None:
        """Return when those that are being written have ended, or the time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while running := self._tasks():
                    await asyncio.wait(running)

    async def aclose(self) -> None:
        """End all that are being written."""
        for generation in self._running:
            generation.stop()
        if running := self._tasks():
            await asyncio.wait(running)

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [each.task for each in self._running if each.task is not None]

    def _plan(self, messages: Sequence[BaseMessage], asked: EffectiveOptions) -> ContextPlan:
        return given_plan(*self._given(messages, asked))

    async def _planned(self, messages: Sequence[BaseMessage], asked: EffectiveOptions) -> ContextPlan:
        # In a thread: the words of a program may be millions, and all are counted.
        return await asyncio.to_thread(given_plan, *self._given(messages, asked))

    def _given(
        self, messages: Sequence[BaseMessage], asked: EffectiveOptions
    ) -> tuple[Sequence[BaseMessage], Mapping[str, Any], Callable[[str], int]]:
        if "system_prompt" in self._deployments.locked and asked.system_prompt:
            messages = [SystemMessage(asked.system_prompt), *messages]
        return messages, asked.parameters, asked.deployment.learned.counter(asked.conversation_id)

    async def _write(
        self,
        generation: Generation,
        effective: EffectiveOptions,
        plan: Callable[[EffectiveOptions], ContextPlan],
        asker: Asker,
        reserved: Reservation,
    ) -> None:
        turn = generation.turn
        self._listener.began(generation)
        try:
            turn = await ask(
                generation,
                self._responders.responder(effective, plan),
                pace=self._admission.pace,
                max_seconds=effective.deployment.answer_timeout or self._max_seconds,
                quotes_errors=self._deployments.quotes_errors_to(asker.caller),
            )
            generation.stoppable = False
            await reserved.settle(usage_of(turn, generation.plan, effective))
            await self._count(asker.owner, turn)
        finally:
            self._admission.leave(asker)
            self._running.remove(generation)
            generation.end(turn)
            self._listener.ended(generation, turn)

    async def _count(self, owner: str, turn: Turn) -> None:
        try:
            await self._usage.record(owner, turn)
        except Exception:
            logger.exception("An answer could not be counted")
