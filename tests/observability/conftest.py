"""The page over a model that says what the test wants, with whatever the owner is told switched on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from chatbot.conversation import ConversationService, ConversationStore, Deployment, Deployments, WindowMemory
from chatbot.server import create_page_app
from chatbot.shutdown import Step
from chatbot.ui import Branding
from tests.conversation.conftest import postgres, postgresql_url  # noqa: F401 - fixtures
from tests.support.page_events import act
from tests.support.scripted_model import ScriptedModel
from tests.support.serving import serving


@dataclass
class Served:
    """A page that is served, and what is behind it."""

    url: str
    app: FastAPI
    model: ScriptedModel
    service: ConversationService

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=30)

    async def send(self, text: str, page: str = "a page") -> None:
        """Send a message, and return when it was dealt with."""
        async with self.client() as client:
            assert await act(client, "send", [text], page, "ada") == 204


@pytest.fixture
def serve(tmp_path):
    """Serve the page with what a test switches on: ``listener`` and ``timed`` go to what they listen to."""

    @contextmanager
    def serve(store_url: str = "", *, listener=None, timed=None, **options) -> Iterator[Served]:
        model = ScriptedModel()
        store = ConversationStore(store_url or f"sqlite:///{tmp_path}/chat.db", timed=timed)
        deployments = Deployments(Deployment("test", model, WindowMemory()))
        service = ConversationService(deployments, store, listener=listener)
        app = create_page_app(service, Branding("Test"), [Step("close the database", store.aclose, 5)], **options)
        with serving(app) as url:
            yield Served(url, app, model, service)

    return serve
