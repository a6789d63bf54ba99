"""An answer while it is being written: it belongs to the service, and any number of readers may follow it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import replace

from langchain_core.messages import AIMessage, AIMessageChunk

from chatbot.conversation.context.window import ContextPlan
from chatbot.conversation.parts import Part, Reasoning, Text, extended
from chatbot.conversation.store import Recent
from chatbot.conversation.turn import STORE_ERROR, Conversation, Timing, Turn, TurnStatus, Usage, Waiting


class Generation:
    """A turn that grows.

    Following conflates: a reader gets the newest state of the turn, never a backlog, and a reader that goes
    away ends nothing.

    Args:
        turn: The turn at its start: the question, and no answer yet.
        conversation: Where it belongs, as it stands with the question written down.
        before: What comes before it, where that and the turn are all that a page shows.
    """

    def __init__(self, turn: Turn, conversation: Conversation, before: Recent | None = None) -> None:
        self.conversation = conversation
        self.before = before
        """None also once it may have changed: then it has to be read."""
        self.plan: ContextPlan | None = None
        """What the request holds; known before the first word."""
        self.task: asyncio.Task[None] | None = None
        self.stoppable = True
        """Not any more once the model is done: saving what it said must not be cut short."""
        self.hurry = asyncio.Event()
        """Set to have what could not be saved tried again at once."""
        self.is_given_up = False
        """Whether saving is not to be tried again: the process ends."""
        self._turn = turn
        self._new_parts: list[Part] = []
        self._asked_at = time.monotonic()
        self._first_thought_at: float | None = None
        self._first_word_at: float | None = None
        self._readers: set[asyncio.Event] = set()

    @property
    def turn(self) -> Turn:
        """The turn as it is now."""
        if self._new_parts:
            # Joined when somebody looks, not for every token.
            self._turn = replace(self._turn, answer=extended(self._turn.answer, self._new_parts))
            self._new_parts.clear()
        return self._turn

    def add(self, chunk: AIMessage) -> None:
        """Take what the model said next: a chunk, or from a model that does not stream its whole message."""
        if self._turn.waiting is not None:
            self._turn = replace(self._turn, waiting=None)
        if isinstance(chunk, AIMessageChunk) and type(chunk) is not AIMessageChunk:
            chunk = self._summed(chunk)
        if thought := _thought(chunk):
            self._first_thought_at = self._first_thought_at or time.monotonic()
            self._new_parts.append(Reasoning(thought))
        if text := str(chunk.text):
            self._first_word_at = self._first_word_at or time.monotonic()
            self._new_parts.append(Text(text))
        if reason := chunk.response_metadata.get("finish_reason"):
            self._turn = replace(self._turn, finish_reason=reason)
        if used := chunk.usage_metadata:
            self._turn = replace(self._turn, usage=Usage(used["input_tokens"], used["output_tokens"]))
        self._wake()

    def _summed(self, chunk: AIMessageChunk) -> AIMessageChunk:
        """Begin the turn's text anew with the sum so far: a class of its own may change what came before it."""
        turn, words_at = self.turn, self._first_word_at
        text, reasoning = turn.answer_text, turn.reasoning_text
        summed = AIMessageChunk(content=text, additional_kwargs={"reasoning_content": reasoning}) + chunk
        self._turn = replace(turn, answer=())
        if not summed.text.startswith(text):
            # What was taken for the answer were thoughts.
            self._first_thought_at, self._first_word_at = self._first_thought_at or words_at, None
        return summed

    def note(self, notice: str) -> None:
        """Tell the visitor how the answer comes about."""
        self._turn = replace(self._turn, notice=notice)
        self._wake()

    def pause(self, waiting: Waiting) -> None:
        """Tell the visitor that the model waits before it asks again."""
        self._turn = replace(self._turn, waiting=waiting)
        self._wake()

    def timing(self) -> Timing:
        """Return how long it took, if it ends now."""
        now = time.monotonic()
        first_word, first_thought = self._first_word_at, self._first_thought_at
        return Timing(
            ended_at=time.time(),
            total=now - self._asked_at,
            first_word=None if first_word is None else first_word - self._asked_at,
            thinking=None if first_thought is None else max((first_word or now) - first_thought, 0.0),
        )

    def end(self, turn: Turn) -> None:
        """Set the final state of the turn; everybody who follows gets it."""
        self._new_parts.clear()
        self._turn = turn
        self._wake()

    def hold(self, turn: Turn, seconds: float) -> None:
        """Show the turn as it ended, which could not be saved and is tried to be again in so many seconds."""
        self._new_parts.clear()
        waiting = Waiting(STORE_ERROR, time.time() + seconds)
        self._turn = replace(turn, status=TurnStatus.STREAMING, failure=None, waiting=waiting)
        self._wake()

    def keep(self, conversation: Conversation | None) -> None:
        """Take note of the conversation as it stands with the answer kept; None where it is not shown."""
        if conversation is None or conversation.revision != self.conversation.revision:
            self.before = None
        else:
            self.conversation = conversation

    def give_up(self) -> None:
        """Have no further attempt made to save it."""
        self.is_given_up = True
        self.hurry.set()

    def stop(self) -> None:
        """Ask the writer to end; one that only has its end to save is asked to try that at once."""
        # Not at once: a task that is cancelled before its first step never runs, and nothing would be kept or freed.
        asyncio.get_running_loop().call_soon(self._cancel)

    async def wait(self) -> None:
        """Return when the turn has ended and is kept, or cannot be saved for now."""
        changed = asyncio.Event()
        with self.waking(changed):
            while self.task is not None and not self.task.done() and not self.turn.is_unsaved:
                await changed.wait()
                changed.clear()

    async def follow(self) -> AsyncGenerator[Turn]:
        """Yield the turn as it is, then its newest state whenever it has grown, its final state last."""
        grown = asyncio.Event()
        with self.waking(grown):
            while True:
                # Cleared before the look, so that nothing that arrives after it is missed.
                grown.clear()
                turn = self.turn
                yield turn
                if turn.status is not TurnStatus.STREAMING:
                    return
                await grown.wait()

    @contextmanager
    def waking(self, reader: asyncio.Event) -> Iterator[None]:
        """Set ``reader`` whenever the turn has grown, as long as the context is open."""
        self._readers.add(reader)
        try:
            yield
        finally:
            self._readers.discard(reader)

    def _wake(self) -> None:
        for reader in self._readers:
            reader.set()

    def _cancel(self) -> None:
        if self.task is not None and self.stoppable:
            self.stoppable = False
            self.task.cancel()
        elif self._turn.is_unsaved:
            self.hurry.set()


def _thought(chunk: AIMessage) -> str:
    """What a model said to itself: in the field that most use, or in a block of its own."""
    if isinstance(chunk.content, str):
        return chunk.additional_kwargs.get("reasoning_content") or ""
    return "".join(block.get("reasoning", "") for block in chunk.content_blocks if block["type"] == "reasoning")
