"""Removing for good, a few rows at a time, so that nobody waits for thousands to be removed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, exists, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chatbot.conversation.store.blobs import REMOVED_BLOBS
from chatbot.conversation.store.database import Database, to_its_end
from chatbot.conversation.store.schema import acceptances, blobs, conversations, turn_blobs, turns

REMOVED_CONVERSATIONS: Final = 20
"""How many conversations are removed at a time."""

GONE: Final = 0.0
"""Until when a conversation is kept that is to be removed: it cannot be brought back."""


async def remove_some(connection: AsyncConnection, ids: Sequence[str], most: int) -> None:
    """Remove about ``most`` of the turns of some conversations, and those of them that have none left.

    The caller has hidden them: nobody is to see one that has lost some of its turns.
    """
    theirs, key = turns.c.conversation_id.in_(ids), (turns.c.conversation_id, turns.c.index)
    last = select(*key).where(theirs).order_by(*key).offset(most - 1).limit(1)
    if (row := (await connection.execute(last)).first()) is not None:
        await connection.execute(delete(turns).where(theirs, tuple_(*key) <= tuple_(*row)))
    else:
        await connection.execute(delete(turns).where(theirs))
    empty = ~select(turns.c.index).where(turns.c.conversation_id == conversations.c.id).exists()
    await connection.execute(delete(conversations).where(conversations.c.id.in_(ids), empty))


async def erase(database: Database, owner: str, most: int) -> set[str]:
    """Remove all there is of an owner: conversations, deleted ones too, pictures, files, and what they have accepted.

    First nobody sees any of it any more, then it is removed. What is left of it when the process ends in between is
    removed as what has expired is.

    Args:
        database: Where it is.
        owner: Whose.
        most: How many turns are removed at a time.

    Returns:
        The ids of the conversations that were removed.
    """
    ids = await to_its_end(_hide(database, owner))
    await _remove(database, ids, owner, most)
    return set(ids)


async def remove(database: Database, id: str, most: int) -> None:  # noqa: A002
    """Remove one conversation, with the pictures and files that are only its."""
    async with database.writing() as connection, connection.begin():
        hidden = update(conversations).where(conversations.c.id == id).values(_hidden())
        owner = await connection.scalar(hidden.returning(conversations.c.owner))
    if owner is not None:
        await _remove(database, [id], owner, most)


def _hidden() -> dict[str, float]:
    return {"deleted_at": time.time(), "expires_at": GONE}


async def _remove(database: Database, ids: Sequence[str], owner: str, most: int) -> None:
    for at in range(0, len(ids), REMOVED_CONVERSATIONS):
        while await to_its_end(_erase_some(database, ids[at : at + REMOVED_CONVERSATIONS], most)):
            pass
    while await to_its_end(_erase_blobs(database, owner)):
        pass


async def _hide(database: Database, owner: str) -> Sequence[str]:
    hidden = update(conversations).where(conversations.c.owner == owner)
    async with database.writing() as connection, connection.begin():
        ids = (await connection.scalars(hidden.values(_hidden()).returning(conversations.c.id))).all()
        await connection.execute(delete(acceptances).where(acceptances.c.owner == owner))
    return ids


async def _erase_some(database: Database, ids: Sequence[str], most: int) -> bool:
    """Remove some of it; return whether there is more."""
    async with database.writing() as connection, connection.begin():
        left = select(conversations.c.id).where(conversations.c.id.in_(ids)).order_by(conversations.c.id)
        if rest := (await connection.scalars(left.with_for_update())).all():
            await remove_some(connection, rest, most)
        return bool(rest)


async def _erase_blobs(database: Database, owner: str) -> bool:
    # What was said since has bytes of its own.
    used = exists().where(turn_blobs.c.owner == blobs.c.owner, turn_blobs.c.sha256 == blobs.c.sha256)
    some = select(blobs.c.sha256).where(blobs.c.owner == owner, ~used).limit(REMOVED_BLOBS)
    async with database.writing() as connection, connection.begin():
        removed = await connection.execute(delete(blobs).where(blobs.c.owner == owner, blobs.c.sha256.in_(some), ~used))
    return removed.rowcount > 0
