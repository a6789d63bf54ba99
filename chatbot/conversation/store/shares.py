"""Links by which others may read a conversation as it was: a snapshot each, found by the hash of its token."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, RowMapping, and_, delete, func, insert, literal, select

from chatbot.conversation.errors import ConversationNotFoundError, ShareError
from chatbot.conversation.store.database import Database
from chatbot.conversation.store.schema import conversations, shares


@dataclass(frozen=True, slots=True)
class Share:
    """What is known of a link; not the link itself.

    Attributes:
        id: What it is called; no secret.
        conversation_id: Whose snapshot it shows.
        title: Of the conversation, when it was shared.
        created_at: Seconds since 1970.
        expires_at: Until when it shows anything.
    """

    id: str
    conversation_id: str
    title: str
    created_at: float
    expires_at: float


class ShareStore:
    """Links, each as long as its conversation is there and its time is not over. Whose they are, the conversation says.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, owner: str, share: Share, hashed: str, page: bytes, most: int) -> None:
        """Write a link down.

        Args:
            owner: Whose conversation it is.
            share: The link.
            hashed: Hash of its token.
            page: What it shows.
            most: How many the owner may have.

        Raises:
            ConversationNotFoundError: The conversation is gone, or not the owner's.
            ShareError: They have that many.
        """
        row = {
            "id": share.id,
            "hash": hashed,
            "conversation_id": share.conversation_id,
            "title": share.title,
            "created_at": share.created_at,
            "expires_at": share.expires_at,
            "page": page,
        }
        theirs = and_(conversations.c.id == share.conversation_id, conversations.c.owner == owner)
        values = (literal(value, shares.c[name].type) for name, value in row.items())
        new = select(*values).where(theirs, conversations.c.deleted_at.is_(None))
        count = select(func.count()).select_from(shares).join(conversations).where(*_open_of(owner))
        async with self._database.writing() as connection, connection.begin():
            # Written first: on SQLite, nobody else writes from then on.
            added = insert(shares).from_select(list(row), new).returning(shares.c.id)
            if await connection.scalar(added) is None:
                raise ConversationNotFoundError
            if (await connection.scalar(count) or 0) > most:
                raise ShareError("too_many", most=most)

    async def list(self, owner: str) -> Sequence[Share]:
        """Return the links of an owner that show anything, the newest first."""
        query = select(*_KNOWN).join(conversations).where(*_open_of(owner))
        rows = await self._database.read(query.order_by(shares.c.created_at.desc(), shares.c.id))
        return [_share(row) for row in rows]

    async def page(self, hashed: str) -> bytes | None:
        """Return what a link shows, whoever owns it; None where there is none, or not any more."""
        query = select(shares.c.page).join(conversations).where(shares.c.hash == hashed, *_is_open())
        rows = await self._database.read(query)
        return bytes(rows[0]["page"]) if rows else None

    async def revoke(self, owner: str, id: str) -> bool:  # noqa: A002 - the field's own name
        """Remove a link of an owner; return whether there was one."""
        theirs = select(conversations.c.id).where(conversations.c.owner == owner)
        async with self._database.writing() as connection, connection.begin():
            removed = await connection.execute(
                delete(shares).where(shares.c.id == id, shares.c.conversation_id.in_(theirs))
            )
        return removed.rowcount > 0

    async def remove_expired(self) -> bool:
        """Remove those whose time is over; return False: there is no more of it."""
        async with self._database.writing() as connection, connection.begin():
            await connection.execute(delete(shares).where(shares.c.expires_at < time.time()))
        return False


_KNOWN = (shares.c.id, shares.c.conversation_id, shares.c.title, shares.c.created_at, shares.c.expires_at)


def _is_open() -> tuple[ColumnElement[bool], ...]:
    return shares.c.expires_at >= time.time(), conversations.c.deleted_at.is_(None)


def _open_of(owner: str) -> tuple[ColumnElement[bool], ...]:
    return conversations.c.owner == owner, *_is_open()


def _share(row: RowMapping) -> Share:
    return Share(**row)
