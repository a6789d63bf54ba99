"""The application with a key, in this process: a model that says what it is told, a real store, a real socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from chatbot.api import new_key
from chatbot.conversation import (
    ApiKey,
    ConversationService,
    ConversationStore,
    Deployment,
    Deployments,
    GenerationListener,
    WindowMemory,
)
from chatbot.conversation.bearer import hash_of
from chatbot.server import create_page_app
from chatbot.shutdown import Step
from chatbot.ui import Branding
from tests.support.scripted_model import ScriptedModel
from tests.support.serving import serving


async def add_key(url: str, name: str = "test", *deployments: str) -> str:
    """Write a new key down, as the command does; return it."""
    store = ConversationStore(url)
    try:
        key = new_key()
        await store.api_keys.add(ApiKey(name, name, deployments, time.time()), hash_of(key))
        return key
    finally:
        await store.aclose()


def in_store(coroutine_function, *arguments):
    """Do something with a loop and a thread of its own: this one's are the tests'."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(lambda: asyncio.run(coroutine_function(*arguments))).result()


class Heard(GenerationListener):
    """Notes what listeners are told."""

    def __init__(self) -> None:
        self.began_count = 0
        self.turns = []
        self.refusals = []

    def began(self, generation):
        self.began_count += 1

    def ended(self, generation, turn):
        self.turns.append(turn)

    def refused(self, error):
        self.refusals.append(error.kind)


class Application:
    """An application and a key of it.

    Attributes:
        url: Where its API is.
        headers: Those that show the key.
        model: What answers.
        heard: What its listener was told.
    """

    def __init__(self, folder, locked=frozenset(), api_max_bytes=20_000_000, model=None, **options) -> None:
        url = f"sqlite:///{folder}/chat.db"
        self.key = in_store(add_key, url)
        self.headers = {"authorization": f"Bearer {self.key}"}
        store = ConversationStore(url)
        self.model, self.heard = model or ScriptedModel(), Heard()
        memory = WindowMemory(system_prompt="Be kind.")
        deployments = Deployments(Deployment("test", self.model, memory, {"max_tokens": 50}), locked=locked)
        self.service = ConversationService(deployments, store, listener=self.heard, **options)
        closing = [Step("close the database", store.aclose, 5)]
        self.app = create_page_app(self.service, Branding("Test"), closing, api_max_bytes=api_max_bytes)
        self.url = ""


@contextmanager
def application(folder, **options) -> Iterator[Application]:
    made = Application(folder, **options)
    with serving(made.app) as url:
        made.url = f"{url}v1"
        yield made
