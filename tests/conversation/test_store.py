"""The store, on a real SQLite file."""

import asyncio
import sqlite3

import pytest
import pytest_asyncio

from chatbot.conversation import Conversation, ConversationStore, Failure, Turn, TurnStatus, Usage
from chatbot.conversation.store import RevisionError


@pytest_asyncio.fixture
async def begun(store) -> Conversation:
    return await store.create(Conversation("c1", "ada", title="Hello"))


def turn(index: int, text: str = "hello") -> Turn:
    return Turn(index, text, f"answer to {text}", TurnStatus.COMPLETE)


async def test_a_turn_comes_back_as_it_was_byte_for_byte(store, begun):
    written = Turn(
        0,
        '  lines\n\ttabs \\ "quotes" é 漢字 😀 \u200b ',
        "\n    indented\n",
        TurnStatus.FAILED,
        "length",
        Usage(3, 4),
        Failure("ModelRateLimitError", "Busy.", 1.5),
    )
    await store.save("c1", 0, written, begun.revision)
    assert await store.turns("c1") == [written]


async def test_each_save_raises_the_revision(store, begun):
    assert begun.revision == 1
    assert await store.save("c1", 0, turn(0), 1) == 2
    assert (await store.get("c1")).revision == 2


async def test_saving_at_an_index_cuts_what_came_after(store, begun):
    for n in range(3):
        await store.save("c1", n, turn(n), n + 1)
    await store.save("c1", 1, turn(1, "other"), 4)
    assert [t.user for t in await store.turns("c1")] == ["hello", "other"]
    await store.save("c1", 0, None, 5)
    assert await store.turns("c1") == []


async def test_a_writer_who_is_late_changes_nothing(store, begun):
    await store.save("c1", 0, turn(0), 1)
    with pytest.raises(RevisionError):
        await store.save("c1", 0, turn(0, "late"), 1)
    assert [t.user for t in await store.turns("c1")] == ["hello"]


async def test_of_many_writers_at_once_one_wins(store, begun):
    attempts = await asyncio.gather(
        *(store.save("c1", 0, turn(0, str(n)), 1) for n in range(20)), return_exceptions=True
    )
    assert [a for a in attempts if not isinstance(a, RevisionError)] == [2]
    assert len(await store.turns("c1")) == 1


async def test_the_tail_is_the_newest_turns_in_order(store, begun):
    for n in range(5):
        await store.save("c1", n, turn(n), n + 1)
    assert [t.index for t in await store.tail("c1", 2)] == [3, 4]
    assert [t.index for t in await store.tail("c1", 2, before=3)] == [1, 2]
    assert [t.index for t in await store.tail("c1", 9, before=1)] == [0]
    assert await store.tail("c1", 0) == []


async def test_a_list_holds_only_the_owners_conversations_newest_first(store, begun):
    await store.create(Conversation("c2", "ada"))
    await store.create(Conversation("c3", "grace"))
    await store.save("c1", 0, turn(0), 1)
    assert [c.id for c in await store.list("ada")] == ["c1", "c2"]
    assert [c.id for c in await store.list("grace")] == ["c3"]


async def test_a_deleted_conversation_leaves_nothing(store, begun, tmp_path):
    await store.save("c1", 0, turn(0), 1)
    await store.delete("c1")
    assert await store.get("c1") is None
    with sqlite3.connect(tmp_path / "deep/down/chat.db") as file:
        assert file.execute("select count(*) from turns").fetchone() == (0,)
    file.close()


async def test_what_was_saved_is_there_after_a_restart(store, begun, tmp_path):
    await store.save("c1", 0, turn(0), 1)
    await store.aclose()
    again = ConversationStore(f"sqlite:///{tmp_path}/deep/down/chat.db")
    assert await again.turns("c1") == [turn(0)]
    await again.aclose()


@pytest.mark.parametrize("url", ["nonsense", "nodialect://x", "sqlite+nodriver:///x"])
def test_a_url_that_is_none_is_refused_in_words(url):
    with pytest.raises(ValueError, match="no database URL that can be used here"):
        ConversationStore(url)


def test_the_password_of_a_url_is_not_repeated():
    with pytest.raises(ValueError, match="no database URL") as refused:
        ConversationStore("nodialect://user:hunter2@host/db")
    assert "hunter2" not in str(refused.value)


async def test_a_folder_that_cannot_be_made_is_told_by_the_check(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match="cannot be opened"):
        await ConversationStore(f"sqlite:///{tmp_path}/file/chat.db").check()


async def test_a_file_that_is_no_database_is_told_by_the_check(tmp_path):
    (tmp_path / "chat.db").write_text("not a database, but long enough to be looked at as one" * 20)
    with pytest.raises(ValueError, match=r"cannot be opened .*not a database"):
        await ConversationStore(f"sqlite:///{tmp_path}/chat.db").check()
