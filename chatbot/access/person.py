"""Somebody who was let in: whose conversations are theirs, and by which names they are known."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

PERSON: Final = "person"
"""In the state of a request: who was let in; not there where there is no door."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody behind the door.

    Attributes:
        owner: Who owns what they say; None where the door knows no persons, and a visitor's cookie says it.
        names: Theirs, and those of their groups. None of it can be made up by them: no display name is among it.
    """

    owner: str | None = None
    names: frozenset[str] = frozenset()

    @classmethod
    def known_as(cls, issuer: str, subject: str, names: Iterable[str] = ()) -> Person:
        """Return the person that an issuer knows by a subject, on whatever device."""
        digest = hashlib.sha256(f"{issuer}\0{subject}".encode()).hexdigest()
        # No cookie makes anybody own this: what a cookie owns is a digest alone.
        return cls(f"person:{digest}", frozenset(name for name in names if name))


def person_of(request: Any) -> Person | None:
    """Return who sends a request, be it Gradio's or Starlette's; None where no door was passed."""
    return getattr(getattr(request, "state", None), PERSON, None)
