"""On ZeroGPU hardware: the start-up check finds a function for a GPU, and no visitor is ever made to use one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.space.space import Space, folder
from tests.space.test_space import chat

pytestmark = pytest.mark.timeout(720)


@contextmanager
def device_api() -> Iterator[tuple[str, list[str]]]:
    """Serve what ZeroGPU hands GPUs out with; yields its address and the paths of what it was asked."""
    asked: list[str] = []

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path.partition("?")[0])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_it_starts_on_zero_gpu_chats_and_takes_no_gpu(space_python):
    with device_api() as (address, asked), folder() as place:
        variables = {"SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": address, "ACCELERATOR": "zero-a10g"}
        with Space(space_python, place, variables=variables) as space:
            assert asked == ["/startup-report"]
            assert "Ada" in chat(space_python, space.url)["answer"]
            assert "Traceback" not in space.log, space.log
    assert asked == ["/startup-report"]
