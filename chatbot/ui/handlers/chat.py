"""Sending, retrying, editing, taking back, stopping, looking further back."""

from __future__ import annotations

from contextlib import suppress

from chatbot.conversation import ConversationNotFoundError, ConversationService
from chatbot.conversation.view import SHOWN_TURNS
from chatbot.ui.branding import Branding
from chatbot.ui.sessions import PageSession, Stale


class ChatHandlers:
    """What visitors do in the chat.

    Args:
        service: What it is done to.
        branding: Which examples there are.
    """

    def __init__(self, service: ConversationService, branding: Branding) -> None:
        self._service = service
        self._examples = [prompt for _, prompt, _ in branding.examples]

    async def send(self, session: PageSession, text: str) -> None:
        """Send what is in the box."""
        await self._ask(session, text)
        session.took(text)

    async def example(self, session: PageSession, number: int) -> None:
        """Send an example prompt; of none, nothing."""
        for prompt in self._examples[number : number + 1]:
            await self._ask_or_give_back(session, prompt)

    async def retry(self, session: PageSession) -> None:
        """Ask the last question again."""
        turns = (await self._service.view(session.conversation, limit=1)).turns
        if turns:
            await self._ask(session, turns[-1].question_text, at=turns[-1].index)

    async def edit(self, session: PageSession, index: int, text: str) -> None:
        """Ask an earlier question in other words; what came after it can be flipped back to."""
        await self._ask_or_give_back(session, text, at=index)

    async def undo(self, session: PageSession) -> None:
        """Take the last turn back: its question returns to the box."""
        turns = (await self._service.view(session.conversation, limit=1)).turns
        if turns:
            session.conversation = await self._service.rewind(session.conversation, turns[-1].index)
            session.give_back(turns[-1].question_text)
            session.redraw()

    async def flip(self, session: PageSession, index: int, version: int) -> None:
        """Show another version of a turn."""
        session.conversation = await self._service.select_version(session.conversation, index, version)
        session.redraw()

    async def earlier(self, session: PageSession) -> None:
        """Show more of the conversation's beginning."""
        session.limit += SHOWN_TURNS
        session.redraw(Stale.VIEW)

    async def stop(self, session: PageSession) -> None:
        """End the answer that is being written."""
        with suppress(ConversationNotFoundError):
            await self._service.stop(session.conversation)
        session.redraw()

    async def _ask(self, session: PageSession, text: str, *, at: int | None = None) -> None:
        async with session.choosing:
            pass
        generation = await self._service.ask(session.conversation, text, at=at, origin=session.origin)
        session.conversation = generation.conversation
        # Not stale: what an answer that begins changes is drawn because it begins.
        session.changed.set()

    async def _ask_or_give_back(self, session: PageSession, text: str, *, at: int | None = None) -> None:
        """Ask in words that stand nowhere else on the page: the box keeps its own, and a retried question is there."""
        try:
            await self._ask(session, text, at=at)
        except Exception:
            session.give_back(text)
            raise
