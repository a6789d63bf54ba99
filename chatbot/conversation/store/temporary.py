"""Conversations that leave no trace: kept in this process's memory, beside those in the database."""

from __future__ import annotations

import inspect
from collections.abc import Coroutine
from functools import wraps
from typing import Any, Final, TypeVar

from chatbot.conversation.errors import StoreFullError
from chatbot.conversation.store.blobs import BlobStore
from chatbot.conversation.store.ceilings import Ceilings
from chatbot.conversation.store.database import to_its_end
from chatbot.conversation.store.store import ConversationStore
from chatbot.conversation.turn import TEMPORARY, Conversation

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
    done with a conversation is done with a temporary one, and none of it is in any list, export or statistic.

    Args:
        kept: Where all others are.
    """

    def __init__(self, kept: ConversationStore) -> None:  # not super's: it has no database of its own
        self._kept = kept
        self._temporary = ConversationStore(MEMORY, ceilings=CEILINGS, retention=IDLE_SECONDS)

    def __getattr__(self, name: str) -> Any:
        """Return what else the store has that is kept."""
        return getattr(self._kept, name)

    def blobs_of(self, id: str) -> BlobStore:  # noqa: A002
        """Return where the pictures and files of a conversation are."""
        return (self._temporary if id.startswith(TEMPORARY) else self._kept).blobs

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
        return await self._kept.remove_expired() or await self._temporary.remove_expired()

    async def aclose(self) -> None:
        """Forget what is in memory; the store that is kept is closed by whoever opened it."""
        await self._temporary.aclose()


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
