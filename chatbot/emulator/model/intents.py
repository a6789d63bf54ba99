"""What the demo model understands of plain English: which requests it knows, and what users state about themselves."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from chatbot.emulator.model import languages

_APOSTROPHES = str.maketrans("\u2018\u2019\u02bc\u00b4", "''''")
_LONGEST = 300

# With a colon, a few words may stand before it. The text begins behind one blank or one line break, not
# behind all of them: its own indentation is part of it.
_REPEAT = re.compile(
    r"\s*(?:please\s+)?repeat(?:(?:\s+(?:this|after me|exactly))?:|(?=[\s\"“'‘«]))"
    r"(?:[ \t]*\r?\n|[ \t])?(?P<text>.*)",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED = re.compile(r"\s*(?:\"([^\"]*)\"|“([^“”]*)”|«([^«»]*)»|'([^']*)'|‘([^‘’]*)’)\s*")

_POLITE = r"(?:hey |and |so |but |ok |okay |well |please )*(?:(?:can|could|would|will) you )?(?:please )?"
_ASK = (
    r"(?:what(?:'s|s| is| are| was| were| did i say)|(?:who|where|when)(?:'s|s| is| are)"
    r"|tell me|say|remind me(?: of)?|do you (?:still )?(?:know|remember|recall))"
)
_SHOW = rf"{_POLITE}(?:show|give|make|draw|write|print|tell|send)(?: me| us)? "


def _intent(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_QUESTION = _intent(
    rf"{_POLITE}{_ASK} (?:what |who |where |when )?(?P<subject>(?:my|our|the) .{{1,60}}?)"
    r"(?: (?:is|are|was|were))?(?:,? (?:please|again))?"
)
_WHO_AM_I = _intent(r".{0,40}\b(?:who am i|who i am|do you (?:still )?(?:know|remember) me)\b.{0,40}")

REPEAT_LAST = _intent(
    r"(?:please )?(?:repeat(?: (?:that|it|yourself|again|that again|your last answer))?|(?:say (?:that|it) )?again)"
    r"(?:,? please)?"
)
RECALL = _intent(
    r".*\b(?:what (?:do|can|did) you (?:still )?(?:remember|recall|know about me)|what have i told you)\b.*"
)
TOPICS = _intent(
    r".*\b(?:(?:list|show|name|summari[sz]e|what (?:are|were))\b.{0,20}\btopics"
    r"|what (?:did|have|were) we (?:talk|discuss|speak|sp[eo]ke|chat)).*"
)
TITLE = _intent(r".*\b(?:write|find|give|suggest)\b.{0,20}\btitle\b.*")
TABLE = _intent(rf"{_SHOW}(?:\w+ ){{0,3}}table\b.*|(?:an? )?(?:\w+ )?table(?: please)?")
CODE = _intent(rf"{_SHOW}(?:\w+ ){{0,3}}code\b.*|(?:an? |some )?(?:\w+ )?code(?: block)?(?: please)?")
LONG = _intent(
    rf"{_SHOW}(?:an? )?(?:(?:very|really) )?long(?:er)?\b.*"
    r"|(?:an? )?(?:very )?long(?:er)? (?:answer|story|text)(?: please)?"
)
HELLO = _intent(
    r"(?:hello|hi|hey|hiya|greetings|good (?:morning|afternoon|evening|day))(?:,? (?:there|again|you|everyone|demo))?"
    r"(?:[,.! ]+how are you.*)?"
)
COMMON_WORDS = frozenset(
    {"about", "after", "again", "answer", "before", "could", "first", "message", "model", "other", "please", "question"}
    | {"remember", "should", "their", "there", "these", "thing", "things", "think", "those", "today", "would", "where"}
    | {"which", "while", "write", "wrote", "years"}
)
"""Words of five letters and more that tell nothing of what a message is about."""
THANKS = _intent(r"(?:many )?(?:thanks|thank you|thx|cheers)\b.{0,40}")

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
_VALUE = r"(?!not\b)(?P<value>\S.*)"
_NAME = re.compile(
    rf"{_LEAD}(?:{_REMEMBER})?"
    r"(?:my name(?: is|'s)|(?:i'm|im|i am) (?:called|named)"
    r"|call me(?! (?:back|later|when|if|tomorrow|maybe|again|at|on|in)\b))\s+"
    rf"{_VALUE}",
    re.IGNORECASE,
)
_MINE = re.compile(rf"{_LEAD}(?:{_REMEMBER})?(?P<subject>my\s+\S.{{0,60}}?)\s+{_IS}\s+{_VALUE}", re.IGNORECASE)
_THING = re.compile(rf"{_LEAD}{_REMEMBER}(?P<subject>\S.{{0,60}}?)\s+{_IS}\s+{_VALUE}", re.IGNORECASE)
_NOTE = re.compile(rf"{_LEAD}{_REMEMBER}(?!(?:this|that)\W*$)(?P<value>\w.*)", re.IGNORECASE)
_NAME_ENDS = re.compile(r",|\s(?:and|but|so|because|by the way)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement: its subject in the second person ("your name"), and what it is.

    A note ("remember this: buy milk") has a value only.
    """

    subject: str
    verb: str
    value: str

    @property
    def key(self) -> str:
        """What makes a later statement replace an earlier one."""
        return subject_key(self.subject) if self.subject else f"note {self.value.lower()}"


