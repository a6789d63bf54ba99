"""How the page is put together, and how it is served."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
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
        conversation = gr.State(None)
        outputs = [self.chatbot, self.textbox, self._memory, conversation]
        event: dict[str, Any] = {
            "outputs": outputs,
            "concurrency_limit": None,
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        answering: list[Any] = [
            self.textbox.submit(handlers.submit, [self.textbox, conversation], **event),
            self.chatbot.retry(handlers.retry, [conversation], **event),
            self.chatbot.edit(handlers.edit, [conversation], **event),
            self.chatbot.example_select(handlers.example, [conversation], **event),
            self.load(handlers.load, None, **event),
        ]
        self.chatbot.undo(handlers.undo, [conversation], **event)
        # What is still being drawn into the old conversation must not come after the new one.
        self._new_chat.click(handlers.new_chat, [conversation], cancels=answering, **event)
        self.textbox.stop(handlers.stop, [conversation], None, queue=False, api_visibility="private")
        self.fake_api_btn.click(
            handlers.chat,
            [self.textbox, conversation],
            [self.api_response, conversation],
            api_name=self.api_name,
            concurrency_limit=None,
        )


def build_page(service: ConversationService, *, title: str, endpoint: Endpoint) -> gr.Blocks:
    """Return the page over ``service``."""
    with gr.Blocks(title=title, fill_height=True, analytics_enabled=False) as page:
        with gr.Row(elem_id="top"):
            gr.HTML(_header(title, endpoint), padding=False)
            new_chat = gr.Button("New chat", elem_id="new-chat", size="sm", variant="secondary")
        memory = gr.Markdown("", elem_id="memory", render=False)
        ChatPage(
            Handlers(service),
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
    return page


def serve(
    page: gr.Blocks,
    *,
    host: str,
    port: int | None,
    lifespan: Callable[[Any], AbstractAsyncContextManager[None]],
    block: bool = True,
) -> str:
    """Serve the page and return its address; with ``block``, only when the process is told to end.

    Args:
        page: From :func:`build_page`.
        host: Address to listen on.
        port: Port to listen on; None takes a free one.
        lifespan: Entered in the server's event loop before the first request, left after the last.
        block: Whether to wait here for the end.
    """
    page.queue(default_concurrency_limit=None)
    _, address, _ = page.launch(
        server_name=host,
        server_port=port,
        share=False,
        show_error=False,
        quiet=True,
        prevent_thread_lock=not block,
        max_threads=MAX_THREADS,
        state_session_capacity=1000,
        enable_monitoring=False,
        run_history=False,
        ssr_mode=False,
        footer_links=[],
        favicon_path=ASSETS / "logo.svg",
        theme=theme(),
        css=CSS,
        app_kwargs={"middleware": [Middleware(VisitorCookie)], "lifespan": lifespan},
    )
    return str(address)


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
