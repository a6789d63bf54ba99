"""The list of conversations: open, begin, rename, delete, search."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import gradio as gr

from chatbot.conversation import ConversationService, Options, TextTooLongError
from chatbot.ui.handlers.errors import handle_errors
from chatbot.ui.sessions import PageSessions, Stale

MAX_SEARCH: Final = 1_000
"""Characters that are searched for."""


class ConversationHandlers:
    """What visitors do with their conversations."""

    def __init__(self, service: ConversationService, sessions: PageSessions) -> None:
        self._service = service
        self.sessions = sessions

    @handle_errors
    async def new(self, request: gr.Request) -> None:
        """Begin a new conversation; the old one stays, and its answer is written to its end."""
        session = await self.sessions.of(request)
        # Who answers stays as it was chosen; everything else begins anew.
        chosen = Options(deployment=session.conversation.options.deployment)
        session.turn_to(replace(self._service.begin(session.owner), options=chosen))

    @handle_errors
    async def open(self, id: str, request: gr.Request) -> None:  # noqa: A002
        """Show another conversation, and the answer that is being written in it."""
        session = await self.sessions.of(request)
        session.turn_to(await self._service.open(session.owner, id))

    @handle_errors
    async def rename(self, id: str, title: str, request: gr.Request) -> None:  # noqa: A002
        """Give a conversation another title."""
        session = await self.sessions.of(request)
        await self._service.rename(await self._service.open(session.owner, id), title)
        session.redraw(Stale.CONVERSATIONS)

    @handle_errors
    async def name(self, id: str, request: gr.Request) -> None:  # noqa: A002
        """Let the model find a title for a conversation."""
        session = await self.sessions.of(request)
        conversation = await self._service.open(session.owner, id)
        session.naming = id
        session.redraw(Stale.CONVERSATIONS)
        try:
            await self._service.find_title(conversation, origin=session.origin)
        finally:
            session.naming = None
            session.redraw(Stale.CONVERSATIONS)

    @handle_errors
    async def delete(self, id: str, request: gr.Request) -> None:  # noqa: A002
        """Delete a conversation; the list offers a way back."""
        session = await self.sessions.of(request)
        conversation = await self._service.open(session.owner, id)
        if session.conversation.id == id:
            session.turn_to(self._service.begin(session.owner))
        await self._service.forget(conversation)
        session.deleted = conversation
        session.redraw()

    @handle_errors
    async def restore(self, _: str, request: gr.Request) -> None:
        """Bring back what was deleted last, and show it."""
        session = await self.sessions.of(request)
        if session.deleted is not None:
            conversation = await self._service.restore(session.deleted)
            session.deleted = None
            session.turn_to(conversation)

    @handle_errors
    async def search(self, text: str, request: gr.Request) -> None:
        """List only the conversations with this in their title or text."""
        session = await self.sessions.of(request)
        if len(text) > MAX_SEARCH:
            raise TextTooLongError("search", len(text), MAX_SEARCH)
        session.search = text
        session.redraw(Stale.CONVERSATIONS)
