"""Sending a message as a client of Gradio's API, without a page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import gradio as gr

from chatbot.conversation import (
    OVER_BUDGET,
    REQUEST_ID,
    Conversation,
    ConversationError,
    ConversationService,
    TermsNotAcceptedError,
    Turn,
    TurnStatus,
)
from chatbot.ui.house_rules import TermsGuard
from chatbot.ui.i18n import Language, language_of
from chatbot.ui.identity import caller_of, identify

API_GAP: Final = 0.2
"""Seconds between two states of an answer for a client of the API, each of which is sent as a whole."""


class ApiHandlers:
    """What clients of the API do.

    Args:
        service: What it is done to.
        guard: Knows who has accepted the terms.
    """

    def __init__(self, service: ConversationService, guard: TermsGuard) -> None:
        self._service = service
        self._guard = guard

    async def chat(
        self, message: str, known: Conversation | None, request: gr.Request
    ) -> AsyncGenerator[tuple[str, Conversation]]:
        """Send a message and stream the answer, each time as a whole; one conversation per client.

        Raises:
            gr.Error: The message was refused or the answer failed; says why.
        """
        owner, t = identify(request), language_of(request)
        # Gradio calls this in a task of its own.
        REQUEST_ID.set(request.headers.get("x-request-id", ""))
        # Gradio keeps the conversation under a name that a client makes up: it goes on for its owner only.
        conversation = known if known is not None and known.owner == owner else self._service.begin(owner)
        try:
            await self._guard.check(owner)
            async with aclosing(self._service.say(conversation, message, caller=caller_of(request))) as snapshots:
                async for turn in snapshots:
                    if turn.status is TurnStatus.STREAMING and turn.answer_text:
                        yield _said(t, turn), conversation
                        await asyncio.sleep(API_GAP)
        except TermsNotAcceptedError:
            raise gr.Error(language_of(request)("problem.terms_for_programs"), print_exception=False) from None
        except ConversationError as error:
            raise gr.Error(t.problem(error) + t.until(error), print_exception=False) from None
        yield _said(t, turn), await self._service.refresh(conversation)
        if turn.failure is not None:
            raise gr.Error(t.failure(turn.failure), print_exception=False)


def _said(t: Language, turn: Turn) -> str:
    """An answer, behind what has to be known of whoever stood in for it: a program sees nothing else of the page."""
    labels = [t.notice(notice) for notice in turn.notices if notice.kind == OVER_BUDGET]
    return "\n\n".join([*labels, turn.answer_text])
