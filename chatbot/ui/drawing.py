"""Drawing a page from the service: as a whole, and again and again while an answer grows."""

from __future__ import annotations

import asyncio
import functools
import html
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
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
from chatbot.ui.language import language_of
from chatbot.ui.look import Look
from chatbot.ui.open_pages import Page, Watch
from chatbot.ui.present.bubbles import Bubble, Bubbles, Drawn, Growth
from chatbot.ui.present.controls import controls
from chatbot.ui.present.panels import badge, conversation_list, memory_panel
from chatbot.ui.present.words import memory_line

logger = logging.getLogger(__name__)

IDLE_GAP: Final = 0.05
"""Seconds between two drawings of a growing answer, while few pages draw one."""
BUSY_GAP: Final = 0.2
BUSY_PAGES: Final = 8
CHARACTERS_PER_SECOND_OF_GAP: Final = 50_000
"""The longer the text, the more a browser has to do for one drawing, and the less one word more matters."""
MOST_READ_AT_ONCE: Final = 2000
"""Characters of Markdown that are read on the event loop: some 2 ms of it."""


class Frame(NamedTuple):
    """One drawing of the page: a value for each output, or nothing new."""

    chat: Any = gr.skip()
    box: Any = gr.skip()
    memory: Any = gr.skip()
    plan: Any = gr.skip()
    conversations: Any = gr.skip()
    offer: Any = gr.skip()
    taken: Any = gr.skip()
    badge: Any = gr.skip()
    deployment: Any = gr.skip()
    k: Any = gr.skip()
    preset: Any = gr.skip()
    system_prompt: Any = gr.skip()
    temperature: Any = gr.skip()
    top_p: Any = gr.skip()
    max_tokens: Any = gr.skip()


Handler = Callable[..., AsyncGenerator[Frame]]


def idle_box(text: str | None = None) -> dict[str, Any]:
    """The box as it waits for a message; ``text`` puts words back into it."""
    box = gr.update(submit_btn=True, stop_btn=False)
    return box if text is None else {**box, "value": text}


def answering_box() -> dict[str, Any]:
    """The box while an answer is written: Stop instead of Send; what is typed meanwhile stays."""
    return gr.update(submit_btn=False, stop_btn=True)


def taken(text: str) -> str:
    """What tells the page's script that the box may be emptied, if it still holds this text.

    Not a value for the box: Gradio reads a component's value whenever it updates something else of it, and writes it
    back a moment later, over what came in between.
    """
    return f'<pre class="{secrets.token_hex(4)}">\n{html.escape(text)}</pre>'


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
            page = await self._pages.of(_request(args))
            gr.Warning(page.say.problem(error))
            yield await self._easel.as_it_stands(page)
        except Exception:
            logger.exception("An event of the page failed")
            gr.Warning(language_of(_request(args))("problem.unexpected"))
            yield Frame() if self._pages.is_watching(_request(args)) else Frame(box=idle_box())

    return guarded


