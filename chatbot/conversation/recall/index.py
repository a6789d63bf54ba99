"""Finds the turn that a question speaks of and the model no longer remembers: by words, in this process.

An offer that misses the point is worse than none: a match is a phrase, a name, a number, or a word that hardly occurs
elsewhere, and nothing that the remembered turns speak of too is forgotten.
"""

from __future__ import annotations

import heapq
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from chatbot.conversation.recall import stopwords
from chatbot.conversation.turn import Turn

MOST_CHARACTERS: Final = 2_000_000
"""Of text that an index keeps; beyond it the oldest turns are let go. About 3,000 ordinary turns, 10 MB."""

_QUESTION, _ANSWER, _ASKED = 4_000, 12_000, 600
"""Characters looked at of a turn's question, of its answer, and of what is asked now: the rest is pasted material."""

_OPENING: Final = 500
"""Characters of a turn that say what it is about: an ordinary word counts alone only when it stands there."""

_NEAR: Final = 40
"""Characters between two words of a turn within which they are one phrase, in whatever order."""

_LONE, _NAMED = 2, 4
"""In how many turns an ordinary word, and a name or number, may occur to count without another beside it."""

_CANDIDATES: Final = 24
"""How many turns are looked at closely, those with the rarest words first: bounds the time whatever is asked."""

_HAN: Final = "\u30a0-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003134f"
_HIRAGANA: Final = "\u3040-\u309f"  # Nearly all of it is grammar: it only separates.
_HANGUL: Final = "\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f"
_MARKS: Final = "\u0300-\u036f\u0591-\u05c7\u064b-\u0655\u0900-\u0dff\u0e31-\u0e4e"
_WORD: Final = re.compile(rf"[{_HAN}]+|[{_HANGUL}]+|(?:[^\W_{_HAN}{_HIRAGANA}{_HANGUL}]|[{_MARKS}])+")
_IS_HAN: Final = re.compile(f"[{_HAN}]").match
_IS_HANGUL: Final = re.compile(f"[{_HANGUL}]").match
_ACCENTS: Final = re.compile("[\u0300-\u036f]")


