"""What happens when a visitor does something: every action is one handler, and every handler draws from the store.

No handler disables the box, so nothing that goes wrong can leave it disabled; none believes what the page says of
the conversation, so nothing forged or stale gets into it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

import gradio as gr

from chatbot.conversation import Conversation, ConversationError, ConversationService, Turn, TurnStatus
from chatbot.ui.present import bubbles, memory_line, turn_of_bubble
from chatbot.ui.visitor import owner_of

logger = logging.getLogger(__name__)

IDLE_GAP = 0.05
"""Seconds between two drawings of a growing answer, while few pages draw one."""
BUSY_GAP = 0.2
BUSY_PAGES = 8
CHARACTERS_PER_SECOND_OF_GAP = 50_000
"""The longer the text, the more a browser has to do for one drawing, and the less one word more matters."""

UNEXPECTED = "Something went wrong in this application; its log says what. Your words are still here: try again."


class Frame(NamedTuple):
    """One drawing of the page: a value for each output, or nothing new."""

    chat: Any = gr.skip()
    box: Any = gr.skip()
    memory: Any = gr.skip()


Handler = Callable[..., AsyncGenerator[Frame]]


def _idle_box(text: str | None = None) -> dict[str, Any]:
    """The box as it waits for a message; ``text`` puts words back into it."""
    box = gr.update(submit_btn=True, stop_btn=False)
    return box if text is None else {**box, "value": text}


def _answering_box(*, clear: bool) -> dict[str, Any]:
    """The box while an answer is written: Stop instead of Send; what is typed meanwhile stays."""
    box = gr.update(submit_btn=False, stop_btn=True)
    return {**box, "value": ""} if clear else box


def _never_jams(handler: Handler) -> Handler:
    """Whatever goes wrong in a handler is told in words, and the page is as usable as before."""

    @functools.wraps(handler)
    async def guarded(self: Handlers, *args: Any) -> AsyncGenerator[Frame]:
        try:
            async with aclosing(handler(self, *args)) as frames:
                async for frame in frames:
                    yield frame
        except ConversationError as error:
            gr.Warning(str(error))
            yield Frame(box=_idle_box())
        except Exception:
            logger.exception("An event of the page failed")
            gr.Warning(UNEXPECTED)
            yield Frame(box=_idle_box())

    return guarded


class _Page:
    """One open page: the conversation it shows, as it last saw it, and whether an answer is being drawn on it."""

    def __init__(self) -> None:
        self.conversation: Conversation | None = None
        self.watch: _Watch | None = None


class _Watch:
    """A page that draws a growing answer, until the answer ends or the page turns to something else."""

    def __init__(self) -> None:
        self.leaving = False
        self.left = asyncio.Event()


class Handlers:
    """The page's events, over one conversation service: each draws frames.

    What a page shows is known here and not in Gradio's session state, because a visitor may be quicker than the
    page: a message sent before the page has loaded must meet the same conversation as the loading does.
    """

    def __init__(self, service: ConversationService) -> None:
        self._service = service
        self._pages: dict[tuple[str, str | None], _Page] = {}
        self._drawing = 0

    @_never_jams
    async def load(self, request: gr.Request) -> AsyncGenerator[Frame]:
        """Show the visitor's latest conversation, and follow the answer that is being written in it."""
        page, conversation = await self._shown(request)
        turns = await self._service.turns(conversation)
        growing = self._service.generating(conversation)
        if page.watch is not None:
            yield Frame()  # the visitor was quicker: what he sent is being drawn
            return
        if growing is None:
            yield self._settled(page, conversation, turns)
            return
        answer = self._service.follow(conversation)
        async for frame in self._draw(page, conversation, turns[: growing.index], answer):
            yield frame

    @_never_jams
    async def submit(self, text: str, request: gr.Request) -> AsyncGenerator[Frame]:
        """Send what is in the box."""
        page, conversation = await self._shown(request)
        async for frame in self._say(page, conversation, text, clear_box=True):
            yield frame

    @_never_jams
    async def example(self, request: gr.Request, choice: gr.SelectData) -> AsyncGenerator[Frame]:
        """Send an example prompt."""
        page, conversation = await self._shown(request)
        async for frame in self._say(page, conversation, choice.value["text"]):
            yield frame

    @_never_jams
    async def retry(self, request: gr.Request) -> AsyncGenerator[Frame]:
        """Ask the last question again."""
        page, conversation = await self._shown(request)
        turns = await self._service.turns(conversation)
        if turns:
            async for frame in self._say(page, conversation, turns[-1].user, at=turns[-1].index):
                yield frame

    @_never_jams
    async def edit(self, request: gr.Request, edited: gr.EditData) -> AsyncGenerator[Frame]:
        """Ask an earlier question in other words; what came after it goes."""
        page, conversation = await self._shown(request)
        turns = await self._service.turns(conversation)
        position = edited.index if isinstance(edited.index, int) else edited.index[0]
        async for frame in self._say(page, conversation, edited.value, at=turn_of_bubble(turns, position)):
            yield frame

    @_never_jams
    async def undo(self, request: gr.Request) -> AsyncGenerator[Frame]:
        """Take the last turn back: its question returns to the box."""
        page, conversation = await self._shown(request)
        turns = await self._service.turns(conversation)
        if turns:
            conversation = await self._service.rewind(conversation, turns[-1].index)
            yield self._settled(page, conversation, turns[:-1], text=turns[-1].user)

    @_never_jams
    async def new_chat(self, request: gr.Request) -> AsyncGenerator[Frame]:
        """Begin a new conversation; the old one stays in the store, and its answer is written to its end."""
        page, _ = await self._shown(request)
        await self._turn_away(page)
        yield self._settled(page, self._service.begin(owner_of(request)), ())

    async def stop(self, request: gr.Request) -> None:
        """End the answer that is being written; whoever follows it sees it end."""
        _, conversation = await self._shown(request)
        await self._service.stop(conversation)

    async def close(self, request: gr.Request) -> None:
        """The tab was closed or reloaded: draw no further on it. The answer is written to its end all the same."""
        page = self._pages.pop(_key(request), None)
        if page is not None:
            await self._turn_away(page)

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
                        await asyncio.sleep(self._gap(turn))
        except ConversationError as error:
            raise gr.Error(str(error)) from None
        yield turn.assistant, await self._service.refresh(conversation)
        if turn.failure is not None:
            raise gr.Error(turn.failure.message)

    async def _shown(self, request: gr.Request) -> tuple[_Page, Conversation]:
        """The page and what it shows: the visitor's latest conversation, until it turns to another one."""
        page = self._pages.setdefault(_key(request), _Page())
        if page.conversation is None:
            latest = await self._service.latest(owner_of(request))
            # Another event of the same page may have been here in the meantime: the first one decides.
            page.conversation = page.conversation or latest
        return page, page.conversation

    async def _turn_away(self, page: _Page) -> None:
        if page.watch is not None and page.conversation is not None:
            page.watch.leaving = True
            self._service.nudge(page.conversation)
            await page.watch.left.wait()

    async def _say(
        self, page: _Page, conversation: Conversation, text: str, *, at: int | None = None, clear_box: bool = False
    ) -> AsyncGenerator[Frame]:
        before = (await self._service.turns(conversation))[:at]
        answer = self._service.say(conversation, text, at=at)
        try:
            async for frame in self._draw(page, conversation, before, answer, clear_box=clear_box):
                yield frame
        except ConversationError as error:
            # Refused before it began: show how things stand, with the words back where they were typed.
            gr.Warning(str(error))
            if page.watch is not None:
                yield Frame(box=gr.update(value=text))
                return
            current = await self._service.refresh(conversation)
            yield self._settled(page, current, await self._service.turns(current), text=text)

    async def _draw(
        self,
        page: _Page,
        conversation: Conversation,
        before: Sequence[Turn],
        answer: AsyncGenerator[Turn],
        *,
        clear_box: bool = False,
    ) -> AsyncGenerator[Frame]:
        """Draw an answer while it grows (the first word at once), then what the store holds of it."""
        earlier = bubbles(before)
        box: dict[str, Any] | None = _answering_box(clear=clear_box)
        turn: Turn | None = None
        watch = _Watch()
        self._drawing += 1
        try:
            async with aclosing(answer):
                async for turn in answer:
                    if watch.leaving:
                        # Gradio sends the last frame once more when a handler ends: let it be one that draws nothing.
                        yield Frame()
                        return
                    if box is not None:
                        page.watch = watch
                        yield Frame(earlier + bubbles([turn]), box, self._memory_line(before, turn.user))
                        box = None
                    elif turn.status is TurnStatus.STREAMING:
                        yield Frame(earlier + bubbles([turn]))
                    if turn.assistant and turn.status is TurnStatus.STREAMING:
                        await asyncio.sleep(self._gap(turn))
            yield await self._ended(page, conversation, turn)
        finally:
            self._drawing -= 1
            watch.left.set()
            if page.watch is watch:
                page.watch = None

    async def _ended(self, page: _Page, conversation: Conversation, turn: Turn | None) -> Frame:
        """What the page shows after an answer: what the store holds of it."""
        current = await self._service.refresh(conversation)
        turns = await self._service.turns(current)
        if turn is None or turn in turns:
            return self._settled(page, current, turns)
        # The store kept the answer that this one was to replace.
        reason = turn.failure.message if turn.failure else "Stopped before the first word."
        gr.Warning(f"{reason} The earlier answer is kept.", duration=None)
        replaced = turns[turn.index].user if turn.index < len(turns) else None
        return self._settled(page, current, turns, text=None if turn.user == replaced else turn.user)

    def _gap(self, turn: Turn) -> float:
        """Seconds to wait before a growing answer is drawn again: a pace the page, and all of them, can keep up."""
        gap = IDLE_GAP if self._drawing <= BUSY_PAGES else BUSY_GAP
        return gap + len(turn.assistant) / CHARACTERS_PER_SECOND_OF_GAP

    def _settled(
        self, page: _Page, conversation: Conversation, turns: Sequence[Turn], text: str | None = None
    ) -> Frame:
        page.conversation = conversation
        return Frame(bubbles(turns), _idle_box(text), self._memory_line(turns))

    def _memory_line(self, turns: Sequence[Turn], text: str = "") -> str:
        memory = self._service.memory
        return memory_line(turns, memory.remembered(turns, text), memory.k)


def _key(request: gr.Request) -> tuple[str, str | None]:
    # With the owner: Gradio's session hash is made up by the page, and whoever knows one could claim it.
    return owner_of(request), request.session_hash
