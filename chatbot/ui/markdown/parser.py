"""The parser: markdown-it, which knows CommonMark, with what an answer needs beyond it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock, blockquote, list_block
from markdown_it.rules_core.state_core import StateCore
from markdown_it.token import Token

from chatbot.ui.markdown.emphasis import CjkParserInline
from chatbot.ui.markdown.fences import fences
from chatbot.ui.markdown.footnotes import footnotes
from chatbot.ui.markdown.formulas import formulas
from chatbot.ui.markdown.links import links
from chatbot.ui.markdown.tags import tags

MOST_QUOTES: Final = 10
DEEPEST: Final = 24
"""Levels of blocks within each other (a list is two); what is deeper is text.

markdown-it leaves out what is deeper than its own limit, so that is never reached.
"""

LONGEST_PARAGRAPH: Final = 20_000
"""Characters; what is longer is no prose, and is shown as it is, for some runs of marks take long to be paired."""

_BREAK: Final = Token("softbreak", "br", 0)

BlockRule = Callable[[StateBlock, int, int, bool], bool]


def make_parser() -> MarkdownIt:
    """Return a parser of answers."""
    md = MarkdownIt()
    md.inline = CjkParserInline()
    md.configure("commonmark", {"html": False, "breaks": True, "maxNesting": DEEPEST + 10})
    md.enable(["table", "strikethrough"])
    quotes: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    md.block.ruler.at("blockquote", _limited(blockquote, MOST_QUOTES), quotes)
    md.block.ruler.at("list", _limited(list_block, DEEPEST), {"alt": ["paragraph", "reference", "blockquote"]})
    md.core.ruler.at("inline", _inline)
    formulas(md)
    fences(md)
    footnotes(md)
    tags(md)
    links(md)
    return md


def _inline(state: StateCore) -> None:
    for token in state.tokens:
        if token.type != "inline":
            continue
        if len(token.content) <= LONGEST_PARAGRAPH:
            token.children = state.md.inline.parse(token.content, state.md, state.env, [])
        else:
            token.children = [part for line in token.content.split("\n") for part in (_BREAK, _text(line))][1:]


def _text(line: str) -> Token:
    return Token("text", "", 0, content=line)


def _limited(rule: BlockRule, deepest: int) -> BlockRule:
    def limited(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        return state.level < deepest and rule(state, start, end, silent)

    return limited
