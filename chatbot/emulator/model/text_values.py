"""Values from a text for the fields of a schema: named ones, quotations, numbers and places, each used once."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_QUOTED = re.compile(
    r"\"([^\"]*)\"|“([^“”]*)”|„([^„“”]*)[“”]|«([^«»]*)»|「([^「」]*)」|`([^`]*)`"
    r"|(?<!\w)'([^'\n]*)'(?!\w)|(?<!\w)‘([^‘’\n]*)’(?!\w)"
)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\w)")
_CAPITAL = r"(?:[A-Z][\w'’-]*\.?|[^\W\d_a-zA-Z]\w*)"
_PLACE = re.compile(rf"\b(?i:in|at|for|from|to|near|of|with)\s+({_CAPITAL}(?:,?\s+{_CAPITAL})*)")
_TOPIC = re.compile(r"\babout\s+([^.?!,;:\n]+)")
_IS = r"[\"'`]?\s*(?:=|:|\bis\b|\bof\b|\bto\b|\bas\b)\s*"
_NO = r"\b(?:no|not|without|exclude|omit|skip)\s+(?:an?\s+|the\s+|any\s+)?"
_FORMATS = {
    "date": ("2024-01-01", r"\d{4}-\d\d-\d\d"),
    "date-time": ("2024-01-01T00:00:00Z", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"),
    "time": ("00:00:00Z", r"\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?"),
    "duration": ("P1D", r"P(?:\d+[YMWD])*(?:T(?:\d+[HMS])+)?"),
    "email": ("ada@example.com", r"[\w.+-]+@[\w-]+\.[\w.-]*\w"),
    "uri": ("https://example.com/", r"https?://\S*[\w/]"),
    "uuid": ("00000000-0000-4000-8000-000000000000", r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "hostname": ("example.com", r"[\w-]+(?:\.[\w-]+)+"),
    "ipv4": ("192.0.2.1", r"\d{1,3}(?:\.\d{1,3}){3}"),
    "ipv6": ("2001:db8::1", r"[0-9a-fA-F:]*::[0-9a-fA-F:]+"),
}


class TextValues:
    """The values of one text. Asking for a text or a number takes it: the next field gets the next one."""

    def __init__(self, text: str) -> None:
        self.whole = " ".join(text.split())
        self._text = text
        self._json_values = _json_values(text)
        self._quoted = [(found.start(), _inner(found)) for found in _QUOTED.finditer(text)]
        # Numbers within a quotation belong to it.
        plain = _QUOTED.sub(lambda found: " " * len(found.group()), text)
        self._numbers = [(found.start(), found.group()) for found in _NUMBER.finditer(plain)]
        places = [*_PLACE.finditer(plain), *_TOPIC.finditer(plain)]
        self._places = [(found.start(1), found.group(1).strip(" .'’")) for found in places]
        self._made_up = 0

    def json_value(self, name: str) -> Any:
        """Return what a JSON object in the text has under `name`."""
        return self._json_values.get(name)

    def mentions(self, name: str) -> bool:
        """Return whether the text gives `name` a value."""
        return name in self._json_values or self._named(name) is not None

    def excludes(self, name: str) -> bool:
        """Return whether the text asks for no `name`."""
        return re.search(_NO + _name_pattern(name), self._text, re.IGNORECASE) is not None

    def named_text(self, name: str) -> str | None:
        """Return the text that stands behind `name`."""
        found = self._named(name)
        if found is None:
            return None
        quoted = _QUOTED.match(self._text, found.end())
        value = quoted or re.compile(r"[^,;\n.?!]+?(?=\s+(?:and|with)\b|[,;\n?!)]|\.(?:\s|$)|$)").match(
            self._text, found.end()
        )
        if value is None:
            return None
        self._used(value.start(), value.end())
        return _inner(value) if quoted else value.group().strip()

    def text(self, name: str) -> str:
        """Return a text for `name`: the one that is named so, or the next one there is, or one made up."""
        if (named := self.named_text(name)) is not None:
            return named
        for pool in (self._quoted, self._places):
            if pool:
                return pool.pop(0)[1]
        self._made_up += 1
        if self._made_up == 1 and self.whole:
            return self.whole
        return f"{name}: {self.whole}" if self.whole else name

    def number(self, name: str, *, whole: bool) -> float | None:
        """Return the number that is named so, or the next one there is."""
        if (named := self._named(name)) and (found := _NUMBER.match(self._text, named.end())):
            self._used(found.start(), found.end())
            return _number(found.group(), whole=whole)
        return _number(self._numbers.pop(0)[1], whole=whole) if self._numbers else None

    def flag(self, name: str, *, default: bool) -> bool:
        """Return whether the text wants `name`."""
        if named := self._named(name):
            return re.match(r"(?:true|yes|on|1)\b", self._text[named.end() :], re.IGNORECASE) is not None
        if self.excludes(name):
            return False
        return default or re.search(rf"(?<!\w){_name_pattern(name)}(?!\w)", self._text, re.IGNORECASE) is not None

    def choice(self, choices: Sequence[Any], default: Any) -> Any:
        """Return the first of `choices` that the text mentions and no earlier field took."""
        mentioned = sorted((place, number) for number, place in self._mentioned(choices))
        if not mentioned:
            return default
        place, number = mentioned[0]
        value = choices[number]
        self._text = self._text[:place] + " " * len(str(value)) + self._text[place + len(str(value)) :]
        return value

    def count(self, kind: str, choices: Sequence[Any] | None) -> int:
        """Return how many items of a kind the text mentions."""
        if choices:
            return len(list(self._mentioned(choices)))
        pools = {"integer": self._numbers, "number": self._numbers, "string": self._quoted}
        return len(pools.get(kind, []))

    def _mentioned(self, choices: Sequence[Any]) -> Iterator[tuple[int, int]]:
        for number, choice in enumerate(choices):
            word = re.compile(rf"(?<!\w){re.escape(str(choice))}(?!\w)", re.IGNORECASE)
            if found := word.search(self._text):
                yield number, found.start()

    def _named(self, name: str) -> re.Match[str] | None:
        # A single letter may also be an article.
        sign = _IS if len(name) > 1 else r"\s*[=:]\s*"
        return re.search(rf"(?<!\w){_name_pattern(name)}{sign}(?=\S)", self._text, re.IGNORECASE)

    def _used(self, start: int, end: int) -> None:
        for pool in (self._quoted, self._numbers, self._places):
            pool[:] = [(place, value) for place, value in pool if not start <= place < end]


def words_of(name: str) -> list[str]:
    """Return the words of a name in any of the usual writings: `get_weather`, `getWeather`, `get-weather`."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+", name)]


