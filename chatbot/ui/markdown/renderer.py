"""From tokens to what Gradio's Chatbot shows unchanged.

Gradio's front end reads Markdown with another parser (marked), whose idea of it is not CommonMark's. What it leaves
alone is HTML: a line that begins with a block's tag, up to the next blank line. So everything is such lines, except for
code, which is a fence again, for the front end to colour and to give a button; a blank line before and after it may
stand within a list or a quote. Formulas stand between characters that no text has, for KaTeX to find.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape, unescape
from typing import Final

from markdown_it.token import Token

from chatbot.ui.markdown.links import destination, misleads

# Unicode keeps these for a program's own use; in a text they are no characters.
INLINE_FORMULA: Final = ("\ufdd0", "\ufdd1")
FORMULA: Final = ("\ufdd2", "\ufdd3")
RESERVED: Final = re.compile("[\x00\ufdd0-\ufdd3]")

# Of a text: what would end a line of HTML, or what marked would take for a formula that it had put aside.
_UNSAFE: Final = re.compile("[\t\n\r\u2028\u2029]|%(?=%%LATEX_BLOCK_)")
# Of code, where marked makes four spaces of a leading tab. HTML's parser drops the character that is put before it.
_UNSAFE_IN_CODE: Final = re.compile("(?<![^\n\u2028\u2029 ])\t|%%LATEX_BLOCK_")
_TILDES: Final = re.compile("~{3,}")
_LANGUAGE: Final = re.compile(r"[a-z0-9+#._-]{1,30}")
# The front end colours a language by one name only.
_ALIASES: Final = {
    **dict.fromkeys(["py", "py3", "python3"], "python"),
    **dict.fromkeys(["sh", "shell", "zsh", "console"], "bash"),
    **dict.fromkeys(["c++", "cc", "hpp"], "cpp"),
    **dict.fromkeys(["jsonc", "json5"], "json"),
    **dict.fromkeys(["golang"], "go"),
    **dict.fromkeys(["rs"], "rust"),
    **dict.fromkeys(["yml"], "yaml"),
    **dict.fromkeys(["tex"], "latex"),
    **dict.fromkeys(["patch", "udiff"], "diff"),
}
_TAG: Final = re.compile("<[^>]*>")
_TASK: Final = re.compile(r"\[([ xX])\](?=\s)")
# Of a Gantt chart Mermaid opens what is clicked in the place of the page, and shows no link that could be changed.
_GANTT: Final = re.compile(r"^\s*gantt\b", re.MULTILINE)
_CLICK: Final = re.compile(r"^[ \t]*click\b.*\n?", re.MULTILINE)
# Mermaid's labels may hold HTML. As in an answer, only a line break does; <<interface>> is Mermaid's own.
_LABEL_TAG: Final = re.compile(r"<<\w+>>|<br\s*/?>|<(?=[a-z/!?])", re.IGNORECASE)

Rule = Callable[["_Block", Token], None]


def render(tokens: Sequence[Token]) -> str:
    """Return a top-level block as the front end is to get it.

    Args:
        tokens: The block's tokens, from its opening to its closing.
    """
    block = _Block()
    for token in tokens:
        block.add(token)
    return "".join(block.parts).strip("\n")


def escaped(text: str) -> str:
    """Return a text as HTML that is one line, and that marked leaves alone."""
    return _UNSAFE.sub(lambda found: f"&#{ord(found[0][0])};", escape(text))


class _Block:
    """What is written so far of a top-level block."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._is_tight = False
        self._link = ""
        """The address of the link that is open."""
        self._link_begins = 0

    def add(self, token: Token) -> None:
        rule = _RULES.get(token.type)
        if rule is not None:
            rule(self, token)
        else:
            self.parts.append(f"<{token.tag}>" if token.nesting > 0 else f"</{token.tag}>")

    def open(self, token: Token) -> None:
        """Open a block; the outermost runs the way its words do, from the right if they are Arabic."""
        tag = token.tag if self.parts else f'{token.tag} dir="auto"'
        start = token.attrs.get("start")
        align = re.search("left|center|right", str(token.attrs.get("style", "")))
        self.parts.append(
            f"<{tag}" + (f' start="{start}"' if start is not None else "") + (f' align="{align[0]}">' if align else ">")
        )

    def open_paragraph(self, token: Token) -> None:
        """Open a paragraph; in a tight list it shows as its words, unless they follow code."""
        after_code = bool(self.parts) and self.parts[-1].endswith("\n")
        self._is_tight = token.hidden and not after_code
        if not self._is_tight:
            self.open(token)

    def close_paragraph(self, _: Token) -> None:
        if not self._is_tight:
            self.parts.append("</p>")

    def inline(self, token: Token) -> None:
        children = token.children or []
        if children and self._begins_item() and (task := _TASK.match(children[0].content)):
            kind = "task" if task[1] == " " else "task done"
            self.parts.append(f'<span class="{kind}">{task[0]}</span>')
            children[0].content = children[0].content[task.end() :]
        for child in children:
            self.add(child)

    def _begins_item(self) -> bool:
        return "".join(self.parts[-2:]).endswith(("<li>", "<li><p>"))

    def text(self, token: Token) -> None:
        self.parts.append(escaped(token.content))

    def code_inline(self, token: Token) -> None:
        # Code runs from the left, and does not decide where the words around it begin.
        self.parts.append(f'<code dir="ltr">{escaped(token.content)}</code>')

    def line_break(self, _: Token) -> None:
        self.parts.append("<br>")

    def rule(self, _: Token) -> None:
        self.parts.append("<hr>")

    def link_open(self, token: Token) -> None:
        self._link = str(token.attrs["href"])
        tells = not token.markup  # an address that is written as it is needs no other words
        self.parts.append(_anchor(self._link, str(token.attrs.get("title") or ""), tells=tells))
        self._link_begins = len(self.parts)

    def link_close(self, _: Token) -> None:
        text = unescape(_TAG.sub("", "".join(self.parts[self._link_begins :])))
        self.parts.append("</a>")
        if misleads(text, self._link):
            self.parts.append(_leads(self._link))
        self._link = ""

    def image(self, token: Token) -> None:
        """Only what the answer itself brings is shown: asking somebody for a picture could tell what was said."""
        source = str(token.attrs["src"])
        words = "".join(child.content for child in token.children or [] if child.nesting == 0)
        if source.startswith("data:"):
            self.parts.append(f'<img src="{escaped(source)}" alt="{escaped(words)}">')
        elif self._link:
            self.parts.append(escaped(words))
        else:
            self.parts.append(f"{_anchor(source)}{escaped(words or source)}</a>{_leads(source)}")

    def footnote_mark(self, token: Token) -> None:
        self.parts.append(f'<sup class="footnote">{escaped(token.content)}</sup>')

    def footnote_open(self, token: Token) -> None:
        self.open(token)
        self.parts[-1] = self.parts[-1].replace("<div", '<div class="footnote"', 1)
        self.footnote_mark(token)

    def formula(self, token: Token) -> None:
        left, right = INLINE_FORMULA if token.markup in ("\\(", "$") else FORMULA
        source = f"{left}{escape(token.content, quote=False)}{right}"
        self.parts.append(re.sub(r"\n\s*", " ", source))

    def formula_block(self, token: Token) -> None:
        self.parts.append("<p>")
        self.formula(token)
        self.parts.append("</p>")

    def code(self, token: Token) -> None:
        language = (token.info.split() or [""])[0].lower()
        language = _ALIASES.get(language, language)
        if language == "mermaid" and token.meta.get("closed"):
            self._diagram(token.content)
        elif language != "mermaid" and _LANGUAGE.fullmatch(language):
            self._fence(token.content, language)
        else:
            self._fence(token.content)

    def _fence(self, code: str, language: str = "") -> None:
        code = _UNSAFE_IN_CODE.sub(_kept, code)
        fence = "~" * (1 + max(map(len, _TILDES.findall(code)), default=2))
        newline = "" if not code or code.endswith("\n") else "\n"
        self.parts.append(f"\n\n{fence}{language}\n{code}{newline}{fence}\n\n")

    def _diagram(self, source: str) -> None:
        """The diagram, and its code for as long as it is not drawn; the style sheet shows one of them."""
        drawn = _CLICK.sub("", source) if _GANTT.search(source) else source
        drawn = _LABEL_TAG.sub(lambda found: found[0] if len(found[0]) > 1 else "#lt;", drawn)
        self.parts.append(f'<div class="diagram"><div class="mermaid">{escaped(drawn)}</div>')
        self._fence(source)
        self.parts.append("</div>")


