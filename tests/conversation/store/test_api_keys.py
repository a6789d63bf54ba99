"""Keys of the API in the store: found by their hashes, and of no use once they are revoked."""

import asyncio
from dataclasses import replace

from chatbot.conversation.store import ApiKey


async def test_a_key_is_found_by_its_hash_until_it_is_revoked(store):
    first = ApiKey("a1", "Ada's \0 laptop", (), 1.5)
    second = ApiKey("b2", "nightly", ("one", "two"), 2.5)
    await asyncio.gather(store.api_keys.add(first, "hash of a"), store.api_keys.add(second, "hash of b"))
    assert await store.api_keys.active() == {"hash of a": first, "hash of b": second}
    await store.api_keys.used("a1")
    assert await store.api_keys.revoke("b2")
    assert not await store.api_keys.revoke("b2")
    assert not await store.api_keys.revoke("nobody's")
    used, revoked = await store.api_keys.list()
    assert used.last_used_at > 1.5 < revoked.revoked_at
    assert replace(used, last_used_at=None) == first
    assert replace(revoked, revoked_at=None) == second
    assert await store.api_keys.active() == {"hash of a": used}
