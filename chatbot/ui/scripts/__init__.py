"""What runs in the browser: a module for each concern, for the linter and the tests; the page has them in one scope.

Gradio takes a page's script as one text, in which nothing can be imported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chatbot.ui.house_rules import HouseRules
from chatbot.ui.i18n import for_scripts

FILES: Final = (
    "texts",
    "remembered",
    "actions",
    "shortcuts",
    "panels",
    "menus",
    "following",
    "source_text",
    "countdown",
    "keyboard",
    "drafts",
    "address",
    "list",
    "answers",
    "languages",
    "drawing",
    "copying",
    "picker",
    "printing",
    "page_menu",
    "compare",
    "recall_hint",
    "notices",
    "files",
    "sharing",
    "house_rules",
    "sign_out",
    "connection",
    "framed",
    "presenter",
)

NEEDED: Final = (
    "#layout",
    "#talk",
    "#sidebar-toggle",
    "#page-menu",
    "#skip button",
    "#sidebar .close",
    "#conversations",
    "#chat [role=log]",
)
"""Parts of the page that the script begins with: Gradio draws them in no order that could be relied on."""


_BETWEEN_MODULES: Final = re.compile(r"^import .*\n|^export (?=const|function|async)", re.MULTILINE)


def needed_of(rules: HouseRules, *, has_panel: bool = True) -> Sequence[str]:
    """Return the parts of a page with these rules, and with or without its panel, that the script begins with."""
    parts = {
        "#panel-toggle": has_panel,
        "#panel .close": has_panel,
        "#banner .banner": rules.banner,
        "#terms": rules.terms,
        "p.ai-notice": rules.notice is None,
    }
    return [*NEEDED, *(part for part, is_there in parts.items() if is_there)]


def page_script(outputs: Sequence[str], needed: Sequence[str] = NEEDED) -> str:
    """Return the page's script, which runs once.

    Args:
        outputs: Names of the components that the page's stream sets, in the order of its event.
        needed: Parts of the page that have to be there.
    """
    modules = "\n".join((Path(__file__).parent / f"{name}.js").read_text(encoding="utf-8") for name in FILES)
    return f"""const TEXTS = {for_scripts()};
const OUTPUTS = {json.dumps(outputs)};
function begin() {{
const isThere = (part) => document.querySelector(part);
if (!window.chatbotDraw || !{json.dumps(needed)}.every(isThere)) return setTimeout(begin, 20);
{_BETWEEN_MODULES.sub("", modules)}
}}
begin();"""
