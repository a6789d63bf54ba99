"""Answers that were recorded beforehand: told instead of asking, or where who is asked does not answer in time.

Each says so. What had come by then is kept as long as the recording goes on with it; words that it would contradict are
replaced by it, as a whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Final

from langchain_core.exceptions import ModelError, ModelInvalidRequestError
from langchain_core.runnables import RunnableConfig

from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.deployments import Deployment
from chatbot.conversation.failures import kind_of, log_failure
from chatbot.conversation.generation.responder import (
    AnsweredBy,
    Correction,
    Delta,
    Event,
    Finish,
    Responder,
    Step,
)
from chatbot.conversation.parts import Part, Reasoning, Text, text_of
from chatbot.conversation.turn import FIRST_WORD_TIMEOUT, FROM_RECORDING, UNEXPECTED, Notice

logger = logging.getLogger(__name__)

SILENCE: Final = "SilenceTimeout"
"""What an answer failed of that broke off, as models call it."""

PIECE_SECONDS: Final = 0.05
"""Seconds between two pieces of an answer that is told from a recording."""


@dataclass(frozen=True, slots=True)
class Recording:
    """An answer as it was recorded.

    Attributes:
        text: Its words; none where the content filter refused the question.
        first_word: Seconds until the first of them.
        seconds: Seconds until the last.
        blocked: Whether the content filter refused the question.
    """

    text: str
    first_word: float = 0.5
    seconds: float = 2.0
    blocked: bool = False


class RecordedBlockError(ModelInvalidRequestError):
    """The content filter refused the question when this was recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.filter_results: dict[str, object] = {}


