"""Databases of earlier and later versions: the first lose nothing, the second are left alone."""

import asyncio
import logging
import time

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from chatbot.conversation.retention import LASTING_SECONDS
from chatbot.conversation.store import StoredTurn
from chatbot.conversation.store.schema import metadata
from chatbot.conversation.turn import (
    Conversation,
    Failure,
    Feedback,
    Notice,
    Options,
    Rating,
    Timing,
    TurnMemory,
    TurnStatus,
    Usage,
)
from tests.conversation.store.talk import say, texts
from tests.support.turns import text_turn

# Word for word what the first version of the application made: it wrote down no version.
FIRST = (
    "CREATE TABLE conversations (id VARCHAR(64) NOT NULL, owner VARCHAR(128) NOT NULL, title VARCHAR(200) NOT NULL,"
    " revision INTEGER NOT NULL, updated_at FLOAT NOT NULL, PRIMARY KEY (id))",
    "CREATE INDEX conversations_of_owner ON conversations (owner, updated_at)",
    'CREATE TABLE turns (conversation_id VARCHAR(64) NOT NULL, "index" INTEGER NOT NULL, "user" TEXT NOT NULL,'
    " assistant TEXT NOT NULL, status VARCHAR(16) NOT NULL, finish_reason VARCHAR(64), usage JSON, failure JSON,"
    ' created_at FLOAT NOT NULL, PRIMARY KEY (conversation_id, "index"),'
    " FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE)",
    "INSERT INTO conversations VALUES ('c1', 'ada', 'Hello \x1a0 é', 4, 1700000000.25), ('c2', 'grace', '', 1, 1.5)",
    "INSERT INTO turns VALUES"
    " ('c1', 0, 'a \x1a0 b', '  x\r\n\x1a', 'complete', 'stop',"
    """ '{"input_tokens": 3, "output_tokens": 4}', 'null', 1.5),"""
    " ('c1', 1, 'é 漢字 😀', 'par', 'failed', NULL, 'null',"
    """ '{"kind": "K", "message": "M", "retry_after": 2.5}', 2.5),"""
    " ('c1', 2, 'three', 'so far', 'stopped', NULL, NULL, NULL, 3.5)",
)


# The same of the second version, as far as the third one changes it.
SECOND = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('2')",
    "CREATE TABLE conversations (id VARCHAR(64) NOT NULL PRIMARY KEY, owner VARCHAR(128) NOT NULL, title TEXT NOT NULL,"
    " revision INTEGER NOT NULL, k INTEGER, updated_at FLOAT NOT NULL, deleted_at FLOAT)",
    "CREATE INDEX conversations_deleted ON conversations (deleted_at) WHERE deleted_at IS NOT NULL",
    "CREATE TABLE turns (conversation_id VARCHAR(64) NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,"
    ' "index" INTEGER NOT NULL, version INTEGER NOT NULL, parent INTEGER, shown BOOLEAN NOT NULL, "user" TEXT NOT NULL,'
    " assistant TEXT NOT NULL, status VARCHAR(16) NOT NULL, finish_reason TEXT, usage JSON, failure JSON,"
    " memory VARCHAR(16) NOT NULL, notice TEXT NOT NULL, writer VARCHAR(32), touched_at FLOAT NOT NULL,"
    ' PRIMARY KEY (conversation_id, "index", version))',
    "INSERT INTO conversations VALUES ('c1', 'ada', 'One', 3, 7, 1.5, NULL), ('c2', 'ada', 'Two', 1, NULL, 2.5, NULL)",
    "INSERT INTO turns VALUES"
    " ('c1', 0, 0, NULL, false, 'a', 'b', 'complete', 'stop',"
    """ '{"input_tokens": 3, "output_tokens": 4}', NULL, 'pinned', 'note', NULL, 1.5),"""
    " ('c1', 0, 1, NULL, true, 'a', 'c', 'complete', 'stop',"
    """ '{"input_tokens": 30, "output_tokens": 40}', NULL, 'auto', '', NULL, 1.5),"""
    " ('c2', 0, 0, NULL, true, 'a', '', 'failed', NULL, NULL,"
    """ '{"kind": "Interrupted", "message": "The application ended.", "retry_after": null, "blocked": false}',"""
    " 'auto', '', NULL, 1.5)",
)


