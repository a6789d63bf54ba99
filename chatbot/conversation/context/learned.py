"""What a deployment's replies teach: how it counts tokens, and how many it reads and writes together.

What the endpoint says of itself is true for everybody. What is only guessed from a conversation's requests stays with
that conversation: its texts and its parameters are one visitor's, and nobody else's memory depends on them.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Protocol

from chatbot.conversation.context.tokens import TokenCounter
from chatbot.conversation.turn import Usage

FORGOTTEN_SECONDS: Final = 600.0
"""How long a context size is believed: another model may answer behind the same URL, and an estimate may be too low."""

LEAST_CONTEXT: Final = 512
"""Tokens: no chat model reads less; an endpoint that names a smaller number does not speak of its context."""

LEAST_ANSWER: Final = 256
"""Tokens an answer may always ask for, however little is left beside the request."""

USUAL_ANSWER: Final = 1024
"""Tokens of an answer where longer ones were refused and the deployment's own length is not known."""

_CONVERSATIONS: Final = 1_000
"""How many conversations are kept in mind: those that asked last."""

_VOTES: Final = 25
"""How many of them, the latest, say how a conversation that has asked nothing yet is counted."""

_UNTAUGHT: Final = (1.0, 1.0)
"""Votes for the bare estimate: it takes several conversations to overrule it."""


class ContextOverflow(Protocol):
    """What an error may tell beside its words that says the request was too long; each is None where it does not.

    Attributes:
        context_size: Tokens that the model reads and writes together at most.
        requested_tokens: How many the request asked for: its messages, and the room for the answer.
        prompt_tokens: Of which its messages.
    """

    context_size: int | None
    requested_tokens: int | None
    prompt_tokens: int | None


@dataclass(slots=True)
class _Size:
    tokens: int
    at: float


@dataclass(slots=True)
class _Asked:
    """What one conversation's requests taught."""

    count: TokenCounter
    context: _Size | None = None
    answer: _Size | None = None


class Learned:
    """What is known of one deployment.

    Args:
        clock: Seconds from whenever.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._named: _Size | None = None
        self._asked: OrderedDict[str, _Asked] = OrderedDict()

    def counter(self, conversation_id: str) -> TokenCounter:
        """Return what counts a conversation's tokens: as its own requests were counted, or else as most others' were.

        The median: one visitor's odd texts, however long, do not change what everybody else is counted.
        """
        known = self._asked.get(conversation_id)
        if known is not None:
            return known.count
        latest = [known.count.factor for _, known in zip(range(_VOTES), reversed(self._asked.values()), strict=False)]
        return TokenCounter(median((*_UNTAUGHT, *latest)))

    def context_size(self, conversation_id: str) -> int | None:
        """Return how many tokens a request of a conversation and its answer may have together, as far as is known."""
        known = self._asked.get(conversation_id)
        return self._least(self._named, None if known is None else known.context)

    def most_answer_tokens(self, conversation_id: str) -> int | None:
        """Return the longest answer that a conversation's request can ask for, as far as is known.

        Half of the context size, so that request and answer do not take all from each other.
        """
        known = self._asked.get(conversation_id)
        size = self.context_size(conversation_id)
        half = None if size is None else _Size(max(size // 2, LEAST_ANSWER), self._clock())
        return self._least(half, None if known is None else known.answer)

    def counted(self, conversation_id: str, texts: Sequence[str], usage: Usage) -> None:
        """Take in what the endpoint counted for a conversation's request of these messages."""
        self._of(conversation_id).count.learn(texts, usage)

    def named(self, context_size: int) -> None:
        """Take in a context size that the endpoint told: true for everybody, whatever was believed before."""
        if context_size >= LEAST_CONTEXT:
            self._named = _Size(context_size, self._clock())

    def refused(self, conversation_id: str, tokens: int) -> None:
        """Take in that request and room for the answer were too long together: two thirds of it may pass."""
        self._of(conversation_id).context = _Size(tokens * 2 // 3, self._clock())

    def refused_answer(self, conversation_id: str, usual: int) -> None:
        """Take in that there is no room for a longer answer than is ``usual`` for the deployment."""
        self._of(conversation_id).answer = _Size(usual, self._clock())

    def _least(self, *sizes: _Size | None) -> int | None:
        now = self._clock()
        return min((each.tokens for each in sizes if each and now - each.at < FORGOTTEN_SECONDS), default=None)

    def _of(self, conversation_id: str) -> _Asked:
        known = self._asked.get(conversation_id) or _Asked(self.counter(conversation_id))
        self._asked[conversation_id] = known
        self._asked.move_to_end(conversation_id)
        if len(self._asked) > _CONVERSATIONS:
            self._asked.popitem(last=False)
        return known


def told_by(error: Exception, name: str) -> int | None:
    """Return a number of :class:`ContextOverflow` that an error tells, if it tells one."""
    value = getattr(error, name, None)
    return value if isinstance(value, int) and value > 0 else None
