"""The secrets that this process knows, and texts without them.

There is one list of them, as there is one log: whoever learns a secret adds it, and whatever leaves the process goes
through :func:`redact`. Answers go through :func:`withhold`, which leaves a model's words alone but for our own keys.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from chatbot.redaction.matching import MASK, MIN_RUN, Needle, masked, needles, spans, words_of

MAX_LASTING: Final = 100
MAX_PASSING: Final = 8
"""How many secrets are known at once: keys and passwords, and tokens, of which the newest count."""

MIN_WITHHELD: Final = 16
"""Characters of a secret that is taken out of answers too: a shorter one may be a word that a model means."""

MIN_GUESSED: Final = 8
"""Characters of what is taken for a secret for the name that it has."""

_SECRET_NAME: Final = re.compile(
    r"(?:.*[-_.])?(?:api|access|account|auth|client|function|host|master|shared|subscription)?"
    r"(?:key|token|secret|password|passwd|credentials?|sas|authorization)",
    re.IGNORECASE,
)
"""A variable, argument or header whose value is secret."""

_PARAMETER_NAME: Final = r"(?:[\w.-]*(?:key|token|secret|password|passwd|pwd|credential|signature)|sig|code|sas)"
"""A parameter of a URL whose value is."""

# A value that is no word: with a digit, or very long.
_VALUE: Final = r"(?=[^\s\"'<>,;&]*\d|[^\s\"'<>,;&]{20})[^\s\"'<>,;&]{6,}"

_SHAPES: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:bearer|basic)\s+(?P<secret>{_VALUE})",
        r"(?<![\w-])(?:(?:proxy-)?authorization|(?:set-)?cookie|(?:x-|ocp-apim-)?(?:api|subscription|functions)-key)"
        rf"[\"']?\s*[:=]\s*[\"']?(?:bearer\s+|basic\s+)?(?P<secret>{_VALUE})",
        rf"[?&]{_PARAMETER_NAME}=(?P<secret>[^\s&#\"'<>]+)",
        r"://[^\s/?#:@]*:(?P<secret>[^\s/?#@]+)@",
        r"\b(?P<secret>(?:sk|pk|hf|gh[pousr])[-_][\w-]{16,})",
        r"\b(?P<secret>eyJ[\w-]{10,}\.[\w-]{10,}(?:\.[\w-]+)?)",
    )
)
"""What is secret by its form, wherever it came from."""


_KEY: Final = re.compile(
    r"(?=[\w+=~-]*\d)(?=[\w+=~-]*[a-z])[\w+=~-]{12,}|[\w+=~-]{16,}|\A(?!/)[a-z0-9+/]{14,}={0,2}\Z", re.IGNORECASE
)
"""So many letters in a row without a dot are no word, and even fewer with digits among them."""

_FILE: Final = re.compile(r"(?!.*://).*\.[a-z]{2,5}", re.IGNORECASE | re.DOTALL)
"""The name of a file."""


class KnownSecrets:
    """Secrets, the newest last; which of them are only for a while is said when they are added."""

    def __init__(self) -> None:
        self._lasting: OrderedDict[str, None] = OrderedDict()
        self._passing: OrderedDict[str, None] = OrderedDict()
        self._needles: tuple[Needle, ...] = ()
        self._withheld: tuple[Needle, ...] = ()
        self._shortest = 0
        self.longest = 0
        """Characters that the longest writing of a secret has which is withheld."""

    def add(self, secret: str, *, passing: bool = False) -> None:
        """Take note of a secret.

        Args:
            secret: What no text may hold; too short, it is none.
            passing: Whether others will follow in its place, as tokens do.
        """
        known, most = (self._passing, MAX_PASSING) if passing else (self._lasting, MAX_LASTING)
        if secret in self._lasting or secret in self._passing or not needles(secret):
            return
        known[secret] = None
        if len(known) > most:
            known.popitem(last=False)
        everything = [*self._lasting, *self._passing]
        self._needles = tuple(needle for each in everything for needle in needles(each))
        long = (each for each in everything if len(each) >= MIN_WITHHELD)
        self._withheld = tuple(needle for each in long for needle in needles(each))
        self.longest = max((len(each.text) for each in self._withheld), default=0)
        is_solid = not any(character.isspace() for each in self._withheld for character in each.text)
        self._shortest = min((each.least for each in self._withheld), default=0) if is_solid else 0

    def redact(self, text: str) -> str:
        """Return a text without any secret, and without what looks like one."""
        return without_shapes(masked(text, spans(text, self._needles)))

    def holds(self, text: str) -> bool:
        """Return whether a text holds what :meth:`withhold` would take out."""
        return self._may_hold(text) and bool(spans(text, self._withheld))

    def _may_hold(self, text: str) -> bool:
        """Whether a text has a word as long as half a key, or one at its end that may become one: prose has not."""
        words = text.split()
        if not self._withheld or not words:
            return False
        return max(map(len, words)) >= self._shortest or (len(words[-1]) >= MIN_RUN and not text[-1].isspace())

    def withhold(self, value: Any) -> Any:
        """Return a text, or whatever has texts in it, without the secrets that are no words; anything else as it is."""
        return _mapped(value, self._withheld) if self._withheld else value


_PROCESS: Final = KnownSecrets()

remember = _PROCESS.add
redact = _PROCESS.redact
holds = _PROCESS.holds
withhold = _PROCESS.withhold


def longest() -> int:
    """Return how many characters of a text have to be looked at again with what follows them."""
    return _PROCESS.longest


def remember_values(values: Mapping[str, Any]) -> None:
    """Take note of what is secret among variables, arguments or headers, and among those within them."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            remember_values(value)
        elif isinstance(value, str):
            for secret in secrets_of(name, value):
                remember(secret)


