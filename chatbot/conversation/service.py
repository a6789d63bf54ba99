"""The conversation service: the one place that reads, asks the model and writes."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final, cast

from langchain_core import exceptions as langchain_exceptions
from langchain_core.exceptions import ModelError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage

from chatbot.conversation.generation import Generation
from chatbot.conversation.store import ConversationStore, RevisionError
from chatbot.conversation.turn import Conversation, Failure, Turn, TurnStatus
from chatbot.conversation.window import WindowMemory

logger = logging.getLogger(__name__)

MAX_ANSWER_SECONDS: Final = 600.0
"""The longest an answer may take in all: an end for a generation that nobody follows or stops."""

TITLE_LENGTH: Final = 60


class ConversationError(Exception):
    """The service cannot do what was asked; the message says why, in words for the person who asked."""


class MessageError(ConversationError):
    """There is nothing to send, or it cannot be sent."""


class ConversationNotFoundError(ConversationError):
    """The conversation does not exist, or belongs to somebody else."""

    def __init__(self) -> None:
        super().__init__("This conversation is not here any more. Start a new one; your message is still in the box.")


class ConversationBusyError(ConversationError):
    """An answer is being written in this conversation."""

    def __init__(self) -> None:
        super().__init__("An answer is still being written in this conversation. Stop it, or wait for its end.")


class ConversationConflictError(ConversationError):
    """The conversation went on somewhere else since it was last seen."""

    def __init__(self) -> None:
        super().__init__(
            "This conversation has moved on since this page last showed it. Here is how it stands now; "
            "your message is still in the box: send it again if it still fits."
        )


class ConversationService:
    """Says things to the model and keeps what was said.

    Args:
        model: Any LangChain chat model.
        store: Where conversations live.
        memory: What the model remembers.
        max_seconds: The longest an answer may take in all.
    """

    def __init__(
        self,
        model: BaseChatModel,
        store: ConversationStore,
        memory: WindowMemory,
        *,
        max_seconds: float = MAX_ANSWER_SECONDS,
    ) -> None:
        self.memory = memory
        self._model = model
        self._store = store
        self._max_seconds = max_seconds
        self._generations: dict[str, Generation] = {}
        self._claimed: set[str] = set()
        """Conversations somebody is writing to: one writer at a time, however many tabs."""

    # ------------------------------------------------------------------------------------------ reading

    def begin(self, owner: str) -> Conversation:
        """Return a new conversation; it is written down with its first message."""
        return Conversation(secrets.token_urlsafe(16), owner)

    async def latest(self, owner: str) -> Conversation:
        """Return the conversation the owner wrote to last, or a new one."""
        known = await self._store.list(owner, limit=1)
        return known[0] if known else self.begin(owner)

    async def list(self, owner: str) -> Sequence[Conversation]:
        """Return the owner's conversations, the one written to last first."""
        return await self._store.list(owner)

    async def refresh(self, conversation: Conversation) -> Conversation:
        """Return the conversation as it stands now.

        Raises:
            ConversationNotFoundError: It is gone, or not the owner's.
        """
        stored = await self._store.get(conversation.id)
        if stored is None:
            if conversation.revision:
                raise ConversationNotFoundError
            return conversation
        if stored.owner != conversation.owner:
            raise ConversationNotFoundError
        return stored

    async def turns(self, conversation: Conversation) -> Sequence[Turn]:
        """Return the finished turns, in order.

        Raises:
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        await self.refresh(conversation)
        return await self._store.turns(conversation.id)

    def generating(self, conversation: Conversation) -> Turn | None:
        """Return the turn that is being answered right now, if there is one."""
        generation = self._generation(conversation)
        return None if generation is None else generation.turn

    # ------------------------------------------------------------------------------------------ writing

    async def say(self, conversation: Conversation, text: str, *, at: int | None = None) -> AsyncGenerator[Turn]:
        """Ask the model and yield the growing turn: its newest state each time, its final state last.

        The answer belongs to the service: whoever stops iterating only stops watching, see :meth:`follow` and
        :meth:`stop`. It is saved when it ends, also when it was stopped or failed.

        Args:
            conversation: As the asker last saw it.
            text: The question, kept byte for byte.
            at: Number of turns the question comes after; fewer than there are is a retry or an edit. The turns
                it replaces stay until the new one has something to replace them with.

        Raises:
            MessageError: The text is empty, or is no text.
            ConversationBusyError: An answer is being written in this conversation.
            ConversationConflictError: The conversation went on since the asker last saw it.
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        generation = await self._start(conversation, text, at)
        async with aclosing(generation.follow()) as snapshots:
            async for turn in snapshots:
                yield turn

    async def follow(self, conversation: Conversation) -> AsyncGenerator[Turn]:
        """Yield the turn that is being answered right now, as :meth:`say` does; nothing when there is none."""
        generation = self._generation(conversation)
        if generation is not None:
            async with aclosing(generation.follow()) as snapshots:
                async for turn in snapshots:
                    yield turn

    def nudge(self, conversation: Conversation) -> None:
        """Hand those who follow the answer its state again: a reader who is to leave gets to, however silent it is."""
        generation = self._generation(conversation)
        if generation is not None:
            generation.nudge()

    async def stop(self, conversation: Conversation) -> None:
        """End the answer that is being written, keep what there is of it, and return when it is kept."""
        generation = self._generation(conversation)
        if generation is not None:
            generation.stop()
            await generation.wait()

    async def rewind(self, conversation: Conversation, to: int) -> Conversation:
        """Cut the conversation to its first ``to`` turns; return it as it stands then.

        Raises:
            ConversationBusyError: An answer is being written in this conversation.
            ConversationConflictError: The conversation went on since the asker last saw it.
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        if conversation.id in self._claimed:
            raise ConversationBusyError
        stored = await self._check_revision(conversation)
        try:
            revision = await self._store.save(stored.id, to, None, stored.revision)
        except RevisionError:
            raise ConversationConflictError from None
        return replace(stored, revision=revision)

    async def forget(self, conversation: Conversation) -> None:
        """Delete the conversation for good, ending an answer that is being written.

        Raises:
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        await self.refresh(conversation)
        await self.stop(conversation)
        await self._store.delete(conversation.id)

    async def aclose(self) -> None:
        """End all answers that are being written, keeping what there is of each."""
        running = list(self._generations.values())
        for generation in running:
            generation.stop()
        for generation in running:
            await generation.wait()

    # ----------------------------------------------------------------------------------------- one answer

    def _generation(self, conversation: Conversation) -> Generation | None:
        generation = self._generations.get(conversation.id)
        return generation if generation is not None and generation.owner == conversation.owner else None

    async def _check_revision(self, conversation: Conversation) -> Conversation:
        stored = await self.refresh(conversation)
        if stored.revision != conversation.revision:
            raise ConversationConflictError
        return stored

    async def _start(self, conversation: Conversation, text: str, at: int | None) -> Generation:
        _check_text(text)
        if conversation.id in self._claimed:
            raise ConversationBusyError
        # Claimed before the first await: two messages at once cannot both get past the check above.
        self._claimed.add(conversation.id)
        try:
            stored = await self._check_revision(conversation)
            if not stored.revision:
                stored = await self._store.create(replace(stored, title=_title(text)))
            index = await self._index(stored, at)
            # One read for both: what the model may remember, and the turn that is replaced, if there is one.
            earlier = [*await self._store.tail(stored.id, self.memory.reach + 1, before=index + 1)]
            replaced = earlier.pop() if earlier and earlier[-1].index == index else None
        except BaseException:
            self._claimed.discard(conversation.id)
            raise
        generation = Generation(Turn(index, text), stored.owner)
        writing = self._write(
            generation,
            stored,
            messages=self.memory.messages(earlier, text),
            replaced=replaced,
        )
        self._generations[stored.id] = generation
        generation.task = asyncio.create_task(writing)
        return generation

    async def _index(self, conversation: Conversation, at: int | None) -> int:
        last = await self._store.tail(conversation.id, 1)
        count = last[0].index + 1 if last else 0
        if at is None:
            return count
        if not 0 <= at <= count:
            raise ConversationConflictError
        return at

    async def _write(
        self,
        generation: Generation,
        conversation: Conversation,
        *,
        messages: Sequence[BaseMessage],
        replaced: Turn | None,
    ) -> None:
        turn = await self._ask(generation, messages)
        generation.stoppable = False
        try:
            if _may_replace(replaced, turn):
                await self._store.save(conversation.id, turn.index, turn, conversation.revision)
        except RevisionError:
            turn = _failed(turn, "ConversationConflictError", str(ConversationConflictError()))
        except Exception:
            logger.exception("An answer could not be saved")
            turn = _failed(turn, "StoreError", "The answer could not be saved. Copy what you need of it.")
        finally:
            del self._generations[conversation.id]
            self._claimed.discard(conversation.id)
        generation.end(turn)

    async def _ask(self, generation: Generation, messages: Sequence[BaseMessage]) -> Turn:
        """Let the model answer into ``generation``; return the turn as it ended, however it ended."""
        try:
            async with asyncio.timeout(self._max_seconds), aclosing(self._stream(messages)) as chunks:
                async for chunk in chunks:
                    generation.add(chunk)
        except asyncio.CancelledError:
            # Only stop() and aclose() cancel this task, and both want what there is to be kept.
            return replace(generation.turn, status=TurnStatus.STOPPED)
        except TimeoutError:
            return _failed(
                generation.turn, "ModelTimeoutError", f"The answer took longer than {self._max_seconds:g} seconds."
            )
        except ModelError as error:
            return _failed(generation.turn, _kind(error), str(error), getattr(error, "retry_after", None))
        except Exception:
            logger.exception("The model raised what is no ModelError")
            return _failed(
                generation.turn, "ModelError", "Something went wrong in this application; its log says what. Try again."
            )
        return replace(generation.turn, status=TurnStatus.COMPLETE)

    def _stream(self, messages: Sequence[BaseMessage]) -> AsyncGenerator[AIMessageChunk]:
        # LangChain types its generators as iterators; closing one is what closes the connection below it.
        return cast(AsyncGenerator[AIMessageChunk], self._model.astream(list(messages)))


def _check_text(text: str) -> None:
    if not text.strip():
        raise MessageError("There is nothing to send: type a message first.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MessageError("The message has broken characters (half of a pair). Delete them and send again.") from None


def _may_replace(old: Turn | None, new: Turn) -> bool:
    """Whether ``new`` may take the place of ``old``: an answer is never lost to a failure."""
    if old is None or not old.assistant:
        return True
    return new.status is TurnStatus.COMPLETE or (new.status is TurnStatus.STOPPED and bool(new.assistant))


def _title(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"


def _kind(error: ModelError) -> str:
    """The name of LangChain's own class of the condition: what everybody who shows errors can know."""
    return next(cls.__name__ for cls in type(error).__mro__ if cls.__module__ == langchain_exceptions.__name__)


def _failed(turn: Turn, kind: str, message: str, retry_after: float | None = None) -> Turn:
    return replace(turn, status=TurnStatus.FAILED, failure=Failure(kind, message, retry_after))
