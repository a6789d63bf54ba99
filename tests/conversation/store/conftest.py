"""Each test of the store's contract runs on an SQLite file and on a real PostgreSQL server."""

import os
import secrets

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from chatbot.conversation.store import SILENCE, ConversationStore

SERVER = os.environ.get("CHATBOT_TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")


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


@pytest_asyncio.fixture
async def open_store(url):
    """Make further stores on the same database, as other processes would have them."""
    opened = []

    def open_store(*, silence=SILENCE):
        opened.append(ConversationStore(url, silence=silence))
        return opened[-1]

    yield open_store
    for store in opened:
        await store.aclose()


@pytest.fixture
def store(open_store):
    return open_store()


@pytest.fixture
def other(open_store):
    return open_store()


@pytest.fixture
def sql(url, tmp_path):
    """Run a statement past the store; the rows, if it has any."""
    (tmp_path / "deep/down").mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)

    def sql(statement, **values):
        with engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else None

    yield sql
    engine.dispose()
