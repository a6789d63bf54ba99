"""How the page is put together, and how it is served."""

from __future__ import annotations

import asyncio
import base64
import html
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from chatbot.conversation import ConversationService
from chatbot.ui.events import Handlers
from chatbot.ui.theme import CSS, theme
from chatbot.ui.visitor import VisitorCookie

ASSETS = Path(__file__).parents[2] / "assets"

MAX_THREADS = 256
"""Events served at the same time: each visitor who is being answered holds one."""

CLOSE_SECONDS = 10
"""How long the end of the process may take to keep what there is of every answer."""

EXAMPLES = {
    "Tell it your name": "My name is Ada.",
    "Ask what it knows": "What do you remember?",
    "See a table": "Show me a table.",
    "Read something long": "Give me a long answer.",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Which endpoint answers: what the badge says.

    Attributes:
        name: For instance its host.
        is_demo: Whether it is the built-in demo endpoint.
    """

    name: str
    is_demo: bool


class ChatPage(gr.ChatInterface):
    """A ``gr.ChatInterface`` with events of its own.

    Gradio's wiring keeps four copies of the conversation equal through a chain of events, uploads it with every
    turn, and leaves the box disabled when any link of the chain breaks. Here each action of the visitor is one
    event that uploads what he typed and gets the page drawn from the store (docs/decisions.md has the figures).
    """

    def __init__(self, handlers: Handlers, *, memory: gr.Markdown, new_chat: gr.Button, **kwargs: Any) -> None:
        self._handlers = handlers
        self._memory = memory
        self._new_chat = new_chat
        super().__init__(handlers.chat, **kwargs)

    def _setup_events(self) -> None:
        handlers = self._handlers
        event: dict[str, Any] = {
            "outputs": [self.chatbot, self.textbox, self._memory],
            "concurrency_limit": None,
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        self.load(handlers.load, **event)
        self.textbox.submit(handlers.submit, [self.textbox], **event)
        self.chatbot.retry(handlers.retry, **event)
        self.chatbot.edit(handlers.edit, **event)
        self.chatbot.undo(handlers.undo, **event)
        self.chatbot.example_select(handlers.example, **event)
        self._new_chat.click(handlers.new_chat, **event)
        self.textbox.stop(handlers.stop, queue=False, api_visibility="private")
        conversation = gr.State(None)
        self.fake_api_btn.click(
            handlers.chat,
            [self.textbox, conversation],
            [self.api_response, conversation],
            api_name=self.api_name,
            concurrency_limit=None,
            postprocess=False,
        )


def build_page(service: ConversationService, *, title: str, endpoint: Endpoint) -> gr.Blocks:
    """Return the page over ``service``."""
    handlers = Handlers(service)
    with gr.Blocks(title=title, fill_height=True, analytics_enabled=False) as page:
        with gr.Row(elem_id="top"):
            gr.HTML(_header(title, endpoint), padding=False)
            new_chat = gr.Button("New chat", elem_id="new-chat", size="sm", variant="secondary")
        memory = gr.Markdown("", elem_id="memory", render=False)
        ChatPage(
            handlers,
            memory=memory,
            new_chat=new_chat,
            chatbot=gr.Chatbot(
                elem_id="chat",
                show_label=False,
                scale=1,
                height="auto",
                editable="user",
                buttons=["copy"],
                feedback_options=None,
                placeholder=_welcome(title, endpoint),
                latex_delimiters=[
                    {"left": "$$", "right": "$$", "display": True},
                    {"left": "\\(", "right": "\\)", "display": False},
                    {"left": "\\[", "right": "\\]", "display": True},
                ],
            ),
            textbox=gr.Textbox(
                elem_id="box",
                label="Message",
                placeholder="Type a message",
                show_label=False,
                submit_btn=True,
                stop_btn=True,
                autofocus=True,
                lines=1,
                max_lines=12,
            ),
            examples=list(EXAMPLES.values()),
            example_labels=list(EXAMPLES),
            editable=True,
            api_name="chat",
            analytics_enabled=False,
        )
        memory.render()
        # Of the page, not of the interface within it: Gradio forgets an inner one's.
        page.unload(handlers.close)
    return page


@contextmanager
def serving(
    page: gr.Blocks, *, host: str, port: int, on_close: Callable[[], Coroutine[Any, Any, None]]
) -> Iterator[str]:
    """Serve the page; yields its address.

    Args:
        page: From :func:`build_page`.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        on_close: Awaited in the server's event loop at the end, while the page can still be drawn.

    Raises:
        OSError: The port is taken, or the address is not this machine's.
    """
    loops: list[asyncio.AbstractEventLoop] = []

    @asynccontextmanager
    async def remember_loop(_: Any) -> AsyncIterator[None]:
        loops.append(asyncio.get_running_loop())
        yield

    page.queue(default_concurrency_limit=None)
    _, address, _ = page.launch(
        server_name=host,
        server_port=port or _free_port(host),
        share=False,
        show_error=False,
        quiet=True,
        prevent_thread_lock=True,
        max_threads=MAX_THREADS,
        state_session_capacity=1000,
        enable_monitoring=False,
        run_history=False,
        ssr_mode=False,
        footer_links=[],
        favicon_path=ASSETS / "logo.svg",
        theme=theme(),
        css=CSS,
        app_kwargs={"middleware": [Middleware(VisitorCookie)], "lifespan": remember_loop},
    )
    try:
        yield address
    finally:
        asyncio.run_coroutine_threadsafe(on_close(), loops[0]).result(CLOSE_SECONDS)
        # Open pages hold a connection each: the end does not wait for them, nor is cutting them an error to log.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        page.server.force_exit = True
        page.close(verbose=False)


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as probe:
        return int(probe.getsockname()[1])


def _header(title: str, endpoint: Endpoint) -> str:
    kind = "demo" if endpoint.is_demo else "live"
    return (
        f'<header id="header"><img src="{_logo()}" alt=""><h1>{html.escape(title)}</h1>'
        f'<span class="badge {kind}" title="The endpoint that answers">{html.escape(endpoint.name)}</span></header>'
    )


def _welcome(title: str, endpoint: Endpoint) -> str:
    about = (
        "A built-in demo model answers here. Tell it something, then ask what it remembers."
        if endpoint.is_demo
        else f"The model at {html.escape(endpoint.name)} answers here."
    )
    return f'<div class="welcome"><img src="{_logo()}" alt=""><h2>{html.escape(title)}</h2><p>{about}</p></div>'


def _logo() -> str:
    return "data:image/svg+xml;base64," + base64.b64encode((ASSETS / "logo.svg").read_bytes()).decode()
