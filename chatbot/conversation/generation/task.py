"""How one answer comes about: asked, mended once where it can be, kept while it grows, and kept as it ended."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any, Final, cast

from langchain_core.exceptions import ContextOverflowError, ModelError
from langchain_core.messages import AIMessageChunk
from langchain_core.runnables import RunnableConfig

from chatbot.conversation.context.learned import USUAL_ANSWER, told_by
from chatbot.conversation.context.window import ContextPlan
from chatbot.conversation.deployments import EffectiveOptions
from chatbot.conversation.generation.generation import Generation
from chatbot.conversation.generation.retries import RetryListener, kind_of
from chatbot.conversation.store import ConversationStore
from chatbot.conversation.turn import STORE_ERROR, Failure, Turn, TurnStatus, Usage

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS: Final = 1.0
"""How often a growing answer is kept: what a killed process loses of it at most."""

MAX_SAVING_SECONDS: Final = 600.0
"""How long an answer that has ended is tried to be saved: a database that is restarted or repaired is back by then."""

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 10.0
"""Seconds between two attempts; each is twice as long as the one before."""

UNEXPECTED: Final = "Something went wrong in this application; its log says what. Try again."

UNSAVED: Final = "The database did not take the answer. It is lost when this page is closed: copy what you need of it."


class GenerationTask:
    """The writing of one answer, from the request to what is kept of it.

    Args:
        generation: Where it grows, for whoever follows it.
        conversation_id: Where it belongs.
        choice: Who answers, and how it is asked.
        store: Where it is kept.
        earlier: The turns that may be remembered.
        replaces: What is shown at its index as long as it has not ended well, if there is anything.
        max_seconds: The longest it may take.
        max_saving_seconds: How long it is tried to be saved once it has ended.
    """

    def __init__(
        self,
        generation: Generation,
        conversation_id: str,
        choice: EffectiveOptions,
        store: ConversationStore,
        *,
        earlier: Sequence[Turn],
        replaces: Turn | None,
        max_seconds: float,
        max_saving_seconds: float,
    ) -> None:
        self._generation = generation
        self._id = conversation_id
        self._choice = choice
        self._learned = choice.deployment.learned
        self._store = store
        self._earlier = earlier
        self._replaces = replaces
        self.is_appended = False
        """Whether it has ended and been kept as a further turn, in nothing's place."""
        self._max_seconds = max_seconds
        self._max_saving_seconds = max_saving_seconds
        generation.plan = self._plan()

    async def write(self) -> Turn:
        """Ask, and keep what comes; return the turn as it ended, however it ended."""
        ended = asyncio.Event()
        keeping = asyncio.create_task(self._checkpoints(ended))
        try:
            turn = self._measured(await self._ask())
        finally:
            self._generation.stoppable = False
            # Not cancelled: what has begun to write should get to its end before the last words are written.
            ended.set()
            await keeping
        return await self._saved(turn)

    async def _saved(self, turn: Turn) -> Turn:
        """Save the turn until that holds, or it was tried for long enough; meanwhile it is shown as it ended."""
        until = time.monotonic() + self._max_saving_seconds
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._save(turn)
            except Exception:
                logger.exception("An answer could not be saved")
            if self._generation.is_given_up or time.monotonic() + pause > until:
                self._generation.keep(None)
                return _failed(turn, STORE_ERROR, UNSAVED)
            self._generation.hold(turn, pause)
            pause = min(2 * pause, LONGEST_PAUSE) if await self._waited(pause) else FIRST_PAUSE

    async def _waited(self, seconds: float) -> bool:
        """Wait; return whether nobody was in a hurry."""
        try:
            async with asyncio.timeout(seconds):
                await self._generation.hurry.wait()
        except TimeoutError:
            return True
        self._generation.hurry.clear()
        return False

    async def _save(self, turn: Turn) -> Turn:
        keep = _may_replace(self._replaces, turn)
        kept = await self._store.end(self._id, turn, keep=keep)
        self._generation.keep(kept if keep else None)
        self.is_appended = kept is not None and self._replaces is None
        return await self._as_kept(turn) if kept is None else turn

    async def _as_kept(self, turn: Turn) -> Turn:
        """What somebody else left of the turn, who stopped it in another process or took this one for dead."""
        kept = await self._store.tail(self._id, 1, before=turn.index + 1)
        stopped = replace(turn, status=TurnStatus.STOPPED, failure=None)
        return next((each for each in kept if (each.index, each.version) == (turn.index, turn.version)), stopped)

    def _plan(self) -> ContextPlan:
        return self._choice.plan(self._earlier, self._generation.turn.question_text)

    def _measured(self, turn: Turn) -> Turn:
        usage = None if turn.usage is None else self._choice.priced(turn.usage)
        return replace(turn, usage=usage, timing=self._generation.timing(), waiting=None)

    async def _checkpoints(self, ended: asyncio.Event) -> None:
        """Keep what there is, again and again; who may not write any more stops asking."""
        while not ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), CHECKPOINT_SECONDS)
                return
            try:
                if not await self._store.checkpoint(self._id, self._generation.turn):
                    self._generation.stop()
                    return
            except Exception:
                # The next one may get through, and the end is kept in any case or said to be lost.
                logger.exception("A growing answer could not be kept")

    async def _ask(self) -> Turn:
        try:
            async with asyncio.timeout(self._max_seconds) as limit:
                await self._read(self._generation.plan or self._plan())
        except asyncio.CancelledError:
            # Only stopping cancels this task, and it wants what there is to be kept.
            return replace(self._generation.turn, status=TurnStatus.STOPPED)
        except ModelError as error:
            return replace(self._generation.turn, status=TurnStatus.FAILED, failure=_failure(error))
        except Exception as error:
            if isinstance(error, TimeoutError) and limit.expired():
                message = f"The answer took longer than {self._max_seconds:g} seconds."
                return _failed(self._generation.turn, "ModelTimeoutError", message)
            logger.exception("The model raised what is no ModelError")
            return _failed(self._generation.turn, "ModelError", UNEXPECTED)
        turn = replace(self._generation.turn, status=TurnStatus.COMPLETE)
        if turn.usage is not None and self._generation.plan is not None:
            self._learned.counted(self._id, _texts(self._generation.plan), turn.usage)
        return turn

    async def _read(self, plan: ContextPlan) -> None:
        try:
            await self._stream(plan)
        except ContextOverflowError as error:
            # Who has begun to answer has read it all.
            shorter = None if self._generation.turn.answer_text else self._shorter(plan, error)
            if shorter is None:
                raise
            self._generation.plan = shorter
            try:
                await self._stream(shorter, refused=plan)
            except ContextOverflowError as again:
                # Whoever asks again asks for less.
                self._shorter(shorter, again)
                raise

    async def _stream(self, plan: ContextPlan, *, refused: ContextPlan | None = None) -> None:
        told = self._choice.told(plan)
        if notice := self._notice(plan, refused, told):
            self._generation.note(notice)
        # LangChain types its generators as iterators; closing one is what closes the connection below it.
        config = RunnableConfig(callbacks=[RetryListener(self._generation.pause)])
        asked = self._choice.deployment.model.astream(plan.messages, config, **told)
        stream = cast(AsyncGenerator[AIMessageChunk], asked)
        async with aclosing(stream) as chunks:
            async for chunk in chunks:
                self._generation.add(chunk)

    def _shorter(self, refused: ContextPlan, error: ContextOverflowError) -> ContextPlan | None:
        """Learn from a refusal; return what may pass instead, if there is anything to leave out."""
        room = self._room(refused)
        requested = told_by(error, "requested_tokens")
        prompt = told_by(error, "prompt_tokens") or max((requested or 0) - room, 0)
        if prompt:
            self._learned.counted(self._id, _texts(refused), Usage(prompt, 0))
        if (size := told_by(error, "context_size")) is not None:
            self._learned.named(size)
            shorter = self._plan()
            if self._asks_for_less(shorter, refused):
                return shorter
        total = refused.tokens + room
        usual = self._choice.deployment.parameters.get("max_tokens") or USUAL_ANSWER
        if usual < room:
            # What the visitor chose gives way before what the visitor said does.
            self._learned.refused_answer(self._id, usual)
        if refused.remembered and room - usual < total // 3:
            self._learned.refused(self._id, total)
        # Otherwise the question is too long, not the memory.
        shorter = self._plan()
        return shorter if self._asks_for_less(shorter, refused) else None

    def _asks_for_less(self, plan: ContextPlan, refused: ContextPlan) -> bool:
        return plan.tokens + self._room(plan) < refused.tokens + self._room(refused)

    def _room(self, plan: ContextPlan) -> int:
        return self._choice.told(plan).get("max_tokens") or 0

    def _notice(self, plan: ContextPlan, refused: ContextPlan | None, told: Mapping[str, Any]) -> str:
        parts = []
        if refused is not None and (left_out := len(refused.remembered) - len(plan.remembered)) > 0:
            parts.append(_shortened(left_out))
        wanted, most = self._choice.parameters.get("max_tokens"), told.get("max_tokens")
        if wanted != most:
            parts.append(
                f"The model has no room for an answer of {wanted:,} tokens beside the conversation, so this one may "
                f"take {most:,}."
            )
            if self._choice.options.max_tokens is not None:
                parts.append("Lower “Max tokens” to leave it more room.")
        return " ".join(parts)


def _texts(plan: ContextPlan) -> list[str]:
    return [message.text for message in plan.messages]


def _shortened(turns: int) -> str:
    what = "1 earlier turn was" if turns == 1 else f"{turns} earlier turns were"
    return f"The conversation was too long for the model, so {what} left out and the question was sent again."


def _may_replace(old: Turn | None, new: Turn) -> bool:
    """Whether ``new`` may take the place of ``old``: an answer is never lost to a failure."""
    if old is None or not old.has_answer:
        return True
    return new.status is TurnStatus.COMPLETE or (new.status is TurnStatus.STOPPED and new.has_answer)


def _failure(error: ModelError) -> Failure:
    # LangChain has no class for a blocked prompt; an error that names what a filter found is one.
    blocked = hasattr(error, "filter_results")
    return Failure(kind_of(error), str(error), getattr(error, "retry_after", None), blocked)


def _failed(turn: Turn, kind: str, message: str) -> Turn:
    return replace(turn, status=TurnStatus.FAILED, failure=Failure(kind, message))
