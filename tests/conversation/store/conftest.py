"""Each test of the store's contract runs on an SQLite file and on a real PostgreSQL server."""

import pytest
import pytest_asyncio
from sqlalchemy import create_engine, text

from chatbot.conversation.store import SILENCE, ConversationStore


@pytest_asyncio.fixture
async def open_store(url):
    """Make further stores on the same database, as other processes would have them."""
    opened = []

    def open_store(*, silence=SILENCE, usage_days=None):
        opened.append(ConversationStore(url, silence=silence, usage_days=usage_days))
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
