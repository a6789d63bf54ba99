"""Drawing a page from the service: as a whole, and again and again while an answer grows."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Final, NamedTuple

import gradio as gr

from chatbot.conversation import (
    ConversationError,
    ConversationNotFoundError,
    ConversationService,
    Turn,
    TurnStatus,
    View,
)
from chatbot.ui.open_pages import Page, Watch
from chatbot.ui.present import bubbles
from chatbot.ui.present.bubbles import Bubble, Drawn
from chatbot.ui.present.panels import conversation_list, memory_panel
from chatbot.ui.present.words import memory_line

logger = logging.getLogger(__name__)

IDLE_GAP: Final = 0.05
"""Seconds between two drawings of a growing answer, while few pages draw one."""
BUSY_GAP: Final = 0.2
BUSY_PAGES: Final = 8
CHARACTERS_PER_SECOND_OF_GAP: Final = 50_000
"""The longer the text, the more a browser has to do for one drawing, and the less one word more matters."""

UNEXPECTED: Final = "Something went wrong in this application; its log says what. Your words are still here: try again."


class Frame(NamedTuple):
    """One drawing of the page: a value for each output, or nothing new."""

    chat: Any = gr.skip()
    box: Any = gr.skip()
    memory: Any = gr.skip()
    plan: Any = gr.skip()
    k: Any = gr.skip()
    conversations: Any = gr.skip()
    offer: Any = gr.skip()


Handler = Callable[..., AsyncGenerator[Frame]]


def idle_box(text: str | None = None) -> dict[str, Any]:
    """The box as it waits for a message; ``text`` puts words back into it."""
    box = gr.update(submit_btn=True, stop_btn=False)
    return box if text is None else {**box, "value": text}


def answering_box(*, clear: bool) -> dict[str, Any]:
    """The box while an answer is written: Stop instead of Send; what is typed meanwhile stays."""
    box = gr.update(submit_btn=False, stop_btn=True)
    return {**box, "value": ""} if clear else box


def never_jams(handler: Handler) -> Handler:
    """Whatever goes wrong in a handler is told in words, and the page is as usable as before."""

    @functools.wraps(handler)
    async def guarded(self: Any, *args: Any) -> AsyncGenerator[Frame]:
        drawn = False
        try:
            async with aclosing(handler(self, *args)) as frames:
                async for frame in frames:
                    yield frame
                    drawn = True
            if not drawn:
                # To Gradio a handler that draws nothing has emptied everything.
                yield Frame()
        except ConversationError as error:
            gr.Warning(str(error))
            yield await self._easel.as_it_stands(await self._pages.of(_request(args)))
        except Exception:
            logger.exception("An event of the page failed")
            gr.Warning(UNEXPECTED)
            yield Frame() if self._pages.is_watching(_request(args)) else Frame(box=idle_box())

    return guarded


class Easel:
    """Draws pages from the service, at a pace that they and their browsers keep up with."""

    def __init__(self, service: ConversationService) -> None:
        self._service = service
        self._drawing = 0

    async def settled(self, page: Page, *, text: str | None = None) -> Frame:
        """Return the whole page as it stands; ``text`` goes into the box."""
        view = await self._look(page)
        box = idle_box(text) if page.watch is None else gr.skip()
        return (await self._frame(page, view))._replace(box=box, offer="")

    async def as_it_stands(self, page: Page, *, text: str | None = None) -> Frame:
        """Return the page after something was refused; ``text`` goes into the box. A page never shows what is gone."""
        try:
            page.conversation = await self._service.refresh(page.conversation)
        except ConversationNotFoundError:
            page.turn_to(self._service.begin(page.owner))
        frame = await self.settled(page, text=text)
        return frame if text is None or page.watch is None else frame._replace(box=gr.update(value=text))

    async def memory(self, page: Page) -> Frame:
        """Return what shows the memory, and the marks in the chat: what changes with k, a pin or an exclusion."""
        view = await self._look(page)
        frame = await self._frame(page, view)
        return frame._replace(conversations=gr.skip(), k=gr.skip())

    async def conversations(self, page: Page, *, naming: str | None = None) -> str:
        """Return the list of the visitor's conversations; ``naming`` is the one that is being given a title."""
        found = await self._service.list(page.owner, search=page.search)
        return conversation_list(found, page.conversation, search=page.search, deleted=page.deleted, naming=naming)

    async def answer(
        self, page: Page, answer: AsyncGenerator[Turn], *, clear_box: bool = False
    ) -> AsyncGenerator[Frame]:
        """Draw an answer while it grows (the first word at once), then what the store holds of it."""
        turn: Turn | None = None
        above: list[Bubble] = []
        watch = Watch()
        self._drawing += 1
        try:
            async with aclosing(answer):
                async for turn in answer:
                    if watch.leaving:
                        # Gradio sends the last frame once more when a handler ends: let it be one that draws nothing.
                        yield Frame()
                        return
                    if page.watch is not watch:
                        page.watch = watch
                        view = await self._look(page)
                        above = _bubbles(bubbles.settled(view))
                        frame = await self._frame(page, view)
                        yield frame._replace(box=answering_box(clear=clear_box), offer="")
                    elif turn.status is TurnStatus.STREAMING:
                        yield Frame(above + _bubbles(bubbles.growing(turn)))
                    if turn.assistant and turn.status is TurnStatus.STREAMING:
                        await asyncio.sleep(self.gap(turn))
            page.watch = None
            yield await self._ended(page, turn)
        finally:
            self._drawing -= 1
            watch.left.set()
            if page.watch is watch:
                page.watch = None

    def gap(self, turn: Turn) -> float:
        """Seconds to wait before a growing answer is drawn again: a pace the page, and all of them, can keep up."""
        gap = IDLE_GAP if self._drawing <= BUSY_PAGES else BUSY_GAP
        return gap + len(turn.assistant) / CHARACTERS_PER_SECOND_OF_GAP

    async def _look(self, page: Page) -> View:
        view = await self._service.view(page.conversation, limit=page.limit)
        page.conversation = view.conversation
        return view

    async def _frame(self, page: Page, view: View) -> Frame:
        asked = view.turns[-1].index if view.growing else view.earlier + len(view.turns)
        return Frame(
            chat=_bubbles(bubbles.chat(view)),
            memory=memory_line(view.plan, asked),
            plan=memory_panel(view.plan, asked, asking=view.growing),
            k=view.plan.k,
            conversations=await self.conversations(page),
        )

    async def _ended(self, page: Page, turn: Turn | None) -> Frame:
        """What the page shows after an answer: what the store holds of it."""
        # What is typed meanwhile may have its offer by now.
        frame = (await self.settled(page))._replace(offer=gr.skip())
        if turn is None or turn.status is TurnStatus.STREAMING:
            return frame
        turns = (await self._service.view(page.conversation, limit=page.limit)).turns
        replaced = next((each for each in turns if each.index == turn.index), None)
        if replaced is None or replaced.version == turn.version:
            return frame
        # The store kept the answer that this one was to replace.
        reason = turn.failure.message if turn.failure else "Stopped before the first word."
        gr.Warning(f"{reason} The earlier answer is kept.", duration=None)
        return frame if turn.user == replaced.user else frame._replace(box=idle_box(turn.user))


def _request(arguments: Sequence[Any]) -> gr.Request:
    return next(each for each in arguments if isinstance(each, gr.Request))


def _bubbles(drawn: list[Drawn]) -> list[Bubble]:
    return [each.bubble for each in drawn]
