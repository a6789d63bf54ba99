"""An answer whose end cannot be saved stays where it is, is tried to be saved until that holds, and nobody lies."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
import pytest_asyncio

from chatbot.conversation import AnswerUnsavedError, ConversationStore, DatabaseMovedError, TurnStatus
from chatbot.conversation.store import database, engine
from tests.conversation.conversing import answers, say, service_of, start, talk
from tests.support.scripted_model import ScriptedModel

FULL = """
CREATE TRIGGER full BEFORE UPDATE ON turns WHEN NEW.status != 'streaming'
BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "chat.db"


@pytest_asyncio.fixture
async def store(path):
    store = ConversationStore(f"sqlite:///{path}")
    yield store
    await store.aclose()


def meanwhile(path, statement):
    """What another connection does to the file."""

    def execute():
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(statement)

    return asyncio.to_thread(execute)


async def unsaved(service, model, path, *words):
    """An answer that has ended and cannot be saved; its conversation."""
    conversation = service.begin("ada")
    model.will_say("The whole ", ends=False)
    reader = await start(service, conversation, "a question")
    await meanwhile(path, FULL)
    model.will_say(*(words or ("answer",)))
    async for turn in reader:
        if turn.is_unsaved:
            return conversation
    raise AssertionError("it was saved")


async def test_what_cannot_be_saved_is_shown_whole_and_saved_as_soon_as_it_can(service, model, path, store):
    conversation = await unsaved(service, model, path)
    shown = await service.view(conversation)
    assert (shown.growing, shown.turns[-1].answer_text, shown.turns[-1].is_unsaved) == (True, "The whole answer", True)
    with pytest.raises(AnswerUnsavedError):
        await service.ask(conversation, "and then?")
    await meanwhile(path, "DROP TRIGGER full")
    *_, turn = [turn async for turn in service.follow(conversation)]
    assert (turn.status, turn.answer_text) == (TurnStatus.COMPLETE, "The whole answer")
    assert (await store.turns(conversation.id))[-1] == turn
    model.will_say("as before")
    await say(service, await service.refresh(conversation), "and then?")
    assert await answers(service, conversation) == ["The whole answer", "as before"]


async def test_a_failed_answer_that_cannot_be_saved_ends_as_the_failure_it_was(service, model, path):
    conversation = await unsaved(service, model, path, RuntimeError("broken"))
    await meanwhile(path, "DROP TRIGGER full")
    *_, turn = [turn async for turn in service.follow(conversation)]
    assert (turn.status, turn.failure.kind, turn.waiting) == (TurnStatus.FAILED, "Unexpected", None)


async def test_stop_returns_at_once_and_has_it_tried_again_at_once(service, model, path):
    conversation = await unsaved(service, model, path)
    await service.stop(conversation)
    assert (await service.view(conversation)).turns[-1].answer_text == "The whole answer"
    await meanwhile(path, "DROP TRIGGER full")
    await service.stop(conversation)
    *_, turn = [turn async for turn in service.follow(conversation)]
    assert turn.status is TurnStatus.COMPLETE


async def test_the_end_of_the_process_saves_what_can_be_saved_by_then(service, model, path, store):
    conversation = await unsaved(service, model, path)
    await meanwhile(path, "DROP TRIGGER full")
    await service.aclose()
    assert [turn.answer_text for turn in await store.turns(conversation.id)] == ["The whole answer"]


async def test_an_end_that_has_no_more_time_leaves_nothing_running(service, model, path):
    conversation = await unsaved(service, model, path)
    generation = service.generation(conversation)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(service.aclose(), 0.2)
    await asyncio.wait([generation.task])
    assert generation.turn.failure.kind == "StoreError"


async def test_what_was_never_saved_says_so_and_is_still_there(path, store):
    model = ScriptedModel()
    service = service_of(model, store, max_saving_seconds=0.0)
    conversation = service.begin("ada")
    model.will_say("The whole ", ends=False)
    reader = await start(service, conversation, "a question")
    await meanwhile(path, FULL)
    model.will_say("answer")
    *_, turn = [turn async for turn in reader]
    assert (turn.failure.kind, turn.answer_text) == ("StoreError", "The whole answer")
    shown = await service.view(conversation)
    assert (shown.growing, list(shown.turns)) == (False, [turn])
    await service.aclose()


async def test_a_retry_that_was_never_saved_is_not_taken_for_the_next(path):
    store = ConversationStore(f"sqlite:///{path}", silence=0)
    model = ScriptedModel()
    service = service_of(model, store, max_saving_seconds=0.0)
    conversation = await talk(service, model, "a question")
    model.will_say("lost ", ends=False)
    reader = await start(service, conversation, "a question", at=0)
    await meanwhile(path, FULL)
    model.will_say("words")
    *_, lost = [turn async for turn in reader]
    await meanwhile(path, "DROP TRIGGER full")
    model.will_say("a new answer")
    turn = await say(service, await service.refresh(conversation), "a question", at=0)
    assert turn.key == lost.key
    assert [each.answer_text for each in (await service.view(conversation)).turns] == ["a new answer"]
    await service.aclose()
    await store.aclose()


@pytest.mark.slow
async def test_a_file_that_another_program_holds_locked_costs_no_answer(service, model, path, monkeypatch):
    monkeypatch.setattr(engine, "_BUSY_SECONDS", 3)
    conversation = service.begin("ada")
    model.will_say("The whole ", ends=False)
    reader = await start(service, conversation, "a question")
    with closing(sqlite3.connect(path, check_same_thread=False, isolation_level=None)) as other:
        await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
        model.will_say("answer")
        # Told after a moment, long before the database gives up waiting; and again when it has.
        told = set()
        async for turn in reader:
            if turn.is_unsaved:
                assert turn.answer_text == "The whole answer"
                told.add(turn.waiting)
            if len(told) == 2:
                break
        other.execute("ROLLBACK")
    *_, turn = [turn async for turn in service.follow(conversation)]
    assert turn.status is TurnStatus.COMPLETE
    assert await answers(service, conversation) == ["The whole answer"]


@pytest.mark.parametrize("becomes", ["removed", "replaced"])
async def test_a_file_that_is_gone_takes_no_more_words_in_silence(service, model, path, monkeypatch, becomes):
    monkeypatch.setattr(database, "LOOK_SECONDS", 0.0)
    conversation = await talk(service, model, "a question")
    elsewhere = path.rename(path.with_suffix(".elsewhere"))
    if becomes == "replaced":
        path.write_bytes(b"")
    for refused in (service.ask(conversation, "and then?"), service.ask(service.begin("ada"), "new")):
        with pytest.raises(DatabaseMovedError):
            await refused
    elsewhere.replace(path)
    model.will_say("here again")
    assert (await say(service, conversation, "and then?")).answer_text == "here again"


async def test_an_answer_whose_file_goes_meanwhile_is_saved_once_it_is_back(service, model, path, monkeypatch):
    monkeypatch.setattr(database, "LOOK_SECONDS", 0.0)
    conversation = service.begin("ada")
    model.will_say("The whole ", ends=False)
    reader = await start(service, conversation, "a question")
    elsewhere = path.rename(path.with_suffix(".elsewhere"))
    model.will_say("answer")
    async for turn in reader:
        if turn.is_unsaved:
            break
    elsewhere.replace(path)
    *_, turn = [turn async for turn in service.follow(conversation)]
    assert (turn.status, turn.answer_text) == (TurnStatus.COMPLETE, "The whole answer")