def secrets_of(name: str, value: str) -> Iterator[str]:
    """Yield what is secret in a variable, an argument or a header: by its name, or as a part of a URL."""
    if "://" in value:
        yield from url_secrets(value)
    elif _SECRET_NAME.fullmatch(name) and len(value.strip()) >= MIN_GUESSED:
        yield value.split()[-1]


def url_secrets(url: str) -> Iterator[str]:
    """Yield a URL's password and the values of its secret parameters, as they are written and as they are meant."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    _, _, password = parts.netloc.rpartition("@")[0].partition(":")
    if password:
        yield from (password, unquote(password))
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if re.fullmatch(_PARAMETER_NAME, name, re.IGNORECASE):
            yield from (value, unquote(value))


def redacted(value: Any, secret: str) -> Any:
    """Return a text, or whatever has texts in it, without one secret; anything else as it is."""
    return _mapped(value, needles(secret))


def _mapped(value: Any, wanted: tuple[Needle, ...]) -> Any:
    if isinstance(value, str):
        return masked(value, spans(value, wanted))
    if isinstance(value, tuple | list):
        return type(value)(_mapped(item, wanted) for item in value)
    if isinstance(value, Mapping):
        return {_mapped(name, wanted): _mapped(item, wanted) for name, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _mapped(getattr(value, each.name), wanted) for each in fields(value)})
    return value


def without_keys(text: str) -> str:
    """Return a text without anything in it that a key could be: whoever swapped two settings gave one for the other."""
    return text if _FILE.fullmatch(text) else _KEY.sub(MASK, without_shapes(text))


def keys_in(text: str) -> Iterator[str]:
    """Yield what :func:`without_keys` takes out of a text, but for what is so short that it may be any word."""
    if not _FILE.fullmatch(text):
        found = [match.group() for match in _KEY.finditer(text)]
        found += [match["secret"] for shape in _SHAPES for match in shape.finditer(text)]
        yield from (each for each in found if len(each) >= MIN_RUN)


def without_words(text: str, said: str) -> str:
    """Return a text without what of it was said: what people say is in no log."""
    return masked(text, spans(text, [words_of(said)])) if len(said) >= MIN_RUN else text


def without_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments or parameters with those masked that are secret, by their names or their form."""
    return {name: _without_value(name, value) for name, value in values.items()}


def _without_value(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return without_values(value)
    if isinstance(value, str):
        return MASK if _SECRET_NAME.fullmatch(name) else without_shapes(value)
    return value


def without_shapes(text: str) -> str:
    """Return a text without what is secret by its form: in headers, in URLs, keys and tokens as providers make them."""
    for shape in _SHAPES:
        text = shape.sub(_without_group, text)
    return text


def _without_group(match: re.Match[str]) -> str:
    begin, end = (place - match.start() for place in match.span("secret"))
    return f"{match.group()[:begin]}{MASK}{match.group()[end:]}"