class Easel:
    """Draws pages from the service, at a pace that they and their browsers keep up with."""

    def __init__(self, service: ConversationService, look: Look) -> None:
        self._service = service
        self._look = look
        self._drawing = 0

    async def settled(self, page: Page, *, text: str | None = None) -> Frame:
        """Return the whole page as it stands; ``text`` goes into the box."""
        return await self._settled(page, await self._view(page), text=text)

    async def as_it_stands(self, page: Page, *, text: str | None = None) -> Frame:
        """Return the page after something was refused; ``text`` goes into the box. A page never shows what is gone."""
        try:
            page.conversation = await self._service.refresh(page.conversation)
        except ConversationNotFoundError:
            page.turn_to(self._service.begin(page.owner))
        frame = await self.settled(page, text=text)
        return frame if text is None or page.watch is None else frame._replace(box=gr.update(value=text))

    async def memory(self, page: Page) -> Frame:
        """Return what shows the memory and who answers: what changes with an option, a pin or an exclusion.

        Not the controls: what somebody is typing into one is not to be overwritten by what he typed before.
        """
        view = await self._view(page)
        return self._remembered(page, view, _shown(await self.drawn(page, view)))

    async def controls(self, page: Page) -> Frame:
        """Return what :meth:`memory` does, and the controls as they count."""
        view = await self._view(page)
        frame = self._remembered(page, view, _shown(await self.drawn(page, view)))
        return frame._replace(**self._controls(view))

    async def conversations(self, page: Page, *, naming: str | None = None) -> str:
        """Return the list of the visitor's conversations; ``naming`` is the one that is being given a title."""
        found = await self._service.list(page.owner, search=page.search)
        return conversation_list(
            page.say, found, page.conversation, search=page.search, deleted=page.deleted, naming=naming
        )

    async def answer(
        self, page: Page, answer: AsyncGenerator[Turn], *, from_box: bool = False
    ) -> AsyncGenerator[Frame]:
        """Draw an answer while it grows (the first word at once), then what the store holds of it.

        Args:
            page: Where.
            answer: The turn, whenever it has grown.
            from_box: Whether its question comes from the box, which is emptied once it is taken.
        """
        turn: Turn | None = None
        above: list[Bubble] = []
        watch = Watch()
        growth = Growth()
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
                        view = await self._view(page)
                        above = _shown(await asyncio.to_thread(self._bubbles(page).settled, view))
                        growing = await _grown(self._bubbles(page), view.turns[-1], growth) if view.growing else []
                        frame = await self._whole(page, view, above + growing)
                        frame = frame._replace(box=answering_box(), offer="")
                        yield frame._replace(taken=taken(turn.user)) if from_box else frame
                    elif turn.status is TurnStatus.STREAMING:
                        # Drawn as of now: what is waited for has its time.
                        yield Frame(above + await _grown(self._bubbles(page), turn, growth))
                    if (turn.assistant or turn.reasoning) and turn.status is TurnStatus.STREAMING:
                        await asyncio.sleep(self.gap(turn))
            if page.watch is watch:
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
        return gap + (len(turn.assistant) + len(turn.reasoning)) / CHARACTERS_PER_SECOND_OF_GAP

    async def drawn(self, page: Page, view: View) -> list[Drawn]:
        """Return the messages of a page, each with its turn; in a thread, for there may be much to read."""
        return await asyncio.to_thread(self._bubbles(page).chat, view)

    def _bubbles(self, page: Page) -> Bubbles:
        return Bubbles(page.say, self._look.currency, time.time())

    async def _view(self, page: Page) -> View:
        view = await self._service.view(page.conversation, limit=page.limit)
        page.conversation = view.conversation
        return view

    async def _settled(self, page: Page, view: View, *, text: str | None = None) -> Frame:
        box = idle_box(text) if page.watch is None else gr.skip()
        frame = await self._whole(page, view, _shown(await self.drawn(page, view)))
        return frame._replace(box=box, offer="")

    async def _whole(self, page: Page, view: View, chat: list[Bubble]) -> Frame:
        frame = self._remembered(page, view, chat)
        return frame._replace(conversations=await self.conversations(page), **self._controls(view))

    def _remembered(self, page: Page, view: View, chat: list[Bubble]) -> Frame:
        asked = view.turns[-1].index if view.growing else view.earlier + len(view.turns)
        plan = view.plan
        if "system_prompt" in self._look.hidden:
            plan = replace(plan, system_prompt="…" if plan.system_prompt else "")
        spent, currency = view.conversation.usage, self._look.currency
        return Frame(
            chat=chat,
            memory=memory_line(page.say, view.plan, asked),
            plan=memory_panel(page.say, plan, asked, spent, asking=view.growing, currency=currency),
            badge=badge(view.choice.deployment.name, is_demo=self._look.is_demo),
        )

    def _controls(self, view: View) -> dict[str, Any]:
        return controls(view.choice, self._look.presets, self._look.hidden)

    async def _ended(self, page: Page, turn: Turn | None) -> Frame:
        """What the page shows after an answer: what the store holds of it."""
        view = await self._view(page)
        # What is typed meanwhile may have its offer by now.
        frame = (await self._settled(page, view))._replace(offer=gr.skip())
        if turn is None or turn.status is TurnStatus.STREAMING:
            return frame
        replaced = next((each for each in view.turns if each.index == turn.index), None)
        if replaced is None or replaced.version == turn.version:
            return frame
        # The store kept the answer that this one was to replace.
        reason = turn.failure.message if turn.failure else page.say("chat.stopped_early")
        gr.Warning(f"{reason} {page.say('chat.kept')}", duration=None)
        return frame if turn.user == replaced.user else frame._replace(box=idle_box(turn.user))


def _request(arguments: Sequence[Any]) -> gr.Request:
    return next(each for each in arguments if isinstance(each, gr.Request))


async def _grown(draws: Bubbles, turn: Turn, growth: Growth) -> list[Bubble]:
    """Return the messages of a growing turn; what takes longer than handing it to a thread is handed to one."""
    if growth.unread(turn) < MOST_READ_AT_ONCE:
        return _shown(draws.growing(turn, growth))
    return _shown(await asyncio.to_thread(draws.growing, turn, growth))


def _shown(drawn: list[Drawn]) -> list[Bubble]:
    return [each.bubble for each in drawn]
