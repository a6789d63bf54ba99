"""What came in with another tool's file, in words. Pure."""

from __future__ import annotations

from chatbot.conversation import Brought
from chatbot.ui.i18n import Language


def import_summary(t: Language, brought: Brought) -> str:
    """Say how many chats came in, and how much of them could not be taken; each turn says what of it."""
    words = [t("imported.done", len(brought.conversations), tool=brought.tool)]
    if brought.incomplete:
        words.append(t("imported.incomplete", brought.incomplete))
    if brought.empty:
        words.append(t("imported.empty", brought.empty))
    return " ".join(words)
