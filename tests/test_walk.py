"""The walk of one message: how many functions of ours stand between a page's request and the endpoint's socket."""

import sys
from pathlib import Path

import httpx
import pytest

from chatbot.azureml import AzureMLChatOnlineEndpoint
from chatbot.azureml.transport.async_ import AsyncTransport
from chatbot.conversation import ConversationService, ConversationStore, Deployment, Deployments, WindowMemory
from chatbot.conversation.store.database import Database
from chatbot.server import create_page_app
from chatbot.shutdown import Step
from chatbot.ui import Branding
from tests.conversation.conversing import until
from tests.support.page_events import act
from tests.support.serving import serving
from tests.support.wire import DONE, WireServer, event, stream_reply

OURS = str(Path(__file__).parents[1] / "chatbot")
MOST = 10


def functions_of_ours():
    """The functions that the current task is in, the innermost last: each waits for the one below it."""
    frame, found = sys._getframe(1), []
    while frame is not None:
        if frame.f_code.co_filename.startswith(OURS):
            found.append(frame.f_code.co_qualname)
        frame = frame.f_back
    return found[::-1]


def watch(monkeypatch, cls, name, walks):
    """Note the way to each call of a method."""
    plain = getattr(cls, name)

    def noted(self, *args, **kwargs):
        walks.append([*functions_of_ours(), plain.__qualname__])
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(cls, name, noted)


async def is_ended(written):
    return len(written) >= 2


@pytest.mark.asyncio(loop_scope="session")
async def test_each_task_reaches_its_socket_or_its_statement_within_ten_functions(tmp_path, monkeypatch):
    asked, written = [], []
    watch(monkeypatch, AsyncTransport, "_send", asked)
    watch(monkeypatch, Database, "writing", written)
    with WireServer(stream_reply(event("hello"), event(finish_reason="stop"), DONE)) as wire:
        model = AzureMLChatOnlineEndpoint(endpoint_url=f"{wire.url}/v1/chat/completions", endpoint_api_key="key")
        store = ConversationStore(f"sqlite:///{tmp_path}/chat.db")
        service = ConversationService(Deployments(Deployment("test", model, WindowMemory())), store)
        with serving(create_page_app(service, Branding("Test"), [Step("close", store.aclose, 5)])) as url:
            async with httpx.AsyncClient(base_url=url, timeout=60) as client:
                assert await act(client, "send", ["hello"], "a page", "ada") == 204
                await until(lambda: is_ended(written))
    [walk] = asked
    assert walk[0] == "GenerationManager._write"
    for walk in (*asked, *written):
        assert len(walk) <= MOST, walk
