"""How Gradio's page becomes part of our server: mounted at its root, with nothing of Gradio's that nobody needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import gradio as gr
from fastapi import FastAPI
from starlette.routing import Mount

from chatbot.ui import gradio_private
from chatbot.ui.appearance import Appearance
from chatbot.ui.assets import Assets
from chatbot.ui.branding import Branding
from chatbot.ui.early_box import early_box
from chatbot.ui.i18n import labels
from chatbot.ui.identity import HEAD_SCRIPT
from chatbot.ui.theme import style_sheet, theme

if TYPE_CHECKING:
    from gradio.routes import App

SESSIONS: Final = 1000
"""How many sessions of API clients Gradio keeps a state for."""


def mount(app: FastAPI, page: gr.Blocks, branding: Branding) -> None:
    """Serve the page at ``/`` of an application.

    Args:
        app: Its routes come first; its lifespan runs Gradio's.
        page: From :func:`build_page`.
        branding: What it was built with.
    """
    page.state_session_capacity = SESSIONS
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        show_error=False,
        max_file_size=1,
        enable_monitoring=False,
        run_history=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        footer_links=[],
        favicon_path=str(branding.logo),
        i18n=labels(),
        theme=theme(branding.accent),
        css=style_sheet(),
        head=HEAD_SCRIPT,
    )
    # Around Gradio alone: what goes to our own routes does not pass through it.
    [mounted] = [route for route in app.routes if isinstance(route, Mount)]
    gradio_private.check(page)
    gradio_private.answer_with(page, cast("App", mounted.app))
    # Appearance within, for it writes into what Assets compresses.
    mounted.app = Assets(Appearance(mounted.app, _first(branding)))
    gradio_private.open_no_heartbeat(page)
    gradio_private.let_queue_rest(page)


def _first(branding: Branding) -> str:
    # Whoever has terms to accept types nothing before.
    if branding.rules.terms is not None:
        return ""
    return early_box(branding.accent, has_panel="panel" not in branding.hidden_parts)
