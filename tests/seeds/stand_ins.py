"""What the documents use and never define, or what is gone since: as much of each as their reader would expect."""

from types import SimpleNamespace
from typing import Any

import gradio as today
from langchain_core import globals as langchain_globals
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import FakeListChatModel
from langchain_core.vectorstores import InMemoryVectorStore
from pydantic import Field

from tests.third_party.servers import HOST, free_port

FALLBACK = "This is the fallback's answer."
STORED = "Managed endpoints take care of the machines."


class SomeOtherChatModel(FakeListChatModel):
    """A model to fall back to."""

    responses: list[str] = Field(default=[FALLBACK])


class CloudWatchLogsCallbackHandler(BaseCallbackHandler):
    """Notes what was logged."""

    def __init__(self, log_group_name: str, log_stream_name: str) -> None:
        self.logged: list[str] = []

    def on_llm_start(self, *_: Any, **__: Any) -> None:
        self.logged.append("start")

    def on_llm_end(self, *_: Any, **__: Any) -> None:
        self.logged.append("end")

    def on_llm_error(self, *_: Any, **__: Any) -> None:
        self.logged.append("error")


class AzureOpenAIEmbeddings(Embeddings):
    """Finds everything alike."""

    def __init__(self, **_: str) -> None:
        """Take where to ask; nobody is asked."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[1.0] for _ in texts]

    def embed_query(self, text: str) -> list[float]:
        return [1.0]


class Chroma(InMemoryVectorStore):
    """A store that somebody has filled before."""

    def __init__(self, embedding_function: Embeddings) -> None:
        super().__init__(embedding_function)
        self.add_texts([STORED])


class _LangChain:
    """LangChain's switch for debugging was an attribute of its package."""

    @property
    def debug(self) -> bool:
        return langchain_globals.get_debug()

    @debug.setter
    def debug(self, on: bool) -> None:
        langchain_globals.set_debug(on)


class _ChatInterface(today.ChatInterface):
    """Gradio 4's: its functions get the conversation in pairs. What blocks a script is left out."""

    def __init__(self, fn: Any) -> None:
        super().__init__(lambda message, history: fn(message, pairs(history)), api_name="chat", analytics_enabled=False)

    def launch(self) -> Any:
        # Gradio's own search for a port leaves a socket open for each that is taken.
        return super().launch(prevent_thread_lock=True, server_name=HOST, server_port=free_port(), quiet=True)


def pairs(history: list[dict[str, Any]]) -> list[list[Any]]:
    """Return a conversation as Gradio 4 gave it: ``[[question, answer], …]``."""
    said = [message["content"] for message in history]
    return [list(pair) for pair in zip(said[::2], said[1::2], strict=True)]


langchain = _LangChain()
gradio = SimpleNamespace(ChatInterface=_ChatInterface)

NEVER_IMPORTED = {"SomeOtherChatModel": SomeOtherChatModel}
