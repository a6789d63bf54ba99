"""Several answers to one question: each is kept while it grows, stopped and ended on its own, until one is kept."""

from dataclasses import replace

import pytest

from chatbot.conversation import Comparison, Options, Usage
from chatbot.conversation.store import AnsweringError, RevisionError
from chatbot.conversation.turn import Conversation, Turn, TurnStatus
from tests.conversation.store.talk import begin, ended, talk, texts

BOTH = (Options(k=5), Options(k=0, deployment="other"))


async def begin_two(store):
    """Two answers to the question at index 1, and the conversation with them."""
    conversation = await talk(store, "one")
    begun = await store.begin(conversation, None, "two", compared=BOTH)
    assert begun.conversation.comparison == Comparison(1, dict(enumerate(BOTH)))
    first, second = begun.turns
    return begun.conversation, first, second


def grown(turn, answer):
    return ended(turn, answer, TurnStatus.STREAMING)


def failed(turn: Turn, answer: str = "") -> Turn:
    return ended(turn, answer, TurnStatus.FAILED)


async def shown(store):
    """The answer at index 1, and the versions it can be flipped through."""
    turns = await store.turns("c1")
    return turns[1].answer_text, list((await store.alternatives("c1", turns))[1])


async def kept(store):
    """The answers at index 1, and how each ended."""
    return [(turn.answer_text, turn.status) for turn in (await store.versions("c1", 1)).values()]


async def test_both_are_written_down_at_once_and_grow_each_on_its_own(store, open_store):
    _, first, second = await begin_two(store)
    assert ((first.key, first.parent), (second.key, second.parent)) == (((1, 0), 0), ((1, 1), 0))
    assert await store.checkpoint("c1", grown(first, "A so far"))
    assert await store.checkpoint("c1", grown(second, "B so far"))
    growing = await open_store().in_progress("c1")
    assert [(turn.key, turn.answer_text) for turn in growing] == [((1, 0), "A so far"), ((1, 1), "B so far")]
    # The first one is shown; the other is no version to flip to before it has ended.
    assert await shown(store) == ("A so far", [0])


@pytest.mark.parametrize("last", [0, 1])
async def test_each_ends_on_its_own_and_the_first_is_shown(store, last):
    _, *both = await begin_two(store)
    assert await store.end("c1", ended(both[1 - last], "ended first", usage=Usage(1, 2)))
    assert [turn.key for turn in await store.in_progress("c1")] == [both[last].key]
    assert await store.checkpoint("c1", grown(both[last], "still"))
    assert await store.end("c1", ended(both[last], "ended last", usage=Usage(10, 20)))
    assert await store.in_progress("c1") == []
    assert await shown(store) == ("ended last" if last == 0 else "ended first", [0, 1])
    conversation = await store.get("c1")
    assert (conversation.comparison.index, conversation.usage) == (1, Usage(11, 22))


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("fails", [0, 1])
async def test_one_that_fails_is_kept_and_the_other_is_shown(store, fails, last):
    _, *both = await begin_two(store)
    ends = [ended(turn, "whole") for turn in both]
    ends[fails] = failed(both[fails], "half")
    for turn in (ends[1 - last], ends[last]):
        assert (await store.end("c1", turn)).is_kept
    assert await shown(store) == ("whole", [0, 1])
    statuses = [TurnStatus.COMPLETE, TurnStatus.COMPLETE]
    statuses[fails] = TurnStatus.FAILED
    assert [status for _, status in await kept(store)] == statuses


async def test_what_grows_counts_before_what_failed_and_of_two_that_failed_the_first(store):
    _, first, second = await begin_two(store)
    await store.end("c1", failed(first))
    await store.checkpoint("c1", grown(second, "B so far"))
    assert (await store.turns("c1"))[1].answer_text == "B so far"
    await store.end("c1", failed(second, "B so far"))
    assert (await store.turns("c1"))[1].key == first.key


async def test_both_are_stopped_from_elsewhere_and_what_had_arrived_of_each_is_kept(store, open_store):
    _, first, second = await begin_two(store)
    await store.checkpoint("c1", grown(second, "B so far"))
    await open_store().stop_remote("c1")
    for turn in (first, second):
        assert not await store.end("c1", ended(turn, "late"))
    assert await store.in_progress("c1") == []
    assert await kept(store) == [("", TurnStatus.STOPPED), ("B so far", TurnStatus.STOPPED)]
    # Of the first nothing had arrived.
    assert await shown(store) == ("B so far", [0, 1])


