"""How the page is laid out: the conversations, the chat, and what is remembered of it."""

from __future__ import annotations

import html
from typing import Any, Final

import gradio as gr

from chatbot.conversation import ConversationService
from chatbot.ui.answer_markdown import LATEX_DELIMITERS
from chatbot.ui.beside import Beside
from chatbot.ui.icons import data_url
from chatbot.ui.language import label
from chatbot.ui.look import Look
from chatbot.ui.sessions import PageSessions
from chatbot.ui.theme import palette
from chatbot.ui.wiring import ChatPage


def build_page(service: ConversationService, sessions: PageSessions, look: Look) -> gr.Blocks:
    """Return the page.

    Args:
        service: What visitors' actions are done to.
        sessions: The open pages, shared with the routes that keep them up to date.
        look: How it is to look.
    """
    with gr.Blocks(title=look.title, fill_height=True, analytics_enabled=False) as page:
        beside = Beside(service.deployments, look)
        with gr.Row(elem_id="layout"):
            beside.shelf.render()
            with gr.Column(elem_id="talk", scale=1, min_width=0):
                with gr.Row(elem_id="header"):
                    gr.HTML(_brand(look), elem_id="brand", apply_default_css=False)
                    beside.badge.render()
                    gr.HTML(_PANEL_TOGGLE, elem_id="panel-side", apply_default_css=False)
                ChatPage(
                    service,
                    sessions,
                    look,
                    beside,
                    chatbot=_chatbot(look),
                    textbox=_box(),
                    examples=[prompt for _, prompt, _ in look.examples],
                    example_labels=[each for each, _, _ in look.examples],
                    example_icons=[_icon(icon, look) for _, _, icon in look.examples],
                    editable=True,
                    api_name="chat",
                    analytics_enabled=False,
                )
                beside.memory.render()
            beside.panel.render()
    return page


def _chatbot(look: Look) -> gr.Chatbot:
    return gr.Chatbot(
        elem_id="chat",
        show_label=False,
        scale=1,
        height="auto",
        autoscroll=False,
        editable="user",
        buttons=["copy"],
        feedback_options=None,
        placeholder=_welcome(look),
        latex_delimiters=LATEX_DELIMITERS,
    )


def _box() -> gr.Textbox:
    return gr.Textbox(
        elem_id="box",
        label=label("message"),
        placeholder=label("message_placeholder"),
        show_label=False,
        submit_btn=True,
        stop_btn=True,
        autofocus=True,
        lines=1,
        max_lines=12,
    )


# What `data-say` names is filled in by the page's script, in the browser's language.
_PANEL_TOGGLE: Final = (
    '<button type="button" id="panel-toggle" data-say="memory" data-say-label="memory_hint">Memory</button>'
)


def _brand(look: Look) -> str:
    title = html.escape(look.title)
    return (
        '<button type="button" id="shelf-toggle" data-say-label="conversations" aria-label="Conversations">'
        '<i class="glyph menu"></i></button>'
        f'<img src="{look.logo_url}" alt=""><h1 dir="auto" title="{title}">{title}</h1>'
    )


def _welcome(look: Look) -> str:
    about = html.escape(look.tagline) or str(label("welcome_demo" if look.is_demo else "welcome"))
    return (
        f'<div class="welcome"><img src="{look.logo_url}" alt="">'
        f'<h2 dir="auto">{html.escape(look.title)}</h2><p dir="auto">{about}</p></div>'
    )


def _icon(name: str, look: Look) -> dict[str, Any]:
    url = data_url(name, palette(look.accent).c500)
    return {"url": url, "mime_type": "image/svg+xml"}
