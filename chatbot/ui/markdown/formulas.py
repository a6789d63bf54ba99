r"""Formulas in TeX: ``\(…\)`` and ``$…$`` within a line, ``\[…\]``, ``$$…$$`` and environments on their own.

A dollar is money, a variable of a shell or a template's more often than not: what stands between two of them has to
look like a formula, and what stands around them, too.
"""

from __future__ import annotations

import re
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block.state_block import StateBlock
from markdown_it.rules_inline.state_inline import StateInline

CLOSERS: Final = {"\\(": "\\)", "\\[": "\\]", "$$": "$$", "$": "$"}
LONGEST: Final = 5000
"""Characters of a formula; what is longer is text, so that an opener without its closer costs little."""
MOST_LINES: Final = 200
MOST_READ_IN_VAIN: Final = 200_000
"""Characters read, in a text, for closers that are not there; then openers are text."""

_STEP: Final = re.compile(r"\\.|\$\$?|[{}]", re.DOTALL)
_ENVIRONMENT: Final = re.compile(r"\\begin\{((?:equation|align|aligned|alignat|gather|gathered|multline|split)\*?)\}")

# Between single dollars.
_SIGN: Final = re.compile(r"\\[a-zA-Z]|[\^_]")
_COMMAND: Final = re.compile(r"\\(?:text\w*|math\w+|operatorname\*?|mbox)\s*\{[^{}]*\}|\\[a-zA-Z]+|\\.")
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_PROSE: Final = re.compile(r"[^\W\d_]{2,}[,;:]?\s+[^\W\d_]{2,}")
_OTHER_MONEY: Final = re.compile("[€£¥₹₩₽]")
_ENDING: Final = re.compile(r"(?:th|st|nd|rd|s)\b")
"""What is written right behind the name of a number: ``$n$th``."""


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


def closing(source: str, start: int, closer: str) -> tuple[int, int]:
    r"""Return where a formula ends whose content begins at ``start``, or -1; and how many characters were read.

    As KaTeX looks for it: what follows a backslash is skipped, and a closer within braces (``\text{$$}``) is none.
    """
    depth = 0
    for step in _STEP.finditer(source, start, start + LONGEST):
        found = step[0]
        if found == closer and depth <= 0:
            end = step.start()
            return end if _is_formula(source, start, end, closer) else -1, end - start
        depth += (found == "{") - (found == "}")
    return -1, LONGEST


def _is_formula(source: str, start: int, end: int, closer: str) -> bool:
    content, after = source[start:end], source[end + len(closer) : end + len(closer) + 1]
    if not content.strip():
        return False
    if closer == "$":
        return may_open(source, start) and looks_like_formula(content) and _may_close(source, end, content)
    if closer == "$$":
        # "$$5 and $$10" is money, however it is written, and "$$, $$$" are prices.
        return not (after == "$" or after.isdigit()) and re.search(r"[\w\\]", content) is not None
    # A bracket that is not to be one of Markdown's is written like this, too: that of a link most of all.
    is_link = closer == "\\]" and after in ("(", "[")
    return is_tex(content) or not (is_link or _PROSE.search(content))


def may_open(source: str, start: int) -> bool:
    """Whether a formula may begin at ``start``, behind a single dollar: behind "US" or a number it is money."""
    before, first = source[start - 2 : start - 1], source[start : start + 1]
    is_name = before.isascii() and before.isalnum()
    return before != "$" and (not is_name or first in ("^", "_", "\\"))


def _may_close(source: str, end: int, content: str) -> bool:
    """Whether a formula may end with the dollar at ``end``: before a number or a name that begins another amount."""
    after = source[end + 1 : end + 2]
    if after.isdigit() or after == "_" or (after in ("(", "{") and content[0] == after):
        return False
    is_name = after.isascii() and after.isalnum()
    return not is_name or content[0] in "^_\\" or _ENDING.match(source, end + 1) is not None


def is_tex(content: str) -> bool:
    """Whether there is something that only TeX has: a command, an index or an exponent."""
    return _SIGN.search(content) is not None


def looks_like_formula(content: str) -> bool:
    """Whether what follows a single dollar reads as TeX: not as an amount with words behind it, and not as prose."""
    plain = _COMMAND.sub(" ", content)
    if _PROSE.search(plain) or _OTHER_MONEY.search(plain) or not re.search(r"[\w\\+=<>]", content):
        return False
    if content[0].isspace() != content[-1].isspace() or (
        (content[0].isspace() or "\n" in content) and not is_tex(content)
    ):
        return False
    return is_tex(content) or not (content[0].isdigit() and _WORD.search(plain))


def _inline(state: StateInline, silent: bool) -> bool:
    opener = state.src[state.pos : state.pos + 2]
    if opener[:1] == "$" and opener != "$$":
        opener = "$"
    closer, start = CLOSERS.get(opener), state.pos + len(opener)
    if closer is None or is_spent(state.env) or state.src.find(closer, start, start + LONGEST) < 0:
        return False
    end, read = closing(state.src, start, closer)
    if end < 0 or end >= state.posMax:
        spend(state.env, min(read, state.posMax - state.pos))
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content, token.markup = state.src[start:end], opener
    state.pos = end + len(closer)
    return True


def _block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A formula that begins and ends with a line; blank lines within it are its own."""
    first = state.bMarks[start] + state.tShift[start]
    opener = state.src[first : first + 2]
    environment = _ENVIRONMENT.match(state.src, first) if opener == "\\b" else None
    if (opener not in ("\\[", "$$") and not environment) or state.is_code_block(start) or is_spent(state.env):
        return False
    closer = f"\\end{{{environment[1]}}}" if environment else CLOSERS[opener]
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
    if environment:
        content = source if source.endswith(closer) and len(source) < LONGEST else ""
    else:
        at, _ = closing(source, 2, closer)
        content = source[2:at] if at + 2 == len(source) else ""
    if not content:
        return False
    if not silent:
        token = state.push("formula_block", "", 0)
        token.content, token.markup, token.map = content, opener, [start, line + 1]
        state.line = line + 1
    return True
