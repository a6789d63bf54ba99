"""How the page is laid out: the conversations, the chat, and what is remembered of it."""

from __future__ import annotations

import html
from typing import Final

import gradio as gr

from chatbot.conversation import ConversationService
from chatbot.ui.answer_markdown import LATEX_DELIMITERS
from chatbot.ui.branding import Branding
from chatbot.ui.gradio_private import built_without_apps
from chatbot.ui.i18n import CODES, label
from chatbot.ui.sidebars import Sidebars
from chatbot.ui.views import house_rules
from chatbot.ui.views.examples import example_cards
from chatbot.ui.wiring import ChatPage

MAX_WAITING: Final = 100
"""How many messages of API clients wait for their turn; the next is refused."""


@built_without_apps()
def build_page(service: ConversationService, branding: Branding) -> gr.Blocks:
    """Return the page.

    Args:
        service: What clients of the API talk to, and who can answer.
        branding: How it is to look.
    """
    rules = branding.rules
    cards = example_cards(branding.examples, branding.accent, CODES[0])
    with gr.Blocks(title=branding.title, fill_height=True, analytics_enabled=False) as page:
        sidebars = Sidebars(service.deployments, branding, has_shares=service.sharing.is_on)
        gr.HTML(_SKIP, elem_id="skip", apply_default_css=False)
        with gr.Row(elem_id="layout"):
            sidebars.sidebar.render()
            with gr.Column(elem_id="talk", scale=1, min_width=0):
                with gr.Row(elem_id="header"):
                    gr.HTML(_brand(branding), elem_id="brand", apply_default_css=False)
                    sidebars.badge.render()
                    gr.HTML(_side(branding), elem_id="panel-side", apply_default_css=False)
                if rules.banner:
                    gr.HTML(house_rules.banner(rules.banner), elem_id="banner", apply_default_css=False)
                sidebars.temporary.render()
                if rules.terms is not None:
                    with gr.Column(elem_id="terms"):
                        gr.Markdown(rules.terms.text)
                        sidebars.terms.render()
                ChatPage(
                    service,
                    sidebars,
                    rules,
                    chatbot=_chatbot(branding),
                    textbox=_box(),
                    examples=[each["text"] for each in cards],
                    example_labels=[each["display_text"] for each in cards],
                    example_icons=[each["icon"] for each in cards],
                    editable=True,
                    api_name="chat",
                    analytics_enabled=False,
                )
                with gr.Row(elem_id="foot"):
                    if rules.notice != "":
                        gr.HTML(house_rules.notice(rules.notice), elem_id="ai-notice", apply_default_css=False)
                    sidebars.memory.render()
                    sidebars.compare.render()
                if branding.demo is not None:
                    sidebars.demo.render()
            if sidebars.panel is not None:
                sidebars.panel.render()
    # Clients of the API alone use it. Not told, Gradio takes 1 on ZeroGPU.
    page.queue(default_concurrency_limit=None, max_size=MAX_WAITING)
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
_SKIP: Final = '<button type="button" data-i18n="skip"></button>'
_PAGE_MENU: Final = (
    '<button type="button" id="page-menu" aria-haspopup="menu" aria-expanded="false" data-i18n-label="page_menu">'
    '<i class="glyph dots"></i></button>'
)
_PANEL_TOGGLE: Final = (
    '<button type="button" id="panel-toggle" data-i18n="panel" data-i18n-label="panel_hint">Settings</button>'
)


def _side(branding: Branding) -> str:
    return _PAGE_MENU + ("" if "panel" in branding.hidden_parts else _PANEL_TOGGLE)


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
