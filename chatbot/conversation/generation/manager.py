"""The answers that this process is writing: one for a conversation at most, begun, found and ended here."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, NamedTuple

from chatbot.conversation import titles
from chatbot.conversation.access import at_revision
from chatbot.conversation.deployments import Deployments
from chatbot.conversation.errors import (
    AnswerUnsavedError,
    ApplicationBusyError,
    ConversationBusyError,
    MessageError,
    OriginBusyError,
    OwnerBusyError,
    TextTooLongError,
    TitleError,
)
from chatbot.conversation.generation.generation import Generation
from chatbot.conversation.generation.task import GenerationTask
from chatbot.conversation.recall import RecallService
from chatbot.conversation.store import ConversationStore
from chatbot.conversation.turn import STORE_ERROR, Conversation, Turn
from chatbot.conversation.view import SHOWN_TURNS

MAX_ANSWER_SECONDS: Final = 600.0
"""The longest an answer may take in all: an end for a generation that nobody follows or stops."""

MAX_ANSWERS: Final = 200
"""How many answers a process writes at once: more would all be slow, and who waits without a word goes away."""

MAX_ANSWERS_PER_OWNER: Final = 10
"""How many of them are one visitor's: more conversations than anybody follows at once, and room for the others."""


SHARE_OF_ORIGIN: Final = 0.5
"""The part of them that may be asked for from one place: who has no cookie is a new owner with each question. It is
large, for an office is one place too, and so is a proxy that is not believed."""

MAX_QUESTION: Final = 100_000
"""Characters of a question: several times what most models read."""


MAX_LOST: Final = 100
"""How many answers that could not be saved stay in memory, so that their pages go on showing them."""


class _Asker(NamedTuple):
    owner: str
    origin: str | None


