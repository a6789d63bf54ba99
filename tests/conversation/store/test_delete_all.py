"""All that one owner has said is removed for good at once, wherever it is; nothing of anybody else's is."""

import time

import pytest

from chatbot.conversation.content_blocks import blob_of
from chatbot.conversation.parts import Image, Text
from chatbot.conversation.store import RevisionError, Share, StoredTurn, removal
from chatbot.conversation.store import store as limits
from chatbot.conversation.turn import Conversation, Turn, TurnStatus
from tests.conversation.store.talk import begin, ended, talk, texts
from tests.support.tables import dump
from tests.support.turns import text_turn

PNG = b"\x89PNG\r\n\0\x1a" * 100
TABLES = {"conversations", "turns", "blobs", "blob_pieces", "turn_blobs", "acceptances", "shares"}


async def with_picture(store, name, owner):
    """A conversation with a picture in it."""
    blob = await store.blobs.put(owner, PNG, "image/png")
    turn = Turn(0, (Text(f"{owner} asks"), Image(blob)), (Text("I see"),), TurnStatus.COMPLETE)
    return await store.add(Conversation(name, owner), [StoredTurn(turn, shown=True)])


async def fill(store, owner):
    """One of everything that can be kept of an owner."""
    await with_picture(store, f"{owner} picture", owner)
    await talk(store, f"{owner} one", f"{owner} two", name=f"{owner} talk", owner=owner)
    await talk(store, f"{owner} gone", name=f"{owner} deleted", owner=owner)
    await store.delete(f"{owner} deleted")
    await begin(store, Conversation(f"{owner} growing", owner), 0, f"{owner} asks and is not answered yet")
    await store.blobs.put(owner, b"unused " + owner.encode(), "text/plain")
    await store.acceptances.add(owner, "v1")
    until = time.time() + 60
    share = Share(f"{owner} share", f"{owner} talk", "Title", time.time(), until)
    await store.shares.add(owner, share, f"hash of {owner}'s", b"what it shows", 1)


async def test_nothing_of_an_owner_is_left_in_any_table(store, url):
    await fill(store, "ada")
    everything = dump(url)
    assert everything.keys() >= TABLES
    assert all(everything[name] for name in TABLES), "the test has filled every table"
    erased = await store.erase("ada")
    assert erased == {f"ada {name}" for name in ("picture", "talk", "deleted", "growing")}
    assert {name: rows for name, rows in dump(url).items() if name != "alembic_version" and rows} == {}


async def test_nothing_of_anybody_else_is_touched(store, url):
    await fill(store, "grace")
    before = dump(url)
    await fill(store, "ada")
    await store.erase("ada")
    assert dump(url) == before
    assert await store.restore("grace deleted", "grace")


async def test_nothing_of_it_can_be_brought_back_or_written_on(store):
    await fill(store, "ada")
    turn, _ = await begin(store, Conversation("c9", "ada"), 0, "answered while it is erased")
    await store.erase("ada")
    assert await store.restore("ada deleted", "ada") is None
    assert not await store.checkpoint("c9", ended(turn))
    assert await store.end("c9", ended(turn)) is None
    with pytest.raises(RevisionError):
        await store.begin(Conversation("ada talk", "ada", 3), 2, "three")
    assert await store.list("ada") == []


async def test_long_ones_go_a_piece_at_a_time_and_are_seen_by_nobody_meanwhile(store, other, url, monkeypatch):
    monkeypatch.setattr(limits, "REMOVED_TURNS", 7)
    turns = [
        StoredTurn(text_turn(n, f"{n}", "answer", TurnStatus.COMPLETE, parent=0 if n else None), shown=True)
        for n in range(40)
    ]
    for number in range(removal.REMOVED_CONVERSATIONS + 5):
        await store.add(Conversation(f"c{number}", "ada"), turns if number == 3 else turns[:1])
    await talk(store, "kept", name="kept", owner="grace")
    assert await other.list("grace"), "it is open"
    counts = []
    plain = removal.remove_some

    async def watched(connection, ids, most):
        await plain(connection, ids, most)
        counts.append(await other.list("ada"))

    monkeypatch.setattr(removal, "remove_some", watched)
    await store.erase("ada")
    assert len(counts) > 5
    assert all(seen == [] for seen in counts)
    assert [row[0] for row in dump(url)["conversations"]] == ["kept"]
    assert await texts(store, "kept") == ["kept"]


async def test_what_is_said_once_it_is_hidden_is_kept_whole(store, monkeypatch):
    await talk(store, "old", name="old")
    plain = removal._hide

    async def hide_and_go_on(database, owner):
        ids = await plain(database, owner)
        await with_picture(store, "new", owner)
        return ids

    monkeypatch.setattr(removal, "_hide", hide_and_go_on)
    assert await store.erase("ada") == {"old"}
    assert [each.id for each in await store.list("ada")] == ["new"]
    assert await store.blobs.read("ada", blob_of(PNG, "image/png")) == PNG


async def test_bytes_that_somebody_else_has_too_are_still_theirs(store):
    await with_picture(store, "a", "ada")
    await with_picture(store, "b", "grace")
    await store.erase("ada")
    assert await store.blobs.read("grace", blob_of(PNG, "image/png")) == PNG


async def test_one_conversation_is_removed_with_the_pictures_that_are_only_its(store, url):
    await with_picture(store, "a", "ada")
    await with_picture(store, "b", "ada")
    await store.remove("a")
    assert await store.restore("a", "ada") is None
    assert await store.blobs.read("ada", blob_of(PNG, "image/png")) == PNG
    await store.remove("b")
    assert {name: rows for name, rows in dump(url).items() if name != "alembic_version" and rows} == {}
