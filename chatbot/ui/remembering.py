"""What happens when a visitor decides about the memory: which turns are in it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import gradio as gr

from chatbot.conversation import ConversationError, ConversationService, TurnMemory
from chatbot.ui.drawing import Easel, Frame, never_jams
from chatbot.ui.open_pages import OpenPages
from chatbot.ui.present.panels import offer


class Remembering:
    """Pins and exclusions, and the offer to include what a question mentions."""

    def __init__(self, service: ConversationService, pages: OpenPages, easel: Easel) -> None:
        self._service = service
        self._pages = pages
        self._easel = easel

    @never_jams
    async def mark(self, index: int, memory: str, request: gr.Request) -> AsyncGenerator[Frame]:
        """Pin a turn, exclude it, or leave it to the window."""
        page = await self._pages.of(request)
        page.conversation = await self._service.mark(page.conversation, index, TurnMemory(memory))
        yield (await self._easel.memory(page))._replace(offer="")

    async def typed(self, text: str, request: gr.Request) -> Any:
        """Return the offer to include a turn that what is typed mentions and the model would not be sent."""
        page = await self._pages.of(request)
        page.typed = text
        if not text.strip() or page.asked.startswith(text):
            return ""
        try:
            mention = await self._service.mention(page.conversation, text)
        except ConversationError:
            # Whoever sends the question is told.
            return ""
        if page.typed != text:
            return gr.skip()  # there is more by now, and it has its own answer
        return offer(page.say, None if mention is None or mention.turn_index in page.dismissed else mention)

    @never_jams
    async def dismiss(self, index: int, request: gr.Request) -> AsyncGenerator[Frame]:
        """Take the offer of a turn away; it does not come back with the next letter of this question."""
        (await self._pages.of(request)).dismissed.add(index)
        yield Frame(offer="")
