"""The answers that this process is writing: begun, found and ended here.

Each is known by its conversation, its index and its version, so that several answers to one question can grow at once.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

from chatbot.conversation import titles
from chatbot.conversation.access import at_revision
from chatbot.conversation.caller import NOBODY_IN_PARTICULAR, Caller
from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.deployments import Deployments, EffectiveOptions
from chatbot.conversation.errors import (
    AnswerUnsavedError,
    ConversationBusyError,
    ConversationError,
    MessageError,
    TextTooLongError,
    TitleError,
)
from chatbot.conversation.generation.admission import Admission, Asker
from chatbot.conversation.generation.breaker import BreakerState
from chatbot.conversation.generation.cached import AnswerCache
from chatbot.conversation.generation.compared import ComparedResponder
from chatbot.conversation.generation.generation import Generation
from chatbot.conversation.generation.listener import GenerationListener, Listeners
from chatbot.conversation.generation.rehearsal import Rehearsal
from chatbot.conversation.generation.responders import Responders
from chatbot.conversation.generation.stand_in import StandInResponder
from chatbot.conversation.generation.task import GenerationTask
from chatbot.conversation.options import Options
from chatbot.conversation.quota import Quota, Reservation, most_usage, usage_of
from chatbot.conversation.recall import RecallService
from chatbot.conversation.store import Begun, ConversationStore
from chatbot.conversation.turn import FIRST_WORD_TIMEOUT, STORE_ERROR, TEMPORARY, Conversation, Turn
from chatbot.conversation.view import SHOWN_TURNS

MAX_ANSWER_SECONDS: Final = 600.0
"""The longest an answer may take in all: an end for a generation that nobody follows or stops."""

MAX_QUESTION: Final = 100_000
"""Characters of a question: several times what most models read."""

MAX_LOST: Final = 100
"""How many answers that could not be saved stay in memory, so that their pages go on showing them."""

NO_ANSWER: Final = frozenset(
    {"ModelAuthenticationError", "ModelPermissionDeniedError", "ModelNotFoundError", "ModelTimeoutError"}
    | {"ModelConnectionError", "ModelAPIError", "SilenceTimeout", "SignInFailed", FIRST_WORD_TIMEOUT}
)
"""Kinds of failures by which a deployment is known not to answer, whatever it is asked."""

MAX_SENT: Final = 100
"""Of how many answers that were compared it is kept what their requests held, turn by turn."""


class GenerationManager:
    """Begins answers and keeps track of them until they have ended.

    Args:
        deployments: Who can answer.
        store: Where answers are kept.
        recall: Told of every turn that is added.
        max_seconds: The longest an answer may take in all, unless its deployment has a time of its own.
        max_answers: How many are written at once.
        max_saving_seconds: How long an answer is tried to be saved once it has ended.
        quota: Lets answers begin as long as the limits are kept, and is told what they took.
        listener: Told of every answer.
        cache: Answers that are given again to the same request.
        max_question: Characters of a question.
    """

    def __init__(
        self,
        deployments: Deployments,
        store: ConversationStore,
        recall: RecallService,
        max_seconds: float,
        max_answers: int,
        max_saving_seconds: float,
        quota: Quota,
        listener: GenerationListener | None = None,
        cache: AnswerCache | None = None,
        max_question: int = MAX_QUESTION,
    ) -> None:
        self._quota = quota
        self._cache = cache
        self._deployments = deployments
        self.responders = Responders(deployments)
        """Who responds to a question."""
        self.admission = Admission(max_answers)
        """Who may have an answer written."""
        self._store = store
        self._recall = recall
        self._max_seconds = max_seconds
        self._max_saving_seconds = max_saving_seconds
        self._listener = listener or Listeners()
        self._max_question = max_question
        self._lost: OrderedDict[tuple[str, int, int], Turn] = OrderedDict()
        self._generations: defaultdict[str, dict[tuple[int, int], Generation]] = defaultdict(dict)
        """By conversation, then by index and version, in the order in which they were begun."""
        self._sent: OrderedDict[tuple[str, int, int], ContextPlan] = OrderedDict()
        """What was sent for answers that were compared, and have ended."""
        self._beginning: dict[asyncio.Task[Sequence[Generation]], str] = {}
        self._writing: list[Asker] = []
        """Who asked for each answer that is begun or written."""
        self._naming: set[str] = set()
        """The conversations that a title is looked for."""
        self._silent: set[str] = set()
        """The deployments that did not answer when they were last asked."""

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

    @property
    def silent(self) -> Collection[str]:
        """Names of the deployments that did not answer when they were last asked, or are left alone for that."""
        left_alone = (
            name
            for name, breaker in self.responders.breakers.items()
            if breaker.state is BreakerState.OPEN and breaker.cause in NO_ANSWER
        )
        return self._silent.union(left_alone)

    def sent(self, conversation: Conversation, turn: Turn) -> ContextPlan | None:
        """Return what the request of an answer held that was compared; None where that is not known any more."""
        return self._sent.get((conversation.id, *turn.key))

    def breaker_states(self) -> Mapping[str, str]:
        """Return the state of each breaker there is, by the name of its deployment."""
        return {name: breaker.state.value for name, breaker in self.responders.breakers.items()}

    def check_idle(self, conversation: Conversation) -> None:
        """Raise ConversationBusyError where an answer is being written by this process, or has still to be saved."""
        if any(each.turn.is_unsaved for each in self._generations.get(conversation.id, {}).values()):
            raise AnswerUnsavedError
        if any(asker.conversation_id == conversation.id for asker in self._writing):
            raise ConversationBusyError

    async def begin(
        self,
        conversation: Conversation,
        text: str,
        at: int | None,
        caller: Caller = NOBODY_IN_PARTICULAR,
        *,
        compared: Sequence[Options] = (),
        deployment: str | None = None,
        rehearsal: Rehearsal | None = None,
    ) -> Sequence[Generation]:
        """Write the question down and start its answer; what was begun goes on if whoever asked goes away.

        Args:
            conversation: As the asker last saw it.
            text: The question.
            at: Number of turns it comes after; None is all there are.
            caller: Who asks.
            compared: How it is asked more than once at the same time, each answer as a version of its own: all of them,
                or where one of them is refused none. Each counts as one message.
            deployment: Who answers this once, in the place of the one that was chosen; not for what is compared.
            rehearsal: How it is answered where that was rehearsed; not for what is compared.

        Returns:
            The answer, or one for each that is compared.

        Raises:
            MessageError: The text is empty, or is no text.
            TextTooLongError: It is too long.
            ApplicationRestartingError: The application is about to end.
            ApplicationBusyError: Too many answers are being written.
            OwnerBusyError: Too many of them are the owner's.
            OriginBusyError: Too many of them were asked for from the same place.
            LimitError: The asker, or all at their address, used as much as they may for now.
            BudgetError: Everybody together did for today; nobody stands in for what is compared.
            ConversationError: As for every change of a conversation.
        """
        _check_text(text, self._max_question)
        self.check_idle(conversation)
        once = conversation.options if deployment is None else replace(conversation.options, deployment=deployment)
        asked = [
            self._deployments.effective(replace(conversation, options=each), caller.groups)
            for each in compared or [once]
        ]
        # Claimed before the first await: two messages at once cannot both get past the check above.
        askers = self._admit_all(conversation, caller, len(asked))
        beginning = asyncio.create_task(self._begin(conversation, text, at, askers, asked, compared, rehearsal))
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

    async def stop_all(self, owner: str) -> None:
        """End all the answers of an owner, as :meth:`stop` does."""
        for id in {asker.conversation_id for asker in self._writing if asker.owner == owner}:  # noqa: A001
            await self.stop(Conversation(id, owner))

    def forget(self, conversation_ids: Collection[str]) -> None:
        """Let go of answers that could not be saved and of what was sent, in conversations that are gone."""
        for kept in (self._lost, self._sent):
            for key in [key for key in kept if key[0] in conversation_ids]:
                kept.pop(key)

    @contextmanager
    def naming(self, conversation: Conversation, caller: Caller = NOBODY_IN_PARTICULAR) -> Iterator[None]:
        """Have a title counted as an answer while the model looks for it.

        Raises:
            TitleError: One is being looked for already.
            ApplicationBusyError: Too many answers are being written.
            OwnerBusyError: Too many of them are the owner's.
            OriginBusyError: Too many of them were asked for from the same place.
        """
        if conversation.id in self._naming:
            raise TitleError("already_looking")
        asker = self._admit(conversation, caller)
        self._naming.add(conversation.id)
        try:
            yield
        finally:
            self._naming.remove(conversation.id)
            self.admission.leave(asker)

    async def drain(self, seconds: float) -> None:
        """Begin no further answer, and return when those that are being written have ended, or the time is up."""
        self.admission.is_draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while running := [*self._beginning, *(each.task for each in self._all() if each.task is not None)]:
                    await asyncio.wait(running)

    async def aclose(self) -> None:
        """End all answers, keeping what there is of each; cancelled, no further attempt is made to save any."""
        if self._beginning:
            await asyncio.wait(self._beginning)
        running = self._all()
        for generation in running:
            generation.stop()
        try:
            if tasks := [each.task for each in running if each.task is not None]:
                await asyncio.wait(tasks)
        except asyncio.CancelledError:
            for generation in running:
                generation.give_up()
            raise

    def _all(self) -> Sequence[Generation]:
        return [each for several in self._generations.values() for each in several.values()]

    def _admit(self, conversation: Conversation, caller: Caller) -> Asker:
        asker = Asker(conversation.id, conversation.owner, caller)
        self.admission.admit(asker)
        return asker

    def _admit_all(self, conversation: Conversation, caller: Caller, count: int) -> Sequence[Asker]:
        """Count so many answers as being written, or none of them."""
        askers: list[Asker] = []
        try:
            for _ in range(count):
                askers.append(self._admit(conversation, caller))  # noqa: PERF401 - one by one: a refusal ends it
        except ConversationError:
            for asker in askers:
                self.admission.leave(asker)
            raise
        self._writing += askers
        return askers

    def _leave(self, asker: Asker) -> None:
        self._writing.remove(asker)
        self.admission.leave(asker)

    async def _begin(
        self,
        conversation: Conversation,
        text: str,
        at: int | None,
        askers: Sequence[Asker],
        asked: Sequence[EffectiveOptions],
        compared: Sequence[Options],
        rehearsal: Rehearsal | None,
    ) -> Sequence[Generation]:
        several: list[Reservation] = []
        try:
            for asker, effective in zip(askers, asked, strict=True):
                if not self._quota.is_limited:
                    several.append(Reservation())
                    continue
                is_first = not conversation.revision or at == 0
                most = most_usage(self.responders.order(effective), text, is_first=is_first)
                # Of two answers of which somebody else gave one, nothing is learned.
                may_hand_over = not compared
                several.append(await self._quota.reserve(asker.owner, asker.caller, most, may_hand_over=may_hand_over))
            return await self._begun(conversation, text, at, askers, several, asked, compared, rehearsal)
        except BaseException:
            for asker in askers:
                self._leave(asker)
            for reserved in several:
                await reserved.settle(None)
            raise

    async def _begun(
        self,
        conversation: Conversation,
        text: str,
        at: int | None,
        askers: Sequence[Asker],
        several: Sequence[Reservation],
        asked: Sequence[EffectiveOptions],
        compared: Sequence[Options],
        rehearsal: Rehearsal | None,
    ) -> Sequence[Generation]:
        if not conversation.revision:
            conversation = replace(conversation, title=titles.shortened(text))
        # At the revision that it was seen at, it has the options that it was seen with.
        limit = max(SHOWN_TURNS, *map(self.responders.lookback, asked))
        async with at_revision(self._store, conversation):
            begun = await self._store.begin(conversation, at, text, limit=limit, compared=compared)
        prepared = [
            self._prepared(begun, turn, chosen, asker, reserved, rehearsal)
            for turn, chosen, asker, reserved in zip(begun.turns, asked, askers, several, strict=True)
        ]
        for generation, write in prepared:
            self._generations[begun.conversation.id][generation.turn.key] = generation
            generation.task = asyncio.create_task(write())
        return [generation for generation, _ in prepared]

    def _prepared(
        self,
        begun: Begun,
        turn: Turn,
        chosen: EffectiveOptions,
        asker: Asker,
        reserved: Reservation,
        rehearsal: Rehearsal | None,
    ) -> tuple[Generation, Callable[[], Coroutine[Any, Any, None]]]:
        """Return an answer whose question was written down, and what writes it."""
        stored, text = begun.conversation, turn.question_text
        is_compared = stored.compares(turn.key)
        effective = reserved.effective(chosen)

        def plan(asked: EffectiveOptions) -> ContextPlan:
            return asked.plan(begun.before.candidates(asked.lookback), text)

        # What was taken back is not shown, and stands beside what is asked in its place; what is compared is more than
        # one answer knows.
        is_known = not is_compared and (begun.replaced is not None or not turn.version)
        generation = Generation(turn, stored, plan(effective), begun.before if is_known else None)
        generation.standing = reserved.standing
        if rehearsal is not None:
            # Not from the cache, nor into it: what fails is to fail again, and what was recorded answers nothing else.
            asked = self.responders.responder(effective, plan, rehearsal.failing)
            responder = rehearsal.responder(asked, effective.deployment.name)
        else:
            responder = self.responders.responder(effective, plan)
        if self._cache is not None and rehearsal is None and not stored.id.startswith(TEMPORARY):
            is_retry = begun.replaced is not None and begun.replaced.question_text == text
            responder = self._cache.around(responder, effective, stored.owner, is_retry=is_retry)
        if effective is not chosen:
            responder = StandInResponder(responder, chosen.deployment.name)
        if is_compared:
            responder = ComparedResponder(responder, effective)
        writing = GenerationTask(
            generation,
            responder,
            self._store,
            pace=self.admission.pace,
            max_seconds=effective.deployment.answer_timeout or self._max_seconds,
            max_saving_seconds=self._max_saving_seconds,
            quotes_errors=self._deployments.quotes_errors_to(asker.caller),
        )
        # The number of one that was dropped is given again.
        self._lost.pop((stored.id, *turn.key), None)
        is_further = begun.replaced is None and not is_compared
        return generation, partial(self._write, generation, writing, asker, reserved, effective, is_further=is_further)

    async def _write(
        self,
        generation: Generation,
        writing: GenerationTask,
        asker: Asker,
        reserved: Reservation,
        effective: EffectiveOptions,
        *,
        is_further: bool,
    ) -> None:
        conversation, turn = generation.conversation, generation.turn
        self._listener.began(generation)
        try:
            turn = await writing.write()
            await reserved.settle(usage_of(turn, generation.plan, effective))
            generation.standing = reserved.standing
            if writing.is_written and is_further:
                self._recall.grown(conversation.id, conversation.revision, turn)
        finally:
            self._note(turn, effective)
            self._leave(asker)
            several = self._generations[conversation.id]
            del several[turn.key]
            if not several:
                del self._generations[conversation.id]
            if turn.failure is not None and turn.failure.kind == STORE_ERROR:
                self._lost[conversation.id, *turn.key] = turn
                if len(self._lost) > MAX_LOST:
                    self._lost.popitem(last=False)
            if conversation.compares(turn.key):
                self._sent[conversation.id, *turn.key] = generation.plan
                if len(self._sent) > MAX_SENT:
                    self._sent.popitem(last=False)
            generation.end(turn)
            self._listener.ended(generation, turn)

    def _note(self, turn: Turn, effective: EffectiveOptions) -> None:
        """Take note of whether the deployment that was asked answered: what a visitor did wrong is not its silence."""
        name = turn.deployment or effective.deployment.name
        if (cause := _cause(turn)) in NO_ANSWER:
            self._silent.add(name)
        elif cause is None and turn.has_answer and not turn.is_recorded:
            self._silent.discard(name)


def _cause(turn: Turn) -> str | None:
    """Why a model gave no answer, or not to its end: also where the recording of a demo did then."""
    if turn.failure is not None:
        return turn.failure.kind
    return next((str(each.data["cause"]) for each in turn.notices if each.kind == "recording_cause"), None)


def _check_text(text: str, most: int) -> None:
    if len(text) > most:
        raise TextTooLongError("message", len(text), most)
    if not text.strip():
        raise MessageError("empty")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MessageError("half_character") from None
