"""Several answers to one question: each is kept while it grows, stopped and ended on its own."""

from dataclasses import replace

import pytest

from chatbot.conversation.store import AnsweringError, RevisionError
from chatbot.conversation.turn import Conversation, TurnStatus
from tests.conversation.store.talk import begin, ended, talk, texts


async def begin_two(store, other=None):
    """Two answers to the question at index 1, of one process or of two."""
    conversation = await talk(store, "one")
    first, revision = await begin(store, conversation, 1, "two")
    second, _ = await begin(other or store, replace(conversation, revision=revision), 1, "two", beside=True)
    return first, second


def grown(turn, answer):
    return ended(turn, answer, TurnStatus.STREAMING)


async def shown(store):
    """The answer at index 1, and the versions it can be flipped through."""
    turns = await store.turns("c1")
    return turns[1].answer_text, list((await store.alternatives("c1", turns))[1])


@pytest.fixture(params=["one process", "two processes"])
def writers(request, store, other):
    """Who writes the first answer, who the second, and somebody else who looks."""
    return store, store if request.param == "one process" else other


async def test_both_grow_and_are_kept_each_by_its_writer(writers, open_store):
    first, second = await begin_two(*writers)
    assert ((first.key, first.parent), (second.key, second.parent)) == (((1, 0), 0), ((1, 1), 0))
    assert await writers[0].checkpoint("c1", grown(first, "A so far"))
    assert await writers[1].checkpoint("c1", grown(second, "B so far"))
    growing = await open_store().in_progress("c1")
    assert [(turn.key, turn.answer_text) for turn in growing] == [((1, 0), "A so far"), ((1, 1), "B so far")]
    # The first one is shown; the other is no version to flip to before it has ended.
    assert await shown(writers[1]) == ("A so far", [0])


@pytest.mark.parametrize("last", [0, 1])
async def test_each_ends_on_its_own_and_neither_is_lost(writers, last):
    both = await begin_two(*writers)
    assert await writers[1 - last].end("c1", ended(both[1 - last], "ended first"))
    assert [turn.key for turn in await writers[0].in_progress("c1")] == [both[last].key]
    assert await writers[last].checkpoint("c1", grown(both[last], "still"))
    assert await writers[last].end("c1", ended(both[last], "ended last"))
    assert await writers[0].in_progress("c1") == []
    assert await shown(writers[0]) == ("ended last", [0, 1])
    kept = {each.turn.key: each.turn.answer_text for each in await writers[0].everything("c1")}
    assert kept == {(0, 0): "answer to one", both[1 - last].key: "ended first", both[last].key: "ended last"}


@pytest.mark.parametrize("fails", [0, 1])
async def test_a_failure_takes_neither_an_answers_place_nor_that_of_one_that_grows(writers, fails):
    both = await begin_two(*writers)
    await writers[1 - fails].checkpoint("c1", grown(both[1 - fails], "so far"))
    if fails == 0:
        await writers[1].end("c1", ended(both[1], "whole"))
    assert await writers[fails].end("c1", ended(both[fails], "", TurnStatus.FAILED))
    if fails == 1:
        assert (await writers[0].turns("c1"))[1].answer_text == "so far"
        await writers[0].end("c1", ended(both[0], "whole"))
    assert await shown(writers[0]) == ("whole", [1 - fails])


async def test_one_is_stopped_and_the_other_goes_on(writers, open_store):
    first, second = await begin_two(*writers)
    await writers[0].checkpoint("c1", grown(first, "A so far"))
    await writers[1].checkpoint("c1", grown(second, "B so far"))
    elsewhere = open_store()
    await elsewhere.stop_remote("c1", first.key)
    assert not await writers[0].checkpoint("c1", grown(first, "A so far, and on"))
    assert await writers[1].checkpoint("c1", grown(second, "B so far, and on"))
    assert [turn.key for turn in await elsewhere.in_progress("c1")] == [second.key]
    assert await writers[1].end("c1", ended(second, "B"))
    kept = [(each.turn.answer_text, each.turn.status) for each in await elsewhere.everything("c1")][1:]
    assert kept == [("A so far", TurnStatus.STOPPED), ("B", TurnStatus.COMPLETE)]


async def test_all_are_stopped_from_elsewhere_and_what_had_arrived_of_each_is_kept(writers, open_store):
    first, second = await begin_two(*writers)
    await writers[0].checkpoint("c1", grown(first, "A so far"))
    await writers[1].checkpoint("c1", grown(second, "B so far"))
    await open_store().stop_remote("c1")
    assert not await writers[0].end("c1", ended(first, "A"))
    assert not await writers[1].end("c1", ended(second, "B"))
    assert await writers[0].in_progress("c1") == []
    assert await shown(writers[0]) == ("B so far", [0, 1])


async def test_what_another_process_writes_is_stopped_and_what_this_one_writes_is_not(store, other):
    first, second = await begin_two(store, other)
    await store.checkpoint("c1", grown(first, "A so far"))
    await store.stop_remote("c1")
    assert not await other.checkpoint("c1", grown(second, "B so far"))
    assert await store.end("c1", ended(first, "A"))
    # Nothing of the other had arrived.
    assert await shown(store) == ("A", [0])


async def test_a_further_answer_is_begun_only_by_who_says_so_and_at_the_same_question(store, other):
    conversation = await talk(store, "one")
    turn, revision = await begin(store, conversation, 1, "two")
    now = replace(conversation, revision=revision)
    for attempt in (
        store.begin(now, 1, "two"),
        store.begin(now, 2, "three", beside=True),
        other.begin(now, 0, "one", beside=True),
    ):
        with pytest.raises(AnsweringError):
            await attempt
    with pytest.raises(RevisionError):
        await other.begin(conversation, 1, "two", beside=True)
    assert await store.in_progress("c1") == [turn]
    assert await store.end("c1", ended(turn))
    assert await texts(other) == ["one", "two"]


async def test_one_whose_writer_went_silent_is_interrupted_and_the_other_goes_on(open_store):
    dead, alive = open_store(), open_store(silence=0)
    first, second = await begin_two(dead)
    await dead.checkpoint("c1", grown(first, "A so far"))
    conversation = await alive.get("c1")
    assert conversation is not None
    third, revision = await begin(alive, conversation, 1, "two", beside=True)
    assert [turn.key for turn in await dead.in_progress("c1")] == [third.key]
    for turn in (first, second):
        assert not await dead.end("c1", ended(turn, "late"))
    assert await alive.end("c1", ended(third, "C"))
    # What was shown is kept as it was interrupted; what was not is gone, and its number with it.
    assert await shown(dead) == ("C", [0, 1])
    await dead.begin(Conversation("c1", "ada", revision), 2, "three")
