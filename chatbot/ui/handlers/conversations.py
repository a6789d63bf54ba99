"""The list of conversations: open, begin, rename, pin, archive, delete, search."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chatbot.conversation import ConversationNotFoundError, ConversationService, Options, TextTooLongError
from chatbot.conversation.service import LISTED
from chatbot.ui.sessions import PageSession, Removed, Stale

MOST_LISTED: Final = 8 * LISTED
"""How many conversations a list has at most: it is drawn with every message. Older ones are searched for."""

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
        try:
            conversation = await self._service.open(session.owner, id)
        except ConversationNotFoundError:
            # The address may name it by now.
            session.browser.forget_value("chat")
            raise
        session.turn_to(conversation)

    async def rename(self, session: PageSession, id: str, title: str) -> None:  # noqa: A002
        """Give a conversation another title."""
        conversation = await self._service.rename(await self._service.open(session.owner, id), title)
        if session.conversation.id == id:
            session.title = conversation.title
        session.redraw(Stale.CONVERSATIONS)

    async def name(self, session: PageSession, id: str) -> None:  # noqa: A002
        """Let the model find a title for a conversation."""
        conversation = await self._service.open(session.owner, id)
        session.naming = id
        session.redraw(Stale.CONVERSATIONS)
        try:
            title = await self._service.find_title(conversation, caller=session.caller)
            if session.conversation.id == id:
                session.title = title
        finally:
            session.naming = None
            session.redraw(Stale.CONVERSATIONS)

    async def delete(self, session: PageSession, id: str) -> None:  # noqa: A002
        """Delete a conversation; the list offers a way back."""
        conversation = await self._service.open(session.owner, id)
        if session.conversation.id == id:
            session.turn_to(self._service.begin(session.owner))
        await self._service.forget(conversation)
        session.removed = Removed("deleted", conversation)
        session.has_archived = None
        session.redraw()

    async def restore(self, session: PageSession, _: str) -> None:
        """Bring back what was deleted or archived last, and show it."""
        if session.removed is not None:
            how, conversation = session.removed
            if how == "deleted":
                conversation = await self._service.restore(conversation)
            else:
                conversation = await self._service.archive(conversation, is_archived=False)
            session.has_archived = None
            session.turn_to(conversation)

    async def let_go(self, session: PageSession) -> None:
        """Offer no longer to bring back what was deleted or archived last."""
        session.removed = None
        session.redraw(Stale.CONVERSATIONS)

    async def pin(self, session: PageSession, id: str, *, is_pinned: bool) -> None:  # noqa: A002
        """Keep a conversation on top of the list, or no longer."""
        await self._service.pin(await self._service.open(session.owner, id), is_pinned=is_pinned)
        session.redraw(Stale.CONVERSATIONS)

    async def archive(self, session: PageSession, id: str) -> None:  # noqa: A002
        """Put a conversation out of the list, and off the page; the list offers a way back."""
        conversation = await self._service.archive(await self._service.open(session.owner, id), is_archived=True)
        if session.conversation.id == id:
            session.turn_to(self._service.begin(session.owner))
        session.removed = Removed("archived", conversation)
        session.has_archived = True
        session.redraw()

    async def unarchive(self, session: PageSession, id: str) -> None:  # noqa: A002
        """Put a conversation back into the list."""
        await self._service.archive(await self._service.open(session.owner, id), is_archived=False)
        session.removed = session.has_archived = None
        session.redraw(Stale.CONVERSATIONS)

    async def more(self, session: PageSession) -> None:
        """List more of the conversations."""
        session.listed = min(session.listed + LISTED, MOST_LISTED)
        session.redraw(Stale.CONVERSATIONS)

    async def filter(self, session: PageSession, archived: bool) -> None:
        """List the archived conversations instead of the others, or the others again."""
        session.lists_archived = archived
        session.listed = LISTED
        session.redraw(Stale.CONVERSATIONS)

    async def search(self, session: PageSession, text: str) -> None:
        """List only the conversations with this in their title or text."""
        if len(text) > MAX_SEARCH:
            raise TextTooLongError("search", len(text), MAX_SEARCH)
        session.search = text
        session.listed = LISTED
        session.redraw(Stale.CONVERSATIONS)
