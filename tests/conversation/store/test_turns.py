"""Turns: written while they grow, kept as they ended, and read back byte for byte."""

import pytest

from chatbot.conversation.store import AnsweringError, RevisionError, StoredTurn
from chatbot.conversation.turn import (
    Conversation,
    Failure,
    Feedback,
    Notice,
    Options,
    Rating,
    Turn,
    TurnMemory,
    TurnStatus,
    Usage,
)
from tests.conversation.store.talk import begin, ended, say, talk, texts

TEXTS = {
    "nul": "a\0b\0",
    "escape": "\x1a\x1a0\x1a1\0\x1a",
    "spaces": "  \t lines\r\nand\rmore\n\n ",
    "quotes": "\\ \" ' `` %s %(x)s :x ? {} \\0 \\x1a",
    "unicode": "é e\u0301 漢字 😀 👩‍👩‍👧 \u200b\u202e\ufeff\ufffe\U0010ffff\x7f\x85\u2028",
    "long": "0123456789abcdé\n" * 65_536,
    "empty": "",
}


@pytest.mark.parametrize("name", TEXTS)
async def test_text_comes_back_byte_for_byte(store, other, name):
    exact = TEXTS[name]
    turn, _ = await begin(store, Conversation("c1", "ada", title=exact), 0, exact)
    assert await store.checkpoint("c1", ended(turn, exact, TurnStatus.STREAMING))
    [growing] = await other.in_progress("c1")
    assert growing.answer_text == exact
    written = ended(turn, exact, finish_reason=exact, notices=(Notice("text", {"text": exact}),))
    assert await store.end("c1", written)
    assert await other.turns("c1") == [written]
    assert (await other.get("c1")).title == exact


async def test_all_that_is_known_of_a_turn_comes_back(store):
    turn, _ = await begin(store, Conversation("c1", "ada"), 0, "hello")
    failure = Failure("ModelRateLimitError", {"detail": "Busy \0.", "seconds": 1.5, "count": 2}, 1.5, blocked=True)
    written = ended(
        turn,
        "par",
        TurnStatus.FAILED,
        finish_reason="length",
        usage=Usage(3, 4),
        failure=failure,
        notices=(Notice("a"), Notice("b", {"n": 1})),
    )
    await store.end("c1", written)
    assert await store.turns("c1") == [written]
    assert await store.everything("c1") == [StoredTurn(written, shown=True)]


async def test_a_growing_turn_is_seen_by_everyone_until_it_ends(store, other):
    turn, _ = await begin(store, Conversation("c1", "ada"), 0, "hello")
    assert await other.in_progress("c1") == [turn]
    assert await other.turns("c1") == [turn]
    longer = ended(turn, "so far", TurnStatus.STREAMING)
    assert await store.checkpoint("c1", longer)
    assert await other.in_progress("c1") == [longer]
    assert await store.end("c1", ended(turn, "so far and no further"))
    assert await other.in_progress("c1") == []
    assert not await store.checkpoint("c1", longer)
    assert not await store.end("c1", ended(turn, "again"))
    assert [t.answer_text for t in await other.turns("c1")] == ["so far and no further"]


async def test_nothing_else_begins_while_an_answer_is_written(store, other):
    conversation = await talk(store, "one")
    _, revision = await begin(store, conversation, 1, "two")
    seen = Conversation("c1", "ada", revision)
    for attempt in (
        other.begin(seen, 1, "three"),
        other.begin(seen, 2, "three"),
        other.truncate("c1", 0, revision),
        other.select_version("c1", 0, 0, revision),
    ):
        with pytest.raises(AnsweringError):
            await attempt
    assert (await other.get("c1")).revision == revision
    assert await texts(other) == ["one", "two"]


async def test_a_turn_that_would_leave_a_gap_is_refused_and_leaves_nothing(store):
    conversation = await talk(store, "one")
    with pytest.raises(RevisionError):
        await begin(store, conversation, 2, "three")
    with pytest.raises(RevisionError):
        await begin(store, Conversation("new", "ada"), 1, "two")
    assert await store.get("new") is None
    assert (await store.get("c1")).revision == conversation.revision


async def test_the_tail_is_the_newest_turns_in_order(store):
    conversation = await talk(store, "0", "1", "2", "3", "4")
    await say(store, conversation, 4, "4 again")
    assert [t.question_text for t in await store.tail("c1", 2)] == ["3", "4 again"]
    assert [t.question_text for t in await store.tail("c1", 2, before=3)] == ["1", "2"]
    assert [t.question_text for t in await store.tail("c1", 9, before=1)] == ["0"]
    assert list(await store.tail("c1", 9, before=0)) == []
    assert list(await store.tail("c1", 0)) == []
    assert list(await store.tail("none", 9)) == []


