"""Who is told of answers, that they may count, log or trace them: of each as a whole, never of its words."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatbot.conversation.errors import ConversationError
    from chatbot.conversation.generation.generation import Generation
    from chatbot.conversation.turn import Turn, Usage

logger = logging.getLogger(__name__)


class GenerationListener:
    """Is told of answers, in the event loop: it must not wait for anything. What it does not override it ignores."""

    def began(self, generation: Generation) -> None:
        """Take note that an answer is about to be asked for; it will end."""

    def ended(self, generation: Generation, turn: Turn) -> None:
        """Take note of a turn as it ended, in the task that wrote it; while :meth:`began` counts it, it is growing."""

    def named(self, deployment: str, usage: Usage | None) -> None:
        """Take note that a deployment looked for a title, and what that took, where it tells."""

    def refused(self, error: ConversationError) -> None:
        """Take note that an answer or a title was asked for and not begun."""


class Listeners(GenerationListener):
    """Several listeners as one: what one of them raises costs no answer anything, and no other listener its turn."""

    def __init__(self, *listeners: GenerationListener) -> None:
        self._listeners = listeners

    def began(self, generation: Generation) -> None:
        """Tell all."""
        self._tell("began", generation)

    def ended(self, generation: Generation, turn: Turn) -> None:
        """Tell all."""
        self._tell("ended", generation, turn)

    def named(self, deployment: str, usage: Usage | None) -> None:
        """Tell all."""
        self._tell("named", deployment, usage)

    def refused(self, error: ConversationError) -> None:
        """Tell all."""
        self._tell("refused", error)

    def _tell(self, what: str, *told: object) -> None:
        for listener in self._listeners:
            try:
                getattr(listener, what)(*told)
            except Exception:
                logger.exception("A listener failed")
