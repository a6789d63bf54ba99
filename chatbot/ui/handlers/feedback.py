"""Saying what one thinks of an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chatbot.conversation import ConversationService, Feedback, Rating, TextTooLongError
from chatbot.ui.sessions import PageSession, Stale

MAX_COMMENT: Final = 1_000
"""Characters of a word about an answer."""


class FeedbackHandlers:
    """The thumbs, and the word beside them."""

    def __init__(self, service: ConversationService) -> None:
        self._service = service

    async def rate(self, session: PageSession, index: int, rating: Rating | None) -> None:
        """Keep whether an answer was good or bad; None takes it back."""
        known = await self._feedback(session, index)
        comment = "" if known is None else known.comment
        feedback = None if rating is None else Feedback(rating, comment)
        await self._service.rate(session.conversation, index, feedback)
        session.redraw(Stale.VIEW)

    async def comment(self, session: PageSession, index: int, words: str) -> None:
        """Keep a word about an answer that was rated."""
        known = await self._feedback(session, index)
        if known is not None:
            comment = " ".join(words.split())
            if len(comment) > MAX_COMMENT:
                raise TextTooLongError("comment", len(comment), MAX_COMMENT)
            await self._service.rate(session.conversation, index, replace(known, comment=comment))
        session.redraw(Stale.VIEW)

    async def _feedback(self, session: PageSession, index: int) -> Feedback | None:
        view = await self._service.view(session.conversation, limit=session.limit)
        return next((turn.feedback for turn in view.turns if turn.index == index), None)
