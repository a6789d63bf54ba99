"""What a turn costs does not depend on how long the conversation is."""

import json
import sqlite3
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from chatbot.conversation.store import StoredTurn
from chatbot.conversation.turn import Conversation, TurnMemory, TurnStatus
from tests.conversation.store.talk import begin, ended
from tests.support.turns import text_turn

TURNS = 2_000


@contextmanager
def statements():
    """Collect every statement that goes to a database meanwhile, with its parameters."""
    sent = []

    def collect(connection, cursor, statement, parameters, context, executemany):
        sent.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", collect)
    yield sent
    event.remove(Engine, "before_cursor_execute", collect)


def long_conversation():
    for n in range(TURNS):
        memory = TurnMemory.PINNED if n == 7 else TurnMemory.AUTO
        yield StoredTurn(
            text_turn(n, f"q{n}", "a" * 500, TurnStatus.COMPLETE, memory=memory, parent=0 if n else None), shown=True
        )


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("read", ["tail", "before", "recent", "growing", "alternatives", "begin", "get", "list"])
async def test_a_long_conversation_is_read_through_an_index(store, tmp_path, read):
    conversation = await store.add(Conversation("c1", "ada"), long_conversation())
    last = await store.tail("c1", 5)
    with statements() as sent:
        await {
            "tail": lambda: store.tail("c1", 20),
            "before": lambda: store.tail("c1", 20, before=1_000),
            "recent": lambda: store.recent("c1", 20),
            "growing": lambda: store.in_progress("c1"),
            "alternatives": lambda: store.alternatives("c1", last),
            "begin": lambda: store.begin(conversation, TURNS, "next"),
            "get": lambda: store.get("c1"),
            "list": lambda: store.list("ada"),
        }[read]()
    assert sent
    with closing(sqlite3.connect(tmp_path / "deep/down/chat.db")) as file:
        for statement, parameters in sent:
            plan = [row[3] for row in file.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            assert [step for step in plan if step.startswith("SCAN") and step != "SCAN anon_1"] == [], statement
            # A list is put in order by its second column; of the rest nothing is sorted.
            assert read == "list" or [step for step in plan if "TEMP B-TREE" in step] == [], statement
            for index in {"growing": ["growing"], "recent": ["growing", "pinned"]}.get(read, ()):
                assert f"USING INDEX turns_{index}" in " ".join(plan)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_postgresql_finds_the_tail_through_an_index_too(store, sql):
    await store.add(Conversation("c1", "ada"), long_conversation())
    sql("ANALYZE turns")
    query = "SELECT * FROM turns WHERE conversation_id = 'c1' AND shown ORDER BY index DESC LIMIT 20"
    [[plan]] = sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")
    plan = plan if isinstance(plan, list) else json.loads(plan)
    [scan] = plan[0]["Plan"]["Plans"]
    assert (scan["Node Type"], scan["Actual Rows"]) == ("Index Scan", 20)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.slow
async def test_the_bytes_of_a_turn_are_the_same_at_any_length(store, tmp_path):
    async def grow(conversation, start, stop):
        revision = conversation.revision
        for n in range(start, stop):
            turn, revision = await begin(store, Conversation("c1", "ada", revision), n, "question " * 20)
            await store.end("c1", ended(turn, "answer " * 100))
        await store.aclose()
        with closing(sqlite3.connect(tmp_path / "deep/down/chat.db")) as file:
            [[pages]] = file.execute("PRAGMA page_count")
            [[size]] = file.execute("PRAGMA page_size")
        return Conversation("c1", "ada", revision), pages * size

    conversation, empty = await grow(Conversation("c1", "ada"), 0, 50)
    conversation, early = await grow(conversation, 50, 250)
    conversation, late = await grow(conversation, 250, 450)
    assert (late - early) <= 1.1 * (early - empty)
    assert (late - early) / 200 < 1.5 * len("question " * 20 + "answer " * 100)
