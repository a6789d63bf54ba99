"""Conversations that leave no trace: kept in this process's memory, beside those in the database."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Coroutine
from functools import wraps
from typing import Any, Final, TypeVar

from chatbot.conversation.errors import StoreFullError
from chatbot.conversation.store.blobs import BlobStore
from chatbot.conversation.store.ceilings import Ceilings
from chatbot.conversation.store.database import to_its_end
from chatbot.conversation.store.store import ConversationStore, Ended
from chatbot.conversation.turn import TEMPORARY, Conversation, Turn, Usage

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

MEMORY: Final = "sqlite://"
"""A database in memory, which is gone with its one connection."""

CEILINGS: Final = Ceilings(conversations=10, size=5_000_000, total=200_000_000)
"""Of temporary conversations: what one visitor has open at once, and what a process has room for."""

IDLE_SECONDS: Final = 24 * 3600.0
"""How long one is kept that nobody writes to, should the page that shows it be left open."""


class StoreWithTemporary(ConversationStore):
    """A store of the same interface, which keeps conversations with :data:`TEMPORARY` ids in a database in memory.

    The id decides, of every method that takes one; what is asked of an owner is asked of what is kept. So whatever is
    done with a conversation is done with a temporary one, and none of it is in any list or export.

    What its answers and titles took is counted where all is (:class:`UsageStore`), as nobody's: thumbs are not.

    Args:
        kept: Where all others are.
    """

    def __init__(self, kept: ConversationStore) -> None:  # not super's: it has no database of its own
        self._kept = kept
        self._temporary = ConversationStore(MEMORY, ceilings=CEILINGS, retention=IDLE_SECONDS)
        self._is_uncounted = False
        self._counting: asyncio.Task[None] | None = None

    def __getattr__(self, name: str) -> Any:
        """Return what else the store has that is kept."""
        return getattr(self._kept, name)

    def blobs_of(self, id: str) -> BlobStore:  # noqa: A002
        """Return where the pictures and files of a conversation are."""
        return (self._temporary if id.startswith(TEMPORARY) else self._kept).blobs

    async def end(self, id: str, turn: Turn) -> Ended | None:  # noqa: A002
        """Keep an answer as it ended, as :meth:`ConversationStore.end` does."""
        if not id.startswith(TEMPORARY):
            return await self._kept.end(id, turn)
        try:
            return await _undisturbed(self._temporary.end(id, turn))
        finally:
            self._count_soon()

    async def count_title(self, conversation: Conversation, deployment: str, usage: Usage | None) -> None:
        """Count that a deployment looked for a title, as :meth:`ConversationStore.count_title` does."""
        if not conversation.is_temporary:
            await self._kept.count_title(conversation, deployment, usage)
            return
        try:
            await _undisturbed(self._temporary.count_title(conversation, deployment, usage))
        finally:
            self._count_soon()

    async def delete(self, id: str) -> None:  # noqa: A002
        """Delete a conversation; a temporary one is gone then, with its pictures and files."""
        if id.startswith(TEMPORARY):
            await _undisturbed(self._temporary.remove(id))
        else:
            await self._kept.delete(id)

    async def erase(self, owner: str) -> set[str]:
        """Remove all there is of an owner, here and there; return the ids of their conversations."""
        return await self._kept.erase(owner) | await _undisturbed(self._temporary.erase(owner))

    async def remove_expired(self) -> bool:
        """Remove a few of the conversations whose time is over; return whether there may be more."""
        if self._counting is not None:
            self._count_soon()
        return await self._kept.remove_expired() or await self._temporary.remove_expired()

    async def aclose(self) -> None:
        """Count what is left, and forget what is in memory; the store that is kept is closed by whoever opened it."""
        try:
            if self._counting is not None:
                self._count_soon()
                await asyncio.wait([self._counting])
        finally:
            await self._temporary.aclose()

    def _count_soon(self) -> None:
        """Have it counted what temporary conversations took; they do not wait for the database that they are not in."""
        self._is_uncounted = True
        if self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(self._count())

    async def _count(self) -> None:
        while self._is_uncounted:
            self._is_uncounted = False
            if not (taken := await self._temporary.usage.take()):
                continue
            try:
                await self._kept.usage.add(taken)
            except Exception:
                logger.exception("What temporary conversations took could not be counted yet")
                # It is tried again with the next answer, within the hour, and at the end; at once if one came by now.
                await self._temporary.usage.add(taken)


async def _undisturbed(step: Coroutine[Any, Any, _T]) -> _T:
    """Take a step in the database in memory to its end: a statement cut short would cost it its one connection."""
    try:
        return await to_its_end(step)
    except StoreFullError:
        raise StoreFullError("temporary") from None


def _routed(method: Any) -> Any:
    """Make of a method of a store one that asks the right store."""
    name, takes = method.__name__, list(inspect.signature(method).parameters)[1:2]

    @wraps(method)
    def of_conversation(self: StoreWithTemporary, of: Any, *args: Any, **kwargs: Any) -> Any:
        id = of.id if isinstance(of, Conversation) else of  # noqa: A001
        if id.startswith(TEMPORARY):
            return _undisturbed(getattr(self._temporary, name)(of, *args, **kwargs))
        return getattr(self._kept, name)(of, *args, **kwargs)

    @wraps(method)
    def of_what_is_kept(self: StoreWithTemporary, *args: Any, **kwargs: Any) -> Any:
        return getattr(self._kept, name)(*args, **kwargs)

    return of_conversation if takes in (["id"], ["conversation"]) else of_what_is_kept


for _name, _method in vars(ConversationStore).items():
    if inspect.iscoroutinefunction(_method) and not _name.startswith("_") and _name not in vars(StoreWithTemporary):
        setattr(StoreWithTemporary, _name, _routed(_method))
