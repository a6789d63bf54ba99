"""``?exclusive=true``: one lasting connection to an SQLite file on what has no locks, as a mounted bucket has none."""

import asyncio
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from dataclasses import replace

import pytest

from chatbot.conversation import Conversation, ConversationStore, DatabaseMovedError, TurnStatus
from chatbot.conversation.parts import text_parts
from tests.conversation.store.talk import begin
from tests.support.app_process import ROOT
from tests.support.no_locks import can_forbid_locks

TALK = """
    import asyncio, sys
    from dataclasses import replace
    from chatbot.conversation import Conversation, ConversationStore, TurnStatus
    from chatbot.conversation.parts import text_parts
    from tests.conversation.store.talk import begin
    from tests.support.no_locks import forbid_locks

    async def talk(number):
        turn, _ = await begin(store, Conversation(f"c{number}", "ada"), 0, f"question {number}")
        await store.end(f"c{number}", replace(turn, answer=text_parts(f"answer {number}"), status=TurnStatus.COMPLETE))
        return [each.answer_text for each in await store.turns(f"c{number}")]

    async def main():
        print(await asyncio.gather(*map(talk, range(20))))
        if "leave" in sys.argv:
            sys.stdout.flush()
            import os; os._exit(9)
        await store.aclose()

    forbid_locks()
    store = ConversationStore(sys.argv[1])
    asyncio.run(main())
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "conversations.db"


@pytest.fixture
def url(file):
    return f"sqlite:///{file}?exclusive=true"


def without_locks(url, *words):
    """Twenty talk at once in a process for which no file system has locks."""
    if not can_forbid_locks():
        pytest.xfail("only Linux on two kinds of machines can be told to refuse locks here")
    command = [sys.executable, "-c", textwrap.dedent(TALK), url, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


async def say(store, name, text="hello"):
    turn, _ = await begin(store, Conversation(name, "ada"), 0, text)
    await store.end(name, replace(turn, answer=text_parts(f"{text}!"), status=TurnStatus.COMPLETE))


@pytest.mark.slow
def test_without_locks_a_plain_file_cannot_be_used_and_an_exclusive_one_can(url, file):
    plain = without_locks(url.partition("?")[0])
    assert plain.returncode == 1
    assert "OperationalError" in plain.stderr
    file.unlink(missing_ok=True)
    told = without_locks(url)
    assert told.returncode == 0, told.stderr
    assert all(f"answer {number}" in told.stdout for number in range(20))
    assert not file.with_name(f"{file.name}-wal").exists()
    assert not file.with_name(f"{file.name}-shm").exists()


@pytest.mark.slow
def test_what_was_said_is_there_after_an_end_without_a_word(url, file):
    assert without_locks(url, "leave").returncode == 9
    told = without_locks(url.replace("conversations", "other"))
    assert told.returncode == 0, told.stderr
    with closing(sqlite3.connect(file)) as after:
        assert after.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert after.execute("SELECT count(*) FROM turns WHERE status = 'complete'").fetchall() == [(20,)]


async def test_who_opens_it_last_has_it_and_the_other_writes_no_more(url):
    old, new = ConversationStore(url), ConversationStore(url)
    try:
        await say(old, "c1")
        assert [each.answer_text for each in await new.turns("c1")] == ["hello!"]
        await asyncio.sleep(1)  # so rarely it is looked at
        with pytest.raises(DatabaseMovedError):
            await say(old, "c2")
        await say(new, "c3")
        await old.aclose()
        await say(new, "c4")
    finally:
        await old.aclose()
        await new.aclose()


async def test_who_comes_late_leaves_a_file_to_the_process_that_has_it_by_then(url):
    old, new = ConversationStore(url), ConversationStore(url)
    try:
        await say(old, "c1")
        await old.aclose()
        await say(old, "late")
        await say(new, "c2")
        with pytest.raises(DatabaseMovedError):
            await say(old, "too late")
        await asyncio.sleep(1)  # so rarely it is looked at
        await say(new, "c3")
        assert [each.id for each in await new.list("ada")] == ["c3", "c2", "late", "c1"]
    finally:
        await new.aclose()


async def test_a_file_that_was_written_ahead_becomes_one_without(url, file):
    before = ConversationStore(url.partition("?")[0])
    await say(before, "c1")
    await before.aclose()
    store = ConversationStore(url)
    try:
        await say(store, "c2")
        assert [each.answer_text for each in await store.turns("c1")] == ["hello!"]
    finally:
        await store.aclose()
    with closing(sqlite3.connect(file)) as after:
        assert after.execute("PRAGMA journal_mode").fetchone() != ("wal",)
