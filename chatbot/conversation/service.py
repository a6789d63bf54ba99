"""The conversation service: the one place that reads, asks the model and writes."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import Final, NamedTuple, TypeVar

from chatbot.conversation import import_export, titles
from chatbot.conversation.access import expect_revision, load_owned
from chatbot.conversation.caller import NOBODY_IN_PARTICULAR, Caller
from chatbot.conversation.completions import CompletionRequest, Completions
from chatbot.conversation.deployments import Deployment, Deployments, EffectiveOptions
from chatbot.conversation.errors import (
    ComparisonError,
    ConversationConflictError,
    ConversationError,
    ConversationNotFoundError,
    TextTooLongError,
    TitleError,
)
from chatbot.conversation.generation import (
    MAX_ANSWER_SECONDS,
    MAX_ANSWERS,
    MAX_QUESTION,
    MAX_SAVING_SECONDS,
    AnswerCache,
    Generation,
    GenerationListener,
    GenerationManager,
    Listeners,
)
from chatbot.conversation.generation.naming import find_title
from chatbot.conversation.generation.rehearsal import Rehearsal
from chatbot.conversation.options import COMPARE, OPTIONS, Options
from chatbot.conversation.parts import Blob, blobs_of
from chatbot.conversation.quota import NO_LIMITS, Quota, Standing, UsageLimits, largest, most_usage
from chatbot.conversation.recall import Mention, RecallService
from chatbot.conversation.report import Report, ReportedTurn, plans_of, redacted
from chatbot.conversation.sharing import Sharing
from chatbot.conversation.store import ConversationStore, Recent, StoredTurn
from chatbot.conversation.store.temporary import StoreWithTemporary
from chatbot.conversation.transfers import Transfers
from chatbot.conversation.turn import (
    TEMPORARY,
    Comparison,
    Conversation,
    Feedback,
    Turn,
    TurnMemory,
    TurnStatus,
    counting,
)
from chatbot.conversation.view import SHOWN_TURNS, ComparedAnswer, View, newest, versions_of, view_of

logger = logging.getLogger(__name__)

LISTED: Final = 50
"""How many conversations a list has at first."""

_T = TypeVar("_T")

POLL_SECONDS: Final = 1.0
"""How often an answer that another process writes is looked at."""

REMOVAL_PAUSE: Final = 0.05
"""Seconds between two steps of removing what has expired: visitors go first."""


class Brought(NamedTuple):
    """What came in with a file.

    Attributes:
        conversations: In the order of the file.
        tool: Which other tool wrote it; empty where this application did.
        empty: How many of its conversations had nothing in them, and were passed over.
        incomplete: Of how many turns that are shown something could not be taken; their notices say what.
    """

    conversations: Sequence[Conversation]
    tool: str
    empty: int
    incomplete: int


class ConversationService:
    """Says things to the model and keeps what was said.

    Args:
        deployments: Who can answer.
        store: Where conversations live.
        max_seconds: The longest an answer may take in all.
        max_answers: How many answers are written at once; who asks for one more is told to come back.
        max_saving_seconds: How long an answer that has ended is tried to be saved.
        limits: What visitors, addresses and everybody together may use.
        listener: Told of every answer.
        cache: Answers that are given again to the same request; without it every question is asked.
        max_question: Characters of a question.
        auto_titles: Whether the model finds a title for each conversation after its first answer.
        share_days: For how many days a conversation may be shared at most; 0 is not at all.
    """

    def __init__(
        self,
        deployments: Deployments,
        store: ConversationStore,
        *,
        max_seconds: float = MAX_ANSWER_SECONDS,
        max_answers: int = MAX_ANSWERS,
        max_saving_seconds: float = MAX_SAVING_SECONDS,
        limits: UsageLimits = NO_LIMITS,
        listener: GenerationListener | None = None,
        cache: AnswerCache | None = None,
        max_question: int = MAX_QUESTION,
        auto_titles: bool = False,
        share_days: int = 0,
    ) -> None:
        self.deployments = deployments
        self.titled: Callable[[Conversation], None] = lambda _: None
        """Told of every conversation for which a title was found that nobody asked for."""
        self._auto_titles = auto_titles
        self._naming: set[asyncio.Task[None]] = set()
        self.usage = store.usage
        """How much was used, by day, deployment and visitor."""
        self.acceptances = store.acceptances
        """Who has accepted which terms."""
        self.sharing = Sharing(store.shares, share_days)
        """Links by which others may read conversations."""
        self._store = StoreWithTemporary(store)
        self._recall = RecallService(self._store)
        self._transfers = Transfers()
        longest = max(max_seconds, *(each.answer_timeout or 0 for each in deployments.values()))
        self._quota = Quota(limits, store.counters, hold_seconds=longest + max_saving_seconds)
        self._listener = listener or Listeners()
        self.api_keys = store.api_keys
        """Keys of the API."""
        self._generations = GenerationManager(
            deployments,
            self._store,
            self._recall,
            max_seconds,
            max_answers,
            max_saving_seconds,
            self._quota,
            self._listener,
            cache,
            max_question,
        )
        self._completions = Completions(
            deployments,
            self._generations.responders,
            self._generations.admission,
            self._quota,
            store.usage,
            self._listener,
            max_seconds,
        )

    # ------------------------------------------------------------------------------------------ conversations

    def begin(self, owner: str) -> Conversation:
        """Return a new conversation; it is written down with its first message."""
        return Conversation(secrets.token_urlsafe(16), owner)

    def begin_temporary(self, owner: str) -> Conversation:
        """Return a new conversation that is written down nowhere, and is in no list; :meth:`discard` ends it."""
        return Conversation(TEMPORARY + secrets.token_urlsafe(16), owner)

    async def latest(self, owner: str) -> Conversation:
        """Return the conversation the owner wrote to last, or a new one."""
        known = await self._store.list(owner, limit=1, archived=False)
        return known[0] if known else self.begin(owner)

    async def renew(self, owner: str) -> None:
        """Keep the owner's conversations for their full time from now on: they are here."""
        await self._store.renew(owner)

    async def hand_over(self, owner: str, to: str) -> None:
        """Let what is one owner's be another's from now on: a visitor is known by name."""
        await self._store.sign_in.hand_over(owner, to)

    async def remove_expired(self) -> None:
        """Remove the conversations whose owners stayed away for too long, and those deleted a while ago.

        Their pictures and files go with them, and whatever else was kept for a turn that was not written.
        """
        store = self._store
        for remove in (
            store.remove_expired,
            store.blobs.remove_unused,
            store.counters.remove_expired,
            store.usage.remove_old,
            self.acceptances.remove_expired,
            store.shares.remove_expired,
        ):
            while await remove():  # noqa: ASYNC110 - a pause between steps, not a wait for something
                await asyncio.sleep(REMOVAL_PAUSE)

    async def list(
        self, owner: str, *, search: str = "", limit: int = LISTED, archived: bool = False
    ) -> Sequence[Conversation]:
        """Return the owner's conversations: the pinned ones, then the others, each time the one written to last first.

        Args:
            owner: Whose.
            search: Only those with this in title or text, be they archived or not.
            limit: How many at most.
            archived: Whether those that are archived, instead of those that are not.
        """
        words = search.strip()
        return await self._store.list(
            owner, search=words, limit=limit, archived=None if words else archived, pinned_first=True
        )

    async def excerpts(self, conversations: Sequence[Conversation], search: str) -> Mapping[str, str]:
        """Return what stands around what was searched for, by the id of each conversation that has it in its text.

        Args:
            conversations: Some that :meth:`list` has found; those that have it in their title say so by themselves.
            search: What it was searched for.
        """
        words = search.strip()
        ids = [each.id for each in conversations if words.lower() not in each.title.lower()]
        return await self._store.excerpts(ids, words) if words else {}

    async def has_archived(self, owner: str) -> bool:
        """Return whether any of the owner's conversations is archived."""
        return bool(await self._store.list(owner, limit=1, archived=True))

    async def pin(self, conversation: Conversation, *, is_pinned: bool) -> None:
        """Keep the conversation on top of its owner's list, or no longer.

        Raises:
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        await self.refresh(conversation)
        await self._store.pin(conversation.id, is_pinned=is_pinned)

    async def archive(self, conversation: Conversation, *, is_archived: bool) -> Conversation:
        """Put the conversation out of its owner's list, or back into it; return it as it stands then.

        Raises:
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        conversation = await self.refresh(conversation)
        await self._store.archive(conversation.id, is_archived=is_archived)
        return replace(conversation, is_archived=is_archived)

    async def open(self, owner: str, id: str) -> Conversation:  # noqa: A002 - the field's own name
        """Return one of the owner's conversations.

        Raises:
            ConversationNotFoundError: It is gone, or not the owner's, or temporary: only its own page has that.
        """
        if id.startswith(TEMPORARY):
            raise ConversationNotFoundError
        return await self.refresh(Conversation(id, owner, revision=1))

    async def refresh(self, conversation: Conversation) -> Conversation:
        """Return the conversation as it stands now; raises as :meth:`open` does."""
        return await load_owned(self._store, conversation)

    async def rename(self, conversation: Conversation, title: str) -> Conversation:
        """Give the conversation another title; return it as it stands then.

        Raises:
            TitleError: The title is empty.
            TextTooLongError: It is too long.
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        conversation = await self.refresh(conversation)
        if not (title := " ".join(title.split())):
            raise TitleError("empty")
        if len(title) > titles.MAX_LENGTH:
            raise TextTooLongError("title", len(title), titles.MAX_LENGTH)
        await self._store.rename(conversation.id, title)
        return replace(conversation, title=title)

    async def find_title(self, conversation: Conversation, *, caller: Caller = NOBODY_IN_PARTICULAR) -> str:
        """Let the model find a title for the conversation, and return it; those that stand in for it do, too.

        Args:
            conversation: Any state of it.
            caller: Who asks, as for :meth:`say`.

        Raises:
            TitleError: There is nothing to name yet, or the model found no title; says why.
            ApplicationRestartingError: The application is about to end.
            ApplicationBusyError: Too many answers are being written; a title counts as one.
            OwnerBusyError: Too many of them are the owner's.
            OriginBusyError: Too many of them come from there.
            LimitError: The asker, or all at their address, used as much as they may for now; a title counts as a
                message.
            BudgetError: Everybody together did for today; nobody stands in for a title.
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        conversation = await self.refresh(conversation)
        title = await self._found_title(conversation, caller)
        await self._store.rename(conversation.id, title)
        return title

    async def forget(self, conversation: Conversation) -> None:
        """Delete the conversation, ending an answer that is being written; :meth:`restore` brings it back for a while.

        Raises:
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        await self.refresh(conversation)
        await self.stop(conversation)
        await self._store.delete(conversation.id)

    async def restore(self, conversation: Conversation) -> Conversation:
        """Bring a deleted conversation back.

        Raises:
            ConversationNotFoundError: It is gone for good.
        """
        restored = await self._store.restore(conversation.id, conversation.owner)
        if restored is None:
            raise ConversationNotFoundError
        return restored

    async def discard(self, conversation: Conversation) -> None:
        """Remove a temporary conversation, ending its answer; nothing is left of it."""
        await self._generations.stop(conversation)
        await self._store.delete(conversation.id)
        self._let_go([conversation.id])

    async def erase(self, owner: str) -> None:
        """Remove for good, at once, all that an owner has said and all that is kept of it, ending their answers.

        What other processes are answering ends when they next keep what there is.

        Raises:
            TransferBusyError: An export or import of the owner is running; nothing was removed.
        """
        self._transfers.check_idle(owner)
        await self._generations.stop_all(owner)
        self._let_go(await self._store.erase(owner))

    # ------------------------------------------------------------------------------------------ reading

    async def turns(self, conversation: Conversation) -> Sequence[Turn]:
        """Return all the turns that are shown, in order.

        Raises:
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        await self.refresh(conversation)
        return await self._store.turns(conversation.id)

    async def view(
        self,
        conversation: Conversation,
        *,
        limit: int = SHOWN_TURNS,
        text: str = "",
        of: Generation | None = None,
        caller: Caller = NOBODY_IN_PARTICULAR,
    ) -> View:
        """Return what a page shows of the conversation.

        Args:
            conversation: Any state of it.
            limit: The most turns to show.
            text: What is about to be asked, for the plan.
            of: The answer that has begun or ended in it, where that is all that may have changed: it knows the rest.
            caller: Who looks, for what they may use.

        Raises:
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        if of is not None:
            effective = self.deployments.effective(of.conversation, caller.groups)
            if (known := view_of(of, effective, limit)) is not None:
                return known
        conversation = await self.refresh(conversation)
        effective = self.deployments.effective(conversation, caller.groups)
        if conversation.comparison is not None:
            return await self._comparing(conversation, conversation.comparison, effective, limit, text, caller)
        generation = self._generations.generation(conversation)
        growing = None if generation is None else generation.turn
        recent = await self._recent(conversation, max(limit, effective.lookback), growing)
        if growing is None and (growing := self._not_ended(conversation, recent.in_progress)) is not None:
            recent = await self._recent(conversation, max(limit, effective.lookback), growing)
        turns = [self._generations.lost(conversation, turn) or turn for turn in recent.turns]
        if generation is not None:
            plan = generation.plan
        else:
            candidates = replace(recent, turns=turns).candidates(effective.lookback)
            plan = effective.plan(candidates, text if growing is None else growing.question_text)
        shown = newest(turns if growing is None else [*turns, growing], limit)
        ended = shown if growing is None else shown[:-1]
        return View(conversation, shown, plan, versions_of(ended, recent.versions), growing is not None, effective)

    async def standing(
        self, view: View, caller: Caller = NOBODY_IN_PARTICULAR, *, of: Generation | None = None
    ) -> Standing | None:
        """Return how whoever looks at a conversation stands with the limits; None where nothing is limited.

        Args:
            view: The conversation as they see it.
            caller: Who looks at it.
            of: As :meth:`view` takes it: the answer knows that, too.
        """
        if of is not None and of.standing is not None:
            return of.standing
        if not self._quota.is_limited:
            return None
        most = most_usage([view.effective], "", is_first=not view.turns)
        return await self._quota.standing(view.conversation.owner, caller, most)

    async def mention(
        self, conversation: Conversation, text: str, *, caller: Caller = NOBODY_IN_PARTICULAR
    ) -> Mention | None:
        """Return what ``text`` mentions of turns that its request would not carry; None where it mentions nothing.

        While an answer is being written it mentions nothing: what the next request carries is not known yet.

        Args:
            conversation: Any state of it.
            text: What is about to be asked.
            caller: Who is about to ask.

        Raises:
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        conversation = await self.refresh(conversation)
        if await self._growing(conversation) is not None:
            return None
        effective = self.deployments.effective(conversation, caller.groups)
        recent = await self._store.recent(conversation.id, effective.lookback)
        return await self._recall.find(conversation, text, effective.plan(recent.candidates(effective.lookback), text))

    # ------------------------------------------------------------------------------------------ writing

    async def say(
        self,
        conversation: Conversation,
        text: str,
        *,
        at: int | None = None,
        caller: Caller = NOBODY_IN_PARTICULAR,
    ) -> AsyncGenerator[Turn]:
        """Ask the model and yield the growing turn: its newest state each time, its final state last.

        The answer belongs to the service: whoever stops iterating only stops watching, see :meth:`follow` and
        :meth:`stop`. It is kept about once a second while it grows and as it ended, also when it was stopped or failed.

        Args:
            conversation: As the asker last saw it.
            text: The question, kept byte for byte.
            at: Number of turns the question comes after; fewer than there are is a retry or an edit. The turns
                it replaces are shown until the new one has something to replace them with, and can be flipped
                back to then.
            caller: Who asks: half of all answers may be asked for from one place.

        Raises:
            MessageError: The text is empty, or is no text.
            TextTooLongError: It is too long.
            ApplicationRestartingError: The application is about to end.
            ApplicationBusyError: Too many answers are being written.
            OwnerBusyError: Too many of them are the owner's.
            OriginBusyError: Too many of them come from there.
            LimitError: The asker, or all at their address, used as much as they may for now.
            BudgetError: Everybody together did for today, and nobody stands in.
            ConversationBusyError: An answer is being written in this conversation.
            ConversationConflictError: The conversation went on since the asker last saw it.
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        generation = await self.ask(conversation, text, at=at, caller=caller)
        async with aclosing(generation.follow()) as snapshots:
            async for turn in snapshots:
                yield turn

    async def ask(
        self,
        conversation: Conversation,
        text: str,
        *,
        at: int | None = None,
        caller: Caller = NOBODY_IN_PARTICULAR,
        deployment: str | None = None,
        rehearsal: Rehearsal | None = None,
    ) -> Generation:
        """Ask the model and return the answer that begins to grow; takes and raises what :meth:`say` does.

        Args:
            conversation: As :meth:`say` takes it, and so are the next three.
            text: The question.
            at: Number of turns it comes after.
            caller: Who asks.
            deployment: Name of the one that answers this once, in the place of the chosen one; of one that they may
                not use, or where none may be chosen, it counts as not given.
            rehearsal: How it is answered where that was rehearsed.
        """
        with self._telling_refusals():
            [generation] = await self._generations.begin(
                conversation, text, at, caller, deployment=deployment, rehearsal=rehearsal
            )
        self._name_by_itself(generation, caller)
        return generation

    def silent(self) -> Collection[str]:
        """Return the names of the deployments that did not answer when they were last asked."""
        return self._generations.silent

    async def compare(
        self,
        conversation: Conversation,
        text: str,
        beside: Options,
        *,
        caller: Caller = NOBODY_IN_PARTICULAR,
    ) -> Sequence[Generation]:
        """Ask as the conversation is asked, and beside it otherwise: both answers grow at once, or neither is begun.

        Until one is kept (:meth:`keep`) the first that has an answer counts, and so it does if something else is asked;
        the others stay as versions of the turn. Each counts as a message.

        Args:
            conversation: As the asker last saw it.
            text: The question, kept byte for byte.
            beside: How it is asked the second time.
            caller: Who asks.

        Raises:
            ComparisonError: The deployment is not there for the asker, both would be asked alike, or the application's
                owner locked it.
            BudgetError: Everybody together used as much as they may for today; nobody stands in.
            ConversationError: As for :meth:`say`.
        """
        with self._telling_refusals():
            both = [conversation.options, beside]
            self._check_compared(conversation, both, caller)
            begun = await self._generations.begin(conversation, text, None, caller, compared=both)
        self._name_by_itself(begun[0], caller)
        return begun

    async def keep(self, conversation: Conversation, version: int) -> Conversation:
        """Go on with one of the answers that are compared, and as it was asked; whatever else grows is ended.

        The others stay as versions of the turn. Raises as :meth:`rewind` does.
        """
        comparison = (await self.refresh(conversation)).comparison
        if comparison is None or version not in comparison.options:
            raise ConversationConflictError
        await self.stop(conversation)
        self._generations.check_idle(conversation)
        async with expect_revision(self._store, conversation) as seen:
            return await self._store.keep(seen.id, version, seen.revision)

    def generations(self, conversation: Conversation) -> Sequence[Generation]:
        """Return the answers that this process is writing in its owner's conversation, in the order they were begun."""
        return self._generations.generations(conversation)

    def generation(self, conversation: Conversation) -> Generation | None:
        """Return the answer that this process is writing in its owner's conversation, the last begun of several."""
        return self._generations.generation(conversation)

    async def follow(self, conversation: Conversation) -> AsyncGenerator[Turn]:
        """Yield the turn that is being answered right now, as :meth:`say` does; nothing when there is none.

        Where another process writes it, its final state is the store's to tell.
        """
        generation = self._generations.generation(conversation)
        if generation is not None:
            async with aclosing(generation.follow()) as snapshots:
                async for turn in snapshots:
                    yield turn
            return
        await self.refresh(conversation)
        while (growing := await self._growing(conversation)) is not None:
            yield growing
            await asyncio.sleep(POLL_SECONDS)

    async def stop(self, conversation: Conversation) -> None:
        """End the answers that are being written, keep what there is of them, and return when they are kept."""
        await self._generations.stop(conversation)
        # One that is still here has ended, and cannot be saved for now.
        if self._generations.generation(conversation) is None and (await self.refresh(conversation)).revision:
            await self._store.stop_remote(conversation.id)

    async def rewind(self, conversation: Conversation, to: int) -> Conversation:
        """Take back all but the first ``to`` turns; return the conversation as it stands then.

        Raises:
            ConversationBusyError: An answer is being written in this conversation.
            ConversationConflictError: The conversation went on since the asker last saw it.
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        self._generations.check_idle(conversation)
        async with expect_revision(self._store, conversation) as seen:
            revision = await self._store.truncate(seen.id, to, seen.revision)
            return replace(seen, revision=revision, comparison=None)

    async def select_version(self, conversation: Conversation, index: int, version: int) -> Conversation:
        """Show another version of a turn and what followed it, be it one that was taken back.

        Raises as :meth:`rewind` does.
        """
        self._generations.check_idle(conversation)
        async with expect_revision(self._store, conversation) as seen:
            revision = await self._store.select_version(seen.id, index, version, seen.revision)
            return replace(seen, revision=revision, comparison=None)

    async def set_memory(self, conversation: Conversation, index: int, memory: TurnMemory) -> Conversation:
        """Pin a turn, exclude it, or leave it to the window; raises as :meth:`rewind` does."""
        async with expect_revision(self._store, conversation) as seen:
            return replace(seen, revision=await self._store.set_memory(seen.id, index, memory, seen.revision))

    async def choose(self, conversation: Conversation, options: Options) -> Conversation:
        """Change how this conversation's next requests are asked; raises as :meth:`rewind` does.

        What is beyond a limit is kept as it was chosen, and counts as :meth:`Deployment.within_limits` says.

        Raises:
            TextTooLongError: The system prompt is too long.
        """
        most = OPTIONS["system_prompt"].most
        if (length := len(options.system_prompt or "")) > most:
            raise TextTooLongError("system_prompt", length, most)
        if not conversation.revision:
            return replace(conversation, options=options)
        async with expect_revision(self._store, conversation) as seen:
            revision = await self._store.set_options(seen.id, options, seen.revision)
            return replace(seen, options=options, revision=revision)

    async def rate(self, conversation: Conversation, index: int, feedback: Feedback | None) -> None:
        """Keep what the visitor thinks of the answer that is shown at an index; None takes it back.

        Raises:
            ConversationConflictError: There is no such answer, or it is still being written.
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        await self.refresh(conversation)
        if not await self._store.rate(conversation.id, index, feedback):
            raise ConversationConflictError
        if (generation := self._generations.generation(conversation)) is not None:
            generation.before = None

    # ------------------------------------------------------------------------------------------ completions

    def reads_pictures(self, deployment: Deployment) -> bool:
        """Return whether a deployment reads pictures, or one that stands in for it does."""
        return self._completions.reads_pictures(deployment)

    async def complete(self, request: CompletionRequest, *, caller: Caller = NOBODY_IN_PARTICULAR) -> Generation:
        """Start the answer to a request that brings its messages along; nothing is kept of it but what was used.

        Args:
            request: What is to be answered.
            caller: Who asks.

        Returns:
            The answer, which whoever asked follows, and stops where they do not want it any more.

        Raises:
            ConversationError: As for :meth:`ask`, where too much is being written or was used; nobody stands in once
                the day's budget is used up.
        """
        with self._telling_refusals():
            return await self._completions.begin(request, caller)

    # ------------------------------------------------------------------------------------------ out and in

    async def export_markdown(self, conversation: Conversation, words: import_export.DocumentWords) -> str:
        """Return the conversation as it is shown, for people to read.

        Args:
            conversation: Any state of it.
            words: What the document says in their language.

        Raises:
            TransferBusyError: Another export or import of the owner is running, or too many are.
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        return await self.export(conversation, lambda it, turns: import_export.to_markdown(it, turns, words))

    async def export(self, conversation: Conversation, write: Callable[[Conversation, Sequence[Turn]], str]) -> str:
        """Return the conversation as it is shown, written by a function, which a thread calls.

        Raises what :meth:`export_markdown` does.
        """
        async with self._transfers.turn(conversation.owner):
            conversation = await self.refresh(conversation)
            turns = await self._store.turns(conversation.id)
            return await asyncio.to_thread(write, conversation, turns)

    async def export_json(self, conversation: Conversation) -> str:
        """Return all there is of the conversation, for :meth:`import_from`; raises as :meth:`export_markdown` does."""
        async with self._transfers.turn(conversation.owner):
            conversation = await self.refresh(conversation)
            stored = await self._store.everything(conversation.id)
            data = await self._bytes(conversation, stored)
            return await asyncio.to_thread(import_export.to_json, conversation, stored, data)

    async def report(
        self,
        conversation: Conversation,
        write: Callable[[Report], _T],
        *,
        caller: Caller = NOBODY_IN_PARTICULAR,
        hidden: Collection[str] = (),
    ) -> _T:
        """Return what is made of all that a document tells of the conversation; raises as :meth:`export_markdown` does.

        Args:
            conversation: Any state of it.
            write: Makes it, in a thread.
            caller: Who asks.
            hidden: Names of the options, and of what else, that visitors do not see.
        """
        async with self._transfers.turn(conversation.owner):
            conversation = await self.refresh(conversation)
            stored = await self._store.everything(conversation.id)
            data = await self._bytes(conversation, stored)
            shown = [each.turn for each in stored if each.shown]
            conversation, stored = await asyncio.to_thread(redacted, conversation, stored, hidden)
            told = [each.turn for each in stored if each.shown]
            effective = self.deployments.effective(conversation, caller.groups)

            def effective_of(turn: Turn) -> EffectiveOptions:
                # Whoever answered, if they are still there.
                answered = self.deployments.get(turn.deployment, effective.deployment)
                return self.deployments.asked(answered, conversation)

            plans = [plan async for plan in plans_of(shown, effective_of)]
            turns = [ReportedTurn(turn, plan) for turn, plan in zip(told, plans, strict=True)]
            return await asyncio.to_thread(write, Report(conversation, effective, turns, stored, data))

    async def export_all(self, owner: str, words: import_export.DocumentWords) -> bytes:
        """Return every conversation of the owner, in both forms, as a ZIP file.

        Args:
            owner: Whose.
            words: As :meth:`export_markdown` takes them.

        Raises:
            TransferBusyError: Another export or import of the owner is running, or too many are.
        """
        async with self._transfers.turn(owner):
            bundle = import_export.Bundle(words)
            for each in await self._store.list(owner, limit=import_export.MAX_CONVERSATIONS):
                stored = await self._store.everything(each.id)
                await asyncio.to_thread(bundle.add, each, stored, await self._bytes(each, stored))
            return await asyncio.to_thread(bundle.packed)

    async def import_from(self, owner: str, data: bytes) -> Brought:
        """Add the conversations of a file to the owner's, all or none; return them.

        Raises:
            UnreadableExportError: It is no export, or a broken one; nothing was added.
            BlobSpaceError: Its pictures and files are more than the owner has room for; nothing was added.
            StoreFullError: With its conversations the owner would keep more than they may; nothing was added.
            TransferBusyError: Another export or import of the owner is running, or too many are; nothing was added.
        """
        async with self._transfers.turn(owner):
            file = await asyncio.to_thread(import_export.read, data, owner, lambda: self.begin(owner).id)
            found = file.conversations
            # Before the turns: bytes that no turn refers to are removed by themselves, turns without theirs are not.
            await self._store.blobs.put_all(owner, {blob: held for each in found for blob, held in each.data.items()})
            # The first of a file comes on top of the list, as it did where it is from.
            added = await self._store.add_all([(each.conversation, each.stored) for each in reversed(found)])
            notices = (each.turn.notices for one in found for each in one.stored if each.shown)
            incomplete = sum(any(notice.kind in import_export.LOSSES for notice in each) for each in notices)
            return Brought([*reversed(added)], file.tool, file.empty, incomplete)

    @property
    def is_draining(self) -> bool:
        """Whether no further answer is begun, for the application is about to end."""
        return self._generations.admission.is_draining

    async def drain(self, seconds: float) -> None:
        """Begin no further answer, and give those that are being written these seconds to end; then :meth:`aclose`."""
        await asyncio.gather(self._generations.drain(seconds), self._completions.drain(seconds))

    def breaker_states(self) -> Mapping[str, str]:
        """Return whether each deployment with a breaker is asked: ``closed``, ``open`` or ``half-open``, by name."""
        return self._generations.breaker_states()

    async def ping(self) -> None:
        """Read something from the store, whatever it raises where that fails."""
        await self._store.ping()

    async def aclose(self) -> None:
        """End all answers that are being written, keeping what there is of each; temporary ones are gone."""
        self._recall.close()
        for naming in self._naming:
            naming.cancel()
        # What their titles took has still to be counted. In a list of its own: who has ended leaves the set.
        counted = [asyncio.wait([*self._naming])] if self._naming else []
        try:
            await asyncio.gather(self._generations.aclose(), self._completions.aclose(), *counted)
        finally:
            await self._store.aclose()

    # ----------------------------------------------------------------------------------------- inside

    async def _found_title(self, conversation: Conversation, caller: Caller) -> str:
        effective = self.deployments.effective(conversation, caller.groups)
        namers = self._generations.responders.namers(effective)
        turns = await self._store.tail(conversation.id, titles.TURNS_READ)
        most = largest([each.priced(titles.most_usage(each.deployment)) for each, _ in namers])
        quotes_errors = self.deployments.quotes_errors_to(caller)
        with self._telling_refusals(), self._generations.naming(conversation, caller):
            async with self._quota.reserving(conversation.owner, caller, most) as reserved:
                found = await find_title(namers, turns, quotes_errors=quotes_errors)
                reserved.took = found.usage
        self._listener.named(found.deployment, found.usage)
        await self._store.count_title(conversation, found.deployment, found.usage)
        if not found.title:
            raise TitleError("none_found")
        return found.title

    def _name_by_itself(self, generation: Generation, caller: Caller) -> None:
        """Have a title found for a conversation once its first answer is there, unless it has one by then."""
        conversation, turn = generation.conversation, generation.turn
        first = titles.shortened(turn.question_text)
        if not self._auto_titles or conversation.is_temporary or turn.index or conversation.title != first:
            return
        naming = asyncio.create_task(self._named_by_itself(generation, caller))
        self._naming.add(naming)
        naming.add_done_callback(self._naming.discard)

    async def _named_by_itself(self, generation: Generation, caller: Caller) -> None:
        await generation.wait()
        conversation = generation.conversation
        if generation.turn.status is not TurnStatus.COMPLETE:
            return
        # Nobody asked for it, so nobody is told where none is found.
        try:
            title = await self._found_title(conversation, caller)
            if await self._store.rename(conversation.id, title, instead_of=conversation.title):
                self.titled(replace(conversation, title=title))
        except ConversationError as error:
            logger.info("No title was found by itself: %s", error)
        except Exception:
            logger.exception("A title could not be found by itself")

    @contextmanager
    def _telling_refusals(self) -> Iterator[None]:
        try:
            yield
        except ConversationError as error:
            # A title that was not found was looked for.
            if not isinstance(error, TitleError):
                self._listener.refused(error)
            raise

    async def _bytes(self, conversation: Conversation, stored: Sequence[StoredTurn]) -> Mapping[Blob, bytes]:
        parts = (part for each in stored for part in (*each.turn.question, *each.turn.answer))
        several = await asyncio.to_thread(blobs_of, parts)
        return await self._store.blobs_of(conversation.id).read_all(conversation.owner, several)

    def _let_go(self, conversation_ids: Collection[str]) -> None:
        """Forget what is in memory of conversations that are gone."""
        self._generations.forget(conversation_ids)
        self._recall.forget(conversation_ids)

    async def _growing(self, conversation: Conversation) -> Turn | None:
        """The turn that is being answered, by whatever process."""
        generation = self._generations.generation(conversation)
        if generation is not None:
            return generation.turn
        return self._not_ended(conversation, await self._store.in_progress(conversation.id))

    def _check_compared(self, conversation: Conversation, both: Sequence[Options], caller: Caller) -> None:
        if COMPARE in self.deployments.locked:
            raise ComparisonError("locked")
        available = [each.name for each in self.deployments.available(caller.groups)]
        if any(each.deployment not in (None, *available) for each in both[1:]):
            raise ComparisonError("not_available")
        first, second = (self._asked(conversation, each, caller) for each in both)
        if first.asks_as(second):
            raise ComparisonError("alike")

    def _asked(self, conversation: Conversation, options: Options, caller: Caller) -> EffectiveOptions:
        return self.deployments.effective(replace(conversation, options=options), caller.groups)

    async def _comparing(
        self,
        conversation: Conversation,
        comparison: Comparison,
        effective: EffectiveOptions,
        limit: int,
        text: str,
        caller: Caller,
    ) -> View:
        """What a page shows of a conversation whose last question has several answers, as :meth:`view` has it."""
        stored = await self._store.versions(conversation.id, comparison.index)
        compared = []
        for version, options in comparison.options.items():
            generation = self._generations.generation(conversation, (comparison.index, version))
            if generation is None and version not in stored:
                continue
            turn = stored[version] if generation is None else generation.turn
            turn = self._generations.lost(conversation, turn) or turn
            plan = self._generations.sent(conversation, turn) if generation is None else generation.plan
            compared.append(ComparedAnswer(turn, self._asked(conversation, options, caller), plan))
        if not compared:
            raise ConversationNotFoundError
        shown_turn = counting([each.turn for each in compared])
        growing = any(each.turn.status is TurnStatus.STREAMING for each in compared)
        recent = await self._store.recent(conversation.id, max(limit, effective.lookback), before=comparison.index)
        known = next(each.plan for each in compared if each.turn is shown_turn)
        if growing and known is not None:
            plan = known
        else:
            seen = recent if growing else recent.followed_by(shown_turn)
            plan = effective.plan(seen.candidates(effective.lookback), shown_turn.question_text if growing else text)
        shown = newest([*recent.turns, shown_turn], limit)
        versions = versions_of(shown[:-1], recent.versions)
        return View(conversation, shown, plan, versions, growing, effective, compared)

    async def _recent(self, conversation: Conversation, limit: int, growing: Turn | None) -> Recent:
        before = None if growing is None else growing.index
        return await self._store.recent(conversation.id, limit, before=before)

    def _not_ended(self, conversation: Conversation, stored: Sequence[Turn]) -> Turn | None:
        """The last of the turns that other processes write, none of ours whose end could not be saved."""
        return next((turn for turn in reversed(stored) if self._generations.lost(conversation, turn) is None), None)
