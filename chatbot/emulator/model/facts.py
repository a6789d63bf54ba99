"""What a user states about themselves in plain English: "my favourite colour is teal", "call me Ada"."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_APOSTROPHES = str.maketrans("\u2018\u2019\u02bc\u00b4", "''''")
_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\bMr\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\bMrs\.)(?<!\bProf\.)(?<!\b[A-Z]\.)\s+|[\r\n]+"
)
# "My name is Ada, and what is my age?": a new clause starts where a statement or a question can start.
_CLAUSE_START = re.compile(
    r"(?:[,;]|\band\b|\bbut\b)\s+(?=(?:(?:and|but|so)\s+)?"
    r"(?:my|what|whats|who|call me|i'm called|i am called|remember)\b)|:\s+(?=(?:what|whats|who)\b)",
    re.IGNORECASE,
)
_LEAD = (
    r"\W*(?:(?:hi|hello|hey|ok|okay|well|so|and|but|also|please|yes|no|actually|now|oh|btw|by the way)"
    r"\b[\s,!.:-]*)*"
)
_REMEMBER = r"(?:remember|note|keep in mind|don't forget)\b(?:\s+(?:this|that))?\s*(?:[:,]\s*)?(?:that\s+)?"
_IS = r"(?P<verb>is|are)"
# What something is not would be a poor answer to what it is.
_SAID = r"(?!not\b)(?P<value>\S.*)"
_NAME = re.compile(
    rf"{_LEAD}(?:{_REMEMBER})?"
    r"(?:my name(?: is|'s)|(?:i'm|im|i am) (?:called|named)"
    r"|call me(?! (?:back|later|when|if|tomorrow|maybe|again|at|on|in)\b))\s+"
    rf"{_SAID}",
    re.IGNORECASE,
)
_MINE = re.compile(rf"{_LEAD}(?:{_REMEMBER})?(?P<subject>my\s+\S.{{0,60}}?)\s+{_IS}\s+{_SAID}", re.IGNORECASE)
_THING = re.compile(rf"{_LEAD}{_REMEMBER}(?P<subject>\S.{{0,60}}?)\s+{_IS}\s+{_SAID}", re.IGNORECASE)
_NOTE = re.compile(rf"{_LEAD}{_REMEMBER}(?!(?:this|that)\W*$)(?P<value>\w.*)", re.IGNORECASE)
_NAME_ENDS = re.compile(r",|\s(?:and|but|so|because|by the way)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement: its subject as we would say it back ("your name"), and what was said about it.

    A note ("remember this: buy milk") has a value only.
    """

    subject: str
    verb: str
    value: str

    @property
    def key(self) -> str:
        """What makes a later statement replace an earlier one."""
        return key_of(self.subject) if self.subject else f"note {self.value.lower()}"


def key_of(subject: str) -> str:
    """Return a subject without what may differ between statement and question.

    "My favorite color" and "your favourite colour" are the same thing.
    """
    words = straightened(subject).lower().split()
    if words and words[0] in {"my", "your", "our", "the", "a", "an"}:
        words = words[1:]
    return " ".join(words).replace("favorite", "favourite").replace("color", "colour")


def straightened(text: str) -> str:
    """Return `text` with plain apostrophes, at its own length."""
    return text.translate(_APOSTROPHES)


def clauses(text: str) -> list[str]:
    """Split a message into the parts that can each state or ask one thing; curly apostrophes made plain."""
    sentences = _SENTENCE_END.split(straightened(text))
    parts = [part.strip() for sentence in sentences for part in _CLAUSE_START.split(sentence)]
    return [part for part in parts if part]


def stated(text: str) -> list[Fact]:
    """Return what a message states, in its order. Questions state nothing."""
    facts = (_fact(clause) for clause in clauses(text) if not clause.endswith("?"))
    return [fact for fact in facts if fact is not None]


def known(texts: Iterable[str]) -> dict[str, Fact]:
    """Return the latest statement about each subject, oldest first, by `Fact.key`."""
    latest: dict[str, Fact] = {}
    for text in texts:
        for fact in stated(text):
            latest.pop(fact.key, None)  # said again: moves to the end
            latest[fact.key] = fact
    return latest


def _fact(clause: str) -> Fact | None:
    if found := _NAME.match(clause):
        value = _tidy(_NAME_ENDS.split(found["value"], maxsplit=1)[0])
        return Fact("your name", "is", value) if value else None
    if found := _MINE.match(clause) or _THING.match(clause):
        value = _tidy(found["value"])
        return Fact(_said_back(found["subject"]), found["verb"].lower(), value) if value else None
    if found := _NOTE.match(clause):
        value = _tidy(found["value"])
        return Fact("", "", value) if value else None
    return None


def _said_back(subject: str) -> str:
    owner, _, rest = subject.partition(" ")
    return f"your {rest.strip()}" if owner.lower() == "my" else subject


def _tidy(value: str) -> str:
    return value.strip().rstrip(" .,;:!").strip("\"'“”‘’")
