"""The service, over a model that says what the test wants and a real store on a file of its own."""

import pytest
import pytest_asyncio
from blockbuster import blockbuster_ctx

from chatbot.conversation import ConversationStore, WindowMemory
from tests.conversation.conversing import service_of
from tests.support.scripted_model import ScriptedModel


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
