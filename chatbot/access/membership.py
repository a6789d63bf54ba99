"""Who of those that can prove who they are may come in."""

from __future__ import annotations

from collections.abc import Iterable

from chatbot.access.person import Person


class Membership:
    """Everybody, or those with one of some names.

    Args:
        names: Of people and groups; none is everybody.

    Attributes:
        names: The same.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = frozenset(names)

    def includes(self, person: Person) -> bool:
        """Say whether somebody may come in."""
        return not self.names or not self.names.isdisjoint(person.names)
