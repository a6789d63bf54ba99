"""What stands about house rules on the page, as HTML. Pure."""

from __future__ import annotations

import hashlib
import html
from typing import Final

from chatbot.conversation import Conversation
from chatbot.ui.house_rules import HouseRules, Terms
from chatbot.ui.i18n import Language
from chatbot.ui.views.action_buttons import button

ACCEPTED: Final = '<i class="accepted"></i>'
"""Stands where the terms are accepted: the style sheet shows the chat then, and else the terms in its place."""


def banner(text: str) -> str:
    """Return the text on top of the page; the page's script shows it to whoever has not closed this one."""
    which = hashlib.sha256(text.encode()).hexdigest()[:16]
    return (
        f'<div class="banner" role="note" data-text="{which}" hidden><p dir="auto" tabindex="0">{html.escape(text)}</p>'
        '<button type="button" data-i18n-label="close"><i class="glyph cross"></i></button></div>'
    )


def notice(text: str | None) -> str:
    """Return the line about AI; without words of the application's own, the page's script says it."""
    if text is None:
        return '<p class="ai-notice" data-i18n="ai_notice"></p>'
    return f'<p class="ai-notice" dir="auto">{html.escape(text)}</p>'


def asking(t: Language, terms: Terms) -> str:
    """Return what stands below the terms until they are accepted."""
    accept = button(t("house.accept"), t("house.accept_hint"), "accept", terms.version)
    return f'<div class="asking"><p>{html.escape(t("house.terms"))}</p>{accept}</div>'


def temporary(t: Language, conversation: Conversation) -> str:
    """Return what a page says all the while it shows a temporary conversation; of any other nothing."""
    if not conversation.is_temporary:
        return ""
    return f'<p class="temporary" role="status">{html.escape(t("house.temporary"))}</p>'


def kept(t: Language, rules: HouseRules) -> str:
    """Return how long things are kept, and the way to delete them all: it has to be opened before it can be pressed."""
    days = rules.retention_days
    line = "" if days is None else f"<p>{html.escape(t('house.retention', days))}</p>"
    sure = html.escape(t("house.erase_sure"))
    erase = button(t("house.erase_all"), t("house.erase_all"), "erase")
    return f"{line}<details><summary>{html.escape(t('house.erase'))}</summary><p>{sure}</p>{erase}</details>"
