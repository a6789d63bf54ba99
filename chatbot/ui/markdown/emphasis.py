"""Emphasis beside Chinese, Japanese and Korean, which put no spaces where CommonMark's rules look for them."""

from __future__ import annotations

import unicodedata
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline.state_inline import Scanned, StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType

# Below it there is no letter of these languages, and the rules are CommonMark's.
FIRST_CJK: Final = "\u1100"


class CjkInline(StateInline):
    """Takes a neighbour that is CJK for the boundary of a word.

    By CommonMark's rule ``**“words”**后`` is not bold: a closing run behind punctuation needs a space or punctuation
    behind it. See https://github.com/tats-u/markdown-cjk-friendly, which other parsers have taken up.
    """

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803 (markdown-it's names)
        """Return whether the run of markers at ``start`` can open and close emphasis, and its length."""
        scanned = super().scanDelims(start, canSplitWord)
        after = start + scanned.length
        last = self.src[start - 1] if start else " "
        following = self.src[after] if after < self.posMax else " "
        if last < FIRST_CJK and following < FIRST_CJK:
            return scanned
        last_space, next_space = isWhiteSpace(ord(last)), isWhiteSpace(ord(following))
        last_cjk, next_cjk = _is_cjk(last), _is_cjk(following)
        last_mark, next_mark = _is_punctuation(last), _is_punctuation(following)
        # Only punctuation that is not CJK needs something beside it.
        left = not next_space and (next_cjk or not next_mark or last_space or last_mark or last_cjk)
        right = not last_space and (last_cjk or not last_mark or next_space or next_mark or next_cjk)
        can_open = left and (canSplitWord or not right or last_mark)
        can_close = right and (canSplitWord or not left or next_mark)
        return Scanned(can_open, can_close, scanned.length)


class CjkParserInline(ParserInline):
    """markdown-it's inline parser, with :class:`CjkInline` as its state."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        """Process a paragraph's text and push its tokens."""
        state = CjkInline(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


def _is_punctuation(char: str) -> bool:
    return isMdAsciiPunct(ord(char)) or isPunctChar(char)


def _is_cjk(char: str) -> bool:
    # Not symbols: emoji are wide too.
    wide = unicodedata.east_asian_width(char) in ("W", "F", "H")
    return wide and unicodedata.category(char)[0] != "S"