async def test_pinned_turns_are_found_and_unpinned(store):
    conversation = await talk(store, "0", "1", "2")
    revision = await store.set_memory("c1", 2, TurnMemory.PINNED, conversation.revision)
    revision = await store.set_memory("c1", 0, TurnMemory.PINNED, revision)
    revision = await store.set_memory("c1", 1, TurnMemory.EXCLUDED, revision)
    assert [t.index for t in (await store.recent("c1", 1)).pinned] == [0, 2]
    assert [t.memory.value for t in await store.turns("c1")] == ["pinned", "excluded", "pinned"]
    revision = await store.set_memory("c1", 0, TurnMemory.AUTO, revision)
    assert [t.index for t in (await store.recent("c1", 1)).pinned] == [2]
    await store.truncate("c1", 1, revision)
    assert list((await store.recent("c1", 1)).pinned) == []


async def test_a_mark_is_refused_late_or_where_there_is_no_turn(store):
    conversation = await talk(store, "0", "1")
    with pytest.raises(RevisionError):
        await store.set_memory("c1", 0, TurnMemory.PINNED, conversation.revision - 1)
    with pytest.raises(RevisionError):
        await store.set_memory("c1", 2, TurnMemory.PINNED, conversation.revision)
    assert list((await store.recent("c1", 1)).pinned) == []
    assert (await store.get("c1")).revision == conversation.revision


async def test_a_turn_can_be_pinned_while_it_grows(store):
    turn, revision = await begin(store, Conversation("c1", "ada"), 0, "hello")
    await store.set_memory("c1", 0, TurnMemory.PINNED, revision)
    assert await store.end("c1", ended(turn))
    assert [t.memory for t in await store.turns("c1")] == [TurnMemory.PINNED]


async def test_a_conversation_from_elsewhere_is_added_whole(store):
    conversation = await say(store, await talk(store, "0", "1"), 0, "0 again")
    kept = await store.everything("c1")
    assert len(kept) == 3
    added = await store.add(Conversation("c2", "grace", 99, "Imported", Options(k=7)), kept)
    assert added == await store.get("c2") == Conversation("c2", "grace", 1, "Imported", Options(k=7), added.updated_at)
    assert await store.everything("c2") == kept
    await say(store, added, 1, "goes on")
    with pytest.raises(RevisionError):
        await store.add(Conversation("c1", "grace"), kept)
    assert (await store.get("c1")).revision == conversation.revision
    empty = await store.add(Conversation("c3", "ada"), [])
    assert empty.revision == 1
    assert await store.everything("c3") == []


async def test_turns_survive_a_restart(store, open_store):
    await talk(store, "one", "two")
    before = await store.turns("c1")
    await store.aclose()
    assert await open_store().turns("c1") == before
    assert await store.turns("c1") == before


async def test_conversations_do_not_see_each_others_turns(store):
    await talk(store, "mine", name="c1")
    await talk(store, "yours", "too", name="c2", owner="grace")
    assert await texts(store, "c1") == ["mine"]
    assert await store.everything("c2") == [StoredTurn(turn, shown=True) for turn in await store.turns("c2")]
    assert isinstance((await store.turns("c2"))[0], Turn)


async def test_what_answers_took_is_counted_with_their_conversation(store):
    conversation = await say(store, Conversation("c1", "ada"), 0, "one", usage=Usage(3, 4, 0.5))
    await say(store, conversation, 0, "one again", usage=Usage(10, 20, 0.25))
    assert (await store.get("c1")).usage == Usage(13, 24, 0.75)
    await say(store, Conversation("c2", "ada"), 0, "one", usage=Usage(1, 2))
    assert (await store.get("c2")).usage == Usage(1, 2)


async def test_feedback_is_kept_byte_for_byte_with_the_version_that_is_shown(store):
    conversation = await say(store, Conversation("c1", "ada"), 0, "one")
    feedback = Feedback(Rating.DOWN, "\0 é 漢字 '\" \\u0000")
    assert await store.rate("c1", 0, feedback)
    assert not await store.rate("c1", 1, feedback)
    await say(store, conversation, 0, "one again")
    assert [(id, turn.version, turn.feedback) for id, turn in await store.rated()] == [("c1", 0, feedback)]  # noqa: A001
    await store.delete("c1")
    assert await store.rated() == []
