"""Who asks for an answer, beside whose conversation it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

API_KEY: Final = "key:"
"""How the name of an owner begins who is a key of the API: its id follows. No visitor's begins so."""

_IPV6_LOOPBACK: Final = "::/64"


@dataclass(frozen=True, slots=True)
class Caller:
    """Where somebody asks from, and as what they are known there.

    Attributes:
        origin: A network address, or the /64 of one; None where it does not matter.
        groups: Names by which they may be let in to more than a stranger: their own, and those of their groups.
    """

    origin: str | None = None
    groups: frozenset[str] = frozenset()

    @property
    def is_local(self) -> bool:
        """Whether they sit at this machine, or are a program on it."""
        return self.origin is None or self.origin.startswith("127.") or self.origin == _IPV6_LOOPBACK


NOBODY_IN_PARTICULAR: Final = Caller()
"""Asks from nowhere: a program that uses the service itself."""
