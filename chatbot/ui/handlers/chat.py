"""Sending, retrying, editing, taking back, stopping, looking further back; and the same for a client of the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Final

import gradio as gr

from chatbot.conversation import (
    Conversation,
    ConversationError,
    ConversationNotFoundError,
    ConversationService,
    TurnStatus,
)
from chatbot.conversation.view import SHOWN_TURNS
from chatbot.ui.handlers.errors import handle_errors
from chatbot.ui.identity import identify, origin_of
from chatbot.ui.sessions import PageSession, PageSessions, Stale

API_GAP: Final = 0.2
"""Seconds between two states of an answer for a client of the API, each of which is sent as a whole."""


class ChatHandlers:
    """What visitors do in the chat.

    Args:
        service: What it is done to.
        sessions: The open pages.
    """

    def __init__(self, service: ConversationService, sessions: PageSessions) -> None:
        self._service = service
        self.sessions = sessions

    @handle_errors
    async def submit(self, text: str, request: gr.Request) -> None:
        """Send what is in the box."""
        session = await self.sessions.of(request)
        await self._ask(session, text)
        session.took(text)

    @handle_errors
    async def example(self, request: gr.Request, choice: gr.SelectData) -> None:
        """Send an example prompt."""
        await self._ask(await self.sessions.of(request), choice.value["text"])

    @handle_errors
    async def retry(self, request: gr.Request) -> None:
        """Ask the last question again."""
        session = await self.sessions.of(request)
        turns = (await self._service.view(session.conversation, limit=1)).turns
        if turns:
            await self._ask(session, turns[-1].question_text, at=turns[-1].index)

    @handle_errors
    async def edit(self, request: gr.Request, edited: gr.EditData) -> None:
        """Ask an earlier question in other words; what came after it can be flipped back to."""
        session = await self.sessions.of(request)
        position = edited.index if isinstance(edited.index, int) else edited.index[0]
        index = session.drawn[position] if position < len(session.drawn) else None
        if index is not None:
            await self._ask(session, edited.value, at=index)

    @handle_errors
    async def undo(self, request: gr.Request) -> None:
        """Take the last turn back: its question returns to the box."""
        session = await self.sessions.of(request)
        turns = (await self._service.view(session.conversation, limit=1)).turns
        if turns:
            session.conversation = await self._service.rewind(session.conversation, turns[-1].index)
            session.give_back(turns[-1].question_text)
            session.redraw()

    @handle_errors
    async def flip(self, index: int, version: int, request: gr.Request) -> None:
        """Show another version of a turn."""
        session = await self.sessions.of(request)
        session.conversation = await self._service.select_version(session.conversation, index, version)
        session.redraw()

    @handle_errors
    async def earlier(self, request: gr.Request) -> None:
        """Show more of the conversation's beginning."""
        session = await self.sessions.of(request)
        session.limit += SHOWN_TURNS
        session.redraw(Stale.VIEW)

    @handle_errors
    async def stop(self, request: gr.Request) -> None:
        """End the answer that is being written."""
        session = await self.sessions.of(request)
        with suppress(ConversationNotFoundError):
            await self._service.stop(session.conversation)
        session.redraw()

    async def chat(
        self, message: str, known: Conversation | None, request: gr.Request
    ) -> AsyncGenerator[tuple[str, Conversation]]:
        """Send a message and stream the answer, each time as a whole; one conversation per client.

        Raises:
            gr.Error: The message was refused or the answer failed; says why.
        """
        owner = identify(request)
        # Gradio keeps the conversation under a name that a client makes up: it goes on for its owner only.
        conversation = known if known is not None and known.owner == owner else self._service.begin(owner)
        try:
            async with aclosing(self._service.say(conversation, message, origin=origin_of(request))) as snapshots:
                async for turn in snapshots:
                    if turn.status is TurnStatus.STREAMING and turn.answer_text:
                        yield turn.answer_text, conversation
                        await asyncio.sleep(API_GAP)
        except ConversationError as error:
            raise gr.Error(str(error), print_exception=False) from None
        yield turn.answer_text, await self._service.refresh(conversation)
        if turn.failure is not None:
            raise gr.Error(turn.failure.message, print_exception=False)

    async def _ask(self, session: PageSession, text: str, *, at: int | None = None) -> None:
        async with session.choosing:
            pass
        generation = await self._service.ask(session.conversation, text, at=at, origin=session.origin)
        session.conversation = generation.conversation
        session.redraw()
