"""Opening a database: what is wrong with it is told in words, and nothing is told twice or in vain."""

import asyncio
import gc
import subprocess
import sys
import warnings

import pytest
from sqlalchemy import text

from chatbot.conversation import Conversation, DatabaseMovedError
from chatbot.conversation.store import ConversationStore, database
from tests.conversation.store.talk import begin, ended, talk, texts

OPENER = """
import asyncio, sys
from chatbot.conversation.store import ConversationStore
sys.stdin.readline()
asyncio.run(ConversationStore(sys.argv[1]).check())
"""


@pytest.mark.parametrize("url", ["nonsense", "nodialect://x", "sqlite+nodriver:///x"])
def test_a_url_that_is_none_is_refused_in_words(url):
    with pytest.raises(ValueError, match="no database URL that can be used here"):
        ConversationStore(url)


def test_the_password_of_a_url_is_not_repeated():
    with pytest.raises(ValueError, match="no database URL") as refused:
        ConversationStore("nodialect://user:hunter2@host/db")
    assert "hunter2" not in str(refused.value)


async def test_a_server_that_does_not_answer_is_told_by_the_check_without_the_password():
    with pytest.raises(ValueError, match="cannot be opened") as refused:
        await ConversationStore("postgresql://user:hunter2@127.0.0.1:9/db").check()
    assert "hunter2" not in str(refused.value)


async def test_who_leaves_within_a_reading_takes_no_connection_along(tmp_path):
    opened = database.Database(f"sqlite:///{tmp_path}/chat.db")
    await opened.read(text("SELECT 1"))
    count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT count(*) FROM n"
    reading = asyncio.ensure_future(opened.read(text(count)))
    await asyncio.sleep(0.05)
    # As a server does with what a browser has left: until it ends.
    while not reading.done():
        reading.cancel()
        await asyncio.sleep(0)
    await opened.aclose()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}, "a connection is being closed, and never will be"


async def test_a_folder_that_cannot_be_made_is_told_by_the_check(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match="cannot be opened"):
        await ConversationStore(f"sqlite:///{tmp_path}/file/chat.db").check()


async def test_a_file_that_is_no_database_is_told_by_the_check(tmp_path):
    (tmp_path / "chat.db").write_text("not a database, but long enough to be looked at as one" * 20)
    with pytest.raises(ValueError, match=r"cannot be opened .*not a database"):
        await ConversationStore(f"sqlite:///{tmp_path}/chat.db").check()


async def test_a_checked_store_can_be_used_and_closed_again_and_again(store):
    for name in ("c1", "c2"):
        await store.check()
        await talk(store, "hello", name=name)
        await store.aclose()
    assert await texts(store, "c1") == await texts(store, "c2") == ["hello"]


async def test_many_stores_open_one_new_database_at_the_same_moment(open_store):
    await asyncio.gather(*(open_store().check() for _ in range(8)))
    await talk(open_store(), "hello")
    assert await texts(open_store()) == ["hello"]


@pytest.mark.slow
def test_many_processes_open_one_new_database_at_the_same_moment(url):
    command = [sys.executable, "-c", OPENER, url]
    openers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for opener in openers:
        opener.stdin.write("now\n")
        opener.stdin.flush()
    assert [(*opener.communicate(), opener.returncode) for opener in openers] == [("", "", 0)] * 4


async def test_what_is_in_use_while_a_database_is_closed_is_closed_when_it_is_not_any_more(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "IN_USE_SECONDS", 0.01)
    held = database.Database(f"sqlite:///{tmp_path / 'chat.db'}")
    async with held.writing():
        await held.aclose()
    assert unclosed() == []


def unclosed():
    """What nobody closed before letting go of it."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        gc.collect()
    return [str(each.message) for each in told if issubclass(each.category, ResourceWarning)]


async def test_a_turn_that_ends_after_the_end_of_its_store_is_kept_and_leaves_nothing_open(url, open_store):
    store = ConversationStore(url)  # which nobody else holds
    turn, _ = await begin(store, Conversation("c1", "ada"), 0, "hello")
    await store.aclose()
    assert await store.end("c1", ended(turn, "late"))
    del store
    assert unclosed() == []
    assert [each.answer_text for each in await open_store().turns("c1")] == ["late"]


@pytest.mark.parametrize("opened", [True, False], ids=["open", "opening"])
async def test_a_store_that_ends_under_statements_does_all_of_them_and_leaves_nothing_open(url, open_store, opened):
    store = ConversationStore(url)  # which nobody else holds
    if opened:
        await texts(store)
    under_way = [asyncio.create_task(talk(store, "hello", name=f"c{number}")) for number in range(20)]
    await asyncio.sleep(0.05)
    await store.aclose()
    late = [asyncio.create_task(texts(store, f"c{number}")) for number in range(20)]
    await asyncio.gather(*under_way, *late)
    del store, under_way, late
    assert unclosed() == []
    assert [await texts(open_store(), f"c{number}") for number in range(20)] == [["hello"]] * 20


async def test_who_is_cancelled_after_the_end_of_a_store_leaves_nothing_open(url):
    store = ConversationStore(url)  # which nobody else holds
    await store.ping()
    await store.aclose()
    for steps in range(20):
        late = asyncio.create_task(store.ping())
        await asyncio.sleep(steps / 1000)
        late.cancel()
        await asyncio.wait([late])
    del store, late
    assert unclosed() == []


async def test_a_file_that_is_gone_after_the_end_of_its_store_is_not_made_anew(tmp_path):
    file = tmp_path / "chat.db"
    held = database.Database(f"sqlite:///{file}")
    await held.ping()
    await held.aclose()
    file.unlink()
    with pytest.raises(DatabaseMovedError):
        await held.ping()
    assert not file.exists()