async def test_while_either_grows_nothing_else_is_asked_or_kept(store):
    conversation, first, second = await begin_two(store)
    await store.end("c1", ended(first))
    for attempt in (
        store.begin(conversation, None, "three"),
        store.begin(conversation, 1, "two"),
        store.keep("c1", 0, conversation.revision),
    ):
        with pytest.raises(AnsweringError):
            await attempt
    assert await store.end("c1", ended(second))


async def test_one_is_kept_and_what_follows_is_asked_as_it_was(store, other):
    conversation, *both = await begin_two(store)
    for turn in both:
        await store.end("c1", ended(turn, f"answer {turn.version}"))
    now = await other.keep("c1", 1, conversation.revision)
    assert (now.comparison, now.options, now.revision) == (None, BOTH[1], conversation.revision + 1)
    assert await store.get("c1") == now
    assert await shown(store) == ("answer 1", [0, 1])
    for version, revision in ((0, now.revision), (1, conversation.revision), (7, conversation.revision)):
        with pytest.raises(RevisionError):
            await store.keep("c1", version, revision)
    # And flipped back, as any version is.
    await store.select_version("c1", 1, 0, now.revision)
    assert await shown(store) == ("answer 0", [0, 1])


@pytest.mark.parametrize("what", ["ask", "ask again", "take back", "flip"])
async def test_whatever_else_is_done_leaves_what_is_shown_and_compares_no_more(store, what):
    conversation, *both = await begin_two(store)
    for turn in both:
        await store.end("c1", ended(turn, f"answer {turn.version}"))
    if what == "ask":
        turn, _ = await begin(store, conversation, 2, "three")
        assert turn.parent == 0
        assert await texts(store) == ["one", "two", "three"]
    elif what == "ask again":
        turn, _ = await begin(store, conversation, 1, "two")
        await store.end("c1", ended(turn, "again"))
        assert await shown(store) == ("again", [0, 1, 2])
    elif what == "take back":
        await store.truncate("c1", 1, conversation.revision)
        assert await texts(store) == ["one"]
    else:
        await store.select_version("c1", 1, 1, conversation.revision)
        assert await shown(store) == ("answer 1", [0, 1])
    assert (await store.get("c1")).comparison is None
    assert len(await store.versions("c1", 1)) >= 2


async def test_a_comparison_after_another_takes_its_place(store):
    conversation, *both = await begin_two(store)
    for turn in both:
        await store.end("c1", ended(turn))
    begun = await store.begin(conversation, None, "three", compared=BOTH)
    assert [turn.key for turn in begun.turns] == [(2, 0), (2, 1)]
    assert begun.conversation.comparison == Comparison(2, dict(enumerate(BOTH)))


async def test_a_conversation_may_begin_with_one_and_a_late_writer_begins_none(store, other):
    new = Conversation("c1", "ada", title="one")
    begun = await store.begin(new, None, "one", compared=BOTH)
    assert [turn.key for turn in begun.turns] == [(0, 0), (0, 1)]
    for attempt in (other.begin(new, None, "one", compared=BOTH), other.begin(new, None, "one")):
        with pytest.raises(RevisionError):
            await attempt
    assert len(await store.versions("c1", 0)) == 2


async def test_those_whose_writer_went_silent_are_interrupted_and_none_that_ended_is_lost(open_store):
    dead, alive = open_store(), open_store(silence=0)
    conversation, first, second = await begin_two(dead)
    await dead.checkpoint("c1", grown(first, "A so far"))
    await dead.end("c1", ended(second, "B"))
    # Whoever looks sees at once which one counts; whoever asks on writes it down.
    assert (await alive.versions("c1", 1))[0].status is TurnStatus.FAILED
    turn, _ = await begin(alive, replace(conversation), 2, "three")
    assert turn.parent == second.version
    assert not await dead.end("c1", ended(first, "late"))
    assert await kept(alive) == [("A so far", TurnStatus.FAILED), ("B", TurnStatus.COMPLETE)]
    assert await shown(alive) == ("B", [0, 1])
