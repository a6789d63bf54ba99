"""What the demo model understands and says in languages other than English: the story that its examples tell."""

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_TABLE = Path(__file__).with_suffix(".toml")
_FLAGS = re.IGNORECASE | re.DOTALL


def _whole(pattern: str) -> re.Pattern[str]:
    """A pattern of a whole message, whatever its punctuation."""
    return re.compile(rf"[\s¿¡]*(?:{pattern})[\s.!?。！？…]*", _FLAGS)


@dataclass(frozen=True, slots=True)
class Words:
    """One language.

    Attributes:
        sign: Found in a message of this language, whatever else it says.
        name: A statement of one's name, which is its ``value``.
        ask_name: The question for it.
        recall: The question for all that is remembered.
        table: The wish for a table.
        long: The wish for something long.
        hello: A greeting.
        says: What is answered, by the name of what was recognised; ``{name}`` and ``{count}`` are put in.
    """

    sign: re.Pattern[str]
    name: re.Pattern[str]
    ask_name: re.Pattern[str]
    recall: re.Pattern[str]
    table: re.Pattern[str]
    long: re.Pattern[str]
    hello: re.Pattern[str]
    says: dict[str, str]


def _read() -> tuple[Words, ...]:
    read = []
    for told in tomllib.loads(_TABLE.read_text(encoding="utf-8")).values():
        says = told.pop("says")
        parts = {name: re.compile(told.pop(name), _FLAGS) for name in ("sign", "name")}
        read.append(Words(says=says, **parts, **{name: _whole(pattern) for name, pattern in told.items()}))
    return tuple(read)


LANGUAGES = _read()

CONTINUE = _whole(
    r"continue(?: exactly)?(?: where you stopped)?|go on"
    r"|(?:请)?(?:从刚才停下的地方)?继续"
    r"|continue(?:z)?(?: exactement)?(?: l[àa] o[ùu] (?:tu t'es|vous vous [êe]tes) arr[êe]t[ée])?"
    r"|(?:멈춘 곳에서 )?(?:바로 )?(?:이어서 )?계속(?:하세요|해 주세요)?"
    r"|contin[úu]a(?: exactamente)?(?: donde te quedaste)?"
)
"""The wish for the rest of an answer, as this application's page and people put it."""


def language_of(text: str) -> Words | None:
    """Return the language of a message, where it is one of these."""
    return next((words for words in LANGUAGES if words.sign.search(text) or words.name.search(text)), None)


def name_in(text: str) -> str | None:
    """Return the name that somebody says to have in one of these languages; a question says none."""
    if text.rstrip().endswith(("?", "？")):
        return None
    found = (words.name.search(text) for words in LANGUAGES)
    return next((match["value"].strip() for match in found if match), None)


def reply(
    words: Words,
    prompt: str,
    name: str | None,
    facts: Callable[[], Sequence[str]],
    *,
    count: int,
    earlier: int,
    rows: Callable[[], Sequence[str]],
) -> str | None:
    """Return the answer to a message; None to one that is not understood.

    Args:
        words: Its language.
        prompt: The message.
        name: The name that is known, as Markdown.
        facts: Makes the list of everything else that is known, as Markdown.
        count: Of all messages that were sent.
        earlier: Of those that are the user's, without this one.
        rows: Makes the rows of a table of what was sent, as Markdown.
    """
    says = words.says
    if words.ask_name.fullmatch(prompt):
        return says["known" if name else "unknown"].format(name=name, count=count)
    if words.recall.fullmatch(prompt):
        known = [f"- {says['your_name']}: {name}"] if name else []
        known += [f"- {fact}" for fact in facts()]
        told = says["recall" if known else "nothing"].format(count=earlier)
        return "\n".join([told, "", *known]) if known else told
    if name_in(prompt):
        return says["name"].format(name=name)
    if words.table.fullmatch(prompt):
        return "\n".join([says["table"].format(count=count), "", says["columns"], "|---:|---|---|", *rows(), ""])
    if words.long.fullmatch(prompt):
        return says["long"]
    return says["hello"] if words.hello.fullmatch(prompt) else None