def matches(intent: re.Pattern[str], text: str) -> bool:
    """Return whether a whole message has this intent, whatever its punctuation."""
    return intent.fullmatch(_plain(text)) is not None


def text_to_repeat(prompt: str) -> str | None:
    """Return exactly what stands behind "repeat", without one pair of quotes around all of it."""
    found = _REPEAT.fullmatch(prompt)
    if found is None or matches(REPEAT_LAST, prompt):
        return None
    text = found["text"]
    quoted = _QUOTED.fullmatch(text)
    return next(group for group in quoted.groups() if group is not None) if quoted else text


def asked_about(clause: str) -> str | None:
    """Return the subject of a question ("my name", "the code word"), or nothing when it is no such question."""
    plain = _plain(clause)
    if _WHO_AM_I.fullmatch(plain):
        return "my name"
    found = _QUESTION.fullmatch(plain)
    return found["subject"] if found else None


def _plain(text: str) -> str:
    # No intent takes more words, and a long text need not be searched for them.
    if len(text) > _LONGEST:
        return ""
    return " ".join(plain_apostrophes(text).split()).strip(" .,!?…:;\"'")


def subject_key(subject: str) -> str:
    """Return a subject without what may differ between statement and question.

    "My favorite color" and "your favourite colour" are the same thing.
    """
    words = plain_apostrophes(subject).lower().split()
    if words and words[0] in {"my", "your", "our", "the", "a", "an"}:
        words = words[1:]
    return " ".join(words).replace("favorite", "favourite").replace("color", "colour")


def plain_apostrophes(text: str) -> str:
    """Return `text` with plain apostrophes, at its own length."""
    return text.translate(_APOSTROPHES)


def clauses(text: str) -> list[str]:
    """Split a message into the parts that can each state or ask one thing; curly apostrophes made plain."""
    sentences = _SENTENCE_END.split(plain_apostrophes(text))
    parts = [part.strip() for sentence in sentences for part in _CLAUSE_START.split(sentence)]
    return [part for part in parts if part]


def facts_in(text: str) -> list[Fact]:
    """Return the facts that a message states, in its order. Questions state nothing."""
    facts = (_fact(clause) for clause in clauses(text) if not clause.endswith("?"))
    found = [fact for fact in facts if fact is not None]
    if not found and (name := languages.name_in(text[:_LONGEST])):
        return [Fact("your name", "is", name)]
    return found


def latest_facts(texts: Iterable[str]) -> dict[str, Fact]:
    """Return the latest fact about each subject, oldest first, by `Fact.key`."""
    latest: dict[str, Fact] = {}
    for text in texts:
        for fact in facts_in(text):
            latest.pop(fact.key, None)  # a later statement moves to the end
            latest[fact.key] = fact
    return latest


def _fact(clause: str) -> Fact | None:
    if found := _NAME.match(clause):
        value = _tidy(_NAME_ENDS.split(found["value"], maxsplit=1)[0])
        return Fact("your name", "is", value) if value else None
    if found := _MINE.match(clause) or _THING.match(clause):
        value = _tidy(found["value"])
        return Fact(_in_second_person(found["subject"]), found["verb"].lower(), value) if value else None
    if found := _NOTE.match(clause):
        value = _tidy(found["value"])
        return Fact("", "", value) if value else None
    return None


def _in_second_person(subject: str) -> str:
    owner, _, rest = subject.partition(" ")
    return f"your {rest.strip()}" if owner.lower() == "my" else subject


def _tidy(value: str) -> str:
    return value.strip().rstrip(" .,;:!").strip("\"'“”‘’")
