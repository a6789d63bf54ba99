"""Footnotes: ``[^1]`` in a sentence, ``[^1]: the note`` on lines of its own; a note stands where it was written.

A mark shows its own label, so that nothing has to be counted while an answer grows.
"""

from __future__ import annotations

import re
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_block import reference
from markdown_it.rules_block.state_block import StateBlock
from markdown_it.rules_core.state_core import StateCore
from markdown_it.rules_inline.state_inline import StateInline

_MARK: Final = re.compile(r"\[\^([^\s\[\]^]{1,40})\]")


def footnotes(md: MarkdownIt) -> None:
    """Teach a parser footnotes: tokens ``footnote_mark`` (inline) and ``footnote_open``, whose content is the label."""
    md.core.ruler.before("block", "footnotes", _none_yet)
    md.block.ruler.before("reference", "footnote", _note, {"alt": ["paragraph"]})
    md.block.ruler.at("reference", _reference)
    md.inline.ruler.before("link", "footnote_mark", _mark)


def _none_yet(state: StateCore) -> None:
    state.env.setdefault("footnotes", set())


def _reference(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A note of one word would be the address of a link."""
    first = state.bMarks[start] + state.tShift[start]
    return not _MARK.match(state.src, first) and reference(state, start, end, silent)


def _note(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A note and what is indented below it; none within another, whose paragraph it ends."""
    first = state.bMarks[start] + state.tShift[start]
    found = _MARK.match(state.src, first, state.eMarks[start])
    if found is None or state.src[found.end() : found.end() + 1] != ":" or state.is_code_block(start):
        return False
    if silent:
        return True
    if state.env.get("in_note"):
        return False
    state.env["footnotes"].add(found[1])
    opened = state.push("footnote_open", "div", 1)
    opened.content = found[1]
    words = found.end() + 1
    before = state.bMarks[start], state.tShift[start], state.sCount[start], state.parentType
    state.bMarks[start], state.tShift[start] = words, state.skipSpaces(words) - words
    # The first line counts as indented as the others, however far its words stand behind the colon.
    state.blkIndent += 4
    state.sCount[start] = state.blkIndent
    state.parentType = "footnote"
    state.env["in_note"] = True
    state.md.block.tokenize(state, start, end)
    state.env["in_note"] = False
    state.blkIndent -= 4
    state.bMarks[start], state.tShift[start], state.sCount[start], state.parentType = before
    opened.map = [start, state.line]
    state.push("footnote_close", "div", -1)
    return True


def _mark(state: StateInline, silent: bool) -> bool:
    """A mark whose note is there; while an answer grows its note may be yet to come, and a number is a mark without."""
    found = _MARK.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    is_known = found[1] in state.env["footnotes"] or (state.env.get("growing") and found[1].isdigit())
    if not is_known:
        return False
    if not silent:
        state.push("footnote_mark", "sup", 0).content = found[1]
    state.pos = found.end()
    return True
