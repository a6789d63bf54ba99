"""A temporary chat is a chat like any other, and leaves nothing: no row, no line in a log, nothing in memory."""

import asyncio
import gc
import inspect
import logging
import sqlite3
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from langchain_core.exceptions import ModelRateLimitError
from langchain_core.messages import AIMessageChunk
from sqlalchemy import text

from chatbot.conversation import (
    Conversation,
    ConversationConflictError,
    ConversationNotFoundError,
    ConversationService,
    ConversationStore,
    Deployment,
    Deployments,
    Feedback,
    Options,
    Prices,
    Rating,
    StoreFullError,
    TurnMemory,
    WindowMemory,
)
from chatbot.conversation.store import engine, usage
from chatbot.conversation.store.ceilings import Ceilings
from chatbot.conversation.store.temporary import StoreWithTemporary
from chatbot.conversation.store.usage import TEMPORARY_CHATS
from chatbot.conversation.turn import TEMPORARY, Usage
from tests.conversation.conversing import answers, ask, say, start, talk, until, users
from tests.support.scripted_model import ScriptedModel
from tests.support.tables import dump

WORDS = "xyzzy"


@pytest.fixture
def memory():
    return WindowMemory(k=2)


@pytest_asyncio.fixture
async def kept(service, model, sqlite_url):
    """A conversation that is kept, beside which nothing may change; what is in its database."""
    await talk(service, model, "kept")
    return lambda: dump(sqlite_url)


async def chat(service, model, *questions):
    conversation = service.begin_temporary("ada")
    for each in questions:
        conversation = await ask(service, model, conversation, f"{WORDS} {each}")
    return conversation


def at_first(conversation):
    """As its owner saw it when it had begun."""
    return Conversation(conversation.id, conversation.owner, 1)


def in_memory(service):
    """The store in memory that this service has beside the other."""
    return service._store._temporary


async def rows_in_memory(service):
    tables = ("conversations", "turns", "blobs", "turn_blobs")
    counts = " + ".join(f"(SELECT count(*) FROM {table})" for table in tables)
    [row] = await in_memory(service)._database.read(text(f"SELECT {counts} AS rows_there"))
    return row["rows_there"]


async def test_it_is_a_chat_like_any_other_and_leaves_no_row(service, model, kept, caplog):
    caplog.set_level(logging.DEBUG)
    before = kept()
    conversation = await chat(service, model, "Contoso budget", "two", "three", "four")
    assert conversation.is_temporary
    # Its memory has a window.
    assert [each.text for each in model.asked[-1]][-5:] == [
        f"{WORDS} two",
        f"re: {WORDS} two",
        f"{WORDS} three",
        f"re: {WORDS} three",
        f"{WORDS} four",
    ]
    assert (await service.mention(conversation, "How big is the Contoso budget?")) is not None
    conversation = await service.set_memory(conversation, 0, TurnMemory.PINNED)
    conversation = await service.choose(conversation, Options(temperature=0.5))
    # A retry, an edit, a version, an undo.
    conversation = await ask(service, model, conversation, f"{WORDS} four", f"{WORDS} again", at=3)
    assert (await answers(service, conversation))[-1] == f"{WORDS} again"
    view = await service.view(conversation)
    assert list(view.versions[3]) == [0, 1]
    conversation = await service.select_version(conversation, 3, 0)
    conversation = await ask(service, model, conversation, f"{WORDS} edited", at=1)
    conversation = await service.rewind(conversation, 1)
    assert await users(service, conversation) == [f"{WORDS} Contoso budget"]
    await service.rate(conversation, 0, Feedback(Rating.UP, WORDS))
    await service.rename(conversation, f"{WORDS} title")
    model.will_say(f"{WORDS} found")
    assert await service.find_title(conversation) == f"{WORDS} found"
    assert WORDS in await service.export_json(await service.refresh(conversation))
    with pytest.raises(ConversationConflictError):
        await service.rewind(at_first(conversation), 0)
    assert kept() == before
    await service.discard(conversation)
    assert kept() == before
    assert await rows_in_memory(service) == 0
    assert WORDS not in caplog.text


