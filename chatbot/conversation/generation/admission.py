"""Who may have an answer written right now: so many at once, of one owner and from one place fewer."""

from __future__ import annotations

from typing import Final, NamedTuple

from chatbot.conversation.caller import Caller
from chatbot.conversation.errors import (
    ApplicationBusyError,
    ApplicationRestartingError,
    OriginBusyError,
    OwnerBusyError,
)

MAX_ANSWERS: Final = 200
"""How many answers a process writes at once: more would all be slow, and who waits without a word goes away."""

MAX_ANSWERS_PER_OWNER: Final = 10
"""How many of them are one visitor's: more conversations than anybody follows at once, and room for the others."""

SHARE_OF_ORIGIN: Final = 0.5
"""The part of them that may be asked for from one place: who has no cookie is a new owner with each question. It is
large, for an office is one place too, and so is a proxy that is not believed."""

PACE_PER_ANSWER: Final = 0.001
SLOWEST_PACE: Final = 0.2
"""Seconds between two reads of an answer, for each of those that are written at once, and at most: no page is drawn as
often while there are many (``ui/routes.py``), and a token that is read with others costs a fraction of one alone."""


class Asker(NamedTuple):
    """Who asked for something that a model is writing.

    Attributes:
        conversation_id: Where it belongs; empty where it is in no conversation.
        owner: Whose it is.
        caller: Who asked.
    """

    conversation_id: str
    owner: str
    caller: Caller


class Admission:
    """Counts what models are writing: answers, titles, completions.

    Args:
        most: How many there may be at once.
    """

    def __init__(self, most: int = MAX_ANSWERS) -> None:
        self._most = most
        self._askers: list[Asker] = []
        self.is_draining = False
        """Whether nothing further is begun."""

    def admit(self, asker: Asker) -> None:
        """Count one more, which is to :meth:`leave` when it has ended.

        Raises:
            ApplicationRestartingError: The application is about to end.
            OwnerBusyError: Too many of them are the owner's.
            ApplicationBusyError: There are too many.
            OriginBusyError: Too many of them were asked for from the same place.
        """
        if self.is_draining:
            raise ApplicationRestartingError
        if sum(each.owner == asker.owner for each in self._askers) >= MAX_ANSWERS_PER_OWNER:
            raise OwnerBusyError
        if len(self._askers) >= self._most:
            raise ApplicationBusyError
        most, origin = max(self._most * SHARE_OF_ORIGIN, 1), asker.caller.origin
        if origin is not None and sum(each.caller.origin == origin for each in self._askers) >= most:
            raise OriginBusyError
        self._askers.append(asker)

    def leave(self, asker: Asker) -> None:
        """Count one less."""
        self._askers.remove(asker)

    def pace(self) -> float:
        """Return how many seconds to wait between two reads of an answer."""
        return min(len(self._askers) * PACE_PER_ANSWER, SLOWEST_PACE)
