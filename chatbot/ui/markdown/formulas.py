r"""Formulas in TeX: ``\(…\)`` within a line, ``\[…\]`` and ``$$…$$`` on their own. A single dollar is money."""

from __future__ import annotations

import re
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block.state_block import StateBlock
from markdown_it.rules_inline.state_inline import StateInline

CLOSERS: Final = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}
LONGEST: Final = 5000
"""Characters of a formula; what is longer is text, so that an opener without its closer costs little."""
MOST_LINES: Final = 200
MOST_READ_IN_VAIN: Final = 200_000
"""Characters read, in a text, for closers that are not there; then openers are text."""

_STEP: Final = re.compile(r"\\.|\$\$|[{}]", re.DOTALL)


def formulas(md: MarkdownIt) -> None:
    """Teach a parser formulas: tokens ``formula`` (inline) and ``formula_block``, their markup being the opener."""
    alternatives: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    md.block.ruler.before("fence", "formula_block", _block, alternatives)
    md.inline.ruler.before("escape", "formula", _inline)


def hold(env: Any, line: int) -> None:
    """Note that what begins at a line of the source may yet become something else than it is."""
    env["held"] = min(env.get("held", line), line)


def is_spent(env: Any) -> bool:
    """Whether too much of a text was read in vain already."""
    return bool(env.get("vain", 0) > MOST_READ_IN_VAIN)


def spend(env: Any, characters: int) -> None:
    """Note that characters were read for a closer that is not there."""
    env["vain"] = env.get("vain", 0) + characters


def _closing(source: str, start: int, closer: str) -> int:
    r"""Return where a formula ends whose content begins at ``start``, or -1.

    As KaTeX looks for it: what follows a backslash is skipped, and a closer within braces (``\text{$$}``) is none.
    """
    depth = 0
    for step in _STEP.finditer(source, start, start + LONGEST):
        found = step[0]
        if found == closer and depth <= 0:
            end = step.start()
            # "$$5 and $$10" is money, however it is written.
            is_money = closer == "$$" and source[end + 2 : end + 3].isdigit()
            return end if source[start:end].strip() and not is_money else -1
        depth += (found == "{") - (found == "}")
    return -1


def _inline(state: StateInline, silent: bool) -> bool:
    opener = state.src[state.pos : state.pos + 2]
    closer = CLOSERS.get(opener)
    if closer is None or is_spent(state.env) or state.src.find(closer, state.pos + 2, state.pos + LONGEST) < 0:
        return False
    end = _closing(state.src, state.pos + 2, closer)
    if end < 0 or end >= state.posMax:
        spend(state.env, min(LONGEST, state.posMax - state.pos))
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content, token.markup = state.src[state.pos + 2 : end], opener
    state.pos = end + 2
    return True


def _block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A formula that begins and ends with a line; blank lines within it are its own."""
    first = state.bMarks[start] + state.tShift[start]
    opener = state.src[first : first + 2]
    if opener not in ("\\[", "$$") or state.is_code_block(start) or is_spent(state.env):
        return False
    closer = CLOSERS[opener]
    last = min(end, start + MOST_LINES)
    for line in range(start, last):
        begin = state.bMarks[line] + state.tShift[line]
        if line > start and state.sCount[line] < state.blkIndent and not state.isEmpty(line):
            return False
        if state.src.find(closer, begin + 2 * (line == start), state.eMarks[line]) >= 0:
            break
    else:
        spend(state.env, state.eMarks[last - 1] - first)
        if last == end:
            hold(state.env, start)
        return False
    if line + 1 == end:
        hold(state.env, start)
    source = state.getLines(start, line + 1, state.blkIndent, False).strip()
    at = _closing(source, 2, closer)
    if at < 0 or at + 2 < len(source):
        return False
    if not silent:
        token = state.push("formula_block", "", 0)
        token.content, token.markup, token.map = source[2:at], opener, [start, line + 1]
        state.line = line + 1
    return True
