"""Deciding about the memory: which turns are in it."""

from __future__ import annotations

from chatbot.conversation import ConversationService, TurnMemory
from chatbot.ui.sessions import PageSession, Stale


class MemoryHandlers:
    """Pins and exclusions, and what becomes of the hint about a turn that a question mentions."""

    def __init__(self, service: ConversationService) -> None:
        self._service = service

    async def mark(self, session: PageSession, index: int, memory: TurnMemory) -> None:
        """Pin a turn, exclude it, or leave it to the window."""
        session.conversation = await self._service.set_memory(session.conversation, index, memory)
        session.withdraw_hint()
        session.redraw(Stale.VIEW)

    async def dismiss(self, session: PageSession, index: int) -> None:
        """Take the hint about a turn away; it does not come back with the next letter of this question."""
        session.dismissed.add(index)
        session.withdraw_hint()
