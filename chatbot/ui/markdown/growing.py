r"""What to read of a text that is still growing, so that its reader sees no mark that is about to turn into something.

The end of what has come is often half of a mark: a fence without its line's end, a table without its second line, a
formula without its closer, ``**bo``. What may yet become such a thing waits until it is one, for as long as that is
likely; what has begun for sure is ended as if it were whole. A text that grows no more is read as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from chatbot.ui.markdown.fences import LANGUAGES
from chatbot.ui.markdown.formulas import CLOSERS, closing, is_tex, looks_like_formula, may_open
from chatbot.ui.markdown.tags import PAIRS

PATIENCE: Final = 200
"""Characters for which a link, emphasis or a formula within a line is waited for; what goes on longer is none."""
PATIENCE_WITH_LINES: Final = 2000
"""Of a formula on lines of its own."""
LONGEST_LINE: Final = 5000
"""Of a longer one the end is shown as it comes."""

_PLACEHOLDER: Final = "$$\\cdots$$"

# A quote's and a list's marks before the words of a line. No spaces are given back: a line may be all spaces. The group
# is not possessive: before 3.11.5, as in Debian 12, Python matches such groups wrongly (python/cpython#106052).
_MARKS: Final = r"[ \t]*+(?:(?:>|[-*+]|\d{1,9}[.)])[ \t]++|>)*[ \t]*+"
_FENCE: Final = re.compile(rf"{_MARKS}(?P<run>`{{3,}}+|~{{3,}}+)(?P<info>[^`]*)")
_DISPLAY: Final = re.compile(rf"(?P<marks>{_MARKS})(?P<opener>\$\$(?![$\d])|\\\[|\\begin\{{[a-z]+\*?\}})")
# All of a line, so far: it may become a heading, a rule, an item, a fence, a table's row, a task or a note.
_ONLY_MARKS: Final = re.compile(
    rf"{_MARKS}(?:"
    r"[-=+*_~`|:#< \t]*+|(?:`{3,}|~{3,})[^`]*|\d{1,9}[.)]"
    r"|\\[a-z]*(?:\{[a-z]*)?|\[[ xX]?\]?|\[\^[^\s\]]{0,40}\]?:?"
    r")[ \t]*"
)
_ROW: Final = re.compile(r"[ \t>]*\|")
_SECOND_ROW: Final = re.compile(r"[ \t>|:-]*")
_DETAILS: Final = re.compile(r"[ \t>]*<details\s*>", re.IGNORECASE)
_FOLDING: Final = re.compile(r"<(/?)(details|summary)\s*>", re.IGNORECASE)
_CELL: Final = re.compile(r".*(?<!\\)\|")
_HALF_TAG: Final = re.compile(r"<(?:/?[a-zA-Z]{0,9}\s?/?|https?:[^\s<>]*)$")
_TAG: Final = re.compile(rf"<(/?)({'|'.join(sorted(PAIRS))})>", re.IGNORECASE)
_MARK: Final = re.compile(rf"\\.|\\$|`+|\$\$?|!?\[|\*+|_+|~+|{_TAG.pattern}", re.IGNORECASE)
_RUN: Final = re.compile("`+")
_LINK: Final = re.compile(r"(!?)\[((?:\\.|[^\]\\])*)(?:\](?:\([^)]*)?)?$")
_NUMBERS: Final = re.compile(r"[\d,;\s–-]+")
_NUMBER_OF_ITEM: Final = re.compile(rf"{_MARKS}\d{{1,3}}")


@dataclass(frozen=True, slots=True)
class _Opened:
    """Emphasis or a tag that has begun at a place, and how it ends."""

    mark: str
    end: str
    start: int


def begun(text: str) -> str:
    """Return what is to be read of a text of which the end has not come.

    Args:
        text: From the beginning of a block that can still change.
    """
    lines = text.split("\n")
    fence, folded = _opened(lines)
    if fence:
        # Its own end may be half there.
        is_end = lines[-1].strip(" \t>") and not lines[-1].strip(f" \t>{fence[0]}")
        return "\n".join(lines[:-1] if is_end else lines)
    opened, closes = _display(lines)
    if opened is not None:
        marks = _DISPLAY.match(lines[opened])
        _, folded = _opened(lines[:opened])
        lines = [*lines[:opened], f"{marks['marks'] if marks else ''}{_PLACEHOLDER}"]
    elif rows := _rows_of_no_table(lines):
        lines = lines[:-rows]
    elif not closes:
        last = lines[-1]
        is_held = _ONLY_MARKS.fullmatch(last) or (len(lines) > 1 and _NUMBER_OF_ITEM.fullmatch(last))
        lines[-1] = "" if is_held else _ended(last)
    return "\n".join(lines) + folded


def _opened(lines: list[str]) -> tuple[str, str]:
    """Return the run of the fence that is open at the end, and the ends of the ``<details>`` that are."""
    fences: list[str] = []
    folds: list[str] = []
    holds_fences = False
    for at, line in enumerate(lines):
        if ("```" in line or "~~~" in line) and (found := _FENCE.fullmatch(line)):
            run, info = found["run"], found["info"].split()
            if not fences:
                if at + 1 < len(lines):
                    fences = [run]
                    holds_fences = bool(info) and info[0].lower() in LANGUAGES
            elif run.startswith(fences[-1]) and not info:
                fences.pop()
            elif run.startswith(fences[0]) and holds_fences:
                fences.append(run)
        elif not fences and "<" in line and (folds or _DETAILS.match(line)):
            for is_end, name in _FOLDING.findall(line):
                if not is_end:
                    folds.append(name.lower())
                elif folds and folds[-1] == name.lower():
                    folds.pop()
    ends = "".join(f"</{name}>" if name == "summary" else f"\n\n</{name}>" for name in reversed(folds))
    return fences[-1] if fences else "", ends


def _display(lines: list[str]) -> tuple[int | None, bool]:
    """Return the line with which a formula begins that has no end yet, and whether the last line ends one."""
    opened, closer, length, closes = None, "", 0, False
    for at, line in enumerate(lines):
        rest = line
        if opened is None:
            if "$$" not in line and "\\" not in line:
                continue
            if not (found := _DISPLAY.match(line)):
                continue
            opened, length = at, 0
            closer = CLOSERS.get(found["opener"]) or found["opener"].replace("begin", "end", 1)
            rest = line[found.end() :]
        length += len(line)
        if closer in rest or length > PATIENCE_WITH_LINES:
            closes = at + 1 == len(lines) and closer in rest and at > opened
            opened = None
    return opened, closes


def _rows_of_no_table(lines: list[str]) -> int:
    """Return how many lines are to be left out at the end, because their second says whether they are a table."""
    is_whole = not lines[-1]
    rows = 0
    while rows < min(3, len(lines) - is_whole) and _ROW.match(lines[-1 - rows - is_whole]):
        rows += 1
    is_waiting = rows == 1 or (rows == 2 and not is_whole and _SECOND_ROW.fullmatch(lines[-1]))
    return rows + is_whole if is_waiting else 0


def _ended(line: str) -> str:
    """Return a line whose code, emphasis, tags and links are ended; a formula that is not is left out."""
    if len(line) > LONGEST_LINE:
        return line
    cell = _CELL.match(line) if _ROW.match(line) else None
    before = cell[0] if cell else ""
    words = _HALF_TAG.sub("", line[len(before) :])
    opened: list[_Opened] = []
    at = 0
    while found := _MARK.search(words, at):
        mark, start, at = found[0], found.start(), found.end()
        if mark[0] == "`":
            end = next((run.end() for run in _RUN.finditer(words, at) if run[0] == mark), None)
            if end is None:
                code = words[at:].rstrip("`")
                words = words[:start]
                return before + (f"{words}{mark}{code}{mark}{_ends(opened)}" if code.strip() else _whole(words, opened))
            at = end
        elif mark in CLOSERS:
            end, _ = closing(words, at, CLOSERS[mark])
            if end < 0:
                words = words[:start] if _may_become_formula(words, at, mark) else words
            elif mark == "$" and end + 1 == len(words) and not is_tex(words[at:end]):
                # What follows tells whether this dollar ends a formula, or begins an amount or a name.
                words, at = words[:-1], start
            else:
                at = end + len(CLOSERS[mark])
        elif mark == "\\":
            words = words[:start]
        elif mark[0] == "<":
            _fold(found, opened)
        elif mark.endswith("["):
            link = _LINK.match(words, start) if len(words) - start < PATIENCE else None
            if link and (link[1] or not link[2] or link[2].startswith("^")):
                words = words[:start]  # of a picture, and of a note's mark, nothing is to be seen yet
            elif link and not _NUMBERS.fullmatch(link[2]) and not _is_name(words[start - 1 : start]):
                words, at = words[:start] + link[2], start
        elif mark[0] in "*_~":
            left = _toggle(words, start, mark, opened)
            if at == len(words):
                words = words[: at - left]
    return before + _whole(words, opened)


def _may_become_formula(words: str, start: int, opener: str) -> bool:
    content = words[start:]
    if len(content) > PATIENCE:
        return False
    if opener != "$" or not content:
        return True
    is_amount = content[0].isdigit() or content[0].isspace()
    return (
        not is_amount and "$" not in content and may_open(words, start) and looks_like_formula(f"{content.rstrip()}x")
    )


def _toggle(words: str, start: int, run: str, opened: list[_Opened]) -> int:
    """Open or close emphasis by a run of marks, as far as its neighbours let it; return how many marks did neither."""
    before, after = words[start - 1 : start], words[start + len(run) : start + len(run) + 1]
    # Within a name an underscore is one, and between numbers a star is a product.
    can_close = bool(before.strip()) and not (run[0] == "_" and after.isalnum())
    can_open = bool(after.strip()) and not (run in ("*", "_", "__") and _is_name(before))
    left = len(run)
    if run == "~":
        return left
    while left and can_close and opened and opened[-1].end[0] == run[0] and len(opened[-1].end) <= left:
        left -= len(opened.pop().end)
    if left and can_open:
        sizes = [2] if run[0] == "~" else [1, 2] if left == 3 else [min(left, 2)]
        opened += [_Opened(run[0] * size, run[0] * size, start) for size in sizes]
        left = 0
    return left


def _fold(found: re.Match[str], opened: list[_Opened]) -> None:
    """Open or close one of the tags that come in pairs."""
    name = found[2].lower()
    if not found[1]:
        opened.append(_Opened(found[0], f"</{name}>", found.start()))
    elif opened and opened[-1].end == f"</{name}>":
        opened.pop()


def _whole(words: str, opened: list[_Opened]) -> str:
    """Return words with the ends of what is open, and without the beginnings of what holds nothing yet."""
    while opened:
        words = words.rstrip(" ")
        if len(words) > opened[-1].start + len(opened[-1].mark):
            break
        words = words[: opened.pop().start]
    return words + _ends([each for each in opened if len(words) - each.start < PATIENCE])


def _ends(opened: list[_Opened]) -> str:
    return "".join(each.end for each in reversed(opened))


def _is_name(character: str) -> bool:
    return character.isascii() and character.isalnum()
