"""What the model remembers: the one function that decides it, for the request and for the display alike. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from chatbot.conversation.turn import Turn, TurnStatus

MESSAGE_OVERHEAD = 4
"""Tokens a chat template spends around one message, roughly."""


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of one message without a tokenizer to download.

    Counts UTF-8 bytes by fours: close for English, and for scripts whose characters are tokens of their own
    (Chinese, Korean) much closer than counting characters.
    """
    return len(text.encode("utf-8", "surrogatepass")) // 4 + MESSAGE_OVERHEAD


class WindowMemory:
    """A windowed message buffer: the last ``k`` turns, as many of them as fit a token budget.

    Whole turns only. The system prompt and the newest question always go; turns that failed or were stopped
    before their first word have no answer to remember and are passed over.

    Args:
        k: How many earlier turns to send; 0 sends none.
        max_tokens: Budget for the whole request, system prompt and question included; None is no limit.
        system_prompt: Sent first, unless empty.
        count_tokens: Tokens of one message's text.
    """

    def __init__(
        self,
        k: int = 5,
        max_tokens: int | None = None,
        system_prompt: str = "",
        *,
        count_tokens: Callable[[str], int] = estimate_tokens,
    ) -> None:
        if k < 0:
            raise ValueError(f"k must be 0 or more, not {k}")
        self.k = k
        self.max_tokens = max_tokens
        self.system_prompt = system_prompt
        self._count = count_tokens

    @property
    def reach(self) -> int:
        """How many of the newest turns are looked at: enough to pass over a few without an answer.

        Bounds what has to be read from the store, so that a long conversation costs no more than a short one.
        """
        return 2 * self.k + 10 if self.k else 0

    def remembered(self, turns: Sequence[Turn], text: str = "") -> tuple[Turn, ...]:
        """Return the turns that a request with ``text`` as its newest question carries, oldest first.

        Args:
            turns: Turns of one conversation in order; the newest :attr:`reach` of them are enough.
            text: The newest question; empty to learn what would be remembered next.
        """
        left = (
            None if self.max_tokens is None else self.max_tokens - self._count(self.system_prompt) - self._count(text)
        )
        kept: list[Turn] = []
        for turn in reversed(turns[-self.reach :] if self.reach else ()):
            if len(kept) == self.k:
                break
            if not _has_answer(turn):
                continue
            if left is not None:
                left -= self._count(turn.user) + self._count(turn.assistant)
                if left < 0:
                    break
            kept.append(turn)
        return tuple(reversed(kept))

    def messages(self, turns: Sequence[Turn], text: str) -> list[BaseMessage]:
        """Return the messages of the request that asks ``text`` after ``turns``."""
        messages: list[BaseMessage] = [SystemMessage(self.system_prompt)] if self.system_prompt else []
        for turn in self.remembered(turns, text):
            messages += (HumanMessage(turn.user), AIMessage(turn.assistant))
        return [*messages, HumanMessage(text)]


def _has_answer(turn: Turn) -> bool:
    return turn.status in (TurnStatus.COMPLETE, TurnStatus.STOPPED) and bool(turn.assistant)
