"""What runs in the browser: a module for each concern, for the linter and the tests; the page has them in one scope.

Gradio takes a page's script as one text, in which nothing can be imported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chatbot.ui.i18n import for_scripts

FILES: Final = (
    "texts",
    "actions",
    "panels",
    "following",
    "source_text",
    "countdown",
    "keyboard",
    "drawing",
    "recall_hint",
    "notices",
    "files",
    "connection",
)

NEEDED: Final = (
    "#layout",
    "#talk",
    "#sidebar-toggle",
    "#panel-toggle",
    "#sidebar .close",
    "#panel .close",
    "#conversations",
    "#chat [role=log]",
)
"""Parts of the page that the script begins with: Gradio draws them in no order that could be relied on."""


_BETWEEN_MODULES: Final = re.compile(r"^import .*\n|^export (?=const|function|async)", re.MULTILINE)


def page_script(outputs: Sequence[str]) -> str:
    """Return the page's script, which runs once.

    Args:
        outputs: Names of the components that the page's stream sets, in the order of its event.
    """
    modules = "\n".join((Path(__file__).parent / f"{name}.js").read_text(encoding="utf-8") for name in FILES)
    return f"""const TEXTS = {for_scripts()};
const OUTPUTS = {json.dumps(outputs)};
function begin() {{
const isThere = (part) => document.querySelector(part);
if (!window.chatbotDraw || !{json.dumps(NEEDED)}.every(isThere)) return setTimeout(begin, 20);
{_BETWEEN_MODULES.sub("", modules)}
}}
begin();"""
