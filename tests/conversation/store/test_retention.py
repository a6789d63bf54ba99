"""With a limit of days, what nobody has written to for so long is removed for good, whoever still looks at it."""

import pytest
import pytest_asyncio

from chatbot.conversation.parts import Image, Text
from chatbot.conversation.retention import LASTING_SECONDS, PASSING, PASSING_SECONDS
from chatbot.conversation.store import ConversationStore, StoredTurn
from chatbot.conversation.store import store as limits
from chatbot.conversation.turn import Conversation, Turn, TurnStatus
from tests.conversation.store.talk import say, talk, texts
from tests.conversation.store.test_expiry import remove_all
from tests.support.tables import dump
from tests.support.turns import text_turn

DAY = 24 * 3600.0
LIMIT = 30 * DAY


@pytest_asyncio.fixture
async def store(url):
    store = ConversationStore(url, retention=LIMIT)
    yield store
    await store.aclose()


@pytest.fixture
def let_pass(sql):
    """Let time pass for all that is stored."""

    def let_pass(seconds):
        sql("UPDATE conversations SET updated_at = updated_at - :ago, expires_at = expires_at - :ago", ago=seconds)
        sql("UPDATE blobs SET touched_at = touched_at - :ago", ago=seconds)
        sql("UPDATE acceptances SET expires_at = expires_at - :ago", ago=seconds)

    return let_pass


async def sweep(store):
    await remove_all(store)
    while await store.blobs.remove_unused():
        pass
    await store.acceptances.remove_expired()


async def test_it_goes_with_its_turns_and_its_pictures_when_the_days_are_over(store, let_pass, url):
    blob = await store.blobs.put("ada", b"\x89PNG", "image/png")
    turn = Turn(0, (Text("Look"), Image(blob)), (Text("I see"),), TurnStatus.COMPLETE)
    await store.add(Conversation("c1", "ada"), [StoredTurn(turn, shown=True)])
    let_pass(LIMIT - 60)
    await sweep(store)
    assert await texts(store) == ["Look"]
    let_pass(61)
    await sweep(store)
    assert {name: rows for name, rows in dump(url).items() if name != "alembic_version" and rows} == {}


async def test_looking_at_it_puts_nothing_off_and_writing_does(store, let_pass):
    await talk(store, "one", name="read")
    written = await talk(store, "one", name="written")
    let_pass(LIMIT - 60)
    await store.renew("ada")
    await say(store, written, 1, "two")
    let_pass(61)
    await sweep(store)
    assert [each.id for each in await store.list("ada")] == ["written"]


async def test_a_long_one_that_is_being_removed_cannot_be_brought_back(store, let_pass, monkeypatch):
    monkeypatch.setattr(limits, "REMOVED_TURNS", 7)
    turns = [
        StoredTurn(text_turn(n, f"{n}", "a", TurnStatus.COMPLETE, parent=0 if n else None), shown=True)
        for n in range(20)
    ]
    await store.add(Conversation("c1", "ada"), turns)
    let_pass(LIMIT + 1)
    assert await store.remove_expired()
    assert (await store.list("ada"), await store.restore("c1", "ada")) == ([], None)


async def test_who_cannot_come_back_has_no_more_than_a_day_all_the_same(store, let_pass):
    await talk(store, "one", owner=f"{PASSING}somebody")
    let_pass(PASSING_SECONDS + 1)
    assert await store.remove_expired()


@pytest.mark.parametrize(("owner", "seconds"), [("ada", LASTING_SECONDS), (f"{PASSING}x", PASSING_SECONDS)])
async def test_an_acceptance_is_kept_as_long_as_its_owner_may_come_back(store, let_pass, owner, seconds):
    await store.acceptances.add(owner, "v1")
    await store.acceptances.add(owner, "v1")
    assert (await store.acceptances.has(owner, "v1"), await store.acceptances.has(owner, "v2")) == (True, False)
    let_pass(seconds - 60)
    await sweep(store)
    assert await store.acceptances.has(owner, "v1")
    let_pass(61)
    await sweep(store)
    assert not await store.acceptances.has(owner, "v1")
