"""The answers that this process is writing: begun, found and ended here.

Each is known by its conversation, its index and its version, so that several answers to one question can grow at once.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
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
from chatbot.conversation.generation.responder import StreamingResponder
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
    conversation_id: str
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
        self._lost: OrderedDict[tuple[str, int, int], Turn] = OrderedDict()
        self._generations: defaultdict[str, dict[tuple[int, int], Generation]] = defaultdict(dict)
        """By conversation, then by index and version, in the order in which they were begun."""
        self._beginning: dict[asyncio.Task[Generation], str] = {}
        self._writing: list[_Asker] = []
        """Who asked for each answer that is begun or written."""
        self._naming: dict[str, _Asker] = {}
        """Who asked for a title in the conversations that one is looked for."""

    def generations(self, conversation: Conversation, version: tuple[int, int] | None = None) -> Sequence[Generation]:
        """Return the answers that are being written in its owner's conversation, in the order they were begun.

        Args:
            conversation: Any state of it.
            version: Index and version of the only one to return.
        """
        several = self._generations.get(conversation.id, {}).items()
        return [
            generation
            for key, generation in several
            if generation.conversation.owner == conversation.owner and version in (None, key)
        ]

    def generation(self, conversation: Conversation, version: tuple[int, int] | None = None) -> Generation | None:
        """Return one answer that is being written in its owner's conversation.

        Args:
            conversation: Any state of it.
            version: Index and version of the answer; without it, the one that was begun last.
        """
        several = self.generations(conversation, version)
        return several[-1] if several else None

    def lost(self, conversation: Conversation, turn: Turn) -> Turn | None:
        """Return the turn as it ended where that could not be saved."""
        return self._lost.get((conversation.id, *turn.key))

    def check_idle(self, conversation: Conversation) -> None:
        """Raise ConversationBusyError where an answer is being written by this process, or has still to be saved."""
        if any(each.turn.is_unsaved for each in self._generations.get(conversation.id, {}).values()):
            raise AnswerUnsavedError
        if any(asker.conversation_id == conversation.id for asker in self._writing):
            raise ConversationBusyError

    async def begin(
        self, conversation: Conversation, text: str, at: int | None, origin: str | None = None, *, beside: bool = False
    ) -> Generation:
        """Write the question down and start its answer; what was begun goes on if whoever asked goes away.

        Args:
            conversation: As the asker last saw it.
            text: The question.
            at: Number of turns it comes after; None is all there are.
            origin: Where they ask from, as far as that is known: a network address.
            beside: Whether other answers to it may be in progress.

        Raises:
            MessageError: The text is empty, or is no text.
            TextTooLongError: It is too long.
            ApplicationBusyError: Too many answers are being written.
            OwnerBusyError: Too many of them are the owner's.
            OriginBusyError: Too many of them were asked for from the same place.
            ConversationError: As for every change of a conversation.
        """
        _check_text(text)
        if not beside:
            self.check_idle(conversation)
        asker = self._admit(conversation, origin)
        # Claimed before the first await: two messages at once cannot both get past the check above.
        self._writing.append(asker)
        beginning = asyncio.create_task(self._begin(conversation, text, at, asker, beside=beside))
        self._beginning[beginning] = conversation.id
        beginning.add_done_callback(self._beginning.pop)
        return await asyncio.shield(beginning)

    async def stop(self, conversation: Conversation, version: tuple[int, int] | None = None) -> None:
        """End the answers in a conversation, also those that are only beginning, and return when they are kept.

        One that has ended and cannot be saved for now has nothing to be stopped: this does not wait for it.

        Args:
            conversation: Any state of it.
            version: Index and version of the only one to end; without it, all are ended.
        """
        if beginning := [task for task, known in self._beginning.items() if known == conversation.id]:
            await asyncio.wait(beginning)
        stopped = self.generations(conversation, version)
        for generation in stopped:
            generation.stop()
        for generation in stopped:
            await generation.wait()

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
            raise TitleError("already_looking")
        self._naming[conversation.id] = self._admit(conversation, origin)
        try:
            yield
        finally:
            del self._naming[conversation.id]

    async def aclose(self) -> None:
        """End all answers, keeping what there is of each; cancelled, no further attempt is made to save any."""
        if self._beginning:
            await asyncio.wait(self._beginning)
        running = [each for several in self._generations.values() for each in several.values()]
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
        askers = [*self._writing, *self._naming.values()]
        if sum(each.owner == conversation.owner for each in askers) >= MAX_ANSWERS_PER_OWNER:
            raise OwnerBusyError
        if len(askers) >= self._max_answers:
            raise ApplicationBusyError
        most = max(self._max_answers * SHARE_OF_ORIGIN, 1)
        if origin is not None and sum(each.origin == origin for each in askers) >= most:
            raise OriginBusyError
        return _Asker(conversation.id, conversation.owner, origin)

    async def _begin(
        self, conversation: Conversation, text: str, at: int | None, asker: _Asker, *, beside: bool
    ) -> Generation:
        try:
            return await self._begun(conversation, text, at, asker, beside=beside)
        except BaseException:
            self._writing.remove(asker)
            raise

    async def _begun(
        self, conversation: Conversation, text: str, at: int | None, asker: _Asker, *, beside: bool
    ) -> Generation:
        if not conversation.revision:
            conversation = replace(conversation, title=titles.shortened(text))
        # At the revision that it was seen at, it has the options that it was seen with.
        limit = max(SHOWN_TURNS, self._deployments.effective(conversation).lookback)
        async with at_revision(self._store, conversation):
            begun = await self._store.begin(conversation, at, text, limit=limit, beside=beside)
        stored, turn = begun.conversation, begun.turn
        effective = self._deployments.effective(stored)
        replan = partial(effective.plan, begun.before.candidates(effective.lookback), text)
        siblings = self._generations[stored.id]
        for sibling in siblings.values():
            sibling.before = None
        # What was taken back is not shown, and stands beside what is asked in its place.
        is_known = not siblings and (begun.replaced is not None or not turn.version)
        generation = Generation(turn, stored, replan(), begun.before if is_known else None)
        writing = GenerationTask(
            generation,
            StreamingResponder(effective, replan),
            self._store,
            max_seconds=self._max_seconds,
            max_saving_seconds=self._max_saving_seconds,
        )
        # The number of one that was dropped is given again.
        self._lost.pop((stored.id, *turn.key), None)
        siblings[turn.key] = generation
        generation.task = asyncio.create_task(
            self._write(generation, writing, asker, is_further=begun.replaced is None)
        )
        return generation

    async def _write(self, generation: Generation, writing: GenerationTask, asker: _Asker, *, is_further: bool) -> None:
        conversation, turn = generation.conversation, generation.turn
        try:
            turn = await writing.write()
            if writing.is_written and is_further:
                self._recall.grown(conversation.id, conversation.revision, turn)
        finally:
            self._writing.remove(asker)
            several = self._generations[conversation.id]
            del several[turn.key]
            if not several:
                del self._generations[conversation.id]
            if turn.failure is not None and turn.failure.kind == STORE_ERROR:
                self._lost[conversation.id, *turn.key] = turn
                if len(self._lost) > MAX_LOST:
                    self._lost.popitem(last=False)
            generation.end(turn)


def _check_text(text: str) -> None:
    if len(text) > MAX_QUESTION:
        raise TextTooLongError("message", len(text), MAX_QUESTION)
    if not text.strip():
        raise MessageError("empty")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MessageError("half_character") from None
