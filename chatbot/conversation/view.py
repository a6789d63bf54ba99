"""What is read of a conversation to show it, and to ask in it: the same, so that page and request agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.deployments import EffectiveOptions
from chatbot.conversation.store import ConversationStore
from chatbot.conversation.turn import Conversation, Turn

SHOWN_TURNS: Final = 20
"""How many turns a page draws at first: what a browser can draw at once however long the conversation is."""


@dataclass(frozen=True, slots=True)
class View:
    """A conversation as a page shows it.

    Attributes:
        turns: The newest of the shown turns, in order; the last may be growing.
        plan: What the request being answered holds; where nothing is, what the next one would.
        versions: By index, the versions a turn can be flipped through, its own among them.
        growing: Whether the last turn is being answered.
        effective: Who answers, and how it is asked.
    """

    conversation: Conversation
    turns: Sequence[Turn]
    plan: ContextPlan
    versions: Mapping[int, Sequence[int]]
    growing: bool
    effective: EffectiveOptions

    @property
    def earlier(self) -> int:
        """How many turns come before those that are here."""
        return self.turns[0].index if self.turns else 0


async def load_candidates(
    store: ConversationStore,
    conversation: Conversation,
    lookback: int,
    before: int | None = None,
    *,
    known: Sequence[Turn] = (),
) -> Sequence[Turn]:
    """Return the turns that a request may carry, in order: enough of the newest, and all that are pinned.

    Args:
        store: Where they are.
        conversation: Whose turns.
        lookback: How many are enough.
        before: Only turns before this index.
        known: The newest of them, where somebody has read them already.
    """
    if len(known) < lookback and not (known and known[0].index == 0):
        known = await store.tail(conversation.id, lookback, before=before)
    pinned = await store.pinned(conversation.id)
    turns = {turn.index: turn for turn in (*pinned, *known) if before is None or turn.index < before}
    return [turns[index] for index in sorted(turns)]
