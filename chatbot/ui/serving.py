"""How the page is served: one process, one event loop, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent import futures
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import gradio as gr
from starlette.middleware import Middleware

from chatbot.conversation.exchange import MAX_UPLOAD_BYTES
from chatbot.ui import zero_gpu
from chatbot.ui.language import labels
from chatbot.ui.look import Look
from chatbot.ui.security import SecurityHeaders, policy
from chatbot.ui.theme import STYLE, theme
from chatbot.ui.visitor import FRAMED_SCRIPT, VisitorCookie

logger = logging.getLogger(__name__)

MAX_THREADS: Final = 256
"""Events served at the same time: each visitor who is being answered holds one."""

CLOSE_SECONDS: Final = 20.0
"""How long the end of the process waits for what is to be closed, all in all."""


@contextmanager
def serving(
    page: gr.Blocks,
    look: Look,
    *,
    host: str,
    port: int,
    frame_ancestors: Sequence[str] = ("'self'",),
    on_close: Callable[[], Coroutine[Any, Any, None]],
    on_zero_gpu: bool = False,
    close_seconds: float = CLOSE_SECONDS,
) -> Iterator[str]:
    """Serve the page; yields its address.

    Args:
        page: From :func:`build_page`.
        look: What it was built with.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        frame_ancestors: Who may show the page in a frame, as a Content-Security-Policy writes it.
        on_close: Awaited in the server's event loop at the end, while the page can still be drawn.
        on_zero_gpu: Whether this is a Hugging Face Space on ZeroGPU hardware.
        close_seconds: How long ``on_close`` may take; the page ends all the same.

    Raises:
        OSError: The port is taken, or the address is not this machine's.
    """
    loops: list[asyncio.AbstractEventLoop] = []

    @asynccontextmanager
    async def remember_loop(_: Any) -> AsyncIterator[None]:
        loops.append(asyncio.get_running_loop())
        yield

    # Not told, Gradio takes 1 on ZeroGPU, and a page refused by a full queue stays unusable: it is never full.
    page.queue(default_concurrency_limit=None, max_size=sys.maxsize)
    if on_zero_gpu:
        zero_gpu.declare()
    _, address, _ = page.launch(
        server_name=host,
        server_port=port or _free_port(host),
        share=False,
        show_error=False,
        quiet=True,
        prevent_thread_lock=True,
        max_threads=MAX_THREADS,
        max_file_size=MAX_UPLOAD_BYTES,
        state_session_capacity=1000,
        enable_monitoring=False,
        run_history=False,
        ssr_mode=False,
        footer_links=[],
        favicon_path=look.logo,
        i18n=labels(),
        theme=theme(look.accent),
        css=STYLE.read_text(encoding="utf-8"),
        head=FRAMED_SCRIPT,
        app_kwargs={
            "middleware": [Middleware(SecurityHeaders, policy=policy(frame_ancestors)), Middleware(VisitorCookie)],
            "lifespan": remember_loop,
        },
    )
    try:
        yield address
    finally:
        closing = asyncio.run_coroutine_threadsafe(on_close(), loops[0])
        if closing not in futures.wait([closing], close_seconds).done:
            closing.cancel()
            logger.error("The end of the application took longer than %g seconds and was cut short", close_seconds)
        elif (error := closing.exception()) is not None:
            logger.error("The end of the application failed: %s: %s", type(error).__name__, error)
        # Open pages hold a connection each: the end does not wait for them, nor is cutting them an error to log.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        page.server.force_exit = True
        page.close(verbose=False)


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as probe:
        return int(probe.getsockname()[1])
