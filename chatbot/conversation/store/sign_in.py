"""What processes share of those who sign in: a secret, what was revoked, and whose conversations became whose."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping

from sqlalchemy import and_, delete, insert, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from chatbot.conversation.retention import lifetime
from chatbot.conversation.store.database import Database, to_its_end
from chatbot.conversation.store.schema import (
    blob_pieces,
    blobs,
    conversations,
    revoked_sessions,
    shared_secrets,
    turn_blobs,
)


class SignInStore:
    """What is kept for the doors.

    Args:
        database: Where it is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def secret(self, name: str) -> str:
        """Return a secret by its name: the same for every process, made by whoever asks first."""
        query = select(shared_secrets.c.value).where(shared_secrets.c.name == name)
        if not (rows := await self._database.read(query)):
            try:
                async with self._database.writing() as connection, connection.begin():
                    await connection.execute(insert(shared_secrets).values(name=name, value=secrets.token_urlsafe(32)))
            except IntegrityError:
                pass  # somebody else asked first
            rows = await self._database.read(query)
        return str(rows[0]["value"])

    async def revoke(self, key: str, expires_at: float) -> None:
        """Write down that a session counts no more; kept until a time after which it would not anyway."""
        now = time.time()
        async with self._database.writing() as connection, connection.begin():
            gone = (revoked_sessions.c.key == key) | (revoked_sessions.c.expires_at < now)
            await connection.execute(delete(revoked_sessions).where(gone))
            await connection.execute(insert(revoked_sessions).values(key=key, revoked_at=now, expires_at=expires_at))

    async def revoked(self) -> Mapping[str, float]:
        """Return since when what counts no more does so, by its key."""
        rows = await self._database.read(select(revoked_sessions.c.key, revoked_sessions.c.revoked_at))
        return {row["key"]: row["revoked_at"] for row in rows}

    async def hand_over(self, owner: str, to: str) -> None:
        """Let what is one owner's be another's from now on: conversations, and the bytes they refer to."""
        theirs = select(conversations.c.id).where(conversations.c.owner == owner).limit(1)
        if owner != to and await self._database.read(theirs):
            await to_its_end(self._hand_over(owner, to))

    async def _hand_over(self, owner: str, to: str) -> None:
        async with self._database.writing() as connection, connection.begin():
            await connection.execute(
                update(conversations)
                .where(conversations.c.owner == owner, conversations.c.deleted_at.is_(None))
                .values(owner=to, expires_at=time.time() + lifetime(to))
            )
            # What was deleted a while ago can be brought back by whoever has it now, for the time it had.
            await connection.execute(update(conversations).where(conversations.c.owner == owner).values(owner=to))
            await _move_bytes(connection, owner, to)


async def _move_bytes(connection: AsyncConnection, owner: str, to: str) -> None:
    other = blobs.alias()
    has_them = select(other.c.sha256).where(other.c.owner == to, other.c.sha256 == blobs.c.sha256).exists()
    columns = (literal(to), blobs.c.sha256, blobs.c.size, blobs.c.touched_at)
    new = select(*columns).where(blobs.c.owner == owner, ~has_them)
    digests = list((await connection.scalars(select(blobs.c.sha256).where(blobs.c.owner == owner, ~has_them))).all())
    await connection.execute(insert(blobs).from_select(["owner", "sha256", "size", "touched_at"], new))
    # Pieces follow their bytes to a row that is there already: a key that others refer to cannot be changed.
    for digest in digests:
        theirs = and_(blob_pieces.c.owner == owner, blob_pieces.c.sha256 == digest)
        await connection.execute(update(blob_pieces).where(theirs).values(owner=to))
    await connection.execute(update(turn_blobs).where(turn_blobs.c.owner == owner).values(owner=to))
    await connection.execute(delete(blobs).where(blobs.c.owner == owner))
