"""The service, over a model that says what the test wants and a real store on a file of its own."""

import os
import secrets

import psycopg
import pytest
import pytest_asyncio
from blockbuster import blockbuster_ctx
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from chatbot.conversation import ConversationStore, WindowMemory
from tests.conversation.conversing import service_of
from tests.support.scripted_model import ScriptedModel

SERVER = os.environ.get("CHATBOT_TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")


@pytest.fixture(autouse=True)
def _nothing_blocks_the_event_loop():
    """Whatever in the service or the store waits for a file, a socket or a lock in the event loop is an error."""
    with blockbuster_ctx("chatbot.conversation") as found:
        # Asks for the working folder only. The application makes its store before there is an event loop.
        found.functions["os.path.abspath"].can_block_in("store/engine.py", "make_engine")
        yield


@pytest.fixture
def model():
    return ScriptedModel()


@pytest_asyncio.fixture
async def store(tmp_path):
    """Its file is in folders that are not there yet."""
    store = ConversationStore(f"sqlite:///{tmp_path}/deep/down/chat.db")
    yield store
    await store.aclose()


@pytest.fixture
def memory():
    """A file of tests that wants its service to remember less, or to be told something, has one of its own."""
    return WindowMemory(k=5)


@pytest_asyncio.fixture
async def service(model, store, memory):
    service = service_of(model, store, memory)
    yield service
    await service.aclose()


@pytest.fixture(scope="session")
def postgres():
    """The URL of a database of our own; its locale knows ASCII only, so that nothing leans on a friendlier one."""
    server = make_url(SERVER)
    name = f"chatbot_test_{secrets.token_hex(4)}"
    try:
        connection = psycopg.connect(
            server.set(drivername="postgresql").render_as_string(hide_password=False),
            autocommit=True,
            connect_timeout=5,
        )
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL answers; CHATBOT_TEST_POSTGRES_URL may name one ({error})")
    with connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        yield server.set(drivername="postgresql+psycopg", database=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path}/deep/down/chat.db"


@pytest.fixture
def postgresql_url(postgres):
    schema = f"s{secrets.token_hex(4)}"
    engine = create_engine(postgres)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    engine.dispose()
    url = postgres.update_query_dict({"options": f"-csearch_path={schema}"})
    return url.render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request):
    return request.getfixturevalue(f"{request.param}_url")
