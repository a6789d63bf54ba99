"""How Gradio's page becomes part of our server: mounted at its root, with nothing of Gradio's that nobody needs."""

from __future__ import annotations

import sys
from typing import Final

import gradio as gr
from fastapi import FastAPI

from chatbot.ui.language import labels
from chatbot.ui.look import Look
from chatbot.ui.theme import STYLE, theme
from chatbot.ui.visitor import HEAD_SCRIPT

SESSIONS: Final = 1000
"""How many sessions of API clients Gradio keeps a state for."""


def mount(app: FastAPI, page: gr.Blocks, look: Look) -> None:
    """Serve the page at ``/`` of an application.

    Args:
        app: Its routes come first; its lifespan runs Gradio's.
        page: From :func:`build_page`.
        look: What it was built with.
    """
    # Not told, Gradio takes 1 on ZeroGPU, and a page refused by a full queue stays unusable: it is never full.
    page.queue(default_concurrency_limit=None, max_size=sys.maxsize)
    page.state_session_capacity = SESSIONS
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        show_error=False,
        enable_monitoring=False,
        run_history=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        footer_links=[],
        favicon_path=str(look.logo),
        i18n=labels(),
        theme=theme(look.accent),
        css=STYLE.read_text(encoding="utf-8"),
        head=HEAD_SCRIPT,
    )
