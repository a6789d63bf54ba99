"""How a deployment remembers: its own window, budget and system prompt, from which every plan is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chatbot.conversation.context import window
from chatbot.conversation.context.builder import ContextPlan, build_context
from chatbot.conversation.context.section import ContextInputs
from chatbot.conversation.context.tokens import TokenCounter
from chatbot.conversation.parts import text_parts
from chatbot.conversation.turn import Turn


class WindowMemory:
    """A windowed message buffer: pinned turns, and the last ``k`` others, as many of them as fit a token budget.

    Whole turns only. The system prompt and the newest question always go. Turns that were blocked, failed, or have
    no answer are passed over unless pinned; excluded ones always are.

    Args:
        k: How many earlier turns to send; 0 sends none, not even pinned ones. A conversation may have its own.
        max_tokens: Budget for request and answer together; None is no limit.
        system_prompt: Sent first, unless empty.
        answer_tokens: Room of the budget that is kept for the answer.
        counter: Counts the tokens of a message.
    """

    def __init__(
        self,
        k: int = 5,
        max_tokens: int | None = None,
        system_prompt: str = "",
        *,
        answer_tokens: int = 0,
        counter: Callable[[str], int] | None = None,
    ) -> None:
        if k < 0:
            raise ValueError(f"k must be 0 or more, not {k}")
        self.k = k
        self.system_prompt = system_prompt
        self.max_tokens = max_tokens
        self._answer_tokens = answer_tokens
        self.count: Callable[[str], int] = counter or TokenCounter()

    def budget(
        self,
        answer_tokens: int | None = None,
        *,
        max_tokens: int | None = None,
        context_size: int | None = None,
        most_answer_tokens: int | None = None,
    ) -> int | None:
        """Return how many tokens a request may hold so that the answer still has room, as far as is known.

        Args:
            answer_tokens: Room for the answer; None is this memory's own.
            max_tokens: Budget for request and answer together; None is this memory's own.
            context_size: Tokens that the model reads and writes together; None where that is not known.
            most_answer_tokens: The longest answer that will be asked for.

        Returns:
            None where there is no limit.
        """
        room = self._answer_tokens if answer_tokens is None else answer_tokens
        if most_answer_tokens is not None:
            room = min(room, most_answer_tokens)
        budget = self.max_tokens if max_tokens is None else max_tokens
        together = min((limit for limit in (budget, context_size) if limit is not None), default=None)
        return None if together is None else max(together - room, 0)

    @staticmethod
    def lookback(k: int) -> int:
        """Return how many of the newest turns are looked at."""
        return window.lookback(k)

    def plan(
        self,
        turns: Sequence[Turn],
        text: str = "",
        *,
        k: int | None = None,
        system_prompt: str | None = None,
        answer_tokens: int | None = None,
        max_tokens: int | None = None,
        pins: bool = True,
        counter: Callable[[str], int] | None = None,
        context_size: int | None = None,
        most_answer_tokens: int | None = None,
    ) -> ContextPlan:
        """Decide what the request holds that asks ``text`` after ``turns``.

        Args:
            turns: Turns of one conversation in order: its newest :meth:`lookback`, and every pinned one. More may be
                given to learn why they are not remembered; it changes nothing for the others.
            text: The newest question; empty to learn what would be remembered next.
            k: The conversation's own, and so are the others; None is this memory's.
            system_prompt: Sent first, unless empty.
            answer_tokens: Room that is kept for the answer.
            max_tokens: Budget for request and answer together.
            pins: Whether turns that are pinned go before the others.
            counter: Counts the tokens of a message.
            context_size: Tokens that the model reads and writes together; None where that is not known.
            most_answer_tokens: The longest answer that can be asked for.
        """
        inputs = ContextInputs(
            turns,
            text_parts(text),
            self.k if k is None else k,
            self.system_prompt if system_prompt is None else system_prompt,
            counter or self.count,
            pins,
        )
        budget = self.budget(
            answer_tokens, max_tokens=max_tokens, context_size=context_size, most_answer_tokens=most_answer_tokens
        )
        return build_context(inputs, budget, most_answer_tokens)