def _fold(text: str) -> str:
    """Without case, accents and compatibility forms."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", text).casefold()))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 4 and word[-1] == "s" and word[-2] != "s" else word


_STOPS: Final = frozenset(_singular(_fold(word)) for word in stopwords.WORDS.split())
_HAN_STOPS: Final = re.compile(f"[{stopwords.HAN_CHARACTERS}]|{'|'.join(stopwords.HAN.split())}")
_HANGUL_STOPS: Final = tuple(stopwords.HANGUL.split())
_PARTICLES: Final = re.compile(f"(?<=..)(?:{'|'.join(stopwords.PARTICLES.split())})$")


class Mention(NamedTuple):
    """What a question says of a turn: its index, and the words as the visitor wrote them."""

    turn_index: int
    words: str


class _Kept(NamedTuple):
    """A turn as the index has it: its folded words between single blanks, and what they were made from."""

    words: str
    source: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """One word of a question, or one run of Chinese: where it stands and what it is when folded."""

    start: int
    end: int
    folded: str
    is_name: bool


@dataclass(frozen=True, slots=True)
class _Match:
    """Part of a question that a turn has too.

    Attributes:
        place: Number of the word in the question.
        needle: How it stands in the turn's words.
        turns: How many turns have it, about.
        suffices: Whether it is evidence enough by itself.
        fresh: Whether no remembered turn has it.
    """

    place: int
    start: int
    end: int
    needle: str
    turns: int
    suffices: bool
    fresh: bool


class TurnIndex:
    """An inverted index over the turns of one conversation, bounded in memory.

    A turn is added when it has ended; adding one at an index that is taken replaces it, and adding the same again costs
    next to nothing. Which turns count is said with each question, so what was rewound may stay.
    """

    def __init__(self, turns: Sequence[Turn] = ()) -> None:
        self._kept: dict[int, _Kept] = {}
        self._having: dict[str, list[int]] = {}
        self._characters = 0
        self.is_full = False
        """Whether older turns had to be let go."""
        for turn in turns:
            self.add(turn)

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, turn: Turn) -> None:
        """Take in a turn."""
        source = _source(turn)
        if (old := self._kept.get(turn.index)) is not None:
            if old.source == source:
                return
            self._let_go(turn.index)
        words = _words(turn)
        self._kept[turn.index] = _Kept(words, source)
        self._characters += len(words)
        for term in _terms(words):
            self._having.setdefault(term, []).append(turn.index)
        while self._characters > MOST_CHARACTERS:
            self.is_full = True
            self._let_go(min(self._kept))

    def find(self, text: str, among: Collection[int], remembered: Sequence[Turn]) -> Mention | None:
        """Return the turn that a question speaks of, if it is clear that it speaks of one.

        Args:
            text: The question.
            among: Indices of the turns that may be offered.
            remembered: The turns that the next request holds; none of them is offered, nor anything they say too.
        """
        asked = _asked(text[:_ASKED])
        allowed = set(among).difference(turn.index for turn in remembered)
        common = max(_NAMED, len(self._kept) // 10)
        hits: defaultdict[int, dict[int, float]] = defaultdict(dict)
        for place, word in enumerate(asked):
            for term in _terms(f" {word.folded} "):
                having = self._having.get(term, ())
                if len(having) <= common:
                    for index in having:
                        if index in allowed:
                            hits[index][place] = self._weight(len(having))
        if not hits:
            return None
        known = [self._words_of(turn) for turn in remembered]
        best: tuple[float, int, str] | None = None
        for index in heapq.nlargest(_CANDIDATES, hits, key=lambda index: (sum(hits[index].values()), index)):
            words = self._kept[index].words
            matches = [
                match for place in sorted(hits[index]) for match in self._matches(place, asked[place], words, known)
            ]
            for phrase in _phrases(matches, words, text):
                if any(match.fresh for match in phrase) and (len(phrase) > 1 or phrase[0].suffices):
                    score = sum(self._weight(match.turns) for match in phrase if match.fresh) + len(phrase)
                    found = (score, index, text[phrase[0].start : phrase[-1].end])
                    best = found if best is None else max(best, found)
        return None if best is None else Mention(*best[1:])

    def _weight(self, turns: int) -> float:
        return math.log1p(len(self._kept) / turns)

    def _matches(self, place: int, word: _Asked, words: str, known: Sequence[str]) -> Iterator[_Match]:
        """The parts of one word of the question that a turn with these words has."""
        for start, end, needle in _parts(word.folded, words):
            turns = min((len(self._having.get(term, ())) for term in _terms(f" {word.folded[start:end]} ")), default=0)
            if not 0 < turns <= max(_NAMED, len(self._kept) // 10):
                continue
            if word.is_name:
                suffices = turns <= _NAMED
            else:
                enough = 3 if _IS_HAN(word.folded) or _IS_HANGUL(word.folded) else 5
                is_round = word.folded.isdigit()
                suffices = turns <= _LONE and end - start >= enough and not is_round and needle in words[:_OPENING]
            whole = not (_IS_HAN(word.folded) or _IS_HANGUL(word.folded))
            yield _Match(
                place,
                word.start if whole else word.start + start,
                word.end if whole else min(word.start + end, word.end),
                needle,
                turns,
                suffices,
                not any(needle in other for other in known),
            )

    def _words_of(self, turn: Turn) -> str:
        kept = self._kept.get(turn.index)
        return kept.words if kept is not None and kept.source == _source(turn) else _words(turn)

    def _let_go(self, index: int) -> None:
        words = self._kept.pop(index).words
        self._characters -= len(words)
        for term in _terms(words):
            having = self._having[term]
            having.remove(index)
            if not having:
                del self._having[term]


def _source(turn: Turn) -> int:
    return hash((turn.question_text, turn.answer_text))


def _words(turn: Turn) -> str:
    text = _fold(f"{turn.question_text[:_QUESTION]}\n{turn.answer_text[:_ANSWER]}")
    return f" {' '.join(map(_singular, _WORD.findall(text)))} "


def _terms(words: str) -> set[str]:
    """What words are found by: themselves; Chinese by each two characters; Korean by how a word begins."""
    terms = set(words.split())
    if not words.isascii():
        for word in list(terms):
            if _IS_HAN(word):
                terms.remove(word)
                terms.update(word[at : at + 2] for at in range(len(word) - 1))
            elif _IS_HANGUL(word):
                terms.remove(word)
                if len(word) > 1:
                    terms.add(word[:2])
    return terms - _STOPS


def _asked(text: str) -> list[_Asked]:
    """The words of a question that say something."""
    asked = []
    shouted = text.isupper()
    for found in _WORD.finditer(text):
        start, end, word = *found.span(), found[0]
        folded = _singular(_fold(word))
        if _IS_HAN(word):
            at = start
            for grammar in [*_HAN_STOPS.finditer(text, start, end), None]:
                until = grammar.start() if grammar else end
                if until - at > 1:
                    asked.append(_Asked(at, until, _fold(text[at:until]), is_name=False))
                at = grammar.end() if grammar else end
        elif _IS_HANGUL(word):
            if not folded.startswith(_HANGUL_STOPS) and len(stem := _PARTICLES.sub("", folded)) > 1:
                asked.append(_Asked(start, start + len(stem), stem, is_name=False))
        elif len(folded) > 1 and folded not in _STOPS:
            asked.append(_Asked(start, end, folded, _is_name(word, text[:start], shouted=shouted)))
    return asked


def _is_name(word: str, before: str, *, shouted: bool) -> bool:
    """Whether it looks like a name, a code or a number that means something: 4711 does, 2000 does not."""
    if any(character.isdigit() for character in word):
        return len(word) > 3 and not word.endswith("00") if word.isdigit() else len(word) > 2
    if shouted or len(word) < 3:
        return False
    begins = not (before := before.rstrip(" \"'“”‘’«»„¿¡([*_")) or before[-1] in ".!?:;…\n\r"
    return word.isupper() or (word[0].isupper() and not begins)


def _parts(word: str, words: str) -> Iterator[tuple[int, int, str]]:
    """Where parts of a folded word stand in a turn's words: start and end in the word, and how the turn has it."""
    if _IS_HAN(word):
        start = 0
        while start < len(word) - 1:
            end = start + 1
            while end < len(word) and word[start : end + 1] in words:
                end += 1
            if end - start > 1:
                yield start, end, word[start:end]
            start = end if end - start > 1 else start + 1
    elif _IS_HANGUL(word):
        for end in range(len(word), 1, -1):
            if (needle := f" {word[:end]}") in words:
                yield 0, end, needle
                return
    elif (needle := f" {word} ") in words:
        yield 0, len(word), needle


def _phrases(matches: Sequence[_Match], words: str, text: str) -> Iterator[list[_Match]]:
    """Matches, joined where they follow each other in the question and stand near each other in the turn."""
    phrase: list[_Match] = []
    for match in matches:
        if phrase and not _is_next(phrase[-1], match, words, text):
            yield phrase
            phrase = []
        phrase.append(match)
    if phrase:
        yield phrase


def _is_next(one: _Match, other: _Match, words: str, text: str) -> bool:
    between = text[one.end : other.start]
    if (
        other.place - one.place > 1
        or one.needle == other.needle
        or len(between) > 16
        or re.search("[.!?。！？\n]", between)
    ):
        return False
    at = words.find(one.needle)
    while at >= 0:
        if other.needle in words[max(at - _NEAR, 0) : at + len(one.needle) + _NEAR]:
            return True
        at = words.find(one.needle, at + 1)
    return False
