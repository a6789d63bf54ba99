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
    conversation: Any = gr.skip()


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


class _Watch:
    """A page that draws a growing answer, until the answer ends or the page turns to something else."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.leaving = False
        self.left = asyncio.Event()


class Handlers:
    """The page's events, over one conversation service.

    Each takes the conversation the page shows (None after a restart of the server) and yields frames.
    """

    def __init__(self, service: ConversationService) -> None:
        self._service = service
        self._watches: dict[str | None, _Watch] = {}

    @_never_jams
    async def load(self, request: gr.Request) -> AsyncGenerator[Frame]:
        """Show the visitor's latest conversation, and follow the answer that is being written in it."""
        conversation = await self._service.latest(owner_of(request))
        turns = await self._service.turns(conversation)
        growing = self._service.generating(conversation)
        if growing is None:
            yield self._settled(conversation, turns)
            return
        yield Frame(conversation=conversation)
        answer = self._service.follow(conversation)
        async for frame in self._watch(request, conversation, turns[: growing.index], answer):
            yield frame

    @_never_jams
    async def submit(self, text: str, shown: Conversation | None, request: gr.Request) -> AsyncGenerator[Frame]:
        """Send what is in the box."""
        conversation = await self._conversation(shown, request)
        async for frame in self._say(request, conversation, text, clear_box=True):
            yield frame

    @_never_jams
    async def example(
        self, shown: Conversation | None, request: gr.Request, choice: gr.SelectData
    ) -> AsyncGenerator[Frame]:
        """Send an example prompt."""
        conversation = await self._conversation(shown, request)
        async for frame in self._say(request, conversation, choice.value["text"]):
            yield frame

    @_never_jams
    async def retry(self, shown: Conversation | None, request: gr.Request) -> AsyncGenerator[Frame]:
        """Ask the last question again."""
        conversation = await self._conversation(shown, request)
        turns = await self._service.turns(conversation)
        if turns:
            async for frame in self._say(request, conversation, turns[-1].user, at=turns[-1].index):
                yield frame

    @_never_jams
    async def edit(self, shown: Conversation | None, request: gr.Request, edited: gr.EditData) -> AsyncGenerator[Frame]:
        """Ask an earlier question in other words; what came after it goes."""
        conversation = await self._conversation(shown, request)
        turns = await self._service.turns(conversation)
        position = edited.index if isinstance(edited.index, int) else edited.index[0]
        async for frame in self._say(request, conversation, edited.value, at=turn_of_bubble(turns, position)):
            yield frame

    @_never_jams
    async def undo(self, shown: Conversation | None, request: gr.Request) -> AsyncGenerator[Frame]:
        """Take the last turn back: its question returns to the box."""
        conversation = await self._conversation(shown, request)
        turns = await self._service.turns(conversation)
        if turns:
            conversation = await self._service.rewind(conversation, turns[-1].index)
            yield self._settled(conversation, turns[:-1], text=turns[-1].user)

    @_never_jams
    async def new_chat(self, request: gr.Request) -> AsyncGenerator[Frame]:
        """Begin a new conversation; the old one stays in the store, and its answer is written to its end."""
        await self.leave(request)
        yield self._settled(self._service.begin(owner_of(request)), ())

    async def stop(self, shown: Conversation | None, request: gr.Request) -> None:
        """End the answer that is being written; whoever follows it sees it end."""
        await self._service.stop(await self._conversation(shown, request))

    async def leave(self, request: gr.Request) -> None:
        """Have the page draw no further answer: its tab was closed, or it turns to another conversation."""
        watch = self._watches.get(request.session_hash)
        if watch is not None:
            watch.leaving = True
            self._service.nudge(watch.conversation)
            await watch.left.wait()

    async def chat(
        self, message: str, shown: Conversation | None, request: gr.Request
    ) -> AsyncGenerator[tuple[str, Conversation]]:
        """Send a message and stream the answer, each time as a whole; one conversation per client.

        Raises:
            gr.Error: The message was refused or the answer failed; says why.
        """
        conversation = shown or self._service.begin(owner_of(request))
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

    async def _conversation(self, shown: Conversation | None, request: gr.Request) -> Conversation:
        """The conversation the page shows; a page older than this process shows the visitor's latest."""
        return shown if shown is not None else await self._service.latest(owner_of(request))

    async def _say(
        self,
        request: gr.Request,
        conversation: Conversation,
        text: str,
        *,
        at: int | None = None,
        clear_box: bool = False,
    ) -> AsyncGenerator[Frame]:
        before = (await self._service.turns(conversation))[:at]
        answer = self._service.say(conversation, text, at=at)
        try:
            async for frame in self._watch(request, conversation, before, answer, clear_box=clear_box):
                yield frame
        except ConversationError as error:
            # Refused before it began: show how things stand, with the words back where they were typed.
            gr.Warning(str(error))
            current = await self._service.refresh(conversation)
            yield self._settled(current, await self._service.turns(current), text=text)

    async def _watch(
        self,
        request: gr.Request,
        conversation: Conversation,
        before: Sequence[Turn],
        answer: AsyncGenerator[Turn],
        *,
        clear_box: bool = False,
    ) -> AsyncGenerator[Frame]:
        """Draw an answer while it grows (the first word at once), then what the store holds of it."""
        watch = self._watches[request.session_hash] = _Watch(conversation)
        earlier = bubbles(before)
        box: dict[str, Any] | None = _answering_box(clear=clear_box)
        turn: Turn | None = None
        try:
            async with aclosing(answer):
                async for turn in answer:
                    if watch.leaving:
                        # Gradio sends the last frame once more when a handler ends: let it be one that draws nothing.
                        yield Frame()
                        return
                    if box is not None:
                        yield Frame(earlier + bubbles([turn]), box, self._memory_line(before, turn.user))
                        box = None
                    elif turn.status is TurnStatus.STREAMING:
                        yield Frame(earlier + bubbles([turn]))
                    if turn.assistant and turn.status is TurnStatus.STREAMING:
                        await asyncio.sleep(self._gap(turn))
            yield await self._ended(conversation, turn)
        finally:
            watch.left.set()
            if self._watches.get(request.session_hash) is watch:
                del self._watches[request.session_hash]

    async def _ended(self, conversation: Conversation, turn: Turn | None) -> Frame:
        """What the page shows after an answer: what the store holds of it."""
        current = await self._service.refresh(conversation)
        turns = await self._service.turns(current)
        if turn is None or turn in turns:
            return self._settled(current, turns)
        # The store kept the answer that this one was to replace.
        reason = turn.failure.message if turn.failure else "Stopped before the first word."
        gr.Warning(f"{reason} The earlier answer is kept.", duration=None)
        replaced = turns[turn.index].user if turn.index < len(turns) else None
        return self._settled(current, turns, text=None if turn.user == replaced else turn.user)

    def _gap(self, turn: Turn) -> float:
        """Seconds to wait before a growing answer is drawn again: a pace the page, and all of them, can keep up."""
        gap = IDLE_GAP if len(self._watches) <= BUSY_PAGES else BUSY_GAP
        return gap + len(turn.assistant) / CHARACTERS_PER_SECOND_OF_GAP

    def _settled(self, conversation: Conversation, turns: Sequence[Turn], text: str | None = None) -> Frame:
        return Frame(bubbles(turns), _idle_box(text), self._memory_line(turns), conversation)

    def _memory_line(self, turns: Sequence[Turn], text: str = "") -> str:
        memory = self._service.memory
        return memory_line(turns, memory.remembered(turns, text), memory.k)
