"""The application behind each door, in this process: a model that says what it is told, a real store, a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx
import pytest
import pytest_asyncio

from chatbot.access.entrances import DoorPlan, password_door, provider_door, proxy_door
from chatbot.access.openid import Provider
from chatbot.access.passwords import hash_password
from chatbot.conversation import ConversationService, ConversationStore, Deployment, Deployments, WindowMemory
from chatbot.server import create_page_app
from chatbot.shutdown import Step
from chatbot.ui import Branding
from tests.support.openid_provider import providing
from tests.support.scripted_model import ScriptedModel
from tests.support.serving import serving
from tests.ui.conftest import browser, endpoint

__all__ = ["browser", "endpoint"]

PASSWORD = "correct horse 马 é"
SECRET = "a secret of the tests, of more than 32 characters"


@pytest.fixture(scope="session")
def password_hash():
    return hash_password(PASSWORD)


class Application:
    """An application behind a door.

    Attributes:
        folder: Where its database is.
        database: The address of that.
        url: Where it is.
        app: Itself.
        model: What answers; another that is for ``staff`` only is called "restricted".
        restricted: That other one.
    """

    def __init__(self, folder, make_door, share_days) -> None:
        self.folder, self.database = folder, f"sqlite:///{folder}/chat.db"
        store = ConversationStore(self.database)
        self.model, self.restricted = ScriptedModel(), ScriptedModel()
        deployments = Deployments(
            Deployment("restricted", self.restricted, WindowMemory(), allowed=frozenset({"staff"})),
            Deployment("test", self.model, WindowMemory()),
        )
        service = ConversationService(deployments, store, share_days=share_days)
        door: DoorPlan | None = make_door(store.sign_in)
        closing = [Step("close the database", store.aclose, 5)]
        self.app = create_page_app(service, Branding("Test", can_sign_out=door is not None), closing, door=door)
        self.url = ""


@contextmanager
def application(folder, make_door, share_days=30) -> Iterator[Application]:
    made = Application(folder, make_door, share_days)
    with serving(made.app) as made.url:
        yield made


@pytest.fixture(scope="module")
def serving_provider():
    """An OpenID provider of our own, which a test can tell what to do wrong."""
    with providing() as provider:
        yield provider


@asynccontextmanager
async def store_of(application: Application) -> AsyncIterator[ConversationStore]:
    """What it keeps, as another process sees it: a store belongs to one event loop, and its own is not the tests'."""
    store = ConversationStore(application.database)
    try:
        yield store
    finally:
        await store.aclose()


@pytest.fixture(scope="session")
def doors(password_hash):
    """What makes each door, given where sessions are kept."""
    provider = Provider("http://127.0.0.1:9", "chatbot", "secret")
    return {
        "password": lambda store: password_door(password_hash, store, seconds=3600, secret=SECRET),
        "provider": lambda store: provider_door(provider, (), store, seconds=3600, secret=SECRET),
        "proxy": lambda store: proxy_door("oauth2-proxy", (), store),
    }


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def behind(doors, tmp_path_factory):
    """The application behind a proxy that signs people in, where a file asks for no other."""
    with application(tmp_path_factory.mktemp("proxy"), doors["proxy"]) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def store(behind):
    """What it keeps."""
    async with store_of(behind) as store:
        yield store


@pytest_asyncio.fixture(loop_scope="module")
async def client(behind):
    """Whoever asks it; nobody yet."""
    async with httpx.AsyncClient(base_url=behind.url, timeout=30) as client:
        yield client
