"""Sharing a conversation by a link, and taking the link back."""

from __future__ import annotations

from functools import partial

from chatbot.conversation import ConversationService, ShareError
from chatbot.ui.branding import Branding
from chatbot.ui.sessions import PageSession, Stale
from chatbot.ui.views.report import report_page


class SharingHandlers:
    """What visitors do with their links.

    Args:
        service: Makes them.
        branding: How what they show looks.
    """

    def __init__(self, service: ConversationService, branding: Branding) -> None:
        self._service = service
        self._branding = branding

    async def share(self, session: PageSession, days: int) -> None:
        """Make a link that shows the conversation as it is now; it can be read on this page until that is left."""
        sharing = self._service.sharing
        expires_at = sharing.expiry(days)
        session.conversation = await self._service.refresh(session.conversation)
        if not session.conversation.revision:
            raise ShareError("nothing_said")
        write = partial(report_page, session.t, self._branding, until=expires_at)
        hidden = self._branding.unseen
        page = await self._service.report(session.conversation, write, caller=session.caller, hidden=hidden)
        session.new_share = await sharing.add(session.conversation, page, expires_at)
        session.redraw(Stale.CONVERSATIONS)

    async def unshare(self, session: PageSession, id: str) -> None:  # noqa: A002
        """Take a link back: whoever opens it from now on finds nothing."""
        await self._service.sharing.revoke(session.owner, id)
        session.redraw(Stale.CONVERSATIONS)
