"""A temporary chat is a chat like any other, and leaves nothing: no row, no line in a log, nothing in memory."""

import asyncio
import gc
import inspect
import logging

import pytest
import pytest_asyncio
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
    Rating,
    StoreFullError,
    TurnMemory,
    WindowMemory,
)
from chatbot.conversation.store.ceilings import Ceilings
from chatbot.conversation.store.temporary import StoreWithTemporary
from tests.conversation.conversing import answers, ask, say, start, talk, until, users
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
