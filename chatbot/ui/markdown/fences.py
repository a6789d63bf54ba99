"""Markdown about Markdown: a fence of it that holds others as long as itself, with which CommonMark would end it."""

from __future__ import annotations

import re
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_block.state_block import StateBlock

from chatbot.ui.markdown.formulas import hold, is_spent, spend

_FENCE: Final = re.compile(r"(?P<run>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)")
LANGUAGES: Final = ("markdown", "md", "mdx")


def fences(md: MarkdownIt) -> None:
    """Teach a parser fences of Markdown that hold fences: tokens ``fence``, as those of others."""
    md.block.ruler.before("fence", "fence_of_fences", _fence, {"alt": ["paragraph", "reference", "blockquote", "list"]})


def _fence(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """What is opened with a language within it is closed before it; else it is none, and CommonMark's rule holds."""
    opening = _at(state, start)
    if opening is None or (opening["info"].split() or [""])[0].lower() not in LANGUAGES or is_spent(state.env):
        return False
    if silent:
        return True
    opened = [opening["run"]]
    line, last = start, start
    while opened and line + 1 < end:
        line += 1
        if state.sCount[line] < state.blkIndent and not state.isEmpty(line):
            break
        last = line
        if (found := _at(state, line)) is None or found["run"][0] != opening["run"][0]:
            continue
        if not found["info"].strip():
            if len(found["run"]) >= len(opened[-1]):
                opened.pop()
        elif len(found["run"]) >= len(opening["run"]):
            opened.append(found["run"])
    if opened and not (state.env.get("growing") and line + 1 == end):
        spend(state.env, state.eMarks[last] - state.bMarks[start])
        return False
    if line + 1 == end:
        hold(state.env, start)
    token = state.push("fence", "code", 0)
    token.info, token.markup, token.map = opening["info"], opening["run"], [start, last + 1]
    token.content = state.getLines(start + 1, last + (1 if opened else 0), state.sCount[start], True)
    state.line = last + 1
    return True


def _at(state: StateBlock, line: int) -> re.Match[str] | None:
    if state.is_code_block(line):
        return None
    return _FENCE.fullmatch(state.src, state.bMarks[line] + state.tShift[line], state.eMarks[line])
