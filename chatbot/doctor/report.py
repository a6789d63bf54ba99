"""What was found, for people and for programs. Pure; nothing in it is secret."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, Final

from chatbot.doctor.env_file import line
from chatbot.doctor.findings import MARKS, MASKED, Finding, Section

_WIDTH: Final = 100


def text_of(finding: Finding) -> str:
    """Return a finding as lines for a terminal."""
    lines = _wrapped(finding.title, f"{MARKS[finding.status]} ", "  ")
    for each in filter(None, (finding.cause, finding.advice)):
        lines += _wrapped(each, "    ", "    ")
    lines += [f"      {line(name, value)}" for name, value in finding.lines.items()]
    return "\n".join(lines)


def text_of_lines(lines: Mapping[str, str], *, tried: bool) -> str:
    """Return the lines for ``.env`` with a word about them."""
    head = "With these lines in .env it answers:" if tried else "These lines belong into .env:"
    told = [head, "", *(line(name, value) for name, value in lines.items())]
    if MASKED in lines.values():
        told += ["", f"{MASKED} stands for the key that you gave, as it was used; --write .env writes it in."]
    return "\n".join(told)


def json_of(sections: Iterable[Section], lines: Mapping[str, str], *, works: bool | None) -> str:
    """Return all of it as JSON.

    Args:
        sections: What was found.
        lines: The lines for ``.env``.
        works: Whether the endpoint answers; None where none was asked.
    """
    content = {
        "works": works,
        "env": dict(lines),
        "sections": [
            {"title": each.title, "findings": [values_of(finding) for finding in each.findings]} for each in sections
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=2)


def values_of(finding: Finding) -> dict[str, Any]:
    """Return a finding as values for JSON, without what is empty."""
    told = {
        "check": finding.check,
        "status": str(finding.status),
        "title": finding.title,
        "code": finding.code,
        "cause": finding.cause,
        "advice": finding.advice,
        "env": dict(finding.lines),
        "data": dict(finding.data),
    }
    return {name: value for name, value in told.items() if value}


def _wrapped(text: str, first: str, other: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=other, break_long_words=False, break_on_hyphens=False
    )
