"""The words of whole conversations, kept at hand so that what is mentioned is found without reading them again."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

from chatbot.conversation.context.window import ContextPlan, exclusion_reason
from chatbot.conversation.recall.index import Mention, TurnIndex
from chatbot.conversation.store import ConversationStore
from chatbot.conversation.turn import Conversation, Turn, TurnMemory

KEPT: Final = 16
"""How many conversations are kept at hand: the ones asked in most recently."""


class RecallService:
    """Finds what a question mentions of turns that the model is not sent.

    Args:
        store: Where the turns are.
    """

    def __init__(self, store: ConversationStore) -> None:
        self._store = store
        self._kept: OrderedDict[str, _Known] = OrderedDict()
        self._building = asyncio.Lock()

    async def find(self, conversation: Conversation, text: str, plan: ContextPlan) -> Mention | None:
        """Return what ``text`` mentions of the forgotten turns of a conversation, given what its request holds."""
        if not plan.forgets:
            return None
        known = await self._known(conversation)
        if conversation.id in self._kept:
            self._kept.move_to_end(conversation.id)
        forgotten = known.indices - {turn.index for turn in plan.remembered}
        return known.index.find(text, forgotten, plan.remembered)

    async def _known(self, conversation: Conversation) -> _Known:
        known = self._kept.get(conversation.id)
        if known is not None and known.revision == conversation.revision:
            return known
        # One at a time: the next keystroke finds what the one before it has built.
        async with self._building:
            known = self._kept.get(conversation.id)
            if known is None or known.revision != conversation.revision:
                known = await self._build(conversation)
                self._kept[conversation.id] = known
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return known

    async def _build(self, conversation: Conversation) -> _Known:
        known = _Known(conversation.revision)
        async with aclosing(self._store.newest(conversation.id)) as pages:
            async for turns in pages:
                # Takes longer than the other visitors should wait.
                await asyncio.to_thread(known.add_all, turns)
                if known.index.is_full:
                    break
        return known

    def grown(self, conversation_id: str, revision: int, turn: Turn) -> None:
        """Take in a turn that was added at the end of a conversation and brought it to ``revision``."""
        known = self._kept.get(conversation_id)
        if known is not None and known.revision == revision - 1:
            known.revision = revision
            known.add(turn)


class _Known:
    """What is at hand of one conversation, at one revision of it."""

    def __init__(self, revision: int) -> None:
        self.revision = revision
        self.index = TurnIndex()
        self.indices: set[int] = set()

    def add_all(self, turns: Sequence[Turn]) -> None:
        for turn in turns:
            self.add(turn)
            # The event loop wants the interpreter too.
            time.sleep(0)

    def add(self, turn: Turn) -> None:
        # What is left out for a reason is not offered, nor what is pinned and would not fit all the same.
        if turn.memory is TurnMemory.AUTO and exclusion_reason(turn) is None:
            self.index.add(turn)
            self.indices.add(turn.index)
