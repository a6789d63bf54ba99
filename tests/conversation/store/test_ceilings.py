"""What one visitor may keep: nobody passes it, not from two tabs either, and deleting makes room."""

import asyncio

import pytest
import pytest_asyncio

from chatbot.conversation.errors import StoreFullError
from chatbot.conversation.parts import Reasoning, Text
from chatbot.conversation.store import Ceilings, ConversationStore, StoredTurn
from chatbot.conversation.turn import Conversation, Turn, TurnStatus
from tests.conversation.store.talk import begin, ended, say, talk
from tests.support.tables import dump
from tests.support.turns import text_turn


@pytest_asyncio.fixture
async def limited(url):
    """Make stores with ceilings on the same database, as other processes would have them."""
    opened = []

    def limited(**ceilings):
        opened.append(ConversationStore(url, ceilings=Ceilings(**ceilings)))
        return opened[-1]

    yield limited
    for store in opened:
        await store.aclose()


async def test_one_more_conversation_than_may_be_is_refused_and_nothing_of_it_stays(limited, url):
    store = limited(conversations=2)
    one = await talk(store, "one", name="c1")
    await talk(store, "two", name="c2")
    before = dump(url)
    with pytest.raises(StoreFullError) as refused:
        await store.begin(Conversation("c3", "ada"), None, "three")
    assert (refused.value.reason, refused.value.data) == ("conversations", {"most": 2})
    assert dump(url) == before
    await say(store, one, 1, "those that are there go on")
    await talk(store, "others have theirs", name="c4", owner="grace")
    await store.delete("c1")
    await talk(store, "there is room again", name="c3")


async def test_a_deleted_one_comes_back_only_where_there_is_room(limited):
    store = limited(conversations=1)
    await talk(store, "one", name="c1")
    await store.delete("c1")
    await talk(store, "two", name="c2")
    with pytest.raises(StoreFullError):
        await store.restore("c1", "ada")
    assert await store.get("c1") is None
    await store.delete("c2")
    assert await store.restore("c1", "ada")


async def test_many_that_begin_at_once_do_not_pass_it_together(limited):
    stores = [limited(conversations=3), limited(conversations=3)]

    async def begin_one(number):
        try:
            await stores[number % 2].begin(Conversation(f"c{number}", "ada"), None, "hello")
        except StoreFullError:
            return False
        return True

    assert sum(await asyncio.gather(*map(begin_one, range(20)))) == 3
    assert len(await stores[0].list("ada")) == 3


async def test_the_bytes_of_all_words_count_however_they_came(limited, url):
    store = limited(size=1_000)
    conversation = await talk(store, "é" * 100)  # 200, and "answer to " before as many
    assert dump(url)["turns"][0][-1] == 200 + 10 + 200
    turn, revision = await begin(store, conversation, 1, "x" * 100)
    await store.end("c1", ended(turn, "y" * 400))
    with pytest.raises(StoreFullError) as refused:
        await store.begin(Conversation("c1", "ada", revision), 1, "z" * 200)
    assert (refused.value.reason, refused.value.data) == ("size", {"most": 0.001})
    with pytest.raises(StoreFullError):
        await store.begin(Conversation("c2", "ada"), None, "z" * 200)
    await store.begin(Conversation("c2", "ada"), None, "z" * 50)
    await store.begin(Conversation("c3", "grace"), None, "z" * 900)
    assert [each.id for each in await store.list("ada")] == ["c2", "c1"]


async def test_thoughts_and_parts_count_and_grow_with_the_answer(limited, url):
    store = limited(size=1_000_000)
    turn, _ = await begin(store, Conversation("c1", "ada"), 0, "abc")
    sizes = [dump(url)["turns"][0][-1]]
    for words in ("four", "four and more"):
        grown = Turn(0, turn.question, (Reasoning("hm"), Text(words)), version=turn.version)
        assert await store.checkpoint("c1", grown)
        sizes.append(dump(url)["turns"][0][-1])
    assert sizes == [3, 3 + 2 + 4, 3 + 2 + 13]


@pytest.mark.parametrize("ceilings", [{"conversations": 2}, {"size": 2_500}], ids=["conversations", "size"])
async def test_an_import_that_is_too_much_is_refused_as_a_whole(limited, url, ceilings):
    store = limited(**ceilings)
    await talk(store, "one", name="c1")
    before = dump(url)
    turns = [StoredTurn(text_turn(0, "q", "a" * 1_500, TurnStatus.COMPLETE), shown=True)]
    with pytest.raises(StoreFullError):
        await store.add_all([(Conversation(f"new {number}", "ada"), turns) for number in range(2)])
    assert dump(url) == before
    await store.add_all([(Conversation("new", "ada"), turns)])
    assert len(await store.list("ada")) == 2


async def test_what_was_there_before_sizes_were_kept_is_counted_when_it_is_migrated(limited, sql, url):
    store = limited()
    await talk(store, "é" * 100)
    counted = dump(url)["turns"][0][-1]
    await store.aclose()
    sql("DROP INDEX turns_sized")
    sql("DROP INDEX conversations_written")
    # What later versions brought, too.
    for table in ("acceptances", "usage", "usage_salt", "secrets", "revoked_sessions", "api_keys", "shares"):
        sql(f"DROP TABLE {table}")
    sql("ALTER TABLE turns DROP COLUMN size")
    for column in ("comparison", "pinned", "archived"):
        sql(f"ALTER TABLE conversations DROP COLUMN {column}")
    sql("UPDATE alembic_version SET version_num = '7'")
    await limited().check()
    assert dump(url)["turns"][0][-1] == counted
