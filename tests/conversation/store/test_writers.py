"""Two processes on one database: one of them wins, and a writer that is gone blocks nobody."""

import asyncio
from dataclasses import replace

import pytest

from chatbot.conversation.store import AnsweringError, RevisionError
from chatbot.conversation.turn import Conversation, Options, TurnMemory, TurnStatus
from tests.conversation.store.talk import begin, ended, say, talk, texts


def won(outcomes):
    unexpected = [o for o in outcomes if isinstance(o, Exception) and not isinstance(o, RevisionError | AnsweringError)]
    assert unexpected == []
    return [o for o in outcomes if not isinstance(o, Exception)]


async def test_of_many_who_begin_a_conversation_at_once_one_wins(store, other):
    begun = Conversation("c1", "ada")
    outcomes = await asyncio.gather(
        *((store, other)[n % 2].begin(begun, 0, str(n)) for n in range(10)), return_exceptions=True
    )
    [winner] = won(outcomes)
    assert winner.conversation.revision == 1
    assert await store.turns("c1") == [winner.turn]


async def test_of_many_who_go_on_at_once_one_wins(store, other):
    conversation = await talk(store, "one")
    outcomes = await asyncio.gather(
        *((store, other)[n % 2].begin(conversation, n % 3 and 1, str(n)) for n in range(12)), return_exceptions=True
    )
    [winner] = won(outcomes)
    turn, revision = winner.turn, winner.conversation.revision
    assert revision == conversation.revision + 1 == (await other.get("c1")).revision
    assert [each.turn for each in await other.everything("c1")][turn.index + turn.version] == turn
    assert len(await other.everything("c1")) == 2


async def test_of_different_changes_at_once_one_wins(store, other):
    conversation = await say(store, await talk(store, "one", "two"), 0, "one again")
    at = conversation.revision
    outcomes = await asyncio.gather(
        store.begin(conversation, 1, "more"),
        other.truncate("c1", 0, at),
        store.select_version("c1", 0, 0, at),
        other.set_memory("c1", 0, TurnMemory.PINNED, at),
        store.set_options("c1", Options(k=3), at),
        return_exceptions=True,
    )
    assert len(won(outcomes)) == 1
    assert (await other.get("c1")).revision == at + 1


async def test_two_processes_take_turns_without_losing_or_mixing_any(store, other):
    await talk(store, "0")

    async def write(mine, name):
        written = []
        while len(written) < 10:
            conversation = await mine.get("c1")
            [last] = await mine.tail("c1", 1)
            try:
                turn, _ = await begin(mine, conversation, last.index + 1, f"{name}{len(written)}")
            except (RevisionError, AnsweringError):
                await asyncio.sleep(0)
                continue
            assert await mine.checkpoint("c1", ended(turn, "so far", TurnStatus.STREAMING))
            assert await mine.end("c1", ended(turn, f"to {turn.question_text}"))
            written.append(turn.question_text)
        return written

    both = await asyncio.gather(write(store, "a"), write(other, "b"))
    turns = await other.turns("c1")
    assert [t.index for t in turns] == list(range(21))
    assert all(t.answer_text == f"to {t.question_text}" for t in turns[1:])
    for name, written in zip("ab", both, strict=True):
        assert [t.question_text for t in turns[1:] if t.question_text[0] == name] == written


async def test_only_the_process_that_began_an_answer_writes_on_it(store, other):
    turn, _ = await begin(store, Conversation("c1", "ada"), 0, "hello")
    assert not await other.checkpoint("c1", ended(turn, "theirs", TurnStatus.STREAMING))
    assert not await other.end("c1", ended(turn, "theirs"))
    assert await other.turns("c1") == [turn]


async def test_an_answer_whose_writer_went_silent_is_interrupted_with_what_had_arrived(open_store):
    writer, reader = open_store(silence=0.2), open_store(silence=0.2)
    turn, revision = await begin(writer, Conversation("c1", "ada"), 0, "hello")
    await writer.checkpoint("c1", ended(turn, "so far", TurnStatus.STREAMING))
    await asyncio.sleep(0.3)
    assert await reader.in_progress("c1") == []
    for found in (
        await reader.turns("c1"),
        await reader.tail("c1", 1),
        [s.turn for s in await reader.everything("c1")],
    ):
        [seen] = found
        assert (seen.answer_text, seen.status, seen.failure.kind) == ("so far", TurnStatus.FAILED, "Interrupted")
    # Somebody goes on: from then on it is so for good.
    await say(reader, Conversation("c1", "ada", revision), 1, "next")
    before = await reader.everything("c1")
    assert not await writer.checkpoint("c1", ended(turn, "late", TurnStatus.STREAMING))
    assert not await writer.end("c1", ended(turn, "late"))
    assert await reader.everything("c1") == before
    assert [t.status for t in await reader.turns("c1")] == [TurnStatus.FAILED, TurnStatus.COMPLETE]


