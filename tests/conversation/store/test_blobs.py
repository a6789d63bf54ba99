"""Bytes of pictures and files: their owner's, once, and as long as a turn refers to them."""

import asyncio
from dataclasses import replace
from hashlib import sha256

import pytest

from chatbot.conversation.errors import BlobNotFoundError, BlobSpaceError, BlobTooLargeError
from chatbot.conversation.parts import Blob, File, Image, Text
from chatbot.conversation.store import MAX_BLOB_BYTES, MAX_OWNER_BYTES, StoredTurn, blobs
from chatbot.conversation.turn import Conversation, Turn, TurnStatus
from tests.conversation.loop_watch import watched_steps
from tests.conversation.store.talk import begin, ended

PNG = b"\x89PNG\r\n\0\x1a" * 100
LARGE = bytes(range(256)) * 12_000


def turn_with(*several: Blob, index: int = 0) -> StoredTurn:
    question = (Text("Look"), *(Image(blob) for blob in several))
    return StoredTurn(
        Turn(index, question, (Text("I see"),), TurnStatus.COMPLETE, parent=0 if index else None), shown=True
    )


async def age(sql) -> None:
    """Let the time pass in which bytes are kept without a turn."""
    sql(f"UPDATE blobs SET touched_at = touched_at - {blobs.UNUSED_SECONDS + 1}")


async def removed(store) -> None:
    """Remove what is not used, to the end."""
    while await store.blobs.remove_unused():
        pass


async def remove(store, sql, name: str) -> None:
    """Remove a conversation for good, and what was only its."""
    await store.delete(name)
    sql(f"UPDATE conversations SET expires_at = 1 WHERE id = '{name}'")
    while await store.remove_expired():
        pass
    await removed(store)


@pytest.mark.parametrize("data", [b"", b"\0", PNG, LARGE], ids=["none", "nul", "small", "pieces"])
async def test_bytes_come_back_to_their_owner(store, other, data):
    blob = await store.blobs.put("ada", data, "image/png")
    assert blob == Blob(sha256(data).hexdigest(), "image/png", len(data))
    assert await other.blobs.read("ada", blob) == data


async def test_nobody_else_can_tell_that_bytes_are_there(store):
    blob = await store.blobs.put("ada", PNG, "image/png")
    with pytest.raises(BlobNotFoundError) as theirs:
        await store.blobs.read("grace", blob)
    with pytest.raises(BlobNotFoundError) as nobodys:
        await store.blobs.read("grace", Blob("0" * 64, "image/png", 1))
    assert str(theirs.value) == str(nobodys.value)


async def test_the_same_bytes_of_one_owner_are_stored_once(store, other, sql):
    await asyncio.gather(*(each.blobs.put("ada", LARGE, "image/png") for each in (store, other) * 3))
    blob = await store.blobs.put("ada", LARGE, "text/plain")
    assert blob.mime_type == "text/plain"
    assert await store.blobs.read("ada", blob) == LARGE
    assert sql("SELECT owner, size FROM blobs") == [("ada", len(LARGE))]
    await store.blobs.put("grace", LARGE, "image/png")
    assert sql("SELECT count(*) FROM blobs") == [(2,)]


async def test_what_is_no_type_is_stored_as_unknown_bytes(store):
    assert (await store.blobs.put("ada", PNG, "text/html\r\nX: y")).mime_type == "application/octet-stream"


async def test_one_file_and_all_of_an_owner_have_a_limit(store, monkeypatch):
    with pytest.raises(BlobTooLargeError) as large:
        await store.blobs.put("ada", bytes(MAX_BLOB_BYTES + 1), "image/png")
    assert large.value.data == {"size": 10.0, "most": 10.0}
    monkeypatch.setattr(blobs, "MAX_OWNER_BYTES", 1_000)
    kept = await store.blobs.put("ada", bytes(900), "image/png")
    with pytest.raises(BlobSpaceError) as full:
        await store.blobs.put("ada", bytes(101), "image/png")
    assert full.value.data == {"used": 0.0, "most": 0.0}
    assert await store.blobs.put("ada", bytes(900), "image/png") == kept
    await store.blobs.put("grace", bytes(101), "image/png")
    assert MAX_OWNER_BYTES >= 10 * MAX_BLOB_BYTES


