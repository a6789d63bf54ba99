"""Keys: made once, shown once, and known by their hashes from then on."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Final

from chatbot.conversation import ApiKey, ApiKeyStore
from chatbot.conversation.bearer import hash_of, new_token

logger = logging.getLogger(__name__)

PREFIX: Final = "sk-chatbot-"
"""How a key begins: so it is found by whoever looks for keys, our own redaction among them, and programs that want an
OpenAI key take it for one."""

LOOK_SECONDS: Final = 2.0
"""How long after a key was made or revoked every process knows it."""

NOTED_SECONDS: Final = 60.0
"""How often it is noted that a key is used."""


def new_key() -> str:
    """Return a key that nobody can guess."""
    return PREFIX + new_token()


class Keys:
    """The keys that let somebody in, as the store had them a moment ago.

    Args:
        store: Where they are.
    """

    def __init__(self, store: ApiKeyStore) -> None:
        self._store = store
        self._known: Mapping[str, ApiKey] = {}
        self._noted: dict[str, float] = {}
        self._looked_at = float("-inf")
        self._looking = asyncio.Lock()

    async def are_there(self) -> bool:
        """Return whether there is any key."""
        await self._look()
        return bool(self._known)

    async def find(self, authorization: str) -> ApiKey | None:
        """Return the key in an ``Authorization`` header; None where it is none that lets anybody in."""
        await self._look()
        kind, _, shown = authorization.partition(" ")
        key = self._known.get(hash_of(shown.strip())) if kind.lower() == "bearer" else None
        if key is not None:
            await self._note(key)
        return key

    async def _look(self) -> None:
        # One look for all who ask meanwhile.
        async with self._looking:
            if time.monotonic() < self._looked_at + LOOK_SECONDS:
                return
            self._looked_at = time.monotonic()
            try:
                self._known = await self._store.active()
            except Exception:
                # Who was let in stays in; a database that is away says so where it is needed.
                logger.exception("It could not be looked which keys of the API there are")

    async def _note(self, key: ApiKey) -> None:
        now = time.monotonic()
        if now < self._noted.get(key.id, float("-inf")) + NOTED_SECONDS:
            return
        self._noted[key.id] = now
        try:
            await self._store.used(key.id)
        except Exception:
            logger.exception("It could not be noted that a key of the API was used")
