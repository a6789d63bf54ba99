"""How the page is laid out: the conversations, the chat, and what is remembered of it."""

from __future__ import annotations

import html
from typing import Any, Final

import gradio as gr

from chatbot.conversation import ConversationService
from chatbot.ui.answer_markdown import LATEX_DELIMITERS
from chatbot.ui.branding import Branding
from chatbot.ui.i18n import label
from chatbot.ui.icons import data_url
from chatbot.ui.sidebars import Sidebars
from chatbot.ui.theme import palette
from chatbot.ui.wiring import ChatPage


def build_page(service: ConversationService, branding: Branding) -> gr.Blocks:
    """Return the page.

    Args:
        service: What clients of the API talk to, and who can answer.
        branding: How it is to look.
    """
    with gr.Blocks(title=branding.title, fill_height=True, analytics_enabled=False) as page:
        sidebars = Sidebars(service.deployments, branding)
        with gr.Row(elem_id="layout"):
            sidebars.sidebar.render()
            with gr.Column(elem_id="talk", scale=1, min_width=0):
                with gr.Row(elem_id="header"):
                    gr.HTML(_brand(branding), elem_id="brand", apply_default_css=False)
                    sidebars.badge.render()
                    gr.HTML(_PANEL_TOGGLE, elem_id="panel-side", apply_default_css=False)
                ChatPage(
                    service,
                    sidebars,
                    chatbot=_chatbot(branding),
                    textbox=_box(),
                    examples=[prompt for _, prompt, _ in branding.examples],
                    example_labels=[each for each, _, _ in branding.examples],
                    example_icons=[_icon(icon, branding) for _, _, icon in branding.examples],
                    editable=True,
                    api_name="chat",
                    analytics_enabled=False,
                )
                sidebars.memory.render()
            sidebars.panel.render()
    return page


def _chatbot(branding: Branding) -> gr.Chatbot:
    return gr.Chatbot(
        elem_id="chat",
        show_label=False,
        scale=1,
        height="auto",
        autoscroll=False,
        editable="user",
        buttons=["copy"],
        feedback_options=None,
        placeholder=_welcome(branding),
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


# What `data-i18n` names is filled in by the page's script, in the browser's language.
_PANEL_TOGGLE: Final = (
    '<button type="button" id="panel-toggle" data-i18n="memory" data-i18n-label="memory_hint">Memory</button>'
)


def _brand(branding: Branding) -> str:
    title = html.escape(branding.title)
    return (
        '<button type="button" id="sidebar-toggle" data-i18n-label="conversations" aria-label="Conversations">'
        '<i class="glyph menu"></i></button>'
        f'<img src="{branding.logo_url}" alt=""><h1 dir="auto" title="{title}">{title}</h1>'
    )


def _welcome(branding: Branding) -> str:
    about = html.escape(branding.tagline) or str(label("welcome_demo" if branding.is_demo else "welcome"))
    return (
        f'<div class="welcome"><img src="{branding.logo_url}" alt="">'
        f'<h2 dir="auto">{html.escape(branding.title)}</h2><p dir="auto">{about}</p></div>'
    )


def _icon(name: str, branding: Branding) -> dict[str, Any]:
    url = data_url(name, palette(branding.accent).c500)
    return {"url": url, "mime_type": "image/svg+xml"}
