"""The conversation service: the one place that reads, asks the model and writes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from chatbot.conversation import import_export, titles
from chatbot.conversation.access import expect_revision, load_owned
from chatbot.conversation.deployments import Deployments
from chatbot.conversation.errors import (
    ConversationConflictError,
    ConversationNotFoundError,
    TextTooLongError,
    TitleError,
)
from chatbot.conversation.generation import (
    MAX_ANSWER_SECONDS,
    MAX_ANSWERS,
    MAX_SAVING_SECONDS,
    Generation,
    GenerationManager,
)
from chatbot.conversation.options import OPTIONS, Options
from chatbot.conversation.parts import Blob, blobs_of
from chatbot.conversation.recall import Mention, RecallService
from chatbot.conversation.store import ConversationStore, Recent, StoredTurn
from chatbot.conversation.transfers import Transfers
from chatbot.conversation.turn import Conversation, Feedback, Turn, TurnMemory
from chatbot.conversation.view import SHOWN_TURNS, View, newest, versions_of, view_of

POLL_SECONDS: Final = 1.0
"""How often an answer that another process writes is looked at."""

REMOVAL_PAUSE: Final = 0.05
"""Seconds between two steps of removing what has expired: visitors go first."""


class ConversationService:
    """Says things to the model and keeps what was said.

    Args:
        deployments: Who can answer.
        store: Where conversations live.
        max_seconds: The longest an answer may take in all.
        max_answers: How many answers are written at once; who asks for one more is told to come back.
        max_saving_seconds: How long an answer that has ended is tried to be saved.
    """

    def __init__(
        self,
        deployments: Deployments,
        store: ConversationStore,
        *,
        max_seconds: float = MAX_ANSWER_SECONDS,
        max_answers: int = MAX_ANSWERS,
        max_saving_seconds: float = MAX_SAVING_SECONDS,
    ) -> None:
        self.deployments = deployments
        self._store = store
        self._recall = RecallService(store)
        self._transfers = Transfers()
        self._generations = GenerationManager(
            deployments, store, self._recall, max_seconds, max_answers, max_saving_seconds
        )

    # ------------------------------------------------------------------------------------------ conversations

    def begin(self, owner: str) -> Conversation:
        """Return a new conversation; it is written down with its first message."""
        return Conversation(secrets.token_urlsafe(16), owner)

    async def latest(self, owner: str) -> Conversation:
        """Return the conversation the owner wrote to last, or a new one."""
        known = await self._store.list(owner, limit=1)
        return known[0] if known else self.begin(owner)

    async def renew(self, owner: str) -> None:
        """Keep the owner's conversations for their full time from now on: they are here."""
        await self._store.renew(owner)

    async def remove_expired(self) -> None:
        """Remove the conversations whose owners stayed away for too long, and those deleted a while ago.

        Their pictures and files go with them, and whatever else was kept for a turn that was not written.
        """
        for remove in (self._store.remove_expired, self._store.blobs.remove_unused):
            while await remove():  # noqa: ASYNC110 - a pause between steps, not a wait for something
                await asyncio.sleep(REMOVAL_PAUSE)

    async def list(self, owner: str, *, search: str = "") -> Sequence[Conversation]:
        """Return the owner's conversations with ``search`` in title or text, the one written to last first."""
        return await self._store.list(owner, search=search.strip())

    async def open(self, owner: str, id: str) -> Conversation:  # noqa: A002 - the field's own name
        """Return one of the owner's conversations.

        Raises:
            ConversationNotFoundError: It is gone, or not the owner's.
        """
        return await self.refresh(Conversation(id, owner, revision=1))

    async def refresh(self, conversation: Conversation) -> Conversation:
        """Return the conversation as it stands now; raises as :meth:`open` does."""
        return await load_owned(self._store, conversation)

    async def rename(self, conversation: Conversation, title: str) -> None:
        """Give the conversation another title.

        Raises:
            TitleError: The title is empty.
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        await self.refresh(conversation)
        if not (title := titles.shortened(title)):
            raise TitleError("empty")
        await self._store.rename(conversation.id, title)

    async def find_title(self, conversation: Conversation, *, origin: str | None = None) -> str:
        """Let the model find a title for the conversation, and return it.

        Args:
            conversation: Any state of it.
            origin: Where it is asked for, as for :meth:`say`.

        Raises:
            TitleError: There is nothing to name yet, or the model found no title; says why.
            ApplicationBusyError: Too many answers are being written; a title counts as one.
            OwnerBusyError: Too many of them are the owner's.
            OriginBusyError: Too many of them come from there.
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        conversation = await self.refresh(conversation)
        effective = self.deployments.effective(conversation)
        turns = await self._store.tail(conversation.id, titles.TURNS_READ)
        with self._generations.naming(conversation, origin):
            title, usage = await titles.ask(effective.deployment, turns)
        if usage is not None:
            await self._store.spend(conversation.id, effective.priced(usage))
        if not title:
            raise TitleError("none_found")
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

    # ------------------------------------------------------------------------------------------ reading

    async def turns(self, conversation: Conversation) -> Sequence[Turn]:
        """Return all the turns that are shown, in order.

        Raises:
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        await self.refresh(conversation)
        return await self._store.turns(conversation.id)

    async def view(
        self, conversation: Conversation, *, limit: int = SHOWN_TURNS, text: str = "", of: Generation | None = None
    ) -> View:
        """Return what a page shows of the conversation.

        Args:
            conversation: Any state of it.
            limit: The most turns to show.
            text: What is about to be asked, for the plan.
            of: The answer that has begun or ended in it, where that is all that may have changed: it knows the rest.

        Raises:
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        if of is not None and (known := view_of(of, self.deployments.effective(of.conversation), limit)) is not None:
            return known
        conversation = await self.refresh(conversation)
        effective = self.deployments.effective(conversation)
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

    async def mention(self, conversation: Conversation, text: str) -> Mention | None:
        """Return what ``text`` mentions of turns that its request would not carry; None where it mentions nothing.

        While an answer is being written it mentions nothing: what the next request carries is not known yet.

        Raises:
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        conversation = await self.refresh(conversation)
        if await self._growing(conversation) is not None:
            return None
        effective = self.deployments.effective(conversation)
        recent = await self._store.recent(conversation.id, effective.lookback)
        return await self._recall.find(conversation, text, effective.plan(recent.candidates(effective.lookback), text))

    # ------------------------------------------------------------------------------------------ writing

    async def say(
        self, conversation: Conversation, text: str, *, at: int | None = None, origin: str | None = None
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
            origin: Where it is asked, whoever asks: half of all answers may be asked for from one place. None where
                that does not matter.

        Raises:
            MessageError: The text is empty, or is no text.
            TextTooLongError: It is too long.
            ApplicationBusyError: Too many answers are being written.
            OwnerBusyError: Too many of them are the owner's.
            OriginBusyError: Too many of them come from there.
            ConversationBusyError: An answer is being written in this conversation.
            ConversationConflictError: The conversation went on since the asker last saw it.
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        generation = await self.ask(conversation, text, at=at, origin=origin)
        async with aclosing(generation.follow()) as snapshots:
            async for turn in snapshots:
                yield turn

    async def ask(
        self, conversation: Conversation, text: str, *, at: int | None = None, origin: str | None = None
    ) -> Generation:
        """Ask the model and return the answer that begins to grow; takes and raises what :meth:`say` does."""
        return await self._generations.begin(conversation, text, at, origin)

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
            return replace(seen, revision=await self._store.truncate(seen.id, to, seen.revision))

    async def select_version(self, conversation: Conversation, index: int, version: int) -> Conversation:
        """Show another version of a turn and what followed it; raises as :meth:`rewind` does."""
        self._generations.check_idle(conversation)
        async with expect_revision(self._store, conversation) as seen:
            return replace(seen, revision=await self._store.select_version(seen.id, index, version, seen.revision))

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
        async with self._transfers.turn(conversation.owner):
            conversation = await self.refresh(conversation)
            turns = await self._store.turns(conversation.id)
            return await asyncio.to_thread(import_export.to_markdown, conversation, turns, words)

    async def export_json(self, conversation: Conversation) -> str:
        """Return all there is of the conversation, for :meth:`import_from`; raises as :meth:`export_markdown` does."""
        async with self._transfers.turn(conversation.owner):
            conversation = await self.refresh(conversation)
            stored = await self._store.everything(conversation.id)
            data = await self._bytes(conversation.owner, stored)
            return await asyncio.to_thread(import_export.to_json, conversation, stored, data)

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
                await asyncio.to_thread(bundle.add, each, stored, await self._bytes(owner, stored))
            return await asyncio.to_thread(bundle.packed)

    async def import_from(self, owner: str, data: bytes) -> Sequence[Conversation]:
        """Add the conversations of an export to the owner's; return them.

        Raises:
            UnreadableExportError: It is no export, or a broken one; nothing was added.
            BlobSpaceError: Its pictures and files are more than the owner has room for; nothing was added.
            TransferBusyError: Another export or import of the owner is running, or too many are; nothing was added.
        """
        async with self._transfers.turn(owner):
            found = await asyncio.to_thread(import_export.read, data, owner, lambda: self.begin(owner).id)
            # Before the turns: bytes that no turn refers to are removed by themselves, turns without theirs are not.
            await self._store.blobs.put_all(owner, {blob: held for each in found for blob, held in each.data.items()})
            return await self._store.add_all([(each.conversation, each.stored) for each in found])

    async def aclose(self) -> None:
        """End all answers that are being written, keeping what there is of each."""
        self._recall.close()
        await self._generations.aclose()

    # ----------------------------------------------------------------------------------------- inside

    async def _bytes(self, owner: str, stored: Sequence[StoredTurn]) -> Mapping[Blob, bytes]:
        parts = (part for each in stored for part in (*each.turn.question, *each.turn.answer))
        return await self._store.blobs.read_all(owner, await asyncio.to_thread(blobs_of, parts))

    async def _growing(self, conversation: Conversation) -> Turn | None:
        """The turn that is being answered, by whatever process."""
        generation = self._generations.generation(conversation)
        if generation is not None:
            return generation.turn
        return self._not_ended(conversation, await self._store.in_progress(conversation.id))

    async def _recent(self, conversation: Conversation, limit: int, growing: Turn | None) -> Recent:
        before = None if growing is None else growing.index
        return await self._store.recent(conversation.id, limit, before=before)

    def _not_ended(self, conversation: Conversation, stored: Sequence[Turn]) -> Turn | None:
        """The last of the turns that other processes write, none of ours whose end could not be saved."""
        return next((turn for turn in reversed(stored) if self._generations.lost(conversation, turn) is None), None)
