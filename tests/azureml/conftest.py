from collections.abc import Iterator

import pytest

from tests.support.asking import answer
from tests.support.wire import WireServer


@pytest.fixture
def server() -> Iterator[WireServer]:
    with WireServer() as running:
        yield running


@pytest.fixture
def answering(server: WireServer) -> WireServer:
    """A server that has an answer to everything."""
    server.default = answer()
    return server
