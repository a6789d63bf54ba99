"""What happens when a visitor decides about the memory: how far back it goes, and which turns are in it."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import gradio as gr

from chatbot.conversation import ConversationError, ConversationService, TurnMemory
from chatbot.ui.drawing import Easel, Frame, never_jams
from chatbot.ui.open_pages import OpenPages
from chatbot.ui.present.panels import offer


class Remembering:
    """The k slider, pins and exclusions, and the offer to include what a question mentions."""

    def __init__(self, service: ConversationService, pages: OpenPages, easel: Easel) -> None:
        self._service = service
        self._pages = pages
        self._easel = easel

    @never_jams
    async def set_k(self, k: int, request: gr.Request) -> AsyncGenerator[Frame]:
        """Change how many earlier turns the next requests carry."""
        page = await self._pages.of(request)
        page.conversation = await self._service.set_k(page.conversation, int(k))
        yield await self._easel.memory(page)

    @never_jams
    async def mark(self, index: int, memory: str, request: gr.Request) -> AsyncGenerator[Frame]:
        """Pin a turn, exclude it, or leave it to the window."""
        page = await self._pages.of(request)
        page.conversation = await self._service.mark(page.conversation, index, TurnMemory(memory))
        yield (await self._easel.memory(page))._replace(offer="")

    async def typed(self, text: str, request: gr.Request) -> str:
        """Return the offer to include a turn that what is typed mentions and the model would not be sent."""
        page = await self._pages.of(request)
        if not text.strip() or page.asked.startswith(text):
            return ""
        try:
            mention = await self._service.mention(page.conversation, text)
        except ConversationError:
            # Whoever sends the question is told.
            return ""
        return offer(None if mention is None or mention.turn_index in page.dismissed else mention)

    @never_jams
    async def dismiss(self, index: int, request: gr.Request) -> AsyncGenerator[Frame]:
        """Take the offer of a turn away; it does not come back with the next letter of this question."""
        (await self._pages.of(request)).dismissed.add(index)
        yield Frame(offer="")
