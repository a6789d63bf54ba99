"""Conversations whose owner cannot come back any more are removed, a few rows at a time; nobody else's are."""

import asyncio
from itertools import pairwise

import pytest

from chatbot.conversation.retention import LASTING_SECONDS, PASSING, PASSING_SECONDS, UNDELETE_SECONDS
from chatbot.conversation.store import StoredTurn
from chatbot.conversation.store import store as limits
from chatbot.conversation.turn import Conversation, Options, TurnMemory, TurnStatus
from tests.conversation.store.talk import begin, ended, say, talk, texts
from tests.support.turns import text_turn

PASSER_BY = f"{PASSING}somebody"
OWNERS = {"ada": LASTING_SECONDS, PASSER_BY: PASSING_SECONDS}


@pytest.fixture
def let_pass(sql):
    """Let time pass for all that is stored."""

    def let_pass(seconds):
        sql(
            "UPDATE conversations SET updated_at = updated_at - :ago, expires_at = expires_at - :ago,"
            " deleted_at = deleted_at - :ago",
            ago=seconds,
        )

    return let_pass


@pytest.fixture
def left(sql):
    """The conversations that there are, whoever may see them, and those that there are turns of."""

    def left():
        both = sql("SELECT id FROM conversations ORDER BY 1"), sql("SELECT DISTINCT conversation_id FROM turns")
        assert both[0] == sorted(both[1])
        return [name for (name,) in both[0]]

    return left


async def remove_all(store):
    steps = 0
    while await store.remove_expired():
        steps += 1
    return steps


@pytest.mark.parametrize(("owner", "seconds"), OWNERS.items())
async def test_what_nobody_comes_back_for_is_removed_when_its_time_is_over(store, let_pass, left, owner, seconds):
    await talk(store, "one", "two", owner=owner)
    let_pass(seconds - 60)
    assert await remove_all(store) == 0
    let_pass(61)
    assert await remove_all(store) == 1
    assert left() == []


WRITES = {
    "a question": lambda store, seen: store.begin(seen, 1, "two"),
    "a choice": lambda store, seen: store.set_options("c1", Options(k=3), seen.revision),
    "a mark": lambda store, seen: store.set_memory("c1", 0, TurnMemory.PINNED, seen.revision),
    "an undo": lambda store, seen: store.truncate("c1", 0, seen.revision),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize(("owner", "seconds"), OWNERS.items())
async def test_whatever_is_written_puts_the_end_off(store, let_pass, left, owner, seconds, write):
    conversation = await talk(store, "one", owner=owner)
    let_pass(seconds - 60)
    await write(store, conversation)
    let_pass(seconds - 60)
    assert await remove_all(store) == 0
    let_pass(61)
    await remove_all(store)
    assert left() == []


async def test_the_end_of_an_answer_puts_the_end_off(store, let_pass):
    turn, _ = await begin(store, Conversation("c1", PASSER_BY), 0, "one")
    let_pass(PASSING_SECONDS - 60)
    await store.end("c1", ended(turn))
    let_pass(61)
    assert await remove_all(store) == 0


async def test_who_comes_back_keeps_all_of_theirs_and_nobody_elses(store, let_pass, left):
    for name, owner in (("a", "ada"), ("b", "ada"), ("c", "grace")):
        await talk(store, "one", name=name, owner=owner)
    await store.delete("b")
    let_pass(LASTING_SECONDS - 60)
    await store.renew("ada")
    let_pass(61)
    await remove_all(store)
    assert left() == ["a"]
    let_pass(LASTING_SECONDS - 120)
    assert await remove_all(store) == 0


async def test_a_visit_soon_after_another_writes_nothing(store, sql, let_pass):
    await talk(store, "one")
    let_pass(60)
    before = sql("SELECT expires_at FROM conversations")
    await store.renew("ada")
    assert sql("SELECT expires_at FROM conversations") == before


async def test_a_deleted_conversation_is_removed_once_it_cannot_be_brought_back(store, let_pass, left):
    for name in ("old", "new", "kept"):
        await talk(store, name, name=name)
    await store.delete("old")
    let_pass(UNDELETE_SECONDS + 1)
    await store.delete("new")
    assert await store.restore("old", "ada") is None
    await remove_all(store)
    assert left() == ["kept", "new"]
    assert (await store.restore("new", "ada")).id == "new"
    let_pass(UNDELETE_SECONDS + 1)
    await remove_all(store)
    assert left() == ["kept", "new"]


@pytest.mark.parametrize(("owner", "seconds"), OWNERS.items())
async def test_an_imported_conversation_is_kept_as_long_as_one_that_was_begun(store, let_pass, left, owner, seconds):
    turns = [StoredTurn(text_turn(0, "one", "answer", TurnStatus.COMPLETE), shown=True)]
    await store.add(Conversation("c1", owner), turns)
    let_pass(seconds - 60)
    assert await remove_all(store) == 0
    assert await texts(store) == ["one"]
    let_pass(61)
    await remove_all(store)
    assert left() == []


async def test_long_ones_go_a_piece_at_a_time_and_are_seen_by_nobody_meanwhile(store, let_pass, left, sql, monkeypatch):
    monkeypatch.setattr(limits, "REMOVED_TURNS", 7)
    for number in range(5):
        turns = [
            StoredTurn(text_turn(n // 2, f"{n}", "answer", TurnStatus.COMPLETE, version=n % 2), shown=bool(n % 2))
            for n in range(20)
        ]
        await store.add(Conversation(f"c{number}", "ada"), turns)
    let_pass(LASTING_SECONDS + 1)
    await talk(store, "another", name="kept")
    counts = [sql("SELECT count(*) FROM turns")[0][0]]
    while await store.remove_expired():
        counts.append(sql("SELECT count(*) FROM turns")[0][0])
        assert [c.id for c in await store.list("ada")] == ["kept"]
        assert await store.restore("c4", "ada") is None
    assert max(before - after for before, after in pairwise(counts)) <= 8
    assert left() == ["kept"]


async def test_two_processes_remove_beside_each_other_and_beside_who_writes(store, other, let_pass, left):
    for number in range(60):
        await talk(store, "one", "two", name=f"old {number}", owner=PASSER_BY)
    let_pass(PASSING_SECONDS + 1)
    written = Conversation("c1", "ada")

    async def write():
        nonlocal written
        for index in range(20):
            written = await say(store, written, index, f"{index}")

    await asyncio.gather(remove_all(store), remove_all(other), remove_all(other), write())
    assert left() == ["c1"]
    assert len(await store.turns("c1")) == 20


async def test_what_an_earlier_version_writes_meanwhile_is_kept_and_renewed(store, sql):
    await talk(store, "one")
    sql("UPDATE conversations SET expires_at = NULL")
    assert await remove_all(store) == 0
    await store.renew("ada")
    assert sql("SELECT expires_at IS NULL FROM conversations") in ([(False,)], [(0,)])