@pytest.fixture
def second(sql):
    for statement in SECOND:
        sql(statement.replace(":", "\\:"))


async def test_a_database_of_the_second_version_keeps_what_was_chosen_and_counts_what_answers_took(second, store):
    assert await store.get("c1") == Conversation("c1", "ada", 3, "One", Options(k=7), 1.5, Usage(33, 44))
    assert (await store.get("c2")).options == Options()
    first, shown = [each.turn for each in await store.everything("c1")]
    assert (first.memory, first.usage) == (TurnMemory.PINNED, Usage(3, 4))
    [interrupted] = await store.turns("c2")
    assert interrupted.failure == Failure("Interrupted"), "its kind says what its sentence said"
    assert (first.notices, shown.notices) == ((Notice("text", {"text": "note"}),), ())
    assert (shown.answer_text, shown.reasoning_text, shown.timing, shown.feedback) == ("c", "", None, None)


# What the third version wrote, with text and columns as it stored them.
THIRD = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('3')",
    "CREATE TABLE conversations (id VARCHAR(64) NOT NULL PRIMARY KEY, owner VARCHAR(128) NOT NULL, title TEXT NOT NULL,"
    " revision INTEGER NOT NULL, updated_at FLOAT NOT NULL, deleted_at FLOAT, options JSON DEFAULT '{}' NOT NULL,"
    " input_tokens BIGINT DEFAULT '0' NOT NULL, output_tokens BIGINT DEFAULT '0' NOT NULL, cost FLOAT)",
    "CREATE TABLE turns (conversation_id VARCHAR(64) NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,"
    ' "index" INTEGER NOT NULL, version INTEGER NOT NULL, parent INTEGER, shown BOOLEAN NOT NULL, "user" TEXT NOT NULL,'
    " assistant TEXT NOT NULL, status VARCHAR(16) NOT NULL, finish_reason TEXT, usage JSON, failure JSON,"
    " memory VARCHAR(16) NOT NULL, notice TEXT NOT NULL, writer VARCHAR(32), touched_at FLOAT NOT NULL,"
    " reasoning TEXT DEFAULT '' NOT NULL, timing JSON, deployment TEXT DEFAULT '' NOT NULL, feedback JSON,"
    ' PRIMARY KEY (conversation_id, "index", version))',
    "CREATE INDEX conversations_deleted ON conversations (deleted_at) WHERE deleted_at IS NOT NULL",
    """INSERT INTO conversations VALUES ('c1', 'ada', 'Hello', 1, 1.5, NULL, '{"k": 7}', 3, 4, 0.5)""",
    "INSERT INTO turns VALUES ('c1', 0, 0, NULL, true, 'a \x1a0 b', '  x\r\n', 'complete', 'stop',"
    """ '{"input_tokens": 3, "output_tokens": 4, "cost": 0.5}', NULL, 'auto', '', 'bc8df4a0b4caf39c', 1.5,"""
    """ 'hm \x1a0', '{"ended_at": 1.5, "total": 2.5, "first_word": 0.5, "thinking": null}', 'd',"""
    """ '{"rating": "up", "comment": "\\u00e9"}')""",
)


async def test_turns_of_the_third_version_are_made_of_their_texts(sql, store):
    for statement in THIRD:
        sql(statement.replace(":", "\\:"))
    kept = text_turn(
        0,
        "a \0 b",
        "  x\r\n",
        TurnStatus.COMPLETE,
        "stop",
        Usage(3, 4, 0.5),
        timing=Timing(1.5, 2.5, 0.5),
        deployment="d",
        feedback=Feedback(Rating.UP, "é"),
        reasoning="hm \0",
    )
    assert await store.turns("c1") == [kept]
    assert sql("SELECT question_parts, answer_parts FROM turns") == [(None, None)]
    await say(store, await store.get("c1"), 1, "again")
    assert [each.id for each in await store.list("ada", search="again")] == ["c1"]


