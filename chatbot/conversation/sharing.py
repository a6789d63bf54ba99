"""Sharing: a link that shows a conversation as it was, to whoever has it and passes the door, for a time."""

from __future__ import annotations

import asyncio
import gzip
import secrets
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from chatbot.conversation.bearer import hash_of, new_token
from chatbot.conversation.errors import ShareError
from chatbot.conversation.store.shares import Share, ShareStore
from chatbot.conversation.turn import Conversation

MAX_SHARES: Final = 20
"""Links of one owner."""

MAX_PAGE_BYTES: Final = 1_000_000
"""Of what one shows, packed."""

MAX_UNPACKED_BYTES: Final = 10 * MAX_PAGE_BYTES
"""The same before it is packed."""

PERIODS: Final = (1, 7, 30, 90)
"""Days that can be chosen, as far as they are allowed."""

_DAY: Final = 24 * 3600.0


class NewShare(NamedTuple):
    """A link that was just made.

    Attributes:
        share: What is known of it from now on.
        token: Its token, which is told now and never again.
    """

    share: Share
    token: str


class Sharing:
    """Makes links, and finds what they show.

    Args:
        store: Where they are.
        most_days: The longest time one may be open; 0 makes and shows none.
    """

    def __init__(self, store: ShareStore, most_days: int) -> None:
        self._store = store
        self._most_days = most_days

    @property
    def is_on(self) -> bool:
        """Whether there are links."""
        return self._most_days > 0

    @property
    def periods(self) -> Sequence[int]:
        """For how many days one may be made, the shortest first."""
        allowed = [days for days in PERIODS if days < self._most_days]
        return [*allowed[:3], self._most_days] if self.is_on else []

    async def add(self, conversation: Conversation, page: str, expires_at: float) -> NewShare:
        """Make a link.

        Args:
            conversation: Whose snapshot it shows.
            page: What it shows.
            expires_at: Seconds since 1970, from :meth:`expiry`.

        Raises:
            ShareError: The conversation is temporary, what it would show is too long, or its owner has too many.
            ConversationNotFoundError: The conversation is gone, or not the owner's.
        """
        if conversation.is_temporary:
            raise ShareError("temporary")
        packed = await asyncio.to_thread(pack, page)
        token = new_token()
        share = Share(secrets.token_hex(8), conversation.id, conversation.title, time.time(), expires_at)
        await self._store.add(conversation.owner, share, hash_of(token), packed, MAX_SHARES)
        return NewShare(share, token)

    def expiry(self, days: int) -> float:
        """Return until when a link is open that is made now for some days.

        Raises:
            ShareError: It may not be made for that long, or at all.
        """
        if days not in self.periods:
            raise ShareError("not_allowed")
        return time.time() + days * _DAY

    async def list(self, owner: str) -> Sequence[Share]:
        """Return the links of an owner, the newest first."""
        return await self._store.list(owner) if self.is_on else []

    async def page(self, token: str) -> bytes | None:
        """Return what a link shows, as gzip packs it; None where it shows nothing, for whatever reason."""
        return await self._store.page(hash_of(token)) if self.is_on else None

    async def revoke(self, owner: str, id: str) -> None:  # noqa: A002 - the field's own name
        """End a link of an owner; of another's, or of none, nothing."""
        await self._store.revoke(owner, id)


def pack(page: str) -> bytes:
    """Return a page as it is kept; takes tens of milliseconds for each megabyte.

    Raises:
        ShareError: It is too long.
    """
    encoded = page.encode("utf-8", "replace")
    packed = gzip.compress(encoded) if len(encoded) <= MAX_UNPACKED_BYTES else b""
    if not packed or len(packed) > MAX_PAGE_BYTES:
        raise ShareError("too_long")
    return packed
