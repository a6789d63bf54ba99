"""Links: each shows what it was given while its time is not over and its conversation is there, and is its owner's."""

import time

import pytest

from chatbot.conversation.errors import ConversationNotFoundError, ShareError
from chatbot.conversation.store import Share
from tests.conversation.store.talk import talk
from tests.support.tables import dump


def share(name="s1", of="c1", seconds=60.0, made=0.0):
    now = time.time() + made
    return Share(name, of, "Title é \0", now, now + seconds)


async def test_a_link_is_found_by_the_hash_of_its_token_and_listed_for_its_owner(store, other):
    await talk(store, "hello", name="c1", owner="ada")
    older, newer = share("s1"), share("s2", made=1.0)
    await store.shares.add("ada", older, "hash 1", b"\x00page", 5)
    await other.shares.add("ada", newer, "hash 2", b"another", 5)
    assert await other.shares.page("hash 1") == b"\x00page"
    assert await store.shares.page("hash 3") is None
    assert await store.shares.list("ada") == [newer, older]
    assert await store.shares.list("grace") == []


async def test_nobody_shares_what_is_not_theirs_or_not_there(store):
    await talk(store, "hello", name="c1", owner="ada")
    for owner, of in (("grace", "c1"), ("ada", "c2")):
        with pytest.raises(ConversationNotFoundError):
            await store.shares.add(owner, share(of=of), "hash", b"page", 5)
    assert await store.shares.page("hash") is None


async def test_an_owner_has_so_many_at_once(store):
    await talk(store, "hello", name="c1", owner="ada")
    await talk(store, "hello", name="c2", owner="grace")
    await store.shares.add("ada", share("old", seconds=-1), "hash 0", b"page", 1)
    await store.shares.add("ada", share("s1"), "hash 1", b"page", 1)
    with pytest.raises(ShareError, match=r"too_many \(most=1\)"):
        await store.shares.add("ada", share("s2"), "hash 2", b"page", 1)
    assert await store.shares.page("hash 2") is None
    await store.shares.add("grace", share("s3", "c2"), "hash 3", b"page", 1)


async def test_what_is_over_or_taken_back_shows_nothing(store, url):
    await talk(store, "hello", name="c1", owner="ada")
    await store.shares.add("ada", share("s1", seconds=-0.1), "hash 1", b"page", 5)
    await store.shares.add("ada", share("s2"), "hash 2", b"page", 5)
    assert await store.shares.page("hash 1") is None
    assert [each.id for each in await store.shares.list("ada")] == ["s2"]
    assert not await store.shares.revoke("grace", "s2"), "it is not theirs"
    assert await store.shares.page("hash 2") == b"page"
    await store.shares.remove_expired()
    assert len(dump(url)["shares"]) == 1
    assert await store.shares.revoke("ada", "s2")
    assert not await store.shares.revoke("ada", "s2")
    assert (await store.shares.page("hash 2"), dump(url)["shares"]) == (None, [])


async def test_links_go_with_their_conversation_and_do_not_come_back_with_it(store, url):
    for name in ("c1", "c2"):
        await talk(store, "hello", name=name, owner="ada")
        await store.shares.add("ada", share(f"s {name}", name), f"hash {name}", b"page", 5)
    await store.delete("c1")
    assert await store.shares.page("hash c1") is None
    assert await store.restore("c1", "ada")
    assert await store.shares.page("hash c1") is None
    await store.shares.add("ada", share("s3"), "hash 3", b"page", 5)
    await store.erase("ada")
    assert [await store.shares.page(each) for each in ("hash c2", "hash 3")] == [None, None]
    assert dump(url)["shares"] == []


async def test_links_go_with_what_was_kept_for_long_enough(store, url, sql):
    await talk(store, "hello", name="c1", owner="ada")
    await store.shares.add("ada", share(), "hash", b"page", 5)
    sql("UPDATE conversations SET expires_at = 1")
    while await store.remove_expired():
        pass
    assert (await store.shares.page("hash"), dump(url)["shares"]) == (None, [])


async def test_links_follow_who_signs_in(store):
    await talk(store, "hello", name="c1", owner="visitor")
    await store.shares.add("visitor", share(), "hash", b"page", 5)
    await store.sign_in.hand_over("visitor", "ada")
    assert [each.id for each in await store.shares.list("ada")] == ["s1"]
    assert await store.shares.page("hash") == b"page"
    assert not await store.shares.revoke("visitor", "s1")
