"""An endpoint of one's own for each document, and no way to anywhere else."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from chatbot.emulator import Emulator
from tests.seeds import documents
from tests.seeds.notebook import Notebook
from tests.seeds.reader import Reader

TOKEN_DELAY = 0.002
"""Seconds: enough for the pieces of a stream to travel one by one."""

_HERE = ("127.0.0.1", "localhost", "::1", None, "")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


@pytest.fixture(scope="module", autouse=True)
def called() -> Iterator[list[Any]]:
    """Whom somebody looked up or called besides this machine; nobody gets there."""
    called: list[Any] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in _HERE:
            called.append(address)
            raise OSError(f"nobody may be called from here: {address}")
        connect(self, address)

    def guarded_look_up(host: Any, *arguments: Any, **named: Any) -> Any:
        if host not in _HERE:
            called.append(host)
            raise socket.gaierror(f"no name may be looked up from here: {host}")
        return look_up(host, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield called


@pytest.fixture(scope="module")
def run(called: list[Any]) -> Iterator[Callable[..., Notebook]]:
    """Run a document: ``run("000")``, or ``run("000", "/a/path")`` for a reader whose endpoint is asked there."""
    with ExitStack() as stack:

        def run(number: str, path: str | None = None) -> Notebook:
            emulator = stack.enter_context(Emulator(token_delay=TOKEN_DELAY))
            url = path and emulator.base_url + path
            notebook = Notebook(Reader(emulator.base_url, emulator.key, url), emulator)
            with pytest.MonkeyPatch.context() as patch:
                for name in os.environ:
                    if name.startswith(("AZUREML_", "GRADIO_", "LANGCHAIN_", "LANGSMITH_")) or name.lower() in _PROXIES:
                        patch.delenv(name)
                patch.setenv("AZUREML_ENDPOINT_URL", url or emulator.score_url)
                patch.setenv("AZUREML_ENDPOINT_API_KEY", emulator.key)
                patch.setenv("AZUREML_DEPLOYMENT_NAME", "green")
                notebook.run(documents.cells_of(number))
            assert called == []
            return notebook

        yield run
