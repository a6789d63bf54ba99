"""What processes share of those who sign in, on both engines."""

import asyncio
import time

from chatbot.conversation.parts import Image, Text
from chatbot.conversation.store import StoredTurn
from chatbot.conversation.turn import Conversation, Turn, TurnStatus
from tests.conversation.store.talk import talk, texts

PNG = b"\x89PNG\r\n\0\x1a" * 100
LARGE = bytes(range(256)) * 5_000


async def test_a_secret_is_the_same_for_all_who_ask_at_once(store, other):
    secrets = await asyncio.gather(*(each.sign_in.secret("sessions") for each in (store, other) * 5))
    assert len(set(secrets)) == 1
    assert len(secrets[0]) > 40
    assert await other.sign_in.secret("sessions") == secrets[0]
    assert await other.sign_in.secret("another") != secrets[0]


async def test_what_one_process_revokes_another_knows_until_it_has_expired_anyway(store, other):
    before = time.time()
    await store.sign_in.revoke("over", before - 1)
    await store.sign_in.revoke("a", before + 60)
    await store.sign_in.revoke("a", before + 60)
    known = await other.sign_in.revoked()
    assert set(known) == {"a"}
    assert before <= known["a"] <= time.time()


async def add_picture(store, owner, name, *several):
    blobs = [await store.blobs.put(owner, data, "image/png") for data in several]
    question = (Text("Look"), *map(Image, blobs))
    turn = Turn(0, question, (Text("I see"),), TurnStatus.COMPLETE)
    await store.add(Conversation(name, owner, title="pictures"), [StoredTurn(turn, shown=True)])
    return blobs


async def test_what_is_one_owners_becomes_anothers_with_its_bytes(store, other, sql):
    await talk(store, "one", "two", name="c1", owner="visitor")
    small, large = await add_picture(store, "visitor", "c2", PNG, LARGE)
    # The other has one of them already.
    await add_picture(store, "person", "c3", PNG)
    await talk(store, "mine", name="c4", owner="person")
    await talk(store, "a stranger's", name="c5", owner="stranger")
    await store.sign_in.hand_over("visitor", "person")
    assert {each.id for each in await other.list("person")} == {"c1", "c2", "c3", "c4"}
    assert await other.list("visitor") == []
    assert await texts(other, "c1") == ["one", "two"]
    assert await other.blobs.read("person", small) == PNG
    assert await other.blobs.read("person", large) == LARGE
    assert sql("SELECT count(*) FROM blobs WHERE owner = 'visitor'") == [(0,)]
    assert sql("SELECT count(*) FROM blob_pieces WHERE owner = 'visitor'") == [(0,)]
    assert [each.id for each in await other.list("stranger")] == ["c5"]
    # They are referred to as before: nobody takes them for unused.
    sql("UPDATE blobs SET touched_at = 1")
    while await store.blobs.remove_unused():
        pass
    assert await other.blobs.read("person", large) == LARGE


async def test_what_is_handed_over_is_kept_as_long_as_the_other_owners(store, sql):
    await talk(store, "passing by", name="c1", owner="passing:x")
    await store.sign_in.hand_over("passing:x", "person")
    [(expires_at,)] = sql("SELECT expires_at FROM conversations WHERE id = 'c1'")
    assert expires_at > time.time() + 300 * 24 * 3600


async def test_what_was_deleted_can_be_brought_back_by_who_has_it_now(store):
    await talk(store, "gone", name="c1", owner="visitor")
    await talk(store, "there", name="c2", owner="visitor")
    await store.delete("c1")
    await store.sign_in.hand_over("visitor", "person")
    assert [each.id for each in await store.list("person")] == ["c2"]
    assert await store.restore("c1", "visitor") is None
    assert (await store.restore("c1", "person")).owner == "person"


async def test_handing_over_nothing_or_to_oneself_changes_nothing(store):
    await talk(store, "mine", name="c1", owner="person")
    await store.sign_in.hand_over("nobody", "person")
    await store.sign_in.hand_over("person", "person")
    assert [each.id for each in await store.list("person")] == ["c1"]