class Rehearsal:
    """How one question of a rehearsed conversation is answered.

    Args:
        recording: The answer that was recorded.
        asks: Whether the model is asked; without, the recording is told.
        first_word: Seconds that the model has for its first word, in which it may also try again.
        silence: Seconds that it may be silent from then on.
        failing: Who is asked in the place of the deployment that answers: the same, which fails as it did when this was
            recorded.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        asks: bool = True,
        first_word: float = 6.0,
        silence: float = 6.0,
        failing: Deployment | None = None,
    ) -> None:
        self.recording = recording
        self.asks = asks
        self.first_word = first_word
        self.silence = silence
        self.failing = failing
        self.skipped = asyncio.Event()
        self._on_skip: Callable[[], None] = lambda: None

    def skip(self) -> None:
        """Have the answer ended from the recording, at once."""
        self.skipped.set()
        self._on_skip()

    @contextmanager
    def skipping(self, on_skip: Callable[[], None]) -> Iterator[None]:
        """Have a function called as soon as it is skipped, as long as the context is open."""
        self._on_skip = on_skip
        if self.skipped.is_set():
            on_skip()
        try:
            yield
        finally:
            self._on_skip = lambda: None

    def responder(self, asked: Responder, name: str) -> Responder:
        """Return who responds.

        Args:
            asked: Asks the model.
            name: Whom it asks first.
        """
        return SafetyNetResponder(asked, self) if self.asks else RecordingResponder(self, name)

    async def told(self, text: str) -> AsyncGenerator[Delta]:
        """Yield a text of the recording at the pace at which that was recorded, or at once where it is skipped."""
        recording = self.recording
        pieces = max(round((recording.seconds - recording.first_word) / PIECE_SECONDS), 1)
        size = max(len(recording.text) // pieces, 1)
        at = 0
        while at < len(text):
            until = len(text) if self.skipped.is_set() else at + size
            yield Delta(Text(text[at:until]))
            at = until
            if at < len(text):
                await self.pause(PIECE_SECONDS)

    async def pause(self, seconds: float) -> None:
        """Wait, unless it is skipped."""
        try:
            async with asyncio.timeout(seconds):
                await self.skipped.wait()
        except TimeoutError:
            return


class RecordingResponder:
    """Tells the recording; nobody is asked.

    Args:
        rehearsal: What is told.
        name: Whose answer it stands for.
    """

    def __init__(self, rehearsal: Rehearsal, name: str) -> None:
        self._rehearsal = rehearsal
        self._name = name

    async def respond(self, plan: ContextPlan, config: RunnableConfig) -> AsyncGenerator[Event]:
        """Tell it; as :meth:`Responder.respond`. No usage is told, for there is none."""
        recording = self._rehearsal.recording
        yield AnsweredBy(self._name)
        yield Step(plan, (Notice(FROM_RECORDING),))
        await self._rehearsal.pause(recording.first_word)
        if recording.blocked:
            raise RecordedBlockError
        async with aclosing(self._rehearsal.told(recording.text)) as told:
            async for delta in told:
                yield delta
        yield Finish("stop")


class SafetyNetResponder:
    """Has another responder answer, and ends the answer from the recording where that fails, is too slow or too silent.

    Args:
        responder: The other one.
        rehearsal: The recording, and how long is waited.
    """

    def __init__(self, responder: Responder, rehearsal: Rehearsal) -> None:
        self._responder = responder
        self._rehearsal = rehearsal

    async def respond(self, plan: ContextPlan, config: RunnableConfig) -> AsyncGenerator[Event]:
        """Stream the answer; as :meth:`Responder.respond`.

        Raises:
            ModelError: The content filter refused the question, as it did when this was recorded.
        """
        answer: list[Part] = []
        last = Step(plan)
        name = ""
        rehearsal, loop = self._rehearsal, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(rehearsal.first_word) as limit:

                def give_up_after(seconds: float) -> None:
                    if not limit.expired():
                        limit.reschedule(loop.time() + seconds)

                with rehearsal.skipping(lambda: give_up_after(0)):
                    async with aclosing(self._responder.respond(plan, config)) as events:
                        async for event in events:
                            if isinstance(event, Delta):
                                answer.append(event.part)
                            elif isinstance(event, Correction):
                                answer[:] = event.answer
                            elif isinstance(event, Step):
                                last = event
                            elif isinstance(event, AnsweredBy):
                                name = event.deployment
                            if answer and not rehearsal.skipped.is_set():
                                give_up_after(rehearsal.silence)
                            yield event
            if rehearsal.recording.blocked or not all(isinstance(part, Reasoning) for part in answer):
                return
            cause = "ModelAPIError"  # it ended well and said nothing
        except TimeoutError:
            if not limit.expired():
                raise
            cause = SILENCE if answer else FIRST_WORD_TIMEOUT
        except ModelError as error:
            is_blocked = hasattr(error, "filter_results")
            if rehearsal.recording.blocked and is_blocked:
                raise
            log_failure(error, name, plan.messages[-1].text)
            cause = "blocked" if is_blocked else kind_of(error)
        except Exception:
            logger.exception("The model raised what is no ModelError")
            cause = UNEXPECTED
        async with aclosing(self._ended(last, answer, cause)) as ending:
            async for event in ending:
                yield event

    async def _ended(self, last: Step, answer: list[Part], cause: str) -> AsyncGenerator[Event]:
        """End the answer from the recording.

        Args:
            last: The request that it was given to.
            answer: What there is of it.
            cause: Why it is ended so, as :attr:`~chatbot.conversation.turn.Failure.kind`; or ``blocked``.
        """
        recording, shown = self._rehearsal.recording, text_of(answer)
        goes_on = bool(shown) and len(shown) < len(recording.text) and recording.text.startswith(shown)
        replaces = bool(shown) and not goes_on
        told = Notice("recording_goes_on" if goes_on else "recording_replaces" if replaces else "recording_instead")
        why = (
            Notice("recording_skipped")
            if self._rehearsal.skipped.is_set()
            else Notice("recording_cause", {"cause": cause})
        )
        yield Step(last.plan, (*last.notices, told, why))
        if not goes_on and answer:
            yield Correction(())
        if recording.blocked:
            raise RecordedBlockError
        if replaces:
            # At once: words that go away and come anew would be read as two answers.
            yield Correction((Text(recording.text),))
        else:
            async with aclosing(self._rehearsal.told(recording.text[len(shown) :])) as pieces:
                async for delta in pieces:
                    yield delta
        yield Finish("stop")
