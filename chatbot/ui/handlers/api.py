"""Sending a message as a client of Gradio's API, without a page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import gradio as gr

from chatbot.conversation import Conversation, ConversationError, ConversationService, TurnStatus
from chatbot.ui.i18n import language_of
from chatbot.ui.identity import identify, origin_of

API_GAP: Final = 0.2
"""Seconds between two states of an answer for a client of the API, each of which is sent as a whole."""


class ApiHandlers:
    """What clients of the API do.

    Args:
        service: What it is done to.
    """

    def __init__(self, service: ConversationService) -> None:
        self._service = service

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
            raise gr.Error(language_of(request).problem(error), print_exception=False) from None
        yield turn.answer_text, await self._service.refresh(conversation)
        if turn.failure is not None:
            raise gr.Error(language_of(request).failure(turn.failure), print_exception=False)
