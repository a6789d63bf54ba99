"""What happens when a visitor chooses who answers and how it is asked, and says what he thinks of an answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import asdict, replace
from typing import Any, Final

import gradio as gr

from chatbot.conversation import ConversationService, Feedback, Options, Rating
from chatbot.ui.drawing import Easel, Frame, never_jams
from chatbot.ui.look import Look
from chatbot.ui.open_pages import OpenPages, Page
from chatbot.ui.present.controls import RANGES, preset_of

MAX_COMMENT: Final = 1_000
"""Characters of a word about an answer."""


class Choosing:
    """The controls, and the thumbs."""

    def __init__(self, service: ConversationService, pages: OpenPages, easel: Easel, look: Look) -> None:
        self._service = service
        self._pages = pages
        self._easel = easel
        self._look = look

    @never_jams
    async def set_k(self, k: int, request: gr.Request) -> AsyncGenerator[Frame]:
        """Change how many earlier turns the next requests carry."""
        page = await self._pages.of(request)
        await self._choose(page, k=int(k))
        yield await self._easel.memory(page)

    @never_jams
    async def set_deployment(self, name: str, request: gr.Request) -> AsyncGenerator[Frame]:
        """Let another deployment answer from the next message on."""
        page = await self._pages.of(request)
        if name in self._service.deployments:
            await self._choose(page, deployment=name)
        yield await self._easel.controls(page)

    @never_jams
    async def set_preset(self, name: str | None, request: gr.Request) -> AsyncGenerator[Frame]:
        """Take the system prompt of a preset; without a name the deployment's own."""
        page = await self._pages.of(request)
        await self._choose(page, system_prompt=self._look.presets.get(name or ""))
        yield await self._easel.controls(page)

    @never_jams
    async def set_system_prompt(self, text: str, request: gr.Request) -> AsyncGenerator[Frame]:
        """Use these words as the system prompt; without any the deployment's own."""
        page = await self._pages.of(request)
        chosen = text if text.strip() else None
        await self._choose(page, system_prompt=chosen)
        yield (await self._easel.memory(page))._replace(preset=preset_of(chosen, self._look.presets))

    @never_jams
    async def set_temperature(self, value: float | None, request: gr.Request) -> AsyncGenerator[Frame]:
        """Change the randomness; None is the deployment's own."""
        yield await self._parameter("temperature", value, request)

    @never_jams
    async def set_top_p(self, value: float | None, request: gr.Request) -> AsyncGenerator[Frame]:
        """Change the nucleus sampling; None is the deployment's own."""
        yield await self._parameter("top_p", value, request)

    @never_jams
    async def set_max_tokens(self, value: float | None, request: gr.Request) -> AsyncGenerator[Frame]:
        """Change the longest answer; None is the deployment's own."""
        yield await self._parameter("max_tokens", None if value is None else int(value), request)

    @never_jams
    async def reset(self, request: gr.Request) -> AsyncGenerator[Frame]:
        """Go back to what the application was set up with."""
        page = await self._pages.of(request)
        await self._choose(page, **asdict(Options()))
        yield await self._easel.controls(page)

    @never_jams
    async def rate(self, index: int, rating: str, request: gr.Request) -> AsyncGenerator[Frame]:
        """Keep whether an answer was good or bad; ``none`` takes it back."""
        page = await self._pages.of(request)
        known = await self._feedback(page, index)
        comment = "" if known is None else known.comment
        feedback = None if rating == "none" else Feedback(Rating(rating), comment)
        await self._service.rate(page.conversation, index, feedback)
        yield await self._easel.memory(page)

    @never_jams
    async def comment(self, index: int, words: str, request: gr.Request) -> AsyncGenerator[Frame]:
        """Keep a word about an answer that was rated."""
        page = await self._pages.of(request)
        known = await self._feedback(page, index)
        if known is not None:
            comment = " ".join(words.split())[:MAX_COMMENT]
            await self._service.rate(page.conversation, index, replace(known, comment=comment))
        yield await self._easel.memory(page)

    async def _parameter(self, name: str, value: float | None, request: gr.Request) -> Frame:
        page = await self._pages.of(request)
        low, high = RANGES[name]
        if value is not None and not low <= value <= high:
            gr.Warning(page.say("problem.option", name=page.say(f"label.{name}"), low=f"{low:g}", high=f"{high:,}"))
            return await self._easel.controls(page)
        await self._choose(page, **{name: value})
        return await self._easel.memory(page)

    async def _choose(self, page: Page, **changes: Any) -> None:
        # One after the other: who leaves one field for the next changes two at nearly the same time.
        async with page.choosing:
            options = replace(page.conversation.options, **changes)
            if options != page.conversation.options:
                page.conversation = await self._service.choose(page.conversation, options)

    async def _feedback(self, page: Page, index: int) -> Feedback | None:
        view = await self._service.view(page.conversation, limit=page.limit)
        return next((turn.feedback for turn in view.turns if turn.index == index), None)
