"""Who may bring conversations in or take them out right now: one file for each visitor, and few at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from chatbot.conversation.errors import TransferBusyError

AT_ONCE: Final = 2
"""How many files are read or packed at once: each takes a good part of a processor, which answers need too."""

MAX_WAITING: Final = 20
"""How many may wait for that, each with a file in memory."""


class Transfers:
    """Lets few files be read or packed at once, and one of each owner."""

    def __init__(self) -> None:
        self._owners: set[str] = set()
        self._room = asyncio.Semaphore(AT_ONCE)

    def check_idle(self, owner: str) -> None:
        """Raise TransferBusyError where the owner has one."""
        if owner in self._owners:
            raise TransferBusyError

    @asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it.

        Raises:
            TransferBusyError: The owner has one already, or too many others wait.
        """
        if owner in self._owners or len(self._owners) >= AT_ONCE + MAX_WAITING:
            raise TransferBusyError
        self._owners.add(owner)
        try:
            async with self._room:
                yield
        finally:
            self._owners.remove(owner)