async def test_an_answer_that_was_only_slow_is_not_lost_while_nobody_went_on(open_store):
    writer, reader = open_store(silence=0.2), open_store(silence=0.2)
    turn, _ = await begin(writer, Conversation("c1", "ada"), 0, "hello")
    await asyncio.sleep(0.3)
    assert [t.status for t in await reader.turns("c1")] == [TurnStatus.FAILED]
    assert await writer.end("c1", ended(turn, "all of it"))
    assert [t.answer_text for t in await reader.turns("c1")] == ["all of it"]


async def test_a_retry_whose_writer_went_silent_leaves_the_old_answer(open_store):
    writer, reader = open_store(silence=0.2), open_store(silence=0.2)
    conversation = await talk(writer, "one", "two")
    turn, revision = await begin(writer, conversation, 0, "one again")
    await writer.checkpoint("c1", ended(turn, "so far", TurnStatus.STREAMING))
    await asyncio.sleep(0.3)
    assert await texts(reader) == ["one", "two"]
    conversation = await say(reader, replace(conversation, revision=revision), 2, "three")
    assert not await writer.end("c1", ended(turn, "late"))
    assert await texts(reader) == ["one", "two", "three"]
    assert len(await reader.everything("c1")) == 3


async def test_a_late_end_and_the_next_question_at_once_agree_on_who_won(open_store):
    writer, reader = open_store(silence=0.01), open_store(silence=0.01)
    await reader.list("ada")
    for attempt in range(12):
        name = f"c{attempt}"
        turn, revision = await begin(writer, Conversation(name, "ada"), 0, "hello")
        await asyncio.sleep(0.05)
        written, (following, _) = await asyncio.gather(
            writer.end(name, ended(turn, "late")), begin(reader, Conversation(name, "ada", revision), 1, "next")
        )
        assert await reader.end(name, ended(following))
        first, _ = await reader.turns(name)
        assert first.status is (TurnStatus.COMPLETE if written else TurnStatus.FAILED)


async def test_an_answer_is_halted_from_another_process_and_keeps_what_had_arrived(store, other):
    turn, revision = await begin(store, Conversation("c1", "ada"), 0, "hello")
    await store.checkpoint("c1", ended(turn, "so far", TurnStatus.STREAMING))
    await other.stop_remote("c1")
    assert not await store.checkpoint("c1", ended(turn, "so far and on", TurnStatus.STREAMING))
    assert not await store.end("c1", ended(turn, "so far and on"))
    [stopped] = await other.turns("c1")
    assert (stopped.answer_text, stopped.status) == ("so far", TurnStatus.STOPPED)
    assert await other.in_progress("c1") == []
    await say(other, Conversation("c1", "ada", revision), 1, "next")


@pytest.mark.parametrize(("arrived", "shown"), [("so far", ["one again"]), ("", ["one", "two"])])
async def test_a_halted_retry_takes_the_old_answers_place_if_anything_had_arrived(store, other, arrived, shown):
    conversation = await talk(store, "one", "two")
    turn, _ = await begin(store, conversation, 0, "one again")
    await store.checkpoint("c1", ended(turn, arrived, TurnStatus.STREAMING))
    await other.stop_remote("c1")
    assert not await store.end("c1", ended(turn))
    assert await texts(other) == shown
    assert await other.in_progress("c1") == []


async def test_halting_where_nothing_is_written_changes_nothing(store):
    await talk(store, "one")
    before = (await store.get("c1"), await store.everything("c1"))
    await store.stop_remote("c1")
    await store.stop_remote("none")
    assert (await store.get("c1"), await store.everything("c1")) == before


async def test_an_answer_that_ends_in_a_deleted_conversation_is_there_when_it_comes_back(store, other):
    turn, _ = await begin(store, Conversation("c1", "ada"), 0, "hello")
    await other.delete("c1")
    assert await store.end("c1", ended(turn, "all of it"))
    assert await other.get("c1") is None
    await other.restore("c1", "ada")
    assert [t.answer_text for t in await other.turns("c1")] == ["all of it"]
