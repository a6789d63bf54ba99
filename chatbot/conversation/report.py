"""A conversation as a document tells of it: each turn with what the model was sent of those before it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.deployments import EffectiveOptions
from chatbot.conversation.options import OPTIONS
from chatbot.conversation.parts import Blob
from chatbot.conversation.store import Recent, StoredTurn
from chatbot.conversation.turn import ENDPOINT_REQUEST, Conversation, Turn, TurnMemory, Usage
from chatbot.conversation.turn_data import turn_data, turn_from
from chatbot.redaction import withhold


class ReportedTurn(NamedTuple):
    """A turn that is shown.

    Attributes:
        turn: The turn.
        plan: What its request would hold with today's settings, pins and exclusions: what it held is not kept.
    """

    turn: Turn
    plan: ContextPlan


class Report(NamedTuple):
    """All that a document tells of a conversation.

    Attributes:
        conversation: The conversation, without what is hidden.
        effective: Who answers in it, and how it is asked.
        turns: Those that are shown, in order.
        stored: All versions of all turns.
        data: The bytes that they refer to.
    """

    conversation: Conversation
    effective: EffectiveOptions
    turns: Sequence[ReportedTurn]
    stored: Sequence[StoredTurn]
    data: Mapping[Blob, bytes]


def redacted(
    conversation: Conversation, stored: Sequence[StoredTurn], hidden: Collection[str]
) -> tuple[Conversation, Sequence[StoredTurn]]:
    """Return a conversation without this process's secrets, and without the options that visitors do not see.

    Args:
        conversation: The conversation.
        stored: Its turns.
        hidden: Names of options, and of what else visitors do not see: without ``deployment``, turns do not say who
            answered, without ``tokens``, ``costs`` and ``details`` (times and ids) not what an answer took.
    """
    known: Conversation = withhold(conversation)
    without = dict.fromkeys(name for name in hidden if name in OPTIONS)
    known = replace(known, options=replace(known.options, **without), usage=_usage(known.usage, hidden) or Usage(0, 0))
    turns = []
    for each in stored:
        # As plain values, among which there are no words of ours that a secret could be taken for.
        turn = turn_from(withhold(turn_data(each.turn)))
        turns.append(StoredTurn(_without(turn, hidden), each.shown))
        time.sleep(0)
    return known, turns


def _without(turn: Turn, hidden: Collection[str]) -> Turn:
    if "deployment" in hidden:
        turn = replace(turn, deployment="")
    if "details" in hidden:
        notices = tuple(each for each in turn.notices if each.kind != ENDPOINT_REQUEST)
        turn = replace(turn, timing=None, notices=notices)
    return replace(turn, usage=_usage(turn.usage, hidden))


def _usage(usage: Usage | None, hidden: Collection[str]) -> Usage | None:
    if usage is None or "tokens" in hidden:
        return None
    return replace(usage, cost=None) if "costs" in hidden else usage


async def plans_of(
    turns: Sequence[Turn], effective_of: Callable[[Turn], EffectiveOptions]
) -> AsyncIterator[ContextPlan]:
    """Yield the plan of each turn's request, one at a time: others go on in between.

    Args:
        turns: Those that are shown, in order.
        effective_of: Returns who would be asked a turn's question, and how.
    """
    pinned: list[Turn] = []
    for number, turn in enumerate(turns):
        effective = effective_of(turn)
        before = Recent(turns[max(number - effective.lookback, 0) : number], tuple(pinned))
        yield effective.plan(before.candidates(effective.lookback), turn.question_text)
        if turn.memory is TurnMemory.PINNED:
            pinned.append(turn)
        await asyncio.sleep(0)
