"""An answer's Markdown as HTML that needs no script: for documents, which nothing draws in a browser. Pure.

It is made of what the page is drawn from (``answer_markdown``), so both show the same: code as code, and formulas and
diagrams, which only a script could draw, as their source.
"""

from __future__ import annotations

import re
from html import escape
from typing import Final

from chatbot.ui.answer_markdown import prepare
from chatbot.ui.markdown.renderer import FORMULA, INLINE_FORMULA

# A line that begins so is a fence: every other begins with a tag.
_FENCE: Final = re.compile(r"^(~{3,})([\w#+.-]*)\n((?:.*\n)*?)\1$", re.MULTILINE)
_FORMULA: Final = re.compile(f"{FORMULA[0]}(.*?){FORMULA[1]}", re.DOTALL)
_INLINE_FORMULA: Final = re.compile(f"{INLINE_FORMULA[0]}(.*?){INLINE_FORMULA[1]}", re.DOTALL)
_TO_BE_DRAWN: Final = re.compile(r'<div class="mermaid">[^<]*</div>')

FORMULA_MARK: Final = '<code class="formula'
DIAGRAM_MARK: Final = '<div class="diagram">'
"""What stands in the HTML where there is a formula, or a diagram."""


def answer_html(text: str) -> str:
    """Return a model's text as HTML; about 1 ms for 1,000 characters."""
    return _FENCE.sub(_code, _formulas(_TO_BE_DRAWN.sub("", prepare(text))))


def _formulas(prepared: str) -> str:
    shown = _FORMULA.sub(rf'{FORMULA_MARK} block" dir="ltr">\1</code>', prepared)
    return _INLINE_FORMULA.sub(rf'{FORMULA_MARK}" dir="ltr">\1</code>', shown)


def _code(fence: re.Match[str]) -> str:
    # Characters that keep Gradio's own parser from reading code stand between its own.
    code = fence[3].replace("\0", "")
    language = f'<span class="language">{escape(fence[2])}</span>' if fence[2] else ""
    return f'<pre dir="ltr">{language}<code>{escape(code, quote=False)}</code></pre>'
