"""Deciding about the memory: which turns are in it."""

from __future__ import annotations

import gradio as gr

from chatbot.conversation import ConversationService, TurnMemory
from chatbot.ui.handlers.errors import handle_errors
from chatbot.ui.sessions import PageSessions, Stale


class MemoryHandlers:
    """Pins and exclusions, and what becomes of the hint about a turn that a question mentions."""

    def __init__(self, service: ConversationService, sessions: PageSessions) -> None:
        self._service = service
        self.sessions = sessions

    @handle_errors
    async def mark(self, index: int, memory: str, request: gr.Request) -> None:
        """Pin a turn, exclude it, or leave it to the window."""
        session = await self.sessions.of(request)
        session.conversation = await self._service.set_memory(session.conversation, index, TurnMemory(memory))
        session.withdraw_hint()
        session.redraw(Stale.VIEW)

    @handle_errors
    async def dismiss(self, index: int, request: gr.Request) -> None:
        """Take the hint about a turn away; it does not come back with the next letter of this question."""
        session = await self.sessions.of(request)
        session.dismissed.add(index)
        session.withdraw_hint()
