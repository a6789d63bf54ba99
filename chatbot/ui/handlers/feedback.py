"""Saying what one thinks of an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import gradio as gr

from chatbot.conversation import ConversationService, Feedback, Rating
from chatbot.ui.handlers.errors import handle_errors
from chatbot.ui.sessions import PageSession, PageSessions, Stale

MAX_COMMENT: Final = 1_000
"""Characters of a word about an answer."""


class FeedbackHandlers:
    """The thumbs, and the word beside them."""

    def __init__(self, service: ConversationService, sessions: PageSessions) -> None:
        self._service = service
        self.sessions = sessions

    @handle_errors
    async def rate(self, index: int, rating: str, request: gr.Request) -> None:
        """Keep whether an answer was good or bad; ``none`` takes it back."""
        session = await self.sessions.of(request)
        known = await self._feedback(session, index)
        comment = "" if known is None else known.comment
        feedback = None if rating == "none" else Feedback(Rating(rating), comment)
        await self._service.rate(session.conversation, index, feedback)
        session.redraw(Stale.VIEW)

    @handle_errors
    async def comment(self, index: int, words: str, request: gr.Request) -> None:
        """Keep a word about an answer that was rated."""
        session = await self.sessions.of(request)
        known = await self._feedback(session, index)
        if known is not None:
            comment = " ".join(words.split())[:MAX_COMMENT]
            await self._service.rate(session.conversation, index, replace(known, comment=comment))
        session.redraw(Stale.VIEW)

    async def _feedback(self, session: PageSession, index: int) -> Feedback | None:
        view = await self._service.view(session.conversation, limit=session.limit)
        return next((turn.feedback for turn in view.turns if turn.index == index), None)
