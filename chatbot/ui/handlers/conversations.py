"""The list of conversations: open, begin, rename, delete, search."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chatbot.conversation import ConversationService, Options, TextTooLongError
from chatbot.ui.sessions import PageSession, Stale

MAX_SEARCH: Final = 1_000
"""Characters that are searched for."""


class ConversationHandlers:
    """What visitors do with their conversations."""

    def __init__(self, service: ConversationService) -> None:
        self._service = service

    async def new(self, session: PageSession) -> None:
        """Begin a new conversation; the old one stays, and its answer is written to its end."""
        # Who answers stays as it was chosen; everything else begins anew.
        chosen = Options(deployment=session.conversation.options.deployment)
        session.turn_to(replace(self._service.begin(session.owner), options=chosen))

    async def open(self, session: PageSession, id: str) -> None:  # noqa: A002
        """Show another conversation, and the answer that is being written in it."""
        session.turn_to(await self._service.open(session.owner, id))

    async def rename(self, session: PageSession, id: str, title: str) -> None:  # noqa: A002
        """Give a conversation another title."""
        await self._service.rename(await self._service.open(session.owner, id), title)
        session.redraw(Stale.CONVERSATIONS)

    async def name(self, session: PageSession, id: str) -> None:  # noqa: A002
        """Let the model find a title for a conversation."""
        conversation = await self._service.open(session.owner, id)
        session.naming = id
        session.redraw(Stale.CONVERSATIONS)
        try:
            await self._service.find_title(conversation, origin=session.origin)
        finally:
            session.naming = None
            session.redraw(Stale.CONVERSATIONS)

    async def delete(self, session: PageSession, id: str) -> None:  # noqa: A002
        """Delete a conversation; the list offers a way back."""
        conversation = await self._service.open(session.owner, id)
        if session.conversation.id == id:
            session.turn_to(self._service.begin(session.owner))
        await self._service.forget(conversation)
        session.deleted = conversation
        session.redraw()

    async def restore(self, session: PageSession, _: str) -> None:
        """Bring back what was deleted last, and show it."""
        if session.deleted is not None:
            conversation = await self._service.restore(session.deleted)
            session.deleted = None
            session.turn_to(conversation)

    async def search(self, session: PageSession, text: str) -> None:
        """List only the conversations with this in their title or text."""
        if len(text) > MAX_SEARCH:
            raise TextTooLongError("search", len(text), MAX_SEARCH)
        session.search = text
        session.redraw(Stale.CONVERSATIONS)
