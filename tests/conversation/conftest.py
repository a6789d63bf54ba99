"""The service, over a model that says what the test wants and a real store on a file of its own."""

import pytest
import pytest_asyncio

from chatbot.conversation import ConversationStore, WindowMemory
from tests.conversation.talking import service_of
from tests.support.scripted_model import ScriptedModel


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
