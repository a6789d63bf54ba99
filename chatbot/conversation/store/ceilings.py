"""How much one visitor may keep, looked at within the transaction that adds to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, bindparam, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from chatbot.conversation.errors import StoreFullError
from chatbot.conversation.store.schema import conversations, turns


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The most that is kept; what is None has no limit.

    Attributes:
        conversations: Conversations of one owner.
        size: Bytes of the words of one owner. Pictures and files have a limit of their own.
        total: Bytes of the words of everybody.
    """

    conversations: int | None = None
    size: int | None = None
    total: int | None = None

    async def check(self, connection: AsyncConnection, owner: str, adding: int = 0) -> None:
        """See to it that an owner's conversations are within them; deleted ones do not count, they are on their way.

        Args:
            connection: Within a transaction that has written already, so that on SQLite nobody else writes meanwhile.
            owner: Whose they are.
            adding: Bytes that are to be written and are not there yet.

        Raises:
            StoreFullError: They are more than may be kept; the caller's transaction is to be taken back.
        """
        if self == UNLIMITED:
            return
        if connection.dialect.name == "postgresql":
            # Whoever else adds to the same owner's waits here, and sees then what was added.
            await connection.execute(
                text("SELECT pg_advisory_xact_lock(hashtextextended(:owner, 0))"), {"owner": owner}
            )
        kept, size, total = (await connection.execute(_kept(self), {"owner": owner})).one()
        if self.conversations is not None and kept > self.conversations:
            raise StoreFullError("conversations", most=self.conversations)
        if self.size is not None and size + adding > self.size:
            raise StoreFullError("size", most=self.size / 1e6)
        if self.total is not None and total + adding > self.total:
            raise StoreFullError("total")


UNLIMITED: Final = Ceilings()


@cache
def _kept(ceilings: Ceilings) -> Select[Any]:
    """What an owner keeps, and everybody, in one statement: it stands in front of every question. Made once."""
    theirs = (conversations.c.owner == bindparam("owner"), conversations.c.deleted_at.is_(None))
    taken = select(func.coalesce(func.sum(turns.c.size), 0))
    own = taken.join(conversations, turns.c.conversation_id == conversations.c.id).where(*theirs)
    count = select(func.count()).select_from(conversations).where(*theirs)
    limits = ((count, ceilings.conversations), (own, ceilings.size), (taken, ceilings.total))
    # What has no limit is not asked for.
    return select(*(literal(0) if most is None else query.scalar_subquery() for query, most in limits))
