"""PostgreSQL ends our connections while an answer grows: the answer is saved once, and the page goes on."""

import asyncio
import secrets

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url

from chatbot.conversation import ConversationStore, TurnStatus
from tests.conversation.conftest import SERVER
from tests.conversation.conversing import answers, say, start, talk, until

NAME = f"chatbot_test_{secrets.token_hex(4)}"

ENDS = """
CREATE SEQUENCE terminated;
CREATE FUNCTION terminate() RETURNS trigger AS $$ BEGIN
  IF nextval('terminated') <= {times} THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
  RETURN NEW;
END $$ LANGUAGE plpgsql;
CREATE CONSTRAINT TRIGGER terminate AFTER {what} ON turns {when}
  FOR EACH ROW WHEN ({which}) EXECUTE FUNCTION terminate();
"""
"""The connection that does something is ended by it, so many times: a sequence counts on whatever is rolled back."""


@pytest.fixture
def url(postgresql_url):
    return postgresql_url


@pytest_asyncio.fixture
async def store(url):
    """One whose connections can be told from others."""
    store = ConversationStore(f"{url}&application_name={NAME}")
    yield store
    await store.aclose()


def terminate():
    """End all connections of the store; how many there were."""
    server = make_url(SERVER).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as connection:
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
        return len(connection.execute(ended, [NAME]).fetchall())


async def kept(store, conversation):
    return [each.turn.answer_text for each in await store.everything(conversation.id)]


async def goes_on(service, model, store, conversation, *before):
    """The page does: what was said is there once, and more can be."""
    assert await kept(store, conversation) == [*before]
    model.will_say("as before")
    await say(service, await service.refresh(conversation), "and then?")
    assert await answers(service, conversation) == [*before, "as before"]


async def test_connections_that_end_between_two_checkpoints_cost_nothing(service, model, store):
    conversation = service.begin("ada")
    model.will_say("half", ends=False)
    reader = await start(service, conversation, "a question")

    async def is_kept(text):
        return await kept(store, conversation) == [text]

    await until(lambda: is_kept("half"))
    assert await asyncio.to_thread(terminate) > 0
    model.will_say(" more", ends=False)
    await until(lambda: is_kept("half more"))
    assert await asyncio.to_thread(terminate) > 0
    model.will_say(" of it")
    *_, turn = [turn async for turn in reader]
    assert (turn.status, turn.answer_text) == (TurnStatus.COMPLETE, "half more of it")
    await goes_on(service, model, store, conversation, "half more of it")


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("when", ["", "DEFERRABLE INITIALLY DEFERRED"], ids=["in its statement", "in its commit"])
async def test_an_end_that_is_cut_off_is_saved_once_when_it_can_be(service, model, store, sql, times, when):
    conversation = await talk(service, model, "hello")
    sql(ENDS.format(times=times, what="UPDATE", when=when, which="NEW.status <> 'streaming'"))
    model.will_say("the whole answer")
    turn = await say(service, conversation, "a question")
    assert (turn.status, turn.answer_text) == (TurnStatus.COMPLETE, "the whole answer")
    assert sql("SELECT last_value > :times FROM terminated", times=times) == [(True,)]
    await goes_on(service, model, store, conversation, "re: hello", "the whole answer")


async def test_checkpoints_that_are_cut_off_cost_no_word(service, model, store, sql):
    conversation = await talk(service, model, "hello")
    sql(ENDS.format(times=2, what="UPDATE", when="", which="NEW.status = 'streaming'"))
    model.will_say("half", ends=False)
    reader = await start(service, conversation, "a question")

    async def is_kept():
        return (await kept(store, conversation))[-1] == "half"

    await until(is_kept)
    assert sql("SELECT last_value > 2 FROM terminated") == [(True,)]
    model.will_say(" more")
    *_, turn = [turn async for turn in reader]
    assert (turn.status, turn.answer_text) == (TurnStatus.COMPLETE, "half more")
    await goes_on(service, model, store, conversation, "re: hello", "half more")


async def test_a_question_whose_writing_down_is_cut_off_is_refused_and_can_be_asked_again(service, model, store, sql):
    conversation = await talk(service, model, "hello")
    sql(ENDS.format(times=1, what="INSERT", when="", which="true"))
    with pytest.raises(Exception, match="terminating connection"):
        await service.ask(conversation, "and then?")
    assert service.generation(conversation) is None
    await goes_on(service, model, store, conversation, "re: hello")


async def test_a_server_that_ends_everything_again_and_again_costs_no_finished_answer(service, model, store):
    conversation = await talk(service, model, "hello")
    calm = asyncio.Event()

    async def disturb():
        while not calm.is_set():
            await asyncio.to_thread(terminate)
            await asyncio.sleep(0.05)

    model.will_say("some", ends=False)
    reader = await start(service, conversation, "a question")
    disturbing = asyncio.create_task(disturb())
    model.will_say(" words")
    async for turn in reader:
        # Its end is tried to be saved among all this, and once more after it.
        if turn.is_unsaved or turn.status is not TurnStatus.STREAMING:
            calm.set()
    await disturbing
    assert (turn.status, turn.answer_text) == (TurnStatus.COMPLETE, "some words")
    await goes_on(service, model, store, conversation, "re: hello", "some words")