def objects_in(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects in a text, in its order; what is within one of them is not listed again."""
    decoder = json.JSONDecoder()
    found = []
    place = text.find("{")
    while place >= 0:
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            found.append(value)
        place = text.find("{", end)
    return found


def _json_values(text: str) -> dict[str, Any]:
    return {name: value for each in objects_in(text) for name, value in each.items()}


def _name_pattern(name: str) -> str:
    return r"[\s_-]?".join(re.escape(word) for word in words_of(name)) or re.escape(name)


def _inner(found: re.Match[str]) -> str:
    return next(group for group in found.groups() if group is not None)


def _number(text: str, *, whole: bool) -> float:
    return int(float(text)) if whole or "." not in text else float(text)


def fit_string(wanted: str, schema: Mapping[str, Any], text: str) -> str:
    """Return `wanted`, or instead of it a part of `text` or a stock value where the schema asks for another form."""
    if isinstance(pattern := schema.get("pattern"), str):
        wanted = _fit_pattern(wanted, pattern, text)
    elif found := _FORMATS.get(str(schema.get("format"))):
        stock, form = found
        wanted = next((each for each in (wanted, *_matches(form, text)) if re.fullmatch(form, each)), stock)
    shortest = schema.get("minLength", 0)
    if len(wanted) < shortest:
        wanted = (wanted or "x").ljust(shortest, (wanted or "x")[-1])
    return wanted[: schema.get("maxLength")]


def _fit_pattern(wanted: str, pattern: str, text: str) -> str:
    try:
        if re.search(pattern, wanted):
            return wanted
        words = (found for found in _matches(r"\w+(?:[.,:@/+-]\w+)*", text) if re.search(pattern, found))
        return next(words, wanted)
    except re.error:  # JSON Schema writes patterns as JavaScript does
        return wanted


def _matches(form: str, text: str) -> list[str]:
    return [found.group() for found in re.finditer(form, text)]
