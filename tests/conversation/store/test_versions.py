"""Retries, edits and undo: versions beside each other, of which one path is shown."""

from dataclasses import replace

import pytest

from chatbot.conversation.store import RevisionError
from chatbot.conversation.turn import TurnStatus
from tests.conversation.store.talk import begin, ended, say, talk, texts


async def versions(store, name="c1"):
    return dict(await store.alternatives(name, await store.turns(name)))


async def test_the_old_answer_is_shown_until_the_new_one_has_ended(store, other):
    conversation = await talk(store, "one", "two", "three")
    turn, _ = await begin(store, conversation, 1, "two again")
    assert (turn.version, turn.parent) == (1, 0)
    await store.checkpoint("c1", ended(turn, "so far", TurnStatus.STREAMING))
    assert await texts(other) == ["one", "two", "three"]
    assert await versions(other) == {0: [0], 1: [0], 2: [0]}
    [growing] = await other.in_progress("c1")
    assert growing.answer_text == "so far"
    assert await store.end("c1", ended(turn))
    assert await texts(other) == ["one", "two again"]
    assert await versions(other) == {0: [0], 1: [0, 1]}


async def test_an_answer_that_is_not_worth_keeping_leaves_the_old_one_and_what_followed(store):
    conversation = await talk(store, "one", "two")
    before = await store.everything("c1")
    turn, _ = await begin(store, conversation, 0, "one again")
    assert await store.end("c1", ended(turn, "", TurnStatus.STOPPED))
    assert await store.everything("c1") == before
    assert await store.in_progress("c1") == []


async def test_an_answer_that_replaces_nothing_is_kept_however_it_ended(store):
    conversation = await talk(store, "one")
    turn, _ = await begin(store, conversation, 1, "two")
    assert await store.end("c1", ended(turn, "", TurnStatus.STOPPED))
    assert await texts(store) == ["one", "two"]


async def test_a_flip_brings_back_the_answer_and_what_followed_it(store):
    conversation = await talk(store, "one", "two", "three")
    conversation = await say(store, conversation, 1, "two again")
    conversation = await say(store, conversation, 2, "three after it")
    assert await texts(store) == ["one", "two again", "three after it"]
    revision = await store.select_version("c1", 1, 0, conversation.revision)
    assert await texts(store) == ["one", "two", "three"]
    assert revision == conversation.revision + 1
    await store.select_version("c1", 1, 1, revision)
    assert await texts(store) == ["one", "two again", "three after it"]


async def test_alternatives_are_those_after_the_same_turn(store):
    conversation = await talk(store, "a", "b")
    conversation = await say(store, conversation, 1, "b2")
    conversation = await say(store, conversation, 0, "A")
    assert await versions(store) == {0: [0, 1]}
    conversation = await say(store, conversation, 1, "B")
    conversation = await say(store, conversation, 1, "B2")
    assert await versions(store) == {0: [0, 1], 1: [2, 3]}
    revision = await store.select_version("c1", 1, 2, conversation.revision)
    assert await texts(store) == ["A", "B"]
    revision = await store.select_version("c1", 0, 0, revision)
    assert await texts(store) == ["a", "b2"]
    assert await versions(store) == {0: [0, 1], 1: [0, 1]}
    assert await store.alternatives("c1", []) == {}
    kept = await store.everything("c1")
    assert [(s.turn.index, s.turn.version, s.turn.parent, s.shown) for s in kept] == [
        (0, 0, None, True),
        (0, 1, None, False),
        (1, 0, 0, False),
        (1, 1, 0, True),
        (1, 2, 1, False),
        (1, 3, 1, False),
    ]


@pytest.mark.parametrize(("index", "version"), [(0, 5), (1, 0), (1, 2), (2, 0), (9, 0)])
async def test_a_flip_to_what_does_not_stand_beside_what_is_shown_changes_nothing(store, index, version):
    conversation = await talk(store, "a", "b", "c")
    conversation = await say(store, conversation, 0, "A")
    conversation = await say(store, conversation, 1, "B")
    before = await store.everything("c1")
    with pytest.raises(RevisionError):
        await store.select_version("c1", index, version, conversation.revision)
    assert await store.everything("c1") == before
    assert (await store.get("c1")).revision == conversation.revision


async def test_an_undone_turn_is_out_of_sight_and_the_next_takes_its_place(store):
    conversation = await talk(store, "one", "two", "three")
    revision = await store.truncate("c1", 1, conversation.revision)
    assert await texts(store) == ["one"]
    assert revision == conversation.revision + 1
    with pytest.raises(RevisionError):
        await store.truncate("c1", 0, conversation.revision)
    turn, _ = await begin(store, replace(conversation, revision=revision), 1, "other")
    assert (turn.version, turn.parent) == (1, 0)
    # There is nothing to wait for: it is shown at once.
    assert await texts(store) == ["one", "other"]
    await store.end("c1", ended(turn))
    assert await texts(store) == ["one", "other"]


async def test_a_conversation_that_was_undone_to_nothing_goes_on(store):
    conversation = await talk(store, "one", "two")
    conversation = replace(conversation, revision=await store.truncate("c1", 0, conversation.revision))
    assert await texts(store) == []
    await say(store, conversation, 0, "again")
    assert await texts(store) == ["again"]
