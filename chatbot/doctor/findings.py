"""What a check found: a tick, a warning or a cross, with its cause and the lines that mend it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from chatbot.redaction import redact

MASKED: Final = "***"
"""Stands for the key wherever lines are shown: only the file that they are written to gets the key itself."""


class Status(StrEnum):
    """How it is."""

    OK = "ok"
    WARNING = "warning"
    CROSS = "cross"


MARKS: Final = {Status.OK: "✓", Status.WARNING: "!", Status.CROSS: "✗"}
"""One character for each."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a report.

    Attributes:
        check: What was looked at, such as ``key``: one word that stays the same.
        status: How it is.
        title: What was seen, in a sentence.
        code: What is at fault, such as ``key-refused``: one word that stays the same; empty for a tick.
        cause: Why it is so.
        advice: What to do where no line of ``.env`` helps, or beside it.
        lines: The variables that mend it, with their values; a key among them is :data:`MASKED`.
        mended: What follows was looked at with these lines, or does not need them.
        data: Numbers and names for programs.
    """

    check: str
    status: Status
    title: str
    code: str = ""
    cause: str = ""
    advice: str = ""
    lines: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    mended: bool = False
    data: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def stops(self) -> bool:
        """Whether what would be looked at next means nothing any more."""
        return self.status is Status.CROSS and not self.mended

    def redacted(self) -> Finding:
        """Return it as it may be shown to anybody."""
        return replace(
            self,
            title=redact(self.title),
            cause=redact(self.cause),
            advice=redact(self.advice),
            lines={name: redact(value) for name, value in self.lines.items()},
            data={name: redact(value) if isinstance(value, str) else value for name, value in self.data.items()},
        )


@dataclass(frozen=True, slots=True)
class Section:
    """What was found of one thing: an endpoint, or this machine."""

    title: str
    findings: tuple[Finding, ...]


def tick(check: str, title: str, **rest: Any) -> Finding:
    """Return a finding of something that is as it should be."""
    return Finding(check, Status.OK, title, **rest)


def warning(check: str, code: str, title: str, cause: str = "", **rest: Any) -> Finding:
    """Return a finding of something that works, and could be better."""
    return Finding(check, Status.WARNING, title, code, cause, **rest)


def cross(check: str, code: str, title: str, cause: str = "", **rest: Any) -> Finding:
    """Return a finding of something that does not work."""
    return Finding(check, Status.CROSS, title, code, cause, **rest)


def first_cross(findings: Iterable[Finding]) -> Finding | None:
    """Return the first that does not work: the one to mend."""
    return next((each for each in findings if each.status is Status.CROSS), None)
