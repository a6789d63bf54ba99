"""The application in this process: our own server in a thread, as uvicorn runs it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from chatbot.server import Server, address, listen


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve an application; yields its address, and ends it in order."""
    ready = threading.Event()
    listener = listen("127.0.0.1", 0)
    server = Server(app, ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        assert ready.wait(30), "the application did not start"
        yield address(listener)
    finally:
        server.should_exit = True
        thread.join()
