"""An answer while it is being written: it belongs to the service, and any number of readers may follow it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import replace

from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.generation.responder import AnsweredBy, Bytes, Correction, Delta, Event, Finish, Step
from chatbot.conversation.generation.screen import SecretScreen
from chatbot.conversation.parts import Blob, Part, Reasoning, Text, extended, text_of
from chatbot.conversation.quota import Standing
from chatbot.conversation.store import Recent
from chatbot.conversation.turn import (
    ENDPOINT_REQUEST,
    STORE_ERROR,
    Conversation,
    Notice,
    Timing,
    Turn,
    TurnStatus,
    Usage,
    Waiting,
)
from chatbot.redaction import withhold


class Generation:
    """A turn that grows.

    Following conflates: a reader gets the newest state of the turn, never a backlog, and a reader that goes
    away ends nothing.

    Args:
        turn: The turn at its start: the question, and no answer yet.
        conversation: Where it belongs, as it stands with the question written down.
        plan: What the request holds.
        before: What comes before it, where that and the turn are all that a page shows.
    """

    def __init__(self, turn: Turn, conversation: Conversation, plan: ContextPlan, before: Recent | None = None) -> None:
        self.conversation = conversation
        self.before = before
        """None also once it may have changed: then it has to be read."""
        self.plan = plan
        """What the latest request holds."""
        self.standing: Standing | None = None
        """How its asker stands with the limits; None also where nothing is limited."""
        self.task: asyncio.Task[None] | None = None
        self.stoppable = True
        """Not any more once the model is done: saving what it said must not be cut short."""
        self.hurry = asyncio.Event()
        """Set to have what could not be saved tried again at once."""
        self.is_given_up = False
        """Whether saving is not to be tried again: the process ends."""
        self.blobs: dict[Blob, bytes] = {}
        """The bytes of what was answered, until somebody keeps them."""
        self._turn = turn
        self._new_parts: list[Part] = []
        self._answer: tuple[Part, ...] = turn.answer
        """As it came; the turn has it as it may be shown."""
        self._screen = SecretScreen()
        self._asked_at = time.monotonic()
        self._first_thought_at: float | None = None
        self._first_word_at: float | None = None
        self._readers: set[asyncio.Event] = set()

    @property
    def turn(self) -> Turn:
        """The turn as it is now."""
        if self._new_parts:
            # Joined when somebody looks, not for every token.
            self._answer = extended(self._answer, self._new_parts)
            self._turn = replace(self._turn, answer=self._screen.screened(self._answer, self._new_parts))
            self._new_parts.clear()
        return self._turn

    def take(self, event: Event) -> None:
        """Take what the responder tells next."""
        if self._turn.waiting is not None:
            self._turn = replace(self._turn, waiting=None)
        if isinstance(event, Delta):
            self._clock(event.part)
            self._new_parts.append(event.part)
        elif isinstance(event, Bytes):
            self.blobs[event.blob] = event.data
        elif isinstance(event, Correction):
            self._correct(event.answer)
        elif isinstance(event, Step):
            self.plan = event.plan
            if event.notices:
                self._turn = replace(self._turn, notices=event.notices)
        elif isinstance(event, Usage):
            self._turn = replace(self._turn, usage=event)
        elif isinstance(event, Finish):
            self._turn = replace(self._turn, finish_reason=withhold(event.reason))
            if event.request:
                known = Notice(ENDPOINT_REQUEST, {"id": event.request})
                self._turn = replace(self._turn, notices=(*self._turn.notices, known))
        elif isinstance(event, AnsweredBy):
            self._turn = replace(self._turn, deployment=event.deployment)
        self._wake()

    def _clock(self, part: Part) -> None:
        if isinstance(part, Text):
            if self._first_word_at is None:
                self._first_word_at = time.monotonic()
        elif isinstance(part, Reasoning) and self._first_thought_at is None:
            self._first_thought_at = time.monotonic()

    def _correct(self, answer: tuple[Part, ...]) -> None:
        words_at = self._first_word_at
        if not text_of(answer).startswith(self.turn.answer_text):
            # What was taken for the answer were thoughts.
            self._first_thought_at, self._first_word_at = self._first_thought_at or words_at, None
        for part in answer:
            self._clock(part)
        self._answer = answer
        self._turn = replace(self.turn, answer=self._screen.screened(answer, answer))

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