async def test_it_is_in_no_list_search_or_export_and_nobody_opens_it_by_its_id(service, model, kept):
    conversation = await chat(service, model, "one")
    assert [each.title for each in await service.list("ada")] == ["kept"]
    assert await service.list("ada", search=WORDS) == []
    assert (await service.latest("ada")).title == "kept"
    assert await service._store.rated() == []

    class DocumentWords:
        untitled = answer = source = "x"

        def part(self, part):
            return ""

        def turn(self, number):
            return f"{number}"

        def remarks(self, turn):
            return []

    assert WORDS.encode() not in await service.export_all("ada", DocumentWords())
    for owner in ("ada", "grace"):
        with pytest.raises(ConversationNotFoundError):
            await service.open(owner, conversation.id)
    with pytest.raises(ConversationNotFoundError):
        await service.turns(Conversation(conversation.id, "grace", 1))


async def test_a_running_answer_is_stopped_and_nothing_of_it_is_written(service, model, kept):
    before = kept()
    conversation = service.begin_temporary("ada")
    model.will_say(WORDS, ends=False)
    reader = await start(service, conversation, "hello")
    assert service.generation(conversation) is not None
    await service.discard(conversation)
    await reader.aclose()
    assert (service.generation(conversation), model.closed) == (None, 1)
    assert (kept(), await rows_in_memory(service)) == (before, 0)


async def test_stopped_failed_and_growing_answers_are_kept_in_memory_as_elsewhere(service, model, kept):
    before = kept()
    conversation = service.begin_temporary("ada")
    model.will_say(f"{WORDS} and", ends=False)
    reader = await start(service, conversation, "hello")
    await service.stop(conversation)
    await reader.aclose()
    assert await answers(service, await service.refresh(at_first(conversation))) == [f"{WORDS} and"]
    conversation = await service.refresh(at_first(conversation))
    model.will_say(RuntimeError("boom"))
    turn = await say(service, conversation, "again")
    assert turn.failure.kind == "Unexpected"
    assert kept() == before


