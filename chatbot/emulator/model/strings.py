"""Texts that fit what a JSON Schema says about a string: its format, pattern and length."""

import re
from collections.abc import Mapping
from typing import Any

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


def fitting(wanted: str, schema: Mapping[str, Any], text: str) -> str:
    """Return `wanted`, or instead of it a part of `text` or a stock value where the schema asks for another form."""
    if isinstance(pattern := schema.get("pattern"), str):
        wanted = _matching(wanted, pattern, text)
    elif found := _FORMATS.get(str(schema.get("format"))):
        stock, form = found
        wanted = next((each for each in (wanted, *_parts(form, text)) if re.fullmatch(form, each)), stock)
    shortest = schema.get("minLength", 0)
    if len(wanted) < shortest:
        wanted = (wanted or "x").ljust(shortest, (wanted or "x")[-1])
    return wanted[: schema.get("maxLength")]


def _matching(wanted: str, pattern: str, text: str) -> str:
    try:
        if re.search(pattern, wanted):
            return wanted
        words = (found for found in _parts(r"\w+(?:[.,:@/+-]\w+)*", text) if re.search(pattern, found))
        return next(words, wanted)
    except re.error:  # JSON Schema writes patterns as JavaScript does
        return wanted


def _parts(form: str, text: str) -> list[str]:
    return [found.group() for found in re.finditer(form, text)]
