"""Conversations and their turns, by owner."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import (
    Column,
    CompoundSelect,
    RowMapping,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from chatbot.conversation.options import Options
from chatbot.conversation.parts import blobs_of, text_parts
from chatbot.conversation.retention import RENEWED_AFTER, UNDELETE_SECONDS, lifetime
from chatbot.conversation.store import removal, statements
from chatbot.conversation.store.acceptances import AcceptanceStore
from chatbot.conversation.store.api_keys import ApiKeyStore
from chatbot.conversation.store.blobs import BlobStore, link, link_all, link_rows
from chatbot.conversation.store.ceilings import UNLIMITED, Ceilings
from chatbot.conversation.store.counters import UsageCounters
from chatbot.conversation.store.database import PAGE_ROWS, Database, Timed, to_its_end
from chatbot.conversation.store.schema import (
    IS_IN_PROGRESS,
    IS_PINNED,
    answer_row,
    conversation_of,
    conversations,
    options_row,
    shares,
    turn_row,
    turns,
)
from chatbot.conversation.store.search import around, excerpt, holds
from chatbot.conversation.store.shares import ShareStore
from chatbot.conversation.store.sign_in import SignInStore
from chatbot.conversation.store.statements import RevisionError, is_version
from chatbot.conversation.store.usage import STOPPED, TITLED, UsageStore
from chatbot.conversation.turn import (
    INTERRUPTED,
    Comparison,
    Conversation,
    Failure,
    Feedback,
    Turn,
    TurnMemory,
    TurnStatus,
    Usage,
    is_blank,
)
from chatbot.conversation.turn_data import turn_from

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

SILENCE: Final = 5.0
"""Seconds after which an answer that no writer has touched counts as interrupted: a writer touches it each second."""

REMOVED_TURNS: Final = 200
"""About how many turns are removed at a time: a few milliseconds' work."""


