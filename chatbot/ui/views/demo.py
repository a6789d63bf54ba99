"""What whoever presents a demo sees of it: how far it is, and the way on. Pure."""

from __future__ import annotations

import html

from chatbot.demo import Demo
from chatbot.ui.demo import Performance
from chatbot.ui.i18n import Language
from chatbot.ui.views.action_buttons import button, icon


def demo_bar(t: Language, demo: Demo, performance: Performance | None, *, growing: bool) -> str:
    """Return the line below the chat; the style sheet shows it in the presenter's view only.

    Args:
        t: In which language.
        demo: What is played.
        performance: How far it is; None where it has not begun.
        growing: Whether an answer is being written.
    """
    played = 0 if performance is None else len(performance.played)
    is_live = demo.live if performance is None else performance.is_live
    is_over = played == len(demo.turns) and not growing
    way = "live" if is_live else "recorded"
    place = t("demo.end") if is_over else t("demo.place", at=played, count=len(demo.turns))
    back = icon("left", t("demo.skip" if growing else "demo.back"), "demo_back", disabled=not (played or growing))
    on = icon("right", t("demo.next"), "demo_next", disabled=growing or is_over)
    switch = button(t(f"demo.{way}"), t(f"demo.{way}_hint"), "demo_live")
    anew = button(t("demo.anew"), t("demo.anew_hint"), "demo_begin") if played else ""
    name = html.escape(t("demo.name", title=demo.title))
    return (
        f'<div class="demo {way}" role="group" aria-label="{name}">{back}<span>{place}</span>{on}{switch}{anew}</div>'
    )