async def test_pictures_that_are_answered_are_in_memory_and_gone_with_it(service, model, kept):
    before = kept()
    image = {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"}
    conversation = service.begin_temporary("ada")
    model.will_say(AIMessageChunk([{"type": "text", "text": "Here:"}, image]))
    await say(service, conversation, "draw")
    assert kept() == before
    assert await rows_in_memory(service) == 4
    assert "iVBORw0KGgo=" in await service.export_json(await service.refresh(at_first(conversation)))
    await service.discard(conversation)
    assert (kept(), await rows_in_memory(service)) == (before, 0)


async def test_nothing_of_it_stays_in_the_memory_of_the_service(service, model, kept):
    conversation = await chat(service, model, "Contoso budget", "two", "three", "four")
    await service.mention(conversation, "the Contoso budget")
    await service.discard(conversation)
    del conversation
    model.asked.clear()
    gc.collect()
    turns = [each for each in gc.get_objects() if type(each).__name__ in ("Turn", "TurnIndex", "Generation")]
    assert not [each for each in turns if WORDS in repr(getattr(each, "question", ""))]
    assert not [each for each in service._recall._kept if each.startswith("temporary-")]


async def test_a_reader_who_goes_away_in_the_middle_of_a_statement_costs_nobody_their_chat(service, model, kept):
    conversation = await chat(service, model, "one")
    for _ in range(200):
        reading = asyncio.ensure_future(service.view(conversation))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
    assert await users(service, conversation) == [f"{WORDS} one"]


async def test_many_at_once_share_the_memory(service, model, kept):
    several = [service.begin_temporary(f"visitor {number}") for number in range(30)]
    model.will_say("x", ends=False)
    for _ in several:
        model.will_say("")
    await asyncio.gather(*(say(service, each, "hello") for each in several))
    assert all([await users(service, at_first(each)) == ["hello"] for each in several])


async def test_a_visitor_has_so_many_and_so_much_and_a_process_has_room_for_so_much(model, store):
    for ceilings, texts in (
        (Ceilings(conversations=1), ["hello"]),
        (Ceilings(size=10), ["hello world"]),
        (Ceilings(total=10), ["hello world"]),
    ):
        service = ConversationService(Deployments(Deployment("test", model, WindowMemory())), store)
        in_memory(service)._ceilings = ceilings
        if ceilings.conversations:
            model.will_say("hi")
            await say(service, service.begin_temporary("ada"), "hello")
        with pytest.raises(StoreFullError) as refused:
            await say(service, service.begin_temporary("ada"), *texts)
        assert refused.value.reason == "temporary"
        await service.aclose()


async def test_what_is_left_open_and_not_written_to_is_removed(service, model, kept, monkeypatch):
    conversation = await chat(service, model, "one")
    in_memory(service)._retention = -1.0
    await service.remove_expired()
    with pytest.raises(ConversationNotFoundError):
        await service.refresh(conversation)
    assert await rows_in_memory(service) == 0


async def test_all_that_an_owner_said_is_removed_with_it(service, model, kept):
    mine, theirs = await chat(service, model, "one"), service.begin_temporary("grace")
    theirs = await ask(service, model, theirs, "not mine")
    await service.erase("ada")
    with pytest.raises(ConversationNotFoundError):
        await service.refresh(mine)
    assert await users(service, theirs) == ["not mine"]
    rows = kept()
    assert (rows["conversations"], rows["turns"]) == ([], [])


async def test_its_memory_is_gone_when_the_service_has_ended(service, model, kept):
    conversation = await chat(service, model, "one")
    await service.aclose()
    with pytest.raises(ConversationNotFoundError):
        await service.refresh(conversation)


def test_every_method_of_a_store_asks_the_right_one():
    """A method that is added takes an id or a conversation first, or is about what is kept."""
    for name, method in vars(ConversationStore).items():
        if inspect.iscoroutinefunction(method) and not name.startswith("_"):
            assert getattr(StoreWithTemporary, name) is not method, name


async def test_an_erased_owners_answer_ends_first(service, model, kept):
    conversation = service.begin("ada")
    model.will_say(WORDS, ends=False)
    reader = await start(service, conversation, "hello")
    await service.erase("ada")
    await reader.aclose()

    async def is_ended():
        return service.generation(conversation) is None

    await until(is_ended)
    assert model.closed == 1
    rows = kept()
    assert {name for name, each in rows.items() if each} == {"alembic_version"}
    # And they go on as somebody new.
    conversation = await ask(service, model, service.begin("ada"), "hello again")
    assert await users(service, conversation) == ["hello again"]


# ------------------------------------------------------------------------------------------------- what they took


@pytest_asyncio.fixture
async def open_service(url):
    """Make services on the same database, as other processes have them; the store is the second of what is returned."""
    opened = []

    def open_service(model):
        deployment = Deployment("small", model, WindowMemory(), prices=Prices(1_000_000, 2_000_000))
        store = ConversationStore(url)
        opened.append((ConversationService(Deployments(deployment), store), store))
        return opened[-1]

    yield open_service
    for service, store in opened:
        await service.aclose()
        await store.aclose()


async def counted(store, messages):
    """The figures of today, once so many messages are among them."""

    async def is_counted():
        return (await store.usage.total(1)).messages == messages

    await until(is_counted)
    return await store.usage.total(1)


async def test_what_they_took_is_counted_by_day_and_deployment_as_nobodys_and_outlives_them(open_service, model, url):
    service, store = open_service(model)
    for owner in ("ada", "grace"):
        conversation = service.begin_temporary(owner)
        conversation = await ask(service, model, conversation, "hello")
        model.will_say(ModelRateLimitError("Too many."))
        await say(service, conversation, "again")
        conversation = await service.refresh(conversation)
        model.will_say("A title")
        await service.find_title(conversation)
        await service.rate(conversation, 0, Feedback(Rating.UP, "good"))
        await service.discard(conversation)
    total = await counted(store, 4)
    assert (total.titles, total.errors, total.visitors) == (2, {"ModelRateLimitError": 2}, 1)
    assert (total.input_tokens, total.output_tokens, total.cost) == (4 * 11, 4 * 7, 4 * (11 + 2 * 7))
    assert (total.up, total.down) == (0, 0)
    for by, key in (("day", str(datetime.now(UTC).date())), ("deployment", "small"), ("visitor", TEMPORARY_CHATS)):
        [line] = await store.usage.lines(2, by)
        assert (line.key, line.messages) == (key, 4), by
    assert {name for name, rows in dump(url).items() if rows} == {"alembic_version"}


async def test_two_processes_count_in_the_same_rows_beside_what_is_somebodys(open_service, model):
    other_model = ScriptedModel()
    services = [(*open_service(model), model), (*open_service(other_model), other_model)]
    for service, _, its_model in services:
        for conversation in (service.begin_temporary("ada"), service.begin("ada")):
            await ask(service, its_model, conversation, "hello")
        await service.aclose()
    [_, store, _] = services[0]
    lines = await store.usage.lines(1, "visitor")
    assert [(each.messages, each.input_tokens) for each in lines] == [(2, 22), (2, 22)]
    assert TEMPORARY_CHATS in {each.key for each in lines}


async def test_what_they_took_is_removed_when_its_days_are_over(open_service, model, url, monkeypatch):
    service, store = open_service(model)
    await ask(service, model, service.begin_temporary("ada"), "hello")
    await counted(store, 1)
    old = ConversationStore(url, usage_days=7)
    assert not await old.usage.remove_old()
    monkeypatch.setattr(usage, "today", lambda: datetime.now(UTC).date() + timedelta(7))
    assert await old.usage.remove_old()
    assert (await store.usage.total(30)).messages == 0
    await old.aclose()


@asynccontextmanager
async def locked(service, model, file):
    """While another program holds the database locked, of which the service has connections by then."""
    await talk(service, model, "kept")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


async def test_an_answer_does_not_wait_until_it_is_counted(service, model, store, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "_BUSY_SECONDS", 3600)
    async with locked(service, model, tmp_path / "deep/down/chat.db"):
        conversation = await chat(service, model, "one", "two")
        assert await users(service, conversation) == [f"{WORDS} one", f"{WORDS} two"]
    await counted(store, 3)


async def test_what_could_not_be_counted_is_counted_once_when_it_can_be(
    service, model, store, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(engine, "_BUSY_SECONDS", 0)
    async with locked(service, model, tmp_path / "deep/down/chat.db"):

        async def is_told():
            return "could not be counted yet" in caplog.text

        for question in ("one", "two"):
            caplog.clear()
            await chat(service, model, question)
            await until(is_told)
            assert WORDS not in caplog.text
    assert (await store.usage.total(1)).messages == 1
    await service.aclose()
    lines = {each.key: each.messages for each in await store.usage.lines(1, "visitor")}
    assert lines.pop(TEMPORARY_CHATS) == 2
    assert list(lines.values()) == [1]


async def test_what_is_put_back_while_the_end_has_come_is_tried_once_more(service, model, store, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "_BUSY_SECONDS", 0)
    is_putting_back, go_on, add = asyncio.Event(), asyncio.Event(), usage.UsageStore.add

    async def add_late(self, counts):
        if self is not store.usage:
            is_putting_back.set()
            await go_on.wait()
        await add(self, counts)

    monkeypatch.setattr(usage.UsageStore, "add", add_late)
    both = StoreWithTemporary(store)
    async with locked(service, model, tmp_path / "deep/down/chat.db"):
        await both.count_title(Conversation(f"{TEMPORARY}1", "ada"), "test", Usage(1, 2))
        await is_putting_back.wait()
    ending = asyncio.create_task(both.aclose())
    await asyncio.sleep(0)
    go_on.set()
    await ending
    assert TEMPORARY_CHATS in {each.key for each in await store.usage.lines(1, "visitor")}