_LAST: Final = 2**31 - 1
"""More than any index of a turn."""


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A version of a turn, and whether it is on the path that the page shows."""

    turn: Turn
    shown: bool


@dataclass(frozen=True, slots=True)
class Recent:
    """What is read of a conversation to show it, and to ask in it.

    Attributes:
        turns: The newest shown turns, in order.
        pinned: The shown turns that are pinned, in order.
        in_progress: The turns that somebody is writing right now, as :meth:`ConversationStore.in_progress` has them.
        versions: By index, the versions that stand beside a turn, its own among them; nothing where there is no other.
    """

    turns: Sequence[Turn] = ()
    pinned: Sequence[Turn] = ()
    in_progress: Sequence[Turn] = ()
    versions: Mapping[int, Sequence[int]] = field(default_factory=dict)

    def up_to(self, index: int) -> Recent:
        """Return what there is of it before an index."""
        turns, pinned = (tuple(turn for turn in each if turn.index < index) for each in (self.turns, self.pinned))
        return replace(self, turns=turns, pinned=pinned)

    def followed_by(self, turn: Turn) -> Recent:
        """Return it with one turn more at the end."""
        return replace(self, turns=(*self.turns, turn))

    def candidates(self, lookback: int) -> Sequence[Turn]:
        """Return the turns that a request may carry, in order: so many of the newest, and all that are pinned."""
        newest = self.turns[max(len(self.turns) - lookback, 0) :]
        turns = {turn.index: turn for turn in (*self.pinned, *newest)}
        return [turns[index] for index in sorted(turns)]


@dataclass(frozen=True, slots=True)
class Begun:
    """A turn whose question was written down.

    Attributes:
        turns: The turn, without an answer; where answers are compared, a version of it for each.
        conversation: The conversation as it stands with it.
        before: What comes before it; its ``versions`` have those beside the turn that are not its own as well.
        replaced: What is shown in its place until it has ended.
    """

    turns: Sequence[Turn]
    conversation: Conversation
    before: Recent
    replaced: Turn | None

    @property
    def turn(self) -> Turn:
        """The turn, or the first version of it."""
        return self.turns[0]


@dataclass(frozen=True, slots=True)
class Ended:
    """A turn whose answer was written down as it ended.

    Attributes:
        conversation: The conversation as it stands with it.
        is_kept: Whether it is there, be it shown or compared; if not, it was dropped for what is shown in its place.
    """

    conversation: Conversation
    is_kept: bool


class ConversationStore:
    """Conversations and their turns, by owner.

    Every change of what a conversation's turns are is a compare-and-set on its revision, so two writers never
    interleave; the one that comes late gets :class:`RevisionError` and has changed nothing.

    Args:
        url: Any SQLAlchemy URL with an async driver; ``sqlite:///file.db`` and ``postgresql://`` are completed with
            the right one. The folder of an SQLite file and the tables are made when they are missing; tables of an
            earlier version are migrated.
        silence: Seconds after which an answer that nobody writes on counts as interrupted.
        timed: Told how long each reading and writing takes, in seconds.
        usage_days: For how many days it is kept how much was used; None keeps it for good.
        ceilings: How much one owner may keep.
        retention: Seconds after which a conversation that nobody has written to is removed, whoever looks at it.

    Raises:
        ValueError: The URL is none, or its database's driver is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        silence: float = SILENCE,
        timed: Timed | None = None,
        usage_days: int | None = None,
        ceilings: Ceilings = UNLIMITED,
        retention: float | None = None,
    ) -> None:
        self._database = Database(url, timed)
        self._ceilings = ceilings
        self._retention = retention
        self.acceptances = AcceptanceStore(self._database)
        """Who has accepted which terms."""
        self.api_keys = ApiKeyStore(self._database)
        """Keys of the API."""
        self.blobs = BlobStore(self._database)
        """The bytes of pictures and files."""
        self.counters = UsageCounters(self._database)
        """What was used of what is limited."""
        self.usage = UsageStore(self._database, usage_days)
        """Counts of what was used, by day, deployment and visitor."""
        self.shares = ShareStore(self._database)
        """Links by which others may read conversations."""
        self.sign_in = SignInStore(self._database)
        """What is kept of those who sign in."""
        self._silence = silence
        self._writer = secrets.token_hex(8)
        """Names this process in the rows it is writing: nobody else may finish them."""

    async def check(self) -> None:
        """Open the database once, make what is missing, and let go of it again.

        Raises:
            ValueError: It cannot be opened, with the database's own words, or is of a later version.
        """
        await self._database.check()

    async def ping(self) -> None:
        """Read as little as there is to read; raises where the database cannot be read, or its file has moved."""
        await self._database.ping()

    async def aclose(self) -> None:
        """Close all connections; a later call is served all the same, and closes what it opened."""
        await self._database.aclose()

    # ------------------------------------------------------------------------------------------ conversations

    async def get(self, id: str) -> Conversation | None:  # noqa: A002 - the field's own name
        """Return the conversation with this id, whoever owns it, or None."""
        rows = await self._database.read(_GET, {"id": id})
        return conversation_of(rows[0]) if rows else None

    async def list(
        self, owner: str, *, search: str = "", limit: int = 50, archived: bool | None = None, pinned_first: bool = False
    ) -> list[Conversation]:
        """Return the owner's conversations, the one written to last first.

        Args:
            owner: Whose.
            search: Only those with this in their title or in a turn that is shown, in whatever case.
            limit: How many at most.
            archived: Only those that are archived, or only those that are not; None is all.
            pinned_first: Whether those that are pinned come before all others.
        """
        query = _LIST.order_by(*([conversations.c.pinned.desc()] if pinned_first else []), *_LAST_WRITTEN_FIRST)
        if archived is not None:
            query = query.where(conversations.c.archived.is_(archived))
        if search:
            query = query.where(or_(holds(conversations.c.title, search), _turns_with(search).exists()))
        rows = await self._database.read(query, {"owner": owner, "limit": limit})
        return [conversation_of(row) for row in rows]

    async def excerpts(self, ids: Sequence[str], words: str) -> Mapping[str, str]:
        """Return what stands around words in conversations, by their ids; nothing of one that has them in no text.

        Args:
            ids: Of the conversations.
            words: What was searched for: of each conversation the first turn counts that has it in whatever case.
        """
        piece = case((holds(turns.c.user, words), around(turns.c.user, words)), else_=around(turns.c.assistant, words))
        first = _turns_with(words).with_only_columns(piece).order_by(turns.c.index).limit(1).scalar_subquery()
        query = select(conversations.c.id, first.label("piece")).where(conversations.c.id.in_(ids))
        rows = await self._database.read(query) if ids else []
        return {row["id"]: excerpt(row["piece"], words) for row in rows if row["piece"]}

    async def rename(self, id: str, title: str, *, instead_of: str | None = None) -> bool:  # noqa: A002
        """Give a conversation another title; return whether it has it.

        Args:
            id: Of the conversation.
            title: What it is called from now on.
            instead_of: The only title that is replaced; None is any.
        """
        renamed = update(conversations).where(conversations.c.id == id).values(title=title)
        if instead_of is not None:
            renamed = renamed.where(conversations.c.title == instead_of)
        async with self._database.writing() as connection, connection.begin():
            return (await connection.execute(renamed)).rowcount == 1

    async def pin(self, id: str, *, is_pinned: bool) -> None:  # noqa: A002
        """Keep a conversation on top of its owner's list, or no longer."""
        await self._mark(id, pinned=is_pinned)

    async def archive(self, id: str, *, is_archived: bool) -> None:  # noqa: A002
        """Put a conversation out of its owner's list, or back into it."""
        await self._mark(id, archived=is_archived)

    async def count_title(self, conversation: Conversation, deployment: str, usage: Usage | None) -> None:
        """Count that a deployment looked for a title, and add what it took to what the conversation's answers did.

        Args:
            conversation: Any state of it.
            deployment: Name of the one that was asked.
            usage: What it took; None where the endpoint does not tell.
        """
        async with self._database.writing() as connection, connection.begin():
            if usage is not None:
                await statements.spend(connection, conversation.id, usage)
            await self.usage.count(connection, conversation.owner, deployment, TITLED, usage)

    async def set_options(self, id: str, options: Options, revision: int) -> int:  # noqa: A002
        """Change what was chosen for the conversation; return the new revision.

        Raises:
            RevisionError: Somebody else wrote first.
        """
        async with self._database.writing() as connection, connection.begin():
            return (await statements.advance(connection, id, revision, **options_row(options))).revision

    async def delete(self, id: str) -> None:  # noqa: A002
        """Delete a conversation; for :data:`UNDELETE_SECONDS` :meth:`restore` brings it back."""
        now = time.time()
        this = and_(conversations.c.id == id, conversations.c.deleted_at.is_(None))
        values = {"deleted_at": now, "expires_at": now + UNDELETE_SECONDS}
        async with self._database.writing() as connection, connection.begin():
            await connection.execute(update(conversations).where(this).values(values))
            # For good: whoever brings it back has not shared it again.
            await connection.execute(delete(shares).where(shares.c.conversation_id == id))

    async def restore(self, id: str, owner: str) -> Conversation | None:  # noqa: A002
        """Bring a deleted conversation of this owner back; None when there is none any more.

        Raises:
            StoreFullError: With it, the owner would keep more than they may.
        """
        now = time.time()
        theirs = and_(conversations.c.id == id, conversations.c.owner == owner)
        # One that has expired may have lost some of its turns already.
        there = and_(theirs, conversations.c.expires_at >= now)
        values = {"deleted_at": None, "expires_at": now + lifetime(owner)}
        async with self._database.writing() as connection, connection.begin():
            if (await connection.execute(update(conversations).where(there).values(values))).rowcount != 1:
                return None
            await self._ceilings.check(connection, owner)
            row = (await connection.execute(select(conversations).where(theirs))).mappings().one()
        return conversation_of(row)

    async def renew(self, owner: str) -> None:
        """Keep an owner's conversations for their full time from now on; mostly there is nothing to be written."""
        now = time.time()
        soon = conversations.c.expires_at < now + lifetime(owner) * (1 - RENEWED_AFTER)
        due = or_(soon, conversations.c.expires_at.is_(None))
        theirs = and_(conversations.c.owner == owner, conversations.c.deleted_at.is_(None), due)
        if await self._database.read(select(conversations.c.id).where(theirs).limit(1)):
            async with self._database.writing() as connection, connection.begin():
                values = {"expires_at": now + lifetime(owner)}
                await connection.execute(update(conversations).where(theirs).values(values))

    async def remove_expired(self) -> bool:
        """Remove a few of the conversations whose time is over, with their turns, or some of the turns of long ones.

        Several processes may do so at once: each has others.

        Returns:
            Whether there was anything to remove; there may be more.
        """
        return await to_its_end(self._remove_expired())

    async def remove(self, id: str) -> None:  # noqa: A002
        """Remove a conversation for good at once, with the pictures and files that are only its."""
        await removal.remove(self._database, id, REMOVED_TURNS)

    async def erase(self, owner: str) -> set[str]:
        """Remove for good at once all there is of an owner; return the ids of their conversations."""
        return await removal.erase(self._database, owner, REMOVED_TURNS)

    def blobs_of(self, id: str) -> BlobStore:  # noqa: A002
        """Return where the pictures and files of a conversation are."""
        return self.blobs

    # ------------------------------------------------------------------------------------------ reading turns

    async def turns(self, id: str) -> Sequence[Turn]:  # noqa: A002
        """Return all turns that are shown, in order."""
        async with aclosing(self._database.pages(_shown(id).order_by(turns.c.index))) as pages:
            return [self._settled(row) async for rows in pages for row in rows]

    async def tail(self, id: str, limit: int, *, before: int | None = None) -> Sequence[Turn]:  # noqa: A002
        """Return the newest ``limit`` shown turns (of those ``before`` an index), in order: one indexed range read."""
        query = _shown(id)
        if before is not None:
            query = query.where(turns.c.index < before)
        rows = await self._database.read(query.order_by(turns.c.index.desc()).limit(limit))
        return [self._settled(row) for row in reversed(rows)]

    async def recent(self, id: str, limit: int, *, before: int | None = None) -> Recent:  # noqa: A002
        """Return what a page and a request are made of, in one statement, or two where turns have other versions.

        Args:
            id: Of the conversation.
            limit: How many of the newest shown turns.
            before: Only turns before this index.
        """
        recent = self._recent(rows := await self._database.read(_RECENT, _recent_of(id, limit, before)))
        if any(row["has_versions"] for row in rows):
            recent = replace(recent, versions=await self.alternatives(id, recent.turns))
        return recent

    async def in_progress(self, id: str) -> Sequence[Turn]:  # noqa: A002
        """Return the turns that somebody is writing right now, as they were last kept, in the order they were begun.

        Several are versions at one index: answers to one question. They may not be shown yet.
        """
        rows = await self._database.read(select(turns).where(turns.c.conversation_id == id, IS_IN_PROGRESS))
        # Not sorted by the database: that would be a step beside its index, and they are few.
        return sorted((turn_from(row) for row in rows if not self._is_silent(row)), key=lambda turn: turn.key)

    async def versions(self, id: str, index: int) -> Mapping[int, Turn]:  # noqa: A002
        """Return all versions of the turn at an index, by number."""
        at_index = and_(turns.c.conversation_id == id, turns.c.index == index)
        rows = await self._database.read(select(turns).where(at_index).order_by(turns.c.version))
        return {row["version"]: self._settled(row) for row in rows}

    async def alternatives(self, id: str, of: Collection[Turn]) -> Mapping[int, Sequence[int]]:  # noqa: A002
        """Return, by index, the versions that stand beside each of these turns, its own among them, in order."""
        return _families(await self._database.read(_beside(id, of)), of) if of else {}

    async def everything(self, id: str) -> Sequence[StoredTurn]:  # noqa: A002
        """Return every version of every turn, by index and version."""
        query = select(turns).where(turns.c.conversation_id == id).order_by(turns.c.index, turns.c.version)
        async with aclosing(self._database.pages(query)) as pages:
            return [StoredTurn(self._settled(row), row["shown"]) async for rows in pages for row in rows]

    # ------------------------------------------------------------------------------------------ writing turns

    async def begin(
        self,
        conversation: Conversation,
        index: int | None,
        text: str,
        *,
        limit: int = 1,
        compared: Sequence[Options] = (),
    ) -> Begun:
        """Write down a question and that this process answers it.

        Where the index is taken, the turn is a further version, and is not shown before :meth:`end`.

        Args:
            conversation: At the revision the writer has seen; at revision 0 it is made.
            index: Where the question goes: at most one after the last turn, and there if None.
            text: The question.
            limit: How many of the turns before it are returned.
            compared: How it is asked more than once at the same time: each answer is a version of its own, of which the
                first is shown. Only after the last turn.

        Raises:
            RevisionError: Somebody else wrote first, or the conversation is another owner's.
            AnsweringError: An answer is being written.
            StoreFullError: The owner keeps as much as they may.
        """
        id = conversation.id  # noqa: A001
        async with self._database.writing() as connection, connection.begin():
            before = Recent()
            if conversation.revision:
                # Whoever goes on with what they had archived wants it at hand.
                begun = await statements.advance(connection, id, conversation.revision, archived=False)
                if begun.owner != conversation.owner:
                    raise RevisionError(f"conversation {id} is somebody else's")
                # From here on nobody else writes in it, so what is read stays true.
                what = _recent_of(id, limit + 1, None if index is None else index + 1)
                rows = (await connection.execute(_RECENT, what)).mappings().all()
                if any(row["status"] == TurnStatus.STREAMING for row in rows):
                    silent_before = time.time() - self._silence
                    dead = await statements.claim(connection, begun, silent_before)
                    await self.usage.count_abandoned(connection, begun.owner, dead, INTERRUPTED)
                    rows = (await connection.execute(_RECENT, what)).mappings().all()
                before = self._recent(rows)
                if any(row["has_versions"] for row in rows):
                    others = (await connection.execute(_beside(id, before.turns))).mappings().all()
                    before = replace(before, versions=_families(others, before.turns))
            else:
                begun = await statements.create(connection, conversation)
            await self._ceilings.check(connection, begun.owner, len(text.encode()) * max(len(compared), 1))
            last = before.turns[-1] if before.turns else None
            if index is None:
                index = 0 if last is None else last.index + 1
            replaced = last if last is not None and last.index == index else None
            beside_it = before.versions.get(index, () if replaced is None else [replaced.version])
            before = replace(before.up_to(index), versions={**before.versions, index: beside_it})
            parent = before.turns[-1] if before.turns else None
            if index != (0 if parent is None else parent.index + 1):
                raise RevisionError(f"conversation {id} has no turn {index - 1}")
            turn = Turn(index, text_parts(text), parent=None if parent is None else parent.version)
            own = {"shown": replaced is None, "writer": self._writer, "touched_at": time.time()}
            written = turn_row(id, turn) | own | {"of_id": id, "of_index": index}
            del written["version"]
            versions = [await connection.scalar(_INSERT, written)]
            versions += [await connection.scalar(_INSERT, written | {"shown": False}) for _ in compared[1:]]
            if compared or begun.comparison is not None:
                # Who asks something else goes on with what was shown.
                comparison = Comparison(index, dict(zip(versions, compared, strict=True))) if compared else None
                begun = await statements.compare(connection, begun, comparison)
        return Begun([replace(turn, version=version) for version in versions], begun, before, replaced)

    async def checkpoint(self, id: str, turn: Turn) -> bool:  # noqa: A002
        """Keep what there is of an answer; return whether this process may still write on it."""
        async with self._database.writing() as connection, connection.begin():
            return await self._write(connection, id, turn) is not None

    async def end(self, id: str, turn: Turn) -> Ended | None:  # noqa: A002
        """Keep an answer as it ended and show it, in place of what is shown at its index and after.

        Where it may not take that place (:meth:`Turn.may_replace`), it is dropped. Of answers that are compared each is
        kept, and the one that counts is shown (:func:`~chatbot.conversation.turn.counting`).

        Args:
            id: Of the conversation.
            turn: The turn as it ended.

        Returns:
            How things stand then; None where this process was not the one any more that wrote the turn, and nothing was
            changed.
        """
        it = is_version(id, turn.index, turn.version)
        async with self._database.writing() as connection, connection.begin() as transaction:
            conversation = await statements.touch(connection, id, turn.usage)
            shown = await self._write(connection, id, turn)
            if conversation is None or shown is None:
                await transaction.rollback()
                return None
            if is_kept := conversation.comparison is not None and conversation.compares(turn.key):
                await statements.show_counting(connection, id, conversation.comparison)
            elif not (is_kept := shown or await self._may_be_shown(connection, id, turn)):
                await connection.execute(delete(turns).where(it))
            elif not shown:
                await statements.show_only(connection, id, turn.index, [turn.key])
            await self.usage.count_answer(connection, conversation.owner, turn)
        return Ended(conversation, is_kept)

    async def stop_remote(self, id: str, version: tuple[int, int] | None = None) -> None:  # noqa: A002
        """End the answers that other processes are writing: they notice with their next checkpoint.

        What had arrived is kept as stopped, and shown; where nothing had, what was to be replaced stays.

        Args:
            id: Of the conversation.
            version: Index and version of the only one to end; without it, all are ended.
        """
        async with self._database.writing() as connection, connection.begin() as transaction:
            conversation = await statements.touch(connection, id)
            growing = [
                row
                for row in await statements.in_progress(connection, id)
                if row["writer"] != self._writer and version in (None, (row["index"], row["version"]))
            ]
            if conversation is None or not growing:
                await transaction.rollback()
                return
            for row in growing:
                ended = {"status": TurnStatus.STOPPED.value}
                keep = row["shown"] or row["has_parts"] or not is_blank(row["assistant"])
                await statements.end_in_progress(connection, conversation, row, keep=keep, ended=ended)
            await self.usage.count_abandoned(connection, conversation.owner, growing, STOPPED)

    async def truncate(self, id: str, to: int, revision: int) -> int:  # noqa: A002
        """Take all turns from index ``to`` on out of sight; return the new revision.

        Raises:
            RevisionError: Somebody else wrote first.
            AnsweringError: An answer is being written.
        """
        async with self._database.writing() as connection, connection.begin():
            conversation = await self._claim(connection, id, revision)
            await statements.show_only(connection, id, to, [])
        return conversation.revision

    async def select_version(self, id: str, index: int, version: int, revision: int) -> int:  # noqa: A002
        """Show another version of a turn, with the newest of what once followed it; return the new revision.

        Raises:
            RevisionError: Somebody else wrote first, or there is no such version beside the one that is shown.
            AnsweringError: An answer is being written.
        """
        async with self._database.writing() as connection, connection.begin():
            conversation = await self._claim(connection, id, revision)
            path = await statements.path_from(connection, id, index, version)
            await statements.show_only(connection, id, index, path)
        return conversation.revision

    async def keep(self, id: str, version: int, revision: int) -> Conversation:  # noqa: A002
        """Keep one of the answers that are compared: it is shown, and what follows is asked as it was.

        Returns:
            The conversation as it stands then.

        Raises:
            RevisionError: Somebody else wrote first, or it is none of them.
            AnsweringError: An answer is being written.
        """
        async with self._database.writing() as connection, connection.begin():
            conversation = await statements.advance(connection, id, revision)
            comparison = conversation.comparison
            if comparison is None or version not in comparison.options:
                raise RevisionError(f"conversation {id} compares no version {version}")
            await self._end_silent(connection, conversation)
            await statements.show_only(connection, id, comparison.index, [(comparison.index, version)])
            chosen = options_row(comparison.options[version])
            return await statements.compare(connection, conversation, None, **chosen)

    async def set_memory(self, id: str, index: int, memory: TurnMemory, revision: int) -> int:  # noqa: A002
        """Pin the turn that is shown at an index, exclude it, or neither; return the new revision.

        Raises:
            RevisionError: Somebody else wrote first, or there is no such turn.
        """
        at_index = and_(turns.c.conversation_id == id, turns.c.index == index, turns.c.shown)
        async with self._database.writing() as connection, connection.begin():
            revision = (await statements.advance(connection, id, revision)).revision
            marked = await connection.execute(update(turns).where(at_index).values(memory=memory.value))
            if marked.rowcount != 1:
                raise RevisionError(f"conversation {id} has no turn {index}")
        return revision

    async def rate(self, id: str, index: int, feedback: Feedback | None) -> bool:  # noqa: A002
        """Keep what the visitor thinks of the answer that is shown at an index; return whether there is one.

        The revision stays: nothing that is remembered or drawn by others depends on it.
        """
        ended = and_(turns.c.conversation_id == id, turns.c.index == index, turns.c.shown, ~IS_IN_PROGRESS)
        rated = update(turns).where(ended)
        owner = select(conversations.c.owner).where(conversations.c.id == id).scalar_subquery().label("owner")
        was = (turns.c.feedback, turns.c.deployment, turns.c.timing, owner)
        async with self._database.writing() as connection, connection.begin():
            # Written as it is, not read: that takes the lock everyone else waits for, and no thumb is counted twice.
            before = (await connection.execute(rated.values(shown=True).returning(*was))).mappings().first()
            if before is None:
                return False
            await connection.execute(rated.values(feedback=None if feedback is None else asdict(feedback)))
            await self.usage.count_rating(connection, before, feedback)
        return True

    async def rated(self) -> Sequence[tuple[str, Turn]]:
        """Return all turns with feedback, of everybody, shown or not, each with its conversation's id."""
        mine = and_(turns.c.conversation_id == conversations.c.id, conversations.c.deleted_at.is_(None))
        query = select(turns).join(conversations, mine).where(turns.c.feedback.is_not(None))
        rows = await self._database.read(query.order_by(turns.c.conversation_id, turns.c.index, turns.c.version))
        return [(row["conversation_id"], turn_from(row)) for row in rows]

    async def add(self, conversation: Conversation, stored: Sequence[StoredTurn]) -> Conversation:
        """Write down a whole conversation from elsewhere; as :meth:`add_all` does."""
        return (await self.add_all([(conversation, stored)]))[0]

    async def add_all(self, several: Sequence[tuple[Conversation, Sequence[StoredTurn]]]) -> Sequence[Conversation]:
        """Write down whole conversations from elsewhere, at revision 1; their turns have all ended. All, or none.

        They are written a few rows at a time, so that nobody waits for thousands to be written, and hidden as deleted
        ones are; the last step shows them all at once. What a process leaves that is killed in between is removed as
        deleted conversations are.

        Raises:
            RevisionError: There is one with the id of one of them; nothing was added.
            StoreFullError: With them, their owner would keep more than they may; nothing was added.
        """
        ids = [conversation.id for conversation, _ in several]
        added = conversations.c.id.in_(ids)
        rows = ((conversation, each) for conversation, stored in several for each in stored)
        made: list[str] = []

        async def hide(some: Sequence[tuple[Conversation, Sequence[StoredTurn]]]) -> None:
            async with self._database.writing() as connection, connection.begin():
                for conversation, _ in some:
                    await statements.create(connection, conversation, is_hidden=True)
            made.extend(conversation.id for conversation, _ in some)

        async def fill(page: Sequence[tuple[Conversation, StoredTurn]]) -> None:
            own = {"writer": None, "touched_at": time.time()}
            new = [turn_row(each.id, stored.turn) | own | {"shown": stored.shown} for each, stored in page]
            links = [link for each, stored in page for link in link_rows(each.owner, each.id, stored.turn)]
            async with self._database.writing() as connection, connection.begin():
                await connection.execute(insert(turns), new)
                if links:
                    await link_all(connection, links)

        async def show() -> Sequence[RowMapping]:
            async with self._database.writing() as connection, connection.begin():
                values = {"deleted_at": None, "expires_at": statements.kept_until(time.time())}
                await connection.execute(update(conversations).where(added).values(values))
                for owner in sorted({conversation.owner for conversation, _ in several}):
                    await self._ceilings.check(connection, owner)
                return (await connection.execute(select(conversations).where(added))).mappings().all()

        try:
            for some in _batched(several, PAGE_ROWS):
                await to_its_end(hide(some))
            for page in _batched(rows, PAGE_ROWS):
                await to_its_end(fill(page))
            found = await to_its_end(show())
        except BaseException:
            await asyncio.shield(self._remove(made))
            raise
        by_id = {row["id"]: conversation_of(row) for row in found}
        return [by_id[id] for id in ids]  # noqa: A001

    # ------------------------------------------------------------------------------------------ inside

    async def _mark(self, id: str, **marks: bool) -> None:  # noqa: A002
        async with self._database.writing() as connection, connection.begin():
            await connection.execute(update(conversations).where(conversations.c.id == id).values(marks))

    async def _remove_expired(self) -> bool:
        now = time.time()
        if await self._remove_before(conversations.c.expires_at, now):
            return True
        written = conversations.c.updated_at
        return self._retention is not None and await self._remove_before(written, now - self._retention)

    async def _remove_before(self, column: Column[float], until: float) -> bool:
        old = select(conversations.c.id).where(column < until).order_by(column)
        some = old.limit(removal.REMOVED_CONVERSATIONS).with_for_update(skip_locked=True)
        # Hidden as deleted ones are, and not to be brought back: nobody is to see one that has lost some of its turns.
        values = {"deleted_at": time.time(), "expires_at": removal.GONE}
        hide = update(conversations).where(conversations.c.id.in_(some)).values(values)
        async with self._database.writing() as connection, connection.begin():
            ids = (await connection.scalars(hide.returning(conversations.c.id))).all()
            if ids:
                await removal.remove_some(connection, ids, REMOVED_TURNS)
        return bool(ids)

    async def _remove(self, ids: Sequence[str]) -> None:
        try:
            async with self._database.writing() as connection, connection.begin():
                await connection.execute(delete(conversations).where(conversations.c.id.in_(ids)))
        except Exception:
            # Nobody sees them, and they expire as deleted conversations do.
            logger.exception("What was left of an import could not be removed")

    async def _may_be_shown(self, connection: AsyncConnection, id: str, turn: Turn) -> bool:  # noqa: A002
        found = (await connection.execute(_shown(id).where(turns.c.index == turn.index))).mappings().first()
        return found is None or turn.may_replace(turn_from(found))

    async def _claim(self, connection: AsyncConnection, id: str, revision: int) -> Conversation:  # noqa: A002
        """Move a conversation on in which nobody is answering; nothing is compared in it any more."""
        conversation = await statements.advance(connection, id, revision)
        await self._end_silent(connection, conversation)
        if conversation.comparison is not None:
            return await statements.compare(connection, conversation, None)
        return conversation

    async def _end_silent(self, connection: AsyncConnection, conversation: Conversation) -> None:
        """End answers whose writers are gone; raises where one is being written."""
        dead = await statements.claim(connection, conversation, silent_before=time.time() - self._silence)
        await self.usage.count_abandoned(connection, conversation.owner, dead, INTERRUPTED)

    async def _write(self, connection: AsyncConnection, id: str, turn: Turn) -> bool | None:  # noqa: A002
        """Write an answer down; return whether its turn is shown, None where it is not this process's any more."""
        mine = and_(is_version(id, turn.index, turn.version), IS_IN_PROGRESS, turns.c.writer == self._writer)
        values = answer_row(turn) | {"touched_at": time.time()}
        shown: bool | None = await connection.scalar(update(turns).where(mine).values(values).returning(turns.c.shown))
        if shown is not None and blobs_of(turn.answer):
            await link(connection, id, turn)
        return shown

    def _recent(self, rows: Sequence[RowMapping]) -> Recent:
        shown = {row["index"]: row for row in rows if row["shown"]}
        pinned = [index for index, row in shown.items() if row["memory"] == TurnMemory.PINNED]
        newest = [row["index"] for row in rows if row["is_newest"]]
        streaming = [row for row in rows if row["status"] == TurnStatus.STREAMING and not self._is_silent(row)]
        growing = {turn.key: turn for turn in map(turn_from, streaming)}
        settled = {index: self._settled(row) for index, row in shown.items()}
        return Recent(
            tuple(settled[index] for index in sorted(newest)),
            tuple(settled[index] for index in sorted(pinned)),
            tuple(growing[key] for key in sorted(growing)),
        )

    def _is_silent(self, row: RowMapping) -> bool:
        return bool(row["touched_at"] < time.time() - self._silence)

    def _settled(self, row: RowMapping) -> Turn:
        turn = turn_from(row)
        if turn.status is TurnStatus.STREAMING and self._is_silent(row):
            return replace(turn, status=TurnStatus.FAILED, failure=Failure(INTERRUPTED))
        return turn


