"""What was used is counted with each answer, and outlives the conversations: on SQLite and on PostgreSQL."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from chatbot.conversation.retention import PASSING
from chatbot.conversation.store import usage as module
from chatbot.conversation.turn import (
    FROM_CACHE,
    Conversation,
    Failure,
    Feedback,
    Notice,
    Rating,
    Timing,
    TurnStatus,
    Usage,
)
from tests.conversation.store.talk import begin, ended, say, talk

TODAY = datetime.now(UTC).date()


@pytest.fixture(autouse=True)
def today(monkeypatch):
    """A day that midnight does not end; a test sets another."""

    def is_today(day):
        monkeypatch.setattr(module, "today", lambda: day)

    is_today(TODAY)
    return is_today


async def answer(store, owner, name, *, deployment="small", **values):
    turn, _ = await begin(store, Conversation(name, owner), 0, "hello")
    assert await store.end(name, ended(turn, deployment=deployment, **values))


async def test_answers_count_by_how_they_ended(store):
    await answer(store, "ada", "c1", usage=Usage(10, 4, 0.5))
    await answer(store, "ada", "c2", usage=Usage(1, 2))
    await answer(store, "ada", "c3", status=TurnStatus.STOPPED)
    await answer(store, "ada", "c4", status=TurnStatus.FAILED, failure=Failure("ModelRateLimitError"))
    await answer(store, "ada", "c5", status=TurnStatus.FAILED, failure=Failure("ModelTimeoutError"))
    await answer(store, "ada", "c6", status=TurnStatus.FAILED, failure=Failure("ModelError", blocked=True))
    await answer(store, "ada", "c7", finish_reason="content_filter")
    await answer(store, "ada", "c8", notices=(Notice(FROM_CACHE),))
    total = await store.usage.total(1)
    assert (total.messages, total.stopped, total.filtered, total.cached) == (8, 1, 2, 1)
    assert total.errors == {"ModelRateLimitError": 1, "ModelTimeoutError": 1}
    assert (total.input_tokens, total.output_tokens, total.cost) == (11, 6, 0.5)
    assert total.visitors == 1


async def test_it_is_told_by_day_by_deployment_and_by_visitor(store, today):
    today(TODAY - timedelta(2))
    await answer(store, "ada", "c1", usage=Usage(1, 1))
    today(TODAY)
    await answer(store, "ada", "c2", usage=Usage(10, 10))
    await answer(store, "grace", "c3", deployment="large", usage=Usage(100, 100, 2.0))
    days = await store.usage.lines(30, "day")
    assert [(each.key, each.messages, each.input_tokens, each.visitors) for each in days] == [
        (str(TODAY), 2, 110, 2),
        (str(TODAY - timedelta(2)), 1, 1, 1),
    ]
    assert [each.key for each in await store.usage.lines(2, "day")] == [str(TODAY)]
    deployments = await store.usage.lines(30, "deployment")
    assert [(each.key, each.messages, each.cost) for each in deployments] == [("small", 2, None), ("large", 1, 2.0)]
    visitors = await store.usage.lines(30, "visitor")
    assert [(each.messages, each.input_tokens) for each in visitors] == [(2, 11), (1, 100)]
    assert await store.usage.lines(30, "visitor", limit=1) == visitors[:1]
    assert (await store.usage.total(30)).visitors == 2


async def test_a_visitors_name_tells_nothing_and_is_the_same_in_every_process(store, open_store, sql):
    owner = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
    await answer(store, owner, "c1")
    await answer(open_store(), owner, "c2")
    [line] = await store.usage.lines(1, "visitor")
    assert line.messages == 2
    assert len(line.key) == module.VISITOR_DIGITS
    assert line.key not in owner
    sql("UPDATE usage_salt SET salt = 'another'")
    await answer(open_store(), owner, "c3")
    assert len(await store.usage.lines(1, "visitor")) == 2, "the name does not depend on the salt"


async def test_all_without_a_cookie_are_one_visitor(store):
    for number in range(3):
        await answer(store, f"{PASSING}{number}", f"c{number}")
    [line] = await store.usage.lines(1, "visitor")
    assert (line.key, line.messages) == (module.NO_COOKIE, 3)


async def test_it_outlives_deletion_and_expiry(store, sql):
    await answer(store, "ada", "c1", usage=Usage(10, 4))
    await store.delete("c1")
    sql("UPDATE conversations SET expires_at = 1")
    assert await store.remove_expired()
    assert sql("SELECT count(*) FROM conversations") == [(0,)]
    total = await store.usage.total(1)
    assert (total.messages, total.input_tokens) == (1, 10)


async def test_a_retry_counts_again_also_where_it_is_dropped(store):
    await answer(store, "ada", "c1", usage=Usage(1, 1))
    again, _ = await begin(store, Conversation("c1", "ada", 1), 0, "hello")
    failed = {"status": TurnStatus.FAILED, "failure": Failure("ModelError"), "usage": Usage(5, 0)}
    assert not (await store.end("c1", ended(again, "", deployment="small", **failed))).is_kept
    total = await store.usage.total(1)
    assert (total.messages, total.input_tokens, total.errors) == (2, 6, {"ModelError": 1})


async def test_a_title_counts_with_and_without_tokens(store):
    conversation = await talk(store, "hello")
    await store.count_title(conversation, "small", Usage(7, 3, 0.25))
    await store.count_title(conversation, "small", None)
    total = await store.usage.total(1)
    assert (total.messages, total.titles, total.input_tokens, total.cost) == (1, 2, 7, 0.25)
    assert (await store.get("c1")).usage == Usage(7, 3, 0.25)


async def test_an_answer_that_another_process_ends_counts_once(store, other):
    turn, _ = await begin(store, Conversation("c1", "ada"), 0, "hello")
    growing = ended(turn, "so far", TurnStatus.STREAMING, deployment="small")
    assert await store.checkpoint("c1", growing)
    await other.stop_remote("c1")
    assert await store.end("c1", ended(turn, deployment="small")) is None
    total = await store.usage.total(1)
    assert (total.messages, total.stopped) == (1, 1)


async def test_so_does_one_whose_process_died(store, open_store):
    turn, revision = await begin(store, Conversation("c1", "ada"), 0, "hello")
    growing = ended(turn, "so far", TurnStatus.STREAMING, deployment="small", usage=Usage(3, 2))
    assert await store.checkpoint("c1", growing)
    heir = open_store(silence=0)
    await say(heir, Conversation("c1", "ada", revision), 1, "and?")
    total = await store.usage.total(1)
    assert (total.messages, total.errors, total.input_tokens) == (2, {"Interrupted": 1}, 3)


async def test_thumbs_count_on_the_day_of_their_answer_and_move(store, today):
    day = date(2026, 3, 1)
    at = datetime(2026, 3, 1, 23, 59, tzinfo=UTC).timestamp()
    today(day)
    await answer(store, "ada", "c1", timing=Timing(at, 1.0))
    today(day + timedelta(5))

    async def thumbs():
        return [(each.key, each.messages, each.up, each.down) for each in await store.usage.lines(30, "day")]

    for feedback, up, down in (
        (Feedback(Rating.UP), 1, 0),
        (Feedback(Rating.UP, "with a word"), 1, 0),
        (Feedback(Rating.DOWN), 0, 1),
        (None, 0, 0),
        (None, 0, 0),
        (Feedback(Rating.DOWN), 0, 1),
    ):
        assert await store.rate("c1", 0, feedback)
        assert await thumbs() == [(str(day), 1, up, down)]
    assert not await store.rate("c1", 1, None)


async def test_a_thumb_from_a_file_that_is_taken_back_is_not_missing_elsewhere(store, sql):
    await answer(store, "ada", "c1")
    sql("""UPDATE turns SET feedback = '{"rating": "up", "comment": ""}'""")
    assert await store.rate("c1", 0, None)
    assert (await store.usage.total(1)).up == 0


async def test_many_processes_count_for_one_visitor_at_once(open_store):
    stores = [open_store() for _ in range(4)]
    await stores[0].check()

    async def one(number):
        await answer(stores[number % 4], "ada", f"c{number}", usage=Usage(1, 2, 0.5))

    await asyncio.gather(*map(one, range(40)))
    total = await stores[0].usage.total(1)
    assert (total.messages, total.input_tokens, total.output_tokens, total.cost) == (40, 40, 80, 20.0)


async def test_days_are_kept_for_good_or_for_as_long_as_it_is_set(store, open_store, today, url):
    for past in (400, 30, 29, 0):
        today(TODAY - timedelta(past))
        await answer(store, "ada", f"c{past}")
    assert not await store.usage.remove_old()
    some = open_store(usage_days=30)
    assert [await some.usage.remove_old() for _ in range(3)] == [True, True, False]
    assert [each.key for each in await store.usage.lines(1000, "day")] == [str(TODAY), str(TODAY - timedelta(29))]


async def test_any_name_and_kind_fits(store):
    await answer(store, "ada", "c1", deployment="\0 " + "漢" * 200, status=TurnStatus.FAILED, failure=Failure("K" * 99))
    [line] = await store.usage.lines(1, "deployment")
    assert (line.key, line.errors) == ("\0 " + "漢" * 200, {"K" * 64: 1})


async def test_where_nothing_was_used_there_is_nothing_to_tell(store):
    assert await store.usage.lines(30, "day") == []
    assert (await store.usage.total(30)).messages == 0