def _anchor(address: str, title: str = "", *, tells: bool = True) -> str:
    """A link that opens beside the page, tells nobody where it stood, and tells its reader where it leads."""
    if address.startswith("data:"):  # what holds an image opens nowhere
        return "<a>"
    words = " – ".join(filter(None, [destination(address) if tells else "", title]))
    told = f' title="{escaped(words)}"' if words else ""
    return f'<a href="{escaped(address)}" target="_blank" rel="noopener noreferrer"{told}>'


def _leads(address: str) -> str:
    return f'<span class="leads"> ({escaped(destination(address))})</span>'


def _kept(found: re.Match[str]) -> str:
    return f"\0{found[0]}" if found[0] == "\t" else f"%\0{found[0][1:]}"


_RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(
        [
            "blockquote_open",
            "bullet_list_open",
            "details_open",
            "heading_open",
            "list_item_open",
            "ordered_list_open",
            "summary_open",
            "table_open",
            "td_open",
            "th_open",
        ],
        _Block.open,
    ),
    "paragraph_open": _Block.open_paragraph,
    "paragraph_close": _Block.close_paragraph,
    "inline": _Block.inline,
    "text": _Block.text,
    "code_inline": _Block.code_inline,
    "softbreak": _Block.line_break,
    "hardbreak": _Block.line_break,
    "hr": _Block.rule,
    "link_open": _Block.link_open,
    "link_close": _Block.link_close,
    "image": _Block.image,
    "footnote_mark": _Block.footnote_mark,
    "footnote_open": _Block.footnote_open,
    "formula": _Block.formula,
    "formula_block": _Block.formula_block,
    "fence": _Block.code,
    "code_block": _Block.code,
}
