"""Who has accepted the terms of using the application, and in which version."""

from __future__ import annotations

import time

from sqlalchemy import delete, insert, literal, select
from sqlalchemy.exc import IntegrityError

from chatbot.conversation.retention import lifetime
from chatbot.conversation.store.database import Database
from chatbot.conversation.store.schema import acceptances


class AcceptanceStore:
    """Acceptances by owner and version of the terms; each is kept as long as its owner may come back.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, owner: str, version: str) -> None:
        """Note that an owner has accepted a version; once is enough."""
        now = time.time()
        row = {"owner": owner, "version": version, "accepted_at": now, "expires_at": now + lifetime(owner)}
        async with self._database.writing() as connection:
            try:
                async with connection.begin():
                    await connection.execute(insert(acceptances).values(row))
            except IntegrityError:
                # On another page, or before this one knew.
                return

    async def has(self, owner: str, version: str) -> bool:
        """Return whether an owner has accepted a version."""
        it = (acceptances.c.owner == owner, acceptances.c.version == version)
        return bool(await self._database.read(select(literal(1)).where(*it)))

    async def remove_expired(self) -> bool:
        """Remove those whose owners stayed away for too long; return False: there is no more of it."""
        async with self._database.writing() as connection, connection.begin():
            await connection.execute(delete(acceptances).where(acceptances.c.expires_at < time.time()))
        return False
