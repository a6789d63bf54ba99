"""A real store on a file of its own, in folders that are not there yet."""

import pytest_asyncio

from chatbot.conversation import ConversationStore


@pytest_asyncio.fixture
async def store(tmp_path):
    store = ConversationStore(f"sqlite:///{tmp_path}/deep/down/chat.db")
    yield store
    await store.aclose()
