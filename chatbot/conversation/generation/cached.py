"""Answers that were given before to the very same request, in place of asking an endpoint again."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from langchain_core.caches import BaseCache
from langchain_core.outputs import Generation
from langchain_core.runnables import RunnableConfig

from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.deployments import EffectiveOptions
from chatbot.conversation.generation.responder import (
    AnsweredBy,
    Correction,
    Delta,
    Event,
    Finish,
    Responder,
    Step,
)
from chatbot.conversation.parts import (
    Citation,
    NonStandard,
    Part,
    Reasoning,
    Text,
    answer_data,
    answer_of,
    extended,
    reasoning_of,
    text_of,
)
from chatbot.conversation.turn import FROM_CACHE, Notice, is_blank

logger = logging.getLogger(__name__)

COMPLETE: Final = frozenset({"stop", "end_turn", "eos", "eos_token", "stop_sequence"})
"""Endpoints' words for the end of a complete answer. One that is cut by length or filtered has another, and where
there is none, nobody knows."""

MAX_CHARACTERS: Final = 50_000
"""Of an answer that is kept: so many of them stay within a bound of memory."""

LOOKUP_SECONDS: Final = 1.0
UPDATE_SECONDS: Final = 2.0
"""How long an answer waits for a cache that does not reply."""

_KEPT: Final = (Text, Reasoning, Citation, NonStandard)
"""Parts of an answer that can be told again: pictures and files are their owner's, and tools are run."""


@dataclass(frozen=True, slots=True)
class _Answer:
    parts: tuple[Part, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class _Key:
    """As LangChain's caches take it. Both are digests: what was asked is not in a cache."""

    prompt: str
    llm: str


class AnswerCache:
    """Finds and keeps answers, each for its owner alone unless it is shared.

    Args:
        cache: Any of LangChain's; its own bound is what bounds it.
        seconds: How long an answer may be told again.
        shared: Whether one visitor may be told what another was.
    """

    def __init__(self, cache: BaseCache, seconds: float, *, shared: bool = False) -> None:
        self._cache = cache
        self._seconds = seconds
        self._shared = shared

    def around(
        self, responder: Responder, effective: EffectiveOptions, owner: str, *, is_retry: bool
    ) -> CachedResponder:
        """Return a responder that asks another one for what is not here.

        Args:
            responder: The other one.
            effective: Who is to answer, and how it is asked.
            owner: Who asks.
            is_retry: Whether the same was asked before and another answer is wanted: it takes the place of that one.
        """
        return CachedResponder(responder, self, effective, owner, is_retry=is_retry)

    def key(self, plan: ContextPlan, effective: EffectiveOptions, owner: str) -> _Key:
        """Return what an answer is found by: all that the request tells, whom, and whose it is."""
        messages = [message.model_dump(mode="json", exclude={"id"}) for message in plan.messages]
        told = [effective.deployment.name, effective.request_parameters(plan), "" if self._shared else owner]
        return _Key(_digest(messages), _digest(told))

    async def find(self, key: _Key) -> _Answer | None:
        """Return the answer that is kept under a key, if there is one and its time is not over."""
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                found = await self._cache.alookup(key.prompt, key.llm)
            return self._read(found[0].text) if found else None
        except Exception as error:  # noqa: BLE001 - whatever a cache raises, the endpoint can be asked
            logger.warning("The cache of answers could not be read: %r", error)
            return None

    async def keep(self, key: _Key, answer: _Answer) -> None:
        """Keep an answer, in place of what is there."""
        kept = {
            "text": text_of(answer.parts),
            "reasoning": reasoning_of(answer.parts),
            "parts": answer_data(answer.parts),
            "reason": answer.reason,
            "at": time.time(),
        }
        try:
            async with asyncio.timeout(UPDATE_SECONDS):
                await self._cache.aupdate(key.prompt, key.llm, [Generation(text=json.dumps(kept))])
        except Exception as error:  # noqa: BLE001 - the answer is there all the same
            logger.warning("An answer could not be kept in the cache: %r", error)

    def _read(self, kept: str) -> _Answer | None:
        found = json.loads(kept)
        if found["at"] + self._seconds < time.time():
            return None
        return _Answer(answer_of(found["text"], found["reasoning"], found["parts"]), found["reason"])


class CachedResponder:
    """Tells the answer that was given before, or has another responder answer and keeps that where it is complete.

    Args:
        responder: The other one.
        cache: Where answers are.
        effective: Who is to answer, and how it is asked.
        owner: Who asks.
        is_retry: Whether what is kept is not wanted.
    """

    def __init__(
        self, responder: Responder, cache: AnswerCache, effective: EffectiveOptions, owner: str, *, is_retry: bool
    ) -> None:
        self._responder = responder
        self._cache = cache
        self._effective = effective
        self._owner = owner
        self._is_retry = is_retry

    async def respond(self, plan: ContextPlan, config: RunnableConfig) -> AsyncGenerator[Event]:
        """Tell or stream the answer; as :meth:`Responder.respond`. No usage is told of one that was kept."""
        # A request may be long, and a picture in it very long.
        key = await asyncio.to_thread(self._cache.key, plan, self._effective, self._owner)
        known = None if self._is_retry else await self._cache.find(key)
        if known is not None:
            yield AnsweredBy(self._effective.deployment.name)
            yield Step(plan, (Notice(FROM_CACHE),))
            for part in known.parts:
                yield Delta(part)
            yield Finish(known.reason)
            return
        parts: list[Part] = []
        reason, is_its_own = "", True
        async with aclosing(self._responder.respond(plan, config)) as events:
            async for event in events:
                if isinstance(event, Delta):
                    parts.append(event.part)
                elif isinstance(event, Correction):
                    parts = list(event.answer)
                elif isinstance(event, Finish):
                    reason = event.reason
                elif isinstance(event, AnsweredBy):
                    # One that stands in for it is asked only as long as it cannot answer itself.
                    is_its_own = event.deployment == self._effective.deployment.name
                yield event
        # Whoever stops or fails does not get here.
        answer = _Answer(extended((), parts), reason)
        if is_its_own and _is_worth_keeping(answer):
            await self._cache.keep(key, answer)


def _is_worth_keeping(answer: _Answer) -> bool:
    if answer.reason not in COMPLETE or not all(isinstance(part, _KEPT) for part in answer.parts):
        return False
    text = text_of(answer.parts)
    return not is_blank(text) and len(text) + len(reasoning_of(answer.parts)) <= MAX_CHARACTERS


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
