"""Keys of the API, as their owner knows them: never the keys themselves, only their hashes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import RowMapping, insert, select, update

from chatbot.conversation.caller import API_KEY
from chatbot.conversation.store.database import Database
from chatbot.conversation.store.schema import api_keys


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key.

    Attributes:
        id: What it is called in counts and commands; no secret.
        name: What its owner calls it.
        deployments: Names of those that it may use; without any, those that everybody may.
        created_at: Seconds since 1970.
        last_used_at: When it was last used, to about a minute; None where it never was.
        revoked_at: Since when it lets nobody in; None where it does.
    """

    id: str
    name: str
    deployments: tuple[str, ...]
    created_at: float
    last_used_at: float | None = None
    revoked_at: float | None = None

    @property
    def owner(self) -> str:
        """Whose what is asked with it is, in limits and in counts."""
        return f"{API_KEY}{self.id}"


class ApiKeyStore:
    """The keys that were made.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: ApiKey, hashed: str) -> None:
        """Write a new key down."""
        async with self._database.writing() as connection, connection.begin():
            await connection.execute(insert(api_keys).values(**asdict(key), hash=hashed))

    async def list(self) -> Sequence[ApiKey]:
        """Return all keys, the oldest first."""
        rows = await self._database.read(select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id))
        return [_key(row) for row in rows]

    async def active(self) -> Mapping[str, ApiKey]:
        """Return the keys that let somebody in, by their hashes."""
        rows = await self._database.read(select(api_keys).where(api_keys.c.revoked_at.is_(None)))
        return {row["hash"]: _key(row) for row in rows}

    async def revoke(self, id: str) -> bool:  # noqa: A002 - the field's own name
        """Let nobody in with a key from now on; return whether there was one that did."""
        it = (api_keys.c.id == id, api_keys.c.revoked_at.is_(None))
        async with self._database.writing() as connection, connection.begin():
            changed = await connection.execute(update(api_keys).where(*it).values(revoked_at=time.time()))
        return changed.rowcount > 0

    async def used(self, id: str) -> None:  # noqa: A002
        """Note that a key is used right now."""
        async with self._database.writing() as connection, connection.begin():
            await connection.execute(update(api_keys).where(api_keys.c.id == id).values(last_used_at=time.time()))


def _key(row: RowMapping) -> ApiKey:
    values = {name: row[name] for name in ("id", "name", "created_at", "last_used_at", "revoked_at")}
    return ApiKey(deployments=tuple(row["deployments"]), **values)
