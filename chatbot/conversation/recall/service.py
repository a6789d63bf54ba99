"""The words of whole conversations, kept at hand so that what is mentioned is found without reading them again."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Final

from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.context.window import exclusion_reason
from chatbot.conversation.recall.index import Mention, TurnIndex
from chatbot.conversation.store import ConversationStore
from chatbot.conversation.turn import Conversation, Turn, TurnMemory

KEPT: Final = 16
"""How many conversations are kept at hand: the ones asked in most recently."""

MAX_BUILDS: Final = 16
"""How many indexes are built at once, one for each owner: who asks beyond that is offered nothing for now."""

PIECE: Final = 50
"""Turns that are read and taken in at a time: the pieces of all that are built at once take turns."""

PIECES_AT_ONCE: Final = 2
"""One is read while the words of another are taken in."""


class RecallService:
    """Finds what a question mentions of turns that the model is not sent.

    Args:
        store: Where the turns are.
    """

    def __init__(self, store: ConversationStore) -> None:
        self._store = store
        self._kept: OrderedDict[str, _Known] = OrderedDict()
        self._builds: dict[str, _Build] = {}
        self._pieces = asyncio.Semaphore(PIECES_AT_ONCE)

    async def find(self, conversation: Conversation, text: str, plan: ContextPlan) -> Mention | None:
        """Return what ``text`` mentions of the forgotten turns of a conversation, given what its request holds.

        Nothing, too, where the owner asks about another conversation before this one has been read, or too many
        others are being read.
        """
        if not plan.forgets:
            return None
        known = await self._known(conversation)
        if known is None:
            return None
        if conversation.id in self._kept:
            self._kept.move_to_end(conversation.id)
        forgotten = known.indices - {turn.index for turn in plan.remembered}
        return known.index.find(text, forgotten, plan.remembered)

    def close(self) -> None:
        """End what is being read, after the piece that is being read."""
        for build in self._builds.values():
            build.is_wanted = False

    async def _known(self, conversation: Conversation) -> _Known | None:
        known = self._kept.get(conversation.id)
        if known is not None and known.revision == conversation.revision:
            return known
        build = self._builds.get(conversation.owner)
        # The next question finds what the one before it has begun to build.
        if build is None or build.conversation != (conversation.id, conversation.revision):
            if build is not None:
                build.is_wanted = False
            elif len(self._builds) >= MAX_BUILDS:
                return None
            build = self._builds[conversation.owner] = _Build(conversation)
            build.task = asyncio.create_task(self._build(conversation, build))
        # Whoever asked goes away, and others may be waiting for the same.
        return await asyncio.shield(build.task)

    async def _build(self, conversation: Conversation, build: _Build) -> _Known | None:
        known, before = _Known(conversation.revision), None
        try:
            while build.is_wanted:
                async with self._pieces:
                    turns = await self._store.tail(conversation.id, PIECE, before=before)
                    # Takes longer than the other visitors should wait.
                    await asyncio.to_thread(known.add_all, turns)
                if len(turns) < PIECE or known.index.is_full:
                    if build.is_wanted:
                        self._keep(conversation.id, known)
                    return known
                before = turns[0].index
            return None
        finally:
            if self._builds.get(conversation.owner) is build:
                del self._builds[conversation.owner]

    def _keep(self, conversation_id: str, known: _Known) -> None:
        self._kept[conversation_id] = known
        self._kept.move_to_end(conversation_id)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def forget(self, conversation_ids: Collection[str]) -> None:
        """Let go of what is at hand of conversations that are gone."""
        for id in conversation_ids:  # noqa: A001
            self._kept.pop(id, None)
        for build in self._builds.values():
            build.is_wanted &= build.conversation[0] not in conversation_ids

    def grown(self, conversation_id: str, revision: int, turn: Turn) -> None:
        """Take in a turn that was added at the end of a conversation and brought it to ``revision``."""
        known = self._kept.get(conversation_id)
        if known is not None and known.revision == revision - 1:
            known.revision = revision
            known.add(turn)


class _Build:
    """The reading of one conversation at one revision of it."""

    task: asyncio.Task[_Known | None]

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation.id, conversation.revision
        self.is_wanted = True


class _Known:
    """What is at hand of one conversation, at one revision of it."""

    def __init__(self, revision: int) -> None:
        self.revision = revision
        self.index = TurnIndex()
        self.indices: set[int] = set()

    def add_all(self, turns: Sequence[Turn]) -> None:
        # The newest first: where there are too many, the oldest are let go.
        for turn in reversed(turns):
            self.add(turn)
            # The event loop wants the interpreter too.
            time.sleep(0)

    def add(self, turn: Turn) -> None:
        # What is left out for a reason is not offered, nor what is pinned and would not fit all the same.
        if turn.memory is TurnMemory.AUTO and exclusion_reason(turn) is None:
            self.index.add(turn)
            self.indices.add(turn.index)
