"""Sending, retrying, editing, taking back, stopping, looking further back."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from chatbot.conversation import ConversationNotFoundError, ConversationService, Turn
from chatbot.conversation.view import SHOWN_TURNS
from chatbot.ui.branding import Branding
from chatbot.ui.sessions import PageSession, Stale, Undone


class ChatHandlers:
    """What visitors do in the chat.

    Args:
        service: What it is done to.
        branding: Which examples there are.
    """

    def __init__(self, service: ConversationService, branding: Branding) -> None:
        self._service = service
        self._examples = branding.examples

    async def send(self, session: PageSession, text: str) -> None:
        """Send what is in the box."""
        await self._ask(session, text)
        session.accepted(text)

    async def compare(self, session: PageSession, text: str, beside: Mapping[str, Any]) -> None:
        """Send what is in the box, and beside it once more, with these options in the place of the conversation's."""
        async with session.choosing:
            pass
        options = replace(session.conversation.options, **beside)
        first, *_ = await self._service.compare(session.conversation, text, options, caller=session.caller)
        session.conversation = first.conversation
        session.accepted(text)

    async def keep(self, session: PageSession, version: int) -> None:
        """Go on with one of the answers that are compared, as it was asked."""
        session.conversation = await self._service.keep(session.conversation, version)
        session.redraw()

    async def example(self, session: PageSession, number: int) -> None:
        """Send an example prompt; of none, nothing."""
        for example in self._examples[number : number + 1]:
            await self._ask_or_give_back(session, example.told_in(session.t.code)[1])

    async def retry(self, session: PageSession, deployment: str | None = None) -> None:
        """Ask the last question again, or this once another deployment; of one that is not there for them, nothing."""
        deployments = self._service.deployments
        if deployment is not None and deployment not in {e.name for e in deployments.available(session.caller.groups)}:
            return
        if (last := await self._last(session)) is not None:
            await self._ask(session, last.question_text, at=last.index, deployment=deployment)

    async def go_on(self, session: PageSession) -> None:
        """Ask for the rest of an answer that reached its length limit: a question as any other, which one sees."""
        last = await self._last(session)
        if last is not None and last.finish_reason == "length":
            await self._ask_or_give_back(session, session.t("chat.continue_question"))

    async def edit(self, session: PageSession, index: int, text: str) -> None:
        """Ask an earlier question in other words; what came after it can be flipped back to."""
        await self._ask_or_give_back(session, text, at=index)

    async def undo(self, session: PageSession) -> None:
        """Take the last turn back: its question returns to the box."""
        if (last := await self._last(session)) is not None:
            session.conversation = await self._service.rewind(session.conversation, last.index)
            session.undone = Undone(session.conversation.id, session.conversation.revision, *last.key)
            session.give_back(last.question_text)
            session.redraw()

    async def redo(self, session: PageSession, index: int, version: int) -> None:
        """Bring back a turn that was taken back; its question leaves the box where it is still the only thing there."""
        session.conversation = await self._service.select_version(session.conversation, index, version)
        if (last := await self._last(session)) is not None:
            session.take_away(last.question_text)
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

    async def _last(self, session: PageSession) -> Turn | None:
        turns = (await self._service.view(session.conversation, limit=1)).turns
        return turns[-1] if turns else None

    async def _ask(
        self, session: PageSession, text: str, *, at: int | None = None, deployment: str | None = None
    ) -> None:
        async with session.choosing:
            pass
        generation = await self._service.ask(
            session.conversation, text, at=at, caller=session.caller, deployment=deployment
        )
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
