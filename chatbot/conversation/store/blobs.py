"""The bytes of pictures and files: by their digest, each owner's for themselves, kept as long as a turn refers to them.

What is put is kept for a while without a turn, since the turn that refers to it is written afterwards. Whoever writes
such a turn touches the bytes first, so that nobody takes them for unused in between. Bytes are stored in pieces: no
driver has more than a few milliseconds' work with one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

from sqlalchemy import and_, delete, func, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from chatbot.conversation.content_blocks import blob_of
from chatbot.conversation.errors import BlobNotFoundError, BlobSpaceError, BlobTooLargeError
from chatbot.conversation.parts import Blob, blobs_of
from chatbot.conversation.store.database import Database, to_its_end
from chatbot.conversation.store.schema import blob_pieces, blobs, conversations, turn_blobs
from chatbot.conversation.turn import Turn

MAX_BLOB_BYTES: Final = 10_000_000
"""Of one picture or file."""

MAX_OWNER_BYTES: Final = 100_000_000
"""Of all the pictures and files of one owner, each counted once."""

UNUSED_SECONDS: Final = 3600.0
"""How long bytes are kept that no turn refers to: longer than any answer or import takes from its bytes to its turn."""

PIECE_BYTES: Final = 512_000

_THREAD_BYTES: Final = 64_000
"""From how many on they are hashed in a thread: fewer take less time than a thread does."""

REMOVED_BLOBS: Final = 20
"""How many are removed in one step."""


class BlobStore:
    """Bytes by owner and digest.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, owner: str, data: bytes, mime_type: str) -> Blob:
        """Keep bytes for an owner, once however often they are put; return what turns refer to them by.

        Raises:
            BlobTooLargeError: They are more than :data:`MAX_BLOB_BYTES`.
            BlobSpaceError: The owner would have more than :data:`MAX_OWNER_BYTES`.
        """
        if len(data) > MAX_BLOB_BYTES:
            raise BlobTooLargeError(len(data), MAX_BLOB_BYTES)
        large = len(data) > _THREAD_BYTES
        blob = await asyncio.to_thread(blob_of, data, mime_type) if large else blob_of(data, mime_type)
        await self.put_all(owner, {blob: data})
        return blob

    async def put_all(self, owner: str, data: Mapping[Blob, bytes]) -> None:
        """Keep the bytes of several, whose digests are known to be theirs; raises as :meth:`put` does, and keeps none.

        Writers in other processes are not waited for: together they may go beyond the owner's limit by what they have
        at hand.
        """
        several = {blob.sha256: each for blob, each in data.items()}
        if (longest := max(map(len, several.values()), default=0)) > MAX_BLOB_BYTES:
            raise BlobTooLargeError(longest, MAX_BLOB_BYTES)
        known = await self._known(owner, several)
        new = {digest: each for digest, each in several.items() if digest not in known}
        used = await self._used(owner) if new else 0
        if new and used + sum(map(len, new.values())) > MAX_OWNER_BYTES:
            raise BlobSpaceError(used, MAX_OWNER_BYTES)
        for digest, each in several.items():
            await to_its_end(self._put(owner, digest, each))

    async def read(self, owner: str, blob: Blob) -> bytes:
        """Return bytes of an owner.

        Raises:
            BlobNotFoundError: There are none, or they are somebody else's.
        """
        mine = and_(blob_pieces.c.owner == owner, blob_pieces.c.sha256 == blob.sha256)
        query = select(blob_pieces.c.data).where(mine).order_by(blob_pieces.c.number)
        async with aclosing(self._database.pages(query, 1)) as pages:
            pieces = [row["data"] async for rows in pages for row in rows]
        if not pieces:
            raise BlobNotFoundError
        return b"".join(pieces)

    async def read_all(self, owner: str, several: Iterable[Blob]) -> dict[Blob, bytes]:
        """Return the bytes of those that are there."""
        found: dict[Blob, bytes] = {}
        for blob in several:
            try:
                found[blob] = await self.read(owner, blob)
            except BlobNotFoundError:
                continue
        return found

    async def remove_unused(self) -> bool:
        """Remove a few of those that no turn has referred to for a while; return whether there may be more."""
        return await to_its_end(self._remove_unused()) == REMOVED_BLOBS

    async def _remove_unused(self) -> int:
        used = select(turn_blobs.c.sha256).where(
            turn_blobs.c.owner == blobs.c.owner, turn_blobs.c.sha256 == blobs.c.sha256
        )
        # Told of the row itself too, and not only of those looked for: it may be touched between the two.
        unused = and_(blobs.c.touched_at < time.time() - UNUSED_SECONDS, ~used.exists())
        some = (
            select(blobs.c.owner, blobs.c.sha256).where(unused).limit(REMOVED_BLOBS).with_for_update(skip_locked=True)
        )
        async with self._database.writing() as connection, connection.begin():
            those = tuple_(blobs.c.owner, blobs.c.sha256).in_(some.with_for_update(skip_locked=True))
            return (await connection.execute(delete(blobs).where(unused, those))).rowcount

    async def _known(self, owner: str, digests: Iterable[str]) -> set[str]:
        query = select(blobs.c.sha256).where(blobs.c.owner == owner, blobs.c.sha256.in_(list(digests)))
        return {row["sha256"] for row in await self._database.read(query)}

    async def _used(self, owner: str) -> int:
        rows = await self._database.read(select(func.sum(blobs.c.size).label("size")).where(blobs.c.owner == owner))
        return int(rows[0]["size"] or 0)

    async def _put(self, owner: str, digest: str, data: bytes) -> None:
        async with self._database.writing() as connection:
            async with connection.begin():
                if await _touch(connection, owner, [digest]):
                    return
            key: dict[str, Any] = {"owner": owner, "sha256": digest}
            try:
                async with connection.begin():
                    await connection.execute(insert(blobs).values(size=len(data), touched_at=time.time(), **key))
                    # An empty one has a piece too: having one is being there.
                    for number, at in enumerate(range(0, max(len(data), 1), PIECE_BYTES)):
                        piece = {**key, "number": number, "data": data[at : at + PIECE_BYTES]}
                        await connection.execute(insert(blob_pieces).values(piece))
            except IntegrityError:
                # Somebody put the same bytes between the two looks.
                async with connection.begin():
                    await _touch(connection, owner, [digest])