async def test_several_that_are_too_many_are_all_refused(store, sql, monkeypatch):
    monkeypatch.setattr(blobs, "MAX_OWNER_BYTES", 1_000)
    several = {blobs.blob_of(data, "a/b"): data for data in (bytes(600), b"x" * 600)}
    with pytest.raises(BlobSpaceError):
        await store.blobs.put_all("ada", several)
    assert sql("SELECT * FROM blobs") == []


async def test_bytes_go_with_the_last_turn_that_refers_to_them(store, sql):
    shared, own = [await store.blobs.put("ada", data, "image/png") for data in (PNG, LARGE)]
    await store.add(Conversation("c1", "ada"), [turn_with(shared, own)])
    await store.add(Conversation("c2", "ada"), [turn_with(shared)])
    await age(sql)
    await remove(store, sql, "c1")
    assert await store.blobs.read("ada", shared) == PNG
    with pytest.raises(BlobNotFoundError):
        await store.blobs.read("ada", own)
    assert sql("SELECT count(*) FROM blob_pieces") == [(1,)]
    await remove(store, sql, "c2")
    assert sql("SELECT * FROM blobs") == []
    assert sql("SELECT * FROM turn_blobs") == []


async def test_a_deleted_conversation_that_can_come_back_keeps_its_bytes(store, sql):
    blob = await store.blobs.put("ada", PNG, "image/png")
    await store.add(Conversation("c1", "ada"), [turn_with(blob)])
    await age(sql)
    await store.delete("c1")
    await removed(store)
    assert await store.restore("c1", "ada")
    assert await store.blobs.read("ada", blob) == PNG


async def test_bytes_whose_turn_is_not_written_yet_are_kept(store, other, sql):
    blob = await store.blobs.put("ada", PNG, "image/png")
    await removed(other)
    assert await store.blobs.read("ada", blob) == PNG
    await age(sql)
    # Put again, as for another question: the time begins anew.
    await store.blobs.put("ada", PNG, "image/png")
    await removed(other)
    await store.add(Conversation("c1", "ada"), [turn_with(blob)])
    await age(sql)
    await removed(other)
    assert await store.blobs.read("ada", blob) == PNG


async def test_a_growing_answer_holds_on_to_its_bytes_and_one_that_is_dropped_lets_go(store, sql):
    await store.add(Conversation("c1", "ada"), [turn_with()])
    turn, _ = await begin(store, await store.get("c1"), 0, "again")
    blob = await store.blobs.put("ada", PNG, "image/png")
    for _ in range(2):
        assert await store.checkpoint("c1", replace(turn, answer=(File(blob, "a.png"),)))
    await age(sql)
    await removed(store)
    assert await store.blobs.read("ada", blob) == PNG
    await store.end("c1", ended(turn, "", TurnStatus.FAILED))
    await removed(store)
    with pytest.raises(BlobNotFoundError):
        await store.blobs.read("ada", blob)


async def test_many_are_removed_in_several_steps(store, sql):
    for number in range(45):
        await store.blobs.put("ada", b"%d" % number, "text/plain")
    await age(sql)
    assert await store.blobs.remove_unused()
    assert sql("SELECT count(*) FROM blobs") == [(45 - blobs.REMOVED_BLOBS,)]
    await removed(store)
    assert sql("SELECT count(*) FROM blobs") == [(0,)]


async def test_large_files_do_not_hold_the_event_loop(store):
    blob = await store.blobs.put("ada", b"", "a/b")
    data = bytes(range(256)) * 35_000
    with watched_steps() as steps:
        blob = await store.blobs.put("ada", data, "image/png")
        assert await store.blobs.read("ada", blob) == data
    assert steps.longest < 0.05
