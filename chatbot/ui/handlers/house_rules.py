"""Accepting the terms, chatting without a trace, and deleting all that was said."""

from __future__ import annotations

from dataclasses import replace

from chatbot.conversation import ConversationService, Options
from chatbot.ui import answer_markdown
from chatbot.ui.house_rules import TermsGuard
from chatbot.ui.sessions import PageSession, PageSessions


class HouseRuleHandlers:
    """What visitors do about what is kept of them.

    Args:
        service: What it is done to.
        sessions: The open pages.
        guard: Knows the terms.
    """

    def __init__(self, service: ConversationService, sessions: PageSessions, guard: TermsGuard) -> None:
        self._service = service
        self._sessions = sessions
        self._guard = guard

    async def accept(self, session: PageSession, _: str) -> None:
        """Accept the terms, on all pages of the visitor."""
        await self._guard.accept(session.owner)
        for each in self._sessions.of_owner(session.owner):
            each.redraw()

    async def begin_temporary(self, session: PageSession) -> None:
        """Begin a conversation that is written down nowhere, and is gone when the page shows another one."""
        chosen = Options(deployment=session.conversation.options.deployment)
        session.turn_to(replace(self._service.begin_temporary(session.owner), options=chosen))

    async def leave(self, session: PageSession) -> None:
        """Forget a page that is being closed, and the temporary conversation on it."""
        self._sessions.leave(session)

    async def erase(self, session: PageSession) -> None:
        """Delete all that the visitor has said, for good and at once."""
        await self._service.erase(session.owner)
        answer_markdown.forget()
        for each in self._sessions.of_owner(session.owner):
            each.start_over(self._service.begin(session.owner))
        session.notify(session.t("house.erased"))
