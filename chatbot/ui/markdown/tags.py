"""The few tags that models use on purpose; every other is text, as CommonMark's parsers show it without HTML.

``<br>``; pairs such as ``<sub>…</sub>`` that open and close within the same words; ``<details>`` with its summary. None
with attributes: a style, a class or an id of an answer's would make it look like the page.
"""

from __future__ import annotations

import re
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_block.state_block import StateBlock
from markdown_it.rules_core.state_core import StateCore
from markdown_it.rules_inline.state_inline import StateInline
from markdown_it.token import Token

from chatbot.ui.markdown.formulas import hold, is_spent, spend

PAIRS: Final = frozenset(("sub", "sup", "kbd", "mark", "u", "b", "strong", "i", "em", "s", "del", "ins", "small"))
MOST_LINES: Final = 1000
"""Lines of a ``<details>``; one that is longer is shown as text."""
DEEPEST: Final = 5
"""How many ``<details>`` within each other."""

_BREAK: Final = re.compile(r"<br\s*/?>(?: *\n)?", re.IGNORECASE)
_PAIR: Final = re.compile(rf"<(/?)({'|'.join(sorted(PAIRS))})\s*>", re.IGNORECASE)
_DETAILS: Final = re.compile(r"<(/?)details\s*>", re.IGNORECASE)
_WHOLE: Final = re.compile(
    r"<details\s*>\s*?(?:\s*<summary\s*>(?P<summary>.*?)</summary\s*>)?(?P<content>.*)</details\s*>",
    re.IGNORECASE | re.DOTALL,
)
_FENCE: Final = re.compile(r" {0,3}(```|~~~)")


def tags(md: MarkdownIt) -> None:
    """Teach a parser tags: tokens ``tag_open`` and ``tag_close``, ``hardbreak``, ``details`` and ``summary``."""
    md.block.ruler.before("paragraph", "details", _details, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    md.inline.ruler.before("html_inline", "tag", _tag)
    md.core.ruler.after("inline", "tag_pairs", _pairs)


def _tag(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "<":
        return False
    if found := _BREAK.match(state.src, state.pos):
        if not silent:
            state.push("hardbreak", "br", 0)
    elif found := _PAIR.match(state.src, state.pos):
        if not silent:
            token = state.push("tag", found[2].lower(), 0)
            token.content, token.info = found[0], "close" if found[1] else "open"
    else:
        return False
    state.pos = found.end()
    return True


def _pairs(state: StateCore) -> None:
    for token in state.tokens:
        if token.type == "inline" and "<" in token.content:
            _pair(token.children or [])


def _pair(tokens: list[Token]) -> None:
    """Make tags of those that open and close properly nested, with something between them; the others are text."""
    opened: list[int] = []
    for index, token in enumerate(tokens):
        if token.nesting > 0 or token.info == "open":
            opened.append(index)
        elif token.nesting < 0:
            # Whatever was opened within the emphasis or the link, and was not closed in it, is text.
            while opened and tokens[opened.pop()].nesting == 0:
                pass
        elif token.info == "close":
            _close(tokens, index, opened)
    for token in tokens:
        if token.type == "tag":
            token.type = "text"


def _close(tokens: list[Token], index: int, opened: list[int]) -> None:
    for at in range(len(opened) - 1, -1, -1):
        partner = tokens[opened[at]]
        if partner.nesting > 0:
            return
        if partner.tag == tokens[index].tag:
            if opened[at] + 1 < index:
                partner.type, partner.nesting = "tag_open", 1
                tokens[index].type, tokens[index].nesting = "tag_close", -1
            del opened[at:]
            return


def _details(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    first = state.bMarks[start] + state.tShift[start]
    depth = state.env.get("details", 0)
    opening = _DETAILS.match(state.src, first)
    if opening is None or opening[1] or depth == DEEPEST or state.is_code_block(start) or is_spent(state.env):
        return False
    line = _end_of_details(state, start, end)
    if line is None:
        return False
    whole = _WHOLE.fullmatch(state.getLines(start, line + 1, state.blkIndent, False).strip())
    if whole is None:
        return False
    if silent:
        return True
    state.push("details_open", "details", 1).map = [start, line + 1]
    if whole["summary"] is not None:
        state.push("summary_open", "summary", 1)
        inline = state.push("inline", "", 0)
        inline.content, inline.children = " ".join(whole["summary"].split()), []
        state.push("summary_close", "summary", -1)
    # Lines of its own: what they hold of the source is not to be taken for lines of the whole.
    inner: list[Token] = []
    env = {**state.env, "references": state.env.setdefault("references", {}), "details": depth + 1}
    state.md.block.parse(whole["content"].strip("\n"), state.md, env, inner)
    for token in inner:
        token.level += state.level
    state.tokens += inner
    state.push("details_close", "details", -1)
    state.line = line + 1
    return True


def _end_of_details(state: StateBlock, start: int, end: int) -> int | None:
    """Return the line that ends with the closing tag, if there is one within reach."""
    depth, fence = 0, ""
    last = min(end, start + MOST_LINES)
    for line in range(start, last):
        if line > start and state.sCount[line] < state.blkIndent and not state.isEmpty(line):
            return None
        source = state.src[state.bMarks[line] : state.eMarks[line]]
        if marked := _FENCE.match(source):
            fence = "" if fence == marked[1] else fence or marked[1]
        if fence:
            continue
        for found in _DETAILS.finditer(source):
            depth += -1 if found[1] else 1
            if depth == 0:
                if line + 1 == end:
                    hold(state.env, start)
                return line if not source[found.end() :].strip() else None
    spend(state.env, state.eMarks[last - 1] - state.bMarks[start])
    if last == end:
        hold(state.env, start)
    return None
