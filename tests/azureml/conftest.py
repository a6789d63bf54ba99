import os
from collections.abc import Iterator

import pytest

from chatbot.azureml.transport.network import CA_VARIABLES
from tests.support.asking import answer
from tests.support.wire import WireServer


@pytest.fixture(autouse=True)
def _no_way_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's proxies and certificates are for its own network, and not for the loopback."""
    for name in os.environ:
        if name.lower().endswith("_proxy") or name in CA_VARIABLES:
            monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[WireServer]:
    with WireServer() as running:
        yield running


@pytest.fixture
def answering(server: WireServer) -> WireServer:
    """A server that has an answer to everything."""
    server.default = answer()
    return server