class GenerationManager:
    """Begins answers and keeps track of them until they have ended.

    Args:
        deployments: Who can answer.
        store: Where answers are kept.
        recall: Told of every turn that is added.
        max_seconds: The longest an answer may take in all.
        max_answers: How many are written at once.
        max_saving_seconds: How long an answer is tried to be saved once it has ended.
    """

    def __init__(
        self,
        deployments: Deployments,
        store: ConversationStore,
        recall: RecallService,
        max_seconds: float,
        max_answers: int,
        max_saving_seconds: float,
    ) -> None:
        self._deployments = deployments
        self._store = store
        self._recall = recall
        self._max_seconds = max_seconds
        self._max_answers = max_answers
        self._max_saving_seconds = max_saving_seconds
        self._lost: OrderedDict[str, Turn] = OrderedDict()
        self._generations: dict[str, Generation] = {}
        self._beginning: dict[str, asyncio.Task[Generation]] = {}
        self._writing: dict[str, _Asker] = {}
        """Who asked in the conversations in which an answer is begun or written."""
        self._naming: dict[str, _Asker] = {}
        """Who asked for a title in the conversations that one is looked for."""

    def generation(self, conversation: Conversation) -> Generation | None:
        """Return the answer that is being written in its owner's conversation."""
        generation = self._generations.get(conversation.id)
        return generation if generation is not None and generation.conversation.owner == conversation.owner else None

    def lost(self, conversation: Conversation) -> Turn | None:
        """Return the latest answer in the conversation that could not be saved, as it ended, if there is one."""
        return self._lost.get(conversation.id)

    def check_idle(self, conversation: Conversation) -> None:
        """Raise ConversationBusyError where an answer is being written by this process, or has still to be saved."""
        generation = self._generations.get(conversation.id)
        if generation is not None and generation.turn.is_unsaved:
            raise AnswerUnsavedError
        if conversation.id in self._writing:
            raise ConversationBusyError

    async def begin(
        self, conversation: Conversation, text: str, at: int | None, origin: str | None = None
    ) -> Generation:
        """Write the question down and start its answer; what was begun goes on if whoever asked goes away.

        Raises:
            MessageError: The text is empty, or is no text.
            TextTooLongError: It is too long.
            ApplicationBusyError: Too many answers are being written.
            OwnerBusyError: Too many of them are the owner's.
            OriginBusyError: Too many of them were asked for from the same place.
            ConversationError: As for every change of a conversation.
        """
        _check_text(text)
        self.check_idle(conversation)
        asker = self._admit(conversation, origin)
        # Claimed before the first await: two messages at once cannot both get past the check above.
        self._writing[conversation.id] = asker
        beginning = asyncio.create_task(self._begin(conversation, text, at))
        self._beginning[conversation.id] = beginning
        beginning.add_done_callback(lambda _: self._beginning.pop(conversation.id))
        return await asyncio.shield(beginning)

    async def stop(self, conversation: Conversation) -> bool:
        """End the answer, also one that is only beginning, and return when it is kept; False if there is none here.

        One that has ended and cannot be saved for now has nothing to be stopped: this returns at once.
        """
        if (beginning := self._beginning.get(conversation.id)) is not None:
            await asyncio.wait([beginning])
        if (generation := self.generation(conversation)) is None:
            return False
        generation.stop()
        await generation.wait()
        return True

    @contextmanager
    def naming(self, conversation: Conversation, origin: str | None = None) -> Iterator[None]:
        """Have a title counted as an answer while the model looks for it.

        Raises:
            TitleError: One is being looked for already.
            ApplicationBusyError: Too many answers are being written.
            OwnerBusyError: Too many of them are the owner's.
            OriginBusyError: Too many of them were asked for from the same place.
        """
        if conversation.id in self._naming:
            raise TitleError("The model is looking for a title already.")
        self._naming[conversation.id] = self._admit(conversation, origin)
        try:
            yield
        finally:
            del self._naming[conversation.id]

    async def aclose(self) -> None:
        """End all answers, keeping what there is of each; cancelled, no further attempt is made to save any."""
        if self._beginning:
            await asyncio.wait(self._beginning.values())
        running = list(self._generations.values())
        for generation in running:
            generation.stop()
        try:
            if tasks := [each.task for each in running if each.task is not None]:
                await asyncio.wait(tasks)
        except asyncio.CancelledError:
            for generation in running:
                generation.give_up()
            raise

    def _admit(self, conversation: Conversation, origin: str | None) -> _Asker:
        askers = [*self._writing.values(), *self._naming.values()]
        if sum(each.owner == conversation.owner for each in askers) >= MAX_ANSWERS_PER_OWNER:
            raise OwnerBusyError
        if len(askers) >= self._max_answers:
            raise ApplicationBusyError
        most = max(self._max_answers * SHARE_OF_ORIGIN, 1)
        if origin is not None and sum(each.origin == origin for each in askers) >= most:
            raise OriginBusyError
        return _Asker(conversation.owner, origin)

    async def _begin(self, conversation: Conversation, text: str, at: int | None) -> Generation:
        try:
            return await self._begun(conversation, text, at)
        except BaseException:
            del self._writing[conversation.id]
            raise

    async def _begun(self, conversation: Conversation, text: str, at: int | None) -> Generation:
        if not conversation.revision:
            conversation = replace(conversation, title=titles.shortened(text))
        # At the revision that it was seen at, it has the options that it was seen with.
        limit = max(SHOWN_TURNS, self._deployments.choice(conversation).lookback)
        async with at_revision(self._store, conversation):
            begun = await self._store.begin(conversation, at, text, limit=limit)
        stored = begun.conversation
        choice = self._deployments.choice(stored)
        # What was taken back is not shown, and stands beside what is asked in its place.
        is_known = begun.replaced is not None or not begun.turn.version
        generation = Generation(
            replace(begun.turn, deployment=choice.deployment.name), stored, begun.before if is_known else None
        )
        writing = GenerationTask(
            generation,
            stored.id,
            choice,
            self._store,
            earlier=begun.before.candidates(choice.lookback),
            replaces=begun.replaced,
            max_seconds=self._max_seconds,
            max_saving_seconds=self._max_saving_seconds,
        )
        self._generations[stored.id] = generation
        generation.task = asyncio.create_task(self._write(generation, writing, stored.id, stored.revision))
        return generation

    async def _write(self, generation: Generation, writing: GenerationTask, id: str, revision: int) -> None:  # noqa: A002
        turn = generation.turn
        try:
            turn = await writing.write()
            if writing.is_appended:
                self._recall.grown(id, revision, turn)
        finally:
            del self._generations[id], self._writing[id]
            if turn.failure is not None and turn.failure.kind == STORE_ERROR:
                self._lost[id] = turn
                if len(self._lost) > MAX_LOST:
                    self._lost.popitem(last=False)
            generation.end(turn)


def _check_text(text: str) -> None:
    if len(text) > MAX_QUESTION:
        raise TextTooLongError("message", len(text), MAX_QUESTION)
    if not text.strip():
        raise MessageError("There is nothing to send: type a message first.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MessageError("The message has broken characters (half of a pair). Delete them and send again.") from None
