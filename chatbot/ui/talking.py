"""What happens when a visitor talks: every action is one handler, and every handler draws from the store.

No handler disables the box, so nothing that goes wrong can leave it disabled; none believes what the page says of
the conversation, so nothing forged or stale gets into it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import gradio as gr

from chatbot.conversation import (
    Conversation,
    ConversationError,
    ConversationNotFoundError,
    ConversationService,
    TurnStatus,
)
from chatbot.conversation.view import SHOWN_TURNS
from chatbot.ui.drawing import Easel, Frame, never_jams
from chatbot.ui.open_pages import OpenPages, Page
from chatbot.ui.visitor import owner_of


class Talking:
    """Sending, retrying, editing, taking back, stopping, and looking further back."""

    def __init__(self, service: ConversationService, pages: OpenPages, easel: Easel) -> None:
        self._service = service
        self._pages = pages
        self._easel = easel

    @never_jams
    async def load(self, request: gr.Request) -> AsyncGenerator[Frame]:
        """Show the visitor's latest conversation, and follow the answer that is being written in it."""
        page = await self._pages.of(request)
        if page.watch is not None:
            yield Frame()  # the visitor was quicker: what he sent is being drawn
            return
        async for frame in self.shown(page):
            yield frame

    async def shown(self, page: Page) -> AsyncGenerator[Frame]:
        """Show a page's conversation, and follow the answer that is being written in it."""
        async with aclosing(self._easel.answer(page, self._service.follow(page.conversation))) as frames:
            async for frame in frames:
                # What was typed about another conversation mentions nothing of this one.
                yield frame._replace(offer="")

    @never_jams
    async def submit(self, text: str, request: gr.Request) -> AsyncGenerator[Frame]:
        """Send what is in the box."""
        page = await self._pages.of(request)
        async for frame in self._say(page, text, from_box=True):
            yield frame

    @never_jams
    async def example(self, request: gr.Request, choice: gr.SelectData) -> AsyncGenerator[Frame]:
        """Send an example prompt."""
        page = await self._pages.of(request)
        async for frame in self._say(page, choice.value["text"]):
            yield frame

    @never_jams
    async def retry(self, request: gr.Request) -> AsyncGenerator[Frame]:
        """Ask the last question again."""
        page = await self._pages.of(request)
        turns = (await self._service.view(page.conversation, limit=1)).turns
        if turns:
            async for frame in self._say(page, turns[-1].user, at=turns[-1].index):
                yield frame

    @never_jams
    async def edit(self, request: gr.Request, edited: gr.EditData) -> AsyncGenerator[Frame]:
        """Ask an earlier question in other words; what came after it can be flipped back to."""
        page = await self._pages.of(request)
        view = await self._service.view(page.conversation, limit=page.limit)
        position = edited.index if isinstance(edited.index, int) else edited.index[0]
        turn = (await self._easel.drawn(page, view))[position].turn
        if turn is not None:
            async for frame in self._say(page, edited.value, at=turn):
                yield frame

    @never_jams
    async def undo(self, request: gr.Request) -> AsyncGenerator[Frame]:
        """Take the last turn back: its question returns to the box."""
        page = await self._pages.of(request)
        turns = (await self._service.view(page.conversation, limit=1)).turns
        if turns:
            page.conversation = await self._service.rewind(page.conversation, turns[-1].index)
            yield await self._easel.settled(page, text=turns[-1].user)

    @never_jams
    async def flip(self, index: int, version: int, request: gr.Request) -> AsyncGenerator[Frame]:
        """Show another version of a turn."""
        page = await self._pages.of(request)
        page.conversation = await self._service.flip(page.conversation, index, version)
        yield await self._easel.settled(page)

    @never_jams
    async def earlier(self, request: gr.Request) -> AsyncGenerator[Frame]:
        """Show more of the conversation's beginning."""
        page = await self._pages.of(request)
        page.limit += SHOWN_TURNS
        if page.watch is None:
            yield await self._easel.settled(page)

    async def stop(self, request: gr.Request) -> None:
        """End the answer that is being written; whoever follows it sees it end."""
        page = await self._pages.of(request)
        with suppress(ConversationNotFoundError):
            await self._service.stop(page.conversation)

    async def chat(
        self, message: str, known: Conversation | None, request: gr.Request
    ) -> AsyncGenerator[tuple[str, Conversation]]:
        """Send a message and stream the answer, each time as a whole; one conversation per client.

        Raises:
            gr.Error: The message was refused or the answer failed; says why.
        """
        conversation = known or self._service.begin(owner_of(request))
        try:
            async with aclosing(self._service.say(conversation, message)) as snapshots:
                async for turn in snapshots:
                    if turn.status is TurnStatus.STREAMING and turn.assistant:
                        yield turn.assistant, conversation
                        await asyncio.sleep(self._easel.gap(turn))
        except ConversationError as error:
            raise gr.Error(str(error), print_exception=False) from None
        yield turn.assistant, await self._service.refresh(conversation)
        if turn.failure is not None:
            raise gr.Error(turn.failure.message, print_exception=False)

    async def _say(
        self, page: Page, text: str, *, at: int | None = None, from_box: bool = False
    ) -> AsyncGenerator[Frame]:
        page.asks(text)
        async with page.choosing:
            pass
        answer = self._service.say(page.conversation, text, at=at)
        try:
            async with aclosing(self._easel.answer(page, answer, from_box=from_box)) as frames:
                async for frame in frames:
                    yield frame
        except ConversationError as error:
            # Refused before it began: show how things stand. Words that came from the box are still there, and may have
            # been changed by now; others are put into it.
            gr.Warning(page.say.problem(error))
            yield await self._easel.as_it_stands(page, text=None if from_box else text)
