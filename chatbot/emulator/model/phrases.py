"""The requests that the demo model understands, as patterns over plain English. No answers here."""

import re

from chatbot.emulator.model.facts import straightened

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


def _phrase(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_QUESTION = _phrase(
    rf"{_POLITE}{_ASK} (?:what |who |where |when )?(?P<subject>(?:my|our|the) .{{1,60}}?)"
    r"(?: (?:is|are|was|were))?(?:,? (?:please|again))?"
)
_WHO_AM_I = _phrase(r".{0,40}\b(?:who am i|who i am|do you (?:still )?(?:know|remember) me)\b.{0,40}")

REPEAT_LAST = _phrase(
    r"(?:please )?(?:repeat(?: (?:that|it|yourself|again|that again|your last answer))?|(?:say (?:that|it) )?again)"
    r"(?:,? please)?"
)
RECALL = _phrase(
    r".*\b(?:what (?:do|can|did) you (?:still )?(?:remember|recall|know about me)|what have i told you)\b.*"
)
TOPICS = _phrase(
    r".*\b(?:(?:list|show|name|summari[sz]e|what (?:are|were))\b.{0,20}\btopics"
    r"|what (?:did|have|were) we (?:talk|discuss|speak|sp[eo]ke|chat)).*"
)
TITLE = _phrase(r".*\b(?:write|find|give|suggest)\b.{0,20}\btitle\b.*")
TABLE = _phrase(rf"{_SHOW}(?:\w+ ){{0,3}}table\b.*|(?:an? )?(?:\w+ )?table(?: please)?")
CODE = _phrase(rf"{_SHOW}(?:\w+ ){{0,3}}code\b.*|(?:an? |some )?(?:\w+ )?code(?: block)?(?: please)?")
LONG = _phrase(
    rf"{_SHOW}(?:an? )?(?:(?:very|really) )?long(?:er)?\b.*"
    r"|(?:an? )?(?:very )?long(?:er)? (?:answer|story|text)(?: please)?"
)
HELLO = _phrase(
    r"(?:hello|hi|hey|hiya|greetings|good (?:morning|afternoon|evening|day))(?:,? (?:there|again|you|everyone|demo))?"
    r"(?:[,.! ]+how are you.*)?"
)
THANKS = _phrase(r"(?:many )?(?:thanks|thank you|thx|cheers)\b.{0,40}")


def is_asking_for(phrase: re.Pattern[str], text: str) -> bool:
    """Return whether a whole message is one of our phrases, whatever its punctuation."""
    return phrase.fullmatch(_plain(text)) is not None


def text_to_repeat(prompt: str) -> str | None:
    """Return exactly what stands behind "repeat", without one pair of quotes around all of it."""
    found = _REPEAT.fullmatch(prompt)
    if found is None or is_asking_for(REPEAT_LAST, prompt):
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
    # None of our phrases is longer, and a long text need not be searched for them.
    if len(text) > _LONGEST:
        return ""
    return " ".join(straightened(text).split()).strip(" .,!?…:;\"'")