@pytest.fixture
def first(sql):
    for statement in FIRST:
        sql(statement.replace(":", "\\:"))


async def test_a_database_of_the_first_version_loses_nothing(first, store, sql):
    assert await store.get("c1") == Conversation(
        "c1", "ada", 4, "Hello \x1a0 é", updated_at=1700000000.25, usage=Usage(3, 4)
    )
    assert [c.id for c in await store.list("grace")] == ["c2"]
    turns = [
        text_turn(0, "a \x1a0 b", "  x\r\n\x1a", TurnStatus.COMPLETE, "stop", Usage(3, 4)),
        text_turn(1, "é 漢字 😀", "par", TurnStatus.FAILED, failure=Failure("K", {"text": "M"}, 2.5), parent=0),
        text_turn(2, "three", "so far", TurnStatus.STOPPED, parent=0),
    ]
    assert await store.everything("c1") == [StoredTurn(turn, shown=True) for turn in turns]
    assert sql("SELECT touched_at FROM turns ORDER BY touched_at") == [(1.5,), (2.5,), (3.5,)]
    await say(store, await store.get("c1"), 1, "again")
    assert await texts(store) == ["a \x1a0 b", "again"]
    await store.delete("c1")
    assert await store.restore("c1", "ada")


async def test_a_database_of_the_first_version_may_be_opened_by_many_at_once(first, open_store):
    stores = [open_store() for _ in range(6)]
    found = await asyncio.gather(*(each.turns("c1") for each in stores))
    assert [len(turns) for turns in found] == [3] * 6


@pytest.mark.parametrize("begun_as", ["new", "first"])
async def test_what_the_migrations_make_is_what_the_code_expects(request, store, url, begun_as):
    if begun_as == "first":
        request.getfixturevalue("first")
    await store.check()
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


async def test_what_was_there_before_has_its_full_time_and_what_was_deleted_long_ago_none(second, store, sql):
    sql("UPDATE conversations SET deleted_at = 1.5 WHERE id = 'c2'")
    await store.check()
    assert await store.remove_expired()
    assert sql("SELECT id FROM conversations") == [("c1",)]
    [(expires_at,)] = sql("SELECT expires_at FROM conversations")
    assert time.time() + LASTING_SECONDS - expires_at < 3600


async def test_a_migrated_database_still_ties_turns_to_their_conversation(first, store, sql):
    await store.check()
    await store.delete("c1")
    sql("UPDATE conversations SET expires_at = 1 WHERE id = 'c1'")
    assert await store.remove_expired()
    assert sql("SELECT count(*) FROM turns") == [(0,)]


async def test_a_database_of_a_later_version_is_told_by_the_check_and_left_alone(store, open_store, sql):
    await say(store, Conversation("c1", "ada"), 0, "hello")
    sql("UPDATE alembic_version SET version_num = '99'")
    with pytest.raises(ValueError, match=r"later version of this application \(schema 99; this one knows 14\)"):
        await open_store().check()
    assert sql("SELECT version_num FROM alembic_version") == [("99",)]
    assert sql('SELECT "user" FROM turns') == [("hello",)]


async def test_a_migration_that_fails_leaves_the_database_as_it_was(first, store, sql):
    # Something of the same name is in the way of the second version's last step.
    sql("CREATE TABLE turns_pinned (x INTEGER)")
    with pytest.raises(ValueError, match="cannot be opened"):
        await store.check()
    assert sql('SELECT "user" FROM turns WHERE "index" = 2') == [("three",)]
    sql("DROP TABLE turns_pinned")
    assert len(await store.turns("c1")) == 3


async def test_migrating_says_nothing_and_leaves_logging_alone(first, store, capfd, caplog):
    before = (logging.root.level, list(logging.root.handlers), logging.getLogger("chatbot").disabled)
    await store.check()
    assert (logging.root.level, list(logging.root.handlers), logging.getLogger("chatbot").disabled) == before
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