async def link(connection: AsyncConnection, id: str, turn: Turn) -> None:  # noqa: A002
    """Have a turn that was just written hold on to the bytes it refers to; it goes on holding what it held."""
    owner = await connection.scalar(select(conversations.c.owner).where(conversations.c.id == id))
    it = (turn_blobs.c.conversation_id == id, turn_blobs.c.index == turn.index, turn_blobs.c.version == turn.version)
    held = set((await connection.scalars(select(turn_blobs.c.sha256).where(*it))).all())
    if new := [row for row in link_rows(str(owner), id, turn) if row["sha256"] not in held]:
        await link_all(connection, new)


async def link_all(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Have turns that were just added hold on to the bytes they refer to: the rows of :func:`link_rows`."""
    # Before the links: whoever removes what is unused finds them touched, or is done before they are.
    for owner in sorted({row["owner"] for row in rows}):
        await _touch(connection, owner, (row["sha256"] for row in rows if row["owner"] == owner))
    await connection.execute(insert(turn_blobs), list(rows))


def link_rows(owner: str, id: str, turn: Turn) -> list[dict[str, Any]]:  # noqa: A002
    """Return the rows that tie a turn to the bytes it refers to."""
    it = {"owner": owner, "conversation_id": id, "index": turn.index, "version": turn.version}
    several = blobs_of((*turn.question, *turn.answer))
    return [{**it, "sha256": digest} for digest in sorted({blob.sha256 for blob in several})]


async def _touch(connection: AsyncConnection, owner: str, digests: Iterable[str]) -> bool:
    """Put off their removal; whether all are there."""
    found = True
    # One by one in their order: who writes several at once waits for others who do, in no circle.
    for digest in sorted(set(digests)):
        this = and_(blobs.c.owner == owner, blobs.c.sha256 == digest)
        found &= (await connection.execute(update(blobs).where(this).values(touched_at=time.time()))).rowcount == 1
    return found