def _batched(several: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """What Python's own does from 3.12 on."""
    remaining = iter(several)
    while batch := list(islice(remaining, size)):
        yield batch


def _shown(id: str) -> Any:  # noqa: A002
    return select(turns).where(turns.c.conversation_id == id, turns.c.shown)


def _beside(id: str, of: Collection[Turn]) -> Any:  # noqa: A002
    """All versions of some turns, without their words."""
    indices = [turn.index for turn in of]
    return (
        select(turns.c.index, turns.c.version, turns.c.parent, turns.c.status, turns.c.shown)
        .where(turns.c.conversation_id == id, turns.c.index.between(min(indices), max(indices)))
        .order_by(turns.c.index, turns.c.version)
    )


def _families(rows: Sequence[RowMapping], of: Collection[Turn]) -> Mapping[int, Sequence[int]]:
    families: dict[tuple[int, int | None], list[int]] = defaultdict(list)
    for row in rows:
        if row["shown"] or row["status"] != TurnStatus.STREAMING:
            families[row["index"], row["parent"]].append(row["version"])
    return {turn.index: families[turn.index, turn.parent] for turn in of}


def _recent_statement() -> CompoundSelect[Any]:
    """The newest shown turns, the pinned and the growing ones, each found through its own index; some come twice."""
    mine = turns.c.conversation_id == bindparam("id")
    sibling = turns.alias()
    others = exists().where(
        sibling.c.conversation_id == turns.c.conversation_id,
        sibling.c.index == turns.c.index,
        sibling.c.version != turns.c.version,
    )
    newest = (
        select(turns, literal_column("1").label("is_newest"), others.label("has_versions"))
        .where(mine, turns.c.shown, turns.c.index < bindparam("before"))
        .order_by(turns.c.index.desc())
        .limit(bindparam("limit"))
    )
    rest = select(turns, literal_column("0"), literal_column("false")).where(mine)
    pinned = rest.where(turns.c.shown, IS_PINNED, turns.c.index < bindparam("before"))
    return union_all(select(newest.subquery()), pinned, rest.where(IS_IN_PROGRESS))


# Made once, those that every message needs: to make them takes as long as to run them.
_RECENT: Final = _recent_statement()
_GET: Final = select(conversations).where(conversations.c.id == bindparam("id"), conversations.c.deleted_at.is_(None))
_LIST: Final = (
    select(conversations)
    .where(conversations.c.owner == bindparam("owner"), conversations.c.deleted_at.is_(None))
    .limit(bindparam("limit"))
)
_LAST_WRITTEN_FIRST: Final = (conversations.c.updated_at.desc(), conversations.c.id)

_AT_INDEX: Final = and_(turns.c.conversation_id == bindparam("of_id"), turns.c.index == bindparam("of_index"))
_INSERT: Final = (
    insert(turns)
    .values(version=select(func.coalesce(func.max(turns.c.version), -1) + 1).where(_AT_INDEX).scalar_subquery())
    .returning(turns.c.version)
)


def _turns_with(words: str) -> Select[Any]:
    """Those of a selected conversation that are shown and have words in their text."""
    return select(turns.c.index).where(
        turns.c.conversation_id == conversations.c.id,
        turns.c.shown,
        or_(holds(turns.c.user, words), holds(turns.c.assistant, words)),
    )


def _recent_of(id: str, limit: int, before: int | None) -> dict[str, Any]:  # noqa: A002
    return {"id": id, "limit": limit, "before": _LAST if before is None else before}
